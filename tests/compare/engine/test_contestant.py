"""A contestant answers with plain values, and refuses with a sentence."""

from __future__ import annotations

import math
import time

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from compare.engine.contestant import MOST_CHARACTERS, Contestant
from compare.engine.insight import ATTENTION_SHOWS
from compare.values import RefusedError, Sampling
from tinygpt_hf import TinyGPTConfig, TinyGPTForCausalLM
from tinygpt_hf.tokenization import train_bpe, train_char

WINDOW = 16


@pytest.fixture(scope="module")
def tiny() -> Contestant:
    torch.manual_seed(0)
    tokenizer = train_char(["abcdefghijklmnopqrstuvwxyz ABC."])
    config = TinyGPTConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        max_position_embeddings=WINDOW,
    )
    return Contestant("tiny", TinyGPTForCausalLM(config), tokenizer, source="a folder")


@pytest.fixture(scope="module")
def gpt2() -> Contestant:
    torch.manual_seed(0)
    tokenizer = train_bpe(["the cat sat on the mat " * 9], 300, show_progress=False)
    config = GPT2Config(
        vocab_size=len(tokenizer),
        n_positions=WINDOW,
        n_embd=32,
        n_layer=2,
        n_head=2,
        bos_token_id=0,
        eos_token_id=0,
    )
    return Contestant("gpt2", GPT2LMHeadModel(config), tokenizer)


def test_facts_are_the_models_own(tiny):
    facts = tiny.facts()
    assert facts.parameters == sum(p.numel() for p in tiny.model.parameters())
    assert (facts.layers, facts.width, facts.heads, facts.window) == (2, 32, 4, WINDOW)
    assert facts.slides
    assert not facts.chats


def test_a_stream_grows_and_ends_with_its_reason(tiny):
    chunks = list(tiny.stream("abc", Sampling(max_new_tokens=40)))
    assert [chunk.stopped for chunk in chunks][-1] == "length reached"
    assert all(chunk.stopped is None for chunk in chunks[:-1])
    assert chunks[-1].tokens == 40
    assert chunks[-1].first is not None


def test_a_dropped_stream_stops_the_writing(tiny):
    stream = tiny.stream("abc", Sampling(max_new_tokens=512))
    next(stream)
    stream.close()
    until = time.monotonic() + 5
    while tiny._writer.load and time.monotonic() < until:
        time.sleep(0.01)
    assert tiny._writer.load == 0


def test_the_same_seed_gives_the_same_text_among_others(tiny):
    one = list(tiny.stream("abc", Sampling(seed=5)))[-1].text
    crowd = [tiny.start("abc", Sampling(seed=seed)) for seed in range(12)]
    for live in crowd:
        while live.chunk().stopped is None:
            live.wait(1)
    assert crowd[5].chunk().text == one
    assert len({live.chunk().text for live in crowd}) == 12


def test_no_half_character_is_shown(gpt2):
    """While a text grows, the bytes of a character that is not finished stay back."""
    live = gpt2.start("the", Sampling(max_new_tokens=12, seed=1))
    live._progress.ids[:] = gpt2.tokenizer.encode("é")[:1]
    live._progress.stopped = None
    assert live.chunk().text == ""


@pytest.mark.parametrize(
    ("prompt", "sentence"),
    [
        ("", "The prompt is empty"),
        ("x" * (MOST_CHARACTERS + 1), "at most 20,000 fit"),
        ("a\ud800b", "lone surrogate"),
        (None, "must be text"),
        (["a"], "must be text"),
    ],
)
def test_prompts_that_nobody_can_read_are_refused(tiny, prompt, sentence):
    with pytest.raises(RefusedError, match=sentence):
        tiny.start(prompt, Sampling())


def test_a_prompt_too_long_for_gpt2_is_counted(gpt2):
    with pytest.raises(RefusedError, match=r"is \d+ tokens for gpt2 and 15 fit"):
        gpt2.start("the cat " * 24, Sampling())


def test_a_prompt_too_long_for_the_tiny_one_slides_and_says_so(tiny):
    live = tiny.start("abc " * 30, Sampling(max_new_tokens=3))
    assert live.notes == ["the prompt is 120 tokens: it sees the last 16"]


def test_gpt2_stops_where_its_window_ends(gpt2):
    chunk = list(gpt2.stream("the cat", Sampling(max_new_tokens=100, seed=2)))[-1]
    assert chunk.stopped in ("window full", "end of text")
    assert chunk.tokens <= WINDOW


def test_characters_that_a_closed_vocabulary_lacks():
    tokenizer = train_char(closed="hello")
    config = TinyGPTConfig(vocab_size=5, hidden_size=16, num_attention_heads=2)
    who = Contestant("hello", TinyGPTForCausalLM(config), tokenizer)
    with pytest.raises(RefusedError, match=r"hello cannot read it.*'T'"):
        who.start("To be", Sampling())
    tokenizer = train_char(["the cat"], closed="minigpt")
    config = TinyGPTConfig(
        vocab_size=len(tokenizer), hidden_size=16, num_attention_heads=2, bos_token_id=2
    )
    who = Contestant("minigpt", TinyGPTForCausalLM(config), tokenizer)
    assert who.facts().opening == 2
    assert who.start("the dog", Sampling()).notes == [
        "3 characters of the prompt are unknown to it"
    ]


def test_a_repos_generation_config_cannot_ask_for_ten_thousand_beams(tiny):
    model = TinyGPTForCausalLM(tiny.model.config)
    model.generation_config.num_beams = 10_000
    model.generation_config.num_return_sequences = 10_000
    who = Contestant("hostile", model, tiny.tokenizer)
    assert who.model.generation_config.num_beams in (None, 1)
    assert list(who.stream("abc", Sampling(max_new_tokens=2)))[-1].tokens == 2


def test_attention_is_the_models_own_and_its_end_is_shown(tiny, gpt2):
    for who in (tiny, gpt2):
        ids = who.encode("the cat")
        expected = who.model(torch.tensor([ids]), output_attentions=True).attentions
        seen = who.inside.attention("the cat", 1, 0)
        assert torch.tensor(seen.weights) == pytest.approx(expected[1][0, 0].detach())
        assert len(seen.tokens) == len(ids)
        assert seen.unseen == 0
    long = tiny.inside.attention("abcd" * 30, 0, 0)
    assert len(long.tokens) == min(ATTENTION_SHOWS, WINDOW)
    assert long.unseen == 120 - len(long.tokens)
    with pytest.raises(RefusedError, match="layers 1 to 2 and heads 1 to 4"):
        tiny.inside.attention("abc", 2, 0)


def test_a_bigram_has_no_attention_to_show(tiny):
    config = TinyGPTConfig(
        vocab_size=len(tiny.tokenizer), num_hidden_layers=0, position_embedding="none"
    )
    who = Contestant("bigram", TinyGPTForCausalLM(config), tiny.tokenizer)
    with pytest.raises(RefusedError, match="no attention to show"):
        who.inside.attention("abc", 0, 0)


def test_the_map_puts_the_prompt_first_and_knows_the_neighbours(tiny):
    points = tiny.inside.embedding_map("cab")
    assert [point.label for point in points[:3]] == ["c", "a", "b"]
    assert len({point.id for point in points}) == len(points)
    assert all(-1.001 <= v <= 1.001 for point in points for v in (point.x, point.y))
    table = tiny.model.get_input_embeddings().weight
    first = points[0]
    cosine = torch.nn.functional.cosine_similarity(table[first.id], table)
    cosine[first.id] = -2
    assert first.near[0][1] == pytest.approx(float(cosine.max().detach()), abs=1e-5)


def plain_bits_per_byte(who: Contestant, text: str) -> float:
    """Token by token, each with a forward pass of its own over what it may see: the text so far, or
    past the window what a window sees that ends at the next half."""
    ids = who.tokenizer.encode(text, add_special_tokens=False)
    begin = who.model.config.bos_token_id
    bits = 0.0 if begin is not None else math.log2(who.model.config.vocab_size)
    ids = ids if begin is None else [begin, *ids]
    half = WINDOW // 2
    for at in range(1, len(ids)):
        start = 0
        if at > WINDOW:
            end = min(len(ids), WINDOW + 1 + half * ((at - WINDOW - 1) // half + 1))
            start = end - 1 - WINDOW
        logits = who.model(torch.tensor([ids[start:at]])).logits[0, -1].detach()
        bits -= math.log2(float(logits.softmax(-1)[ids[at]]))
    return bits / len(text.encode())


@pytest.mark.parametrize(
    "text",
    ["abc", "the cat sat on the mat", "a" * 100, "ABC. été 東京", "no. cab. face. " * 12],
)
def test_the_score_equals_plain_arithmetic(tiny, gpt2, text):
    for who in (tiny, gpt2):
        scored = who.score(text)
        assert scored.bits_per_byte == pytest.approx(plain_bits_per_byte(who, text), rel=1e-5)
        assert "".join(token for token, _ in scored.tokens) == text
        total = sum(bits for _, bits in scored.tokens)
        assert total / scored.bytes == pytest.approx(scored.bits_per_byte)


def test_a_text_that_cannot_be_scored_is_refused(tiny):
    with pytest.raises(RefusedError, match="empty"):
        tiny.score("")


def test_learning_while_reading_leaves_the_model_bit_equal(tiny, gpt2):
    """Each reading begins anew, so a visitor learns nothing of another's text."""
    before = {name: weight.clone() for name, weight in tiny.model.state_dict().items()}
    told = []
    found = tiny.adapt("abc " * 60, lambda done, whole: told.append((done, whole)))
    tiny.adapt("xyz " * 60, lambda done, whole: None)
    again = tiny.adapt("abc " * 60, lambda done, whole: None)
    after = tiny.model.state_dict()
    assert all(torch.equal(weight, after[name]) for name, weight in before.items())
    assert not any(weight.requires_grad and weight.grad is not None for weight in after.values())
    assert again == found
    assert found.learning.bits_per_byte != found.plain
    assert told[-1][0] <= told[-1][1] == 2 * 240
    with pytest.raises(RefusedError, match="only reads"):
        gpt2.adapt("the cat", lambda done, whole: None)
