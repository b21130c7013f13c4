"""Bits per byte against plain tensor code, for characters and BPE, ours and GPT-2."""

import math

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from tinygpt_hf import TinyGPTConfig, TinyGPTForCausalLM
from tinygpt_hf.scoring import score
from tinygpt_hf.tokenization import encode_ids, train_bpe, train_char

TEXTS = [
    "a",
    "To be, or not to be: that is the question.",
    "naïve café — 字 and 🙂, twice: 字🙂",
    "  two  spaces\r\n\ttabs <|endoftext|> <0x41>",
    "the cat sat on the mat. " * 4,
]
WINDOW = 32


@pytest.fixture(scope="module", params=["char", "bpe"])
def tokenizer(request):
    texts = [TEXTS[1], TEXTS[4]]
    if request.param == "char":
        return train_char(texts)
    return train_bpe(texts, 300, show_progress=False)


def make_model(kind: str, tokenizer, begin: int | None):
    torch.manual_seed(0)
    if kind == "gpt2":
        config = GPT2Config(
            vocab_size=len(tokenizer), n_positions=WINDOW, n_embd=32, n_layer=2, n_head=2,
            bos_token_id=begin, eos_token_id=begin,
        )  # fmt: skip
        return GPT2LMHeadModel(config).eval()
    config = TinyGPTConfig(
        vocab_size=len(tokenizer), max_position_embeddings=WINDOW, hidden_size=32,
        num_hidden_layers=2, num_attention_heads=2, position_embedding=kind, bos_token_id=begin,
    )  # fmt: skip
    return TinyGPTForCausalLM(config).eval()


def plain_bits(model, ids: list[int]) -> list[float]:
    """One token at a time, from the same stretch of text that the windows give it."""
    half, bits, done = WINDOW // 2, [], 1
    while done < len(ids):
        end = min(len(ids), done + (WINDOW if done == 1 else half))
        first = max(0, end - 1 - WINDOW)
        for t in range(done, end):
            logits = model(torch.tensor([ids[first:t]])).logits[0, -1]
            bits.append(-float(logits.log_softmax(-1)[ids[t]]) / math.log(2))
        done = end
    return bits


@pytest.mark.parametrize(
    ("kind", "begin"), [("gpt2", 0), ("gpt2", None), ("relative", None), ("learned", 0)]
)
@pytest.mark.parametrize("text", [TEXTS[2], TEXTS[4]])
def test_equals_one_token_at_a_time(kind, text, begin, tokenizer):
    model = make_model(kind, tokenizer, begin)
    ids = encode_ids(tokenizer, text).tolist()
    with torch.no_grad():
        if begin is None:
            expected = [math.log2(len(tokenizer)), *plain_bits(model, ids)]
        else:
            expected = plain_bits(model, [begin, *ids])
    found = score(model, tokenizer, text)
    assert [bits for _, bits in found.tokens] == pytest.approx(expected, abs=1e-4)
    size = len(text.encode())
    assert found.bits_per_byte == pytest.approx(sum(expected) / size, abs=1e-5)
    assert found.nats_per_token == pytest.approx(sum(expected) * math.log(2) / len(ids), abs=1e-4)
    assert ("blind guess" in found.first) == (begin is None)


@pytest.mark.parametrize("text", TEXTS)
def test_the_pieces_are_the_text(text, tokenizer):
    found = score(make_model("relative", tokenizer, None), tokenizer, text)
    assert "".join(piece for piece, _ in found.tokens) == text


def test_bytes_do_not_depend_on_the_vocabulary():
    """A uniform model costs log2 of its vocabulary a token, over the same bytes."""
    text = TEXTS[4]
    for tokenizer in (train_char([text]), train_bpe([text], 270, show_progress=False)):
        model = make_model("relative", tokenizer, None)
        torch.nn.init.zeros_(model.lm_head.weight)
        count = len(encode_ids(tokenizer, text))
        expected = count * math.log2(len(tokenizer)) / len(text)
        assert score(model, tokenizer, text).bits_per_byte == pytest.approx(expected, rel=1e-5)


def test_what_cannot_be_scored_is_said():
    hello = train_char(closed="hello")
    model = make_model("relative", hello, None)
    with pytest.raises(ValueError, match="no text"):
        score(model, hello, "")
    with pytest.raises(ValueError, match=r"'z'.*character 3"):
        score(model, hello, "hez")
    minigpt = train_char(["hello"], closed="minigpt")
    with pytest.raises(ValueError, match="'z' at character 2"):
        score(make_model("relative", minigpt, None), minigpt, "hz")
