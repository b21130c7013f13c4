"""Odds in one unit: sums over tokens by their first letter."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from compare.engine.contestant import Contestant
from compare.engine.letters import UNUSED, Letters, first_letter, token_bytes
from compare.values import RefusedError
from tinygpt_hf import TinyGPTConfig, TinyGPTForCausalLM
from tinygpt_hf.tokenization import train_bpe, train_char

TEXTS = [
    "To be, or not to be: that is the question.\nÉté à Zürich, 東京 and naïve 🙂🙂 cafés.\n"
] * 3


@pytest.fixture(scope="module")
def tokenizers():
    return {
        "char": train_char(TEXTS),
        "bpe": train_bpe(TEXTS, 400, show_progress=False),
        "hello": train_char(closed="hello"),
        "minigpt": train_char(TEXTS, closed="minigpt"),
    }


def contestant(tokenizer, extra: int = 0) -> Contestant:
    torch.manual_seed(0)
    config = TinyGPTConfig(vocab_size=len(tokenizer) + extra, hidden_size=32, num_hidden_layers=2)
    return Contestant("it", TinyGPTForCausalLM(config), tokenizer)


def brute_force(tokenizer, odds: np.ndarray) -> dict[str, float]:
    """Every token, one by one, through the tokenizer's own decoder."""
    sums: dict[str, float] = {}
    special = set(tokenizer.all_special_ids)
    for number, share in enumerate(odds.tolist()):
        if number >= len(tokenizer):
            letter = UNUSED
        elif number in special:
            letter = tokenizer.convert_ids_to_tokens(number)
        else:
            text = tokenizer.decode([number])
            letter = text[0]
            if letter == "\N{REPLACEMENT CHARACTER}":  # a part of a character
                letter = f"byte {token_bytes(tokenizer)[number][0]:02X}"
        sums[letter] = sums.get(letter, 0.0) + share
    return sums


@pytest.mark.parametrize("kind", ["char", "bpe", "hello", "minigpt"])
def test_letter_odds_equal_brute_force_and_sum_to_one(tokenizers, kind):
    tokenizer = tokenizers[kind]
    who = contestant(tokenizer, extra=3)
    for prompt, temperature in (("hello", 1.0), ("hell", 0.3), ("eh", 2.0)):
        letters = dict(who.next_tokens(prompt, temperature, "letter").entries)
        ids = torch.tensor([who.encode(prompt)])
        logits = who.model(ids).logits[0, -1].detach().numpy().astype(np.float64) / temperature
        odds = np.exp(logits - logits.max())
        expected = brute_force(tokenizer, odds / odds.sum())
        assert sum(letters.values()) == pytest.approx(1, abs=1e-9)
        assert letters == pytest.approx(expected, abs=1e-6)


def test_letters_of_a_character_model_are_its_own_odds(tokenizers):
    who = contestant(tokenizers["hello"])
    letters = who.next_tokens("hell", 1.0, "letter")
    tokens = who.next_tokens("hell", 1.0, "token")
    assert dict(letters.entries) == pytest.approx(dict(tokens.entries), abs=1e-9)
    assert "own odds" in letters.sentence


def test_a_model_with_longer_tokens_says_what_is_exact(tokenizers):
    sentence = contestant(tokenizers["bpe"]).next_tokens("To be").sentence
    assert "sums all of its" in sentence
    assert "not counted" in sentence


def test_another_temperature_costs_no_model(tokenizers):
    who = contestant(tokenizers["bpe"])
    for temperature in (0.5, 1.0, 1.5):
        who.next_tokens("To be", temperature)
        who.next_tokens("To be", temperature, "token")
    assert who.logits.runs == 1


@pytest.mark.parametrize(
    ("written", "letter"),
    [
        (b"abc", "a"),
        (b" the", " "),
        ("été".encode(), "é"),
        ("🙂".encode(), "🙂"),
        (b"\xc3", "byte C3"),
        ("🙂".encode()[:3], "byte F0"),
        (b"\x99s", "byte 99"),
    ],
)
def test_the_first_letter_of_bytes(written, letter):
    assert first_letter(written) == letter


def test_every_token_has_its_bytes(tokenizers):
    """The bytes of a text's tokens, joined, are the text's bytes."""
    for tokenizer in (tokenizers["char"], tokenizers["bpe"]):
        written = token_bytes(tokenizer)
        for text in (*TEXTS, "unseen: ﷽ \x00 👩‍👩‍👧"):
            ids = tokenizer.encode(text, add_special_tokens=False)
            assert b"".join(written[i] for i in ids) == text.encode()


def test_sentencepiece_style_vocabularies_are_read_too():
    from tokenizers import Tokenizer, decoders, models
    from transformers import PreTrainedTokenizerFast

    vocabulary = {"<unk>": 0, "<0xE2>": 1, "▁the": 2, "a": 3}
    tokenizer = Tokenizer(models.BPE(vocabulary, [], unk_token="<unk>", byte_fallback=True))
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer)
    assert token_bytes(wrapped) == [b"<unk>", b"\xe2", b" the", b"a"]
    assert Letters(wrapped, 5).names == ["<", "byte E2", " ", "a", UNUSED]


def test_odds_refuse_what_cannot_be_asked(tokenizers):
    who = contestant(tokenizers["hello"])
    with pytest.raises(RefusedError, match="temperature"):
        who.next_tokens("hell", 0)
    with pytest.raises(RefusedError, match="'x'"):
        who.next_tokens("hex")
