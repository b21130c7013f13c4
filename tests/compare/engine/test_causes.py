"""From odds to causes, as a contestant tells it: names, sums, and nothing left behind."""

from __future__ import annotations

import pytest
import torch

from compare.engine.contestant import Contestant
from compare.values import RefusedError
from tests.compare.models import model_of
from tinygpt_hf.tokenization import train_bpe, train_char

TEXT = "the cat sat on the mat, and the rat ran after the cat"


@pytest.fixture(scope="module", params=["modern", "hello", "gpt2"])
def who(request) -> Contestant:
    if request.param == "gpt2":
        tokenizer = train_bpe([TEXT], 280, show_progress=False)
    else:
        tokenizer = train_char([TEXT])
    model = model_of(request.param)
    model.resize_token_embeddings(len(tokenizer))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=generator)
    return Contestant(request.param, model, tokenizer)


def test_the_last_layer_says_the_odds(who):
    found = who.lens("the cat")
    odds = who.next_tokens("the cat", unit="token").entries
    assert len(found.guesses) == who.facts().layers + 1
    assert "".join(found.tokens) == "the cat"
    last = found.guesses[-1][-1]
    assert [name for name, _ in last] == [name for name, _ in odds[:5]]
    assert [share for _, share in last] == pytest.approx([share for _, share in odds[:5]], abs=1e-5)


def test_the_shares_are_those_of_the_likeliest_and_add_up(who):
    odds = who.next_tokens("the cat", unit="token").entries
    found = who.parts("the cat")
    assert found.token == odds[0][0]
    assert found.against is None
    with torch.no_grad():
        logits = who.model(torch.tensor([who.encode("the cat")])).logits[0, -1]
    assert found.score == pytest.approx(float(logits.max()), abs=1e-3)
    assert found.score == pytest.approx(sum(share for _, share in found.parts), abs=1e-5)


def test_one_token_against_another(who):
    a, b = who.encode("a")[0], who.encode("t")[0]
    found = who.parts("the cat", token="a", against="t")
    assert (found.token, found.against) == ("a", "t")
    with torch.no_grad():
        logits = who.model(torch.tensor([who.encode("the cat")])).logits[0, -1]
    assert found.score == pytest.approx(float(logits[a] - logits[b]), abs=1e-3)


def test_without_a_part_the_odds_and_the_text_are_others_and_then_the_same_again(who):
    before = who.next_tokens("the cat", unit="token")
    every_part = [part for part, _ in who.parts("the cat").parts if part.startswith("block")]
    found = who.without("the cat", every_part, new_tokens=6)
    assert found.before.entries == before.entries
    assert found.after.entries != before.entries
    assert found.text_before != found.text_after
    assert who.next_tokens("the cat", unit="token") == before
    assert who.without("the cat", ["block 0"], 6).text_before == found.text_before


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (lambda who: who.without("a", ["block 9"]), "there is no 'block 9'"),
        (lambda who: who.without("a", "block 0"), "must be a list of names"),
        (lambda who: who.without("a", []), "Name 1 to 64 parts; there are 0"),
        (lambda who: who.without("a", ["block 0"] * 65), "there are 65"),
        (lambda who: who.without("a", ["block 0"], 0), "max_new_tokens must be between"),
        (lambda who: who.parts("a", token="zzzzz"), "5 tokens for .*; name a single one"),
        (lambda who: who.lens(""), "The prompt is empty"),
    ],
)
def test_what_cannot_be_answered_is_a_sentence(who, ask, sentence):
    with pytest.raises(RefusedError, match=sentence):
        ask(who)
