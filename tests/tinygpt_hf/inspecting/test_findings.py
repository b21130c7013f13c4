"""What the heads of the shipped models do: who looks at the previous letter, and who copies."""

import math
from functools import cache
from random import Random
from string import ascii_lowercase
from typing import Any

import pytest
import torch

from tests.test_checkpoints import A_SAMPLE, SHIPPED
from tinygpt_hf.inspecting import induction_scores, previous_scores, weights, without
from tinygpt_hf.loading import load

HALF, TEXTS = 10, 20
# Block, head and score of the best head, as measured when the model was made. A model that is not
# here has none that scores 0.4.
PREVIOUS = {
    "chat-base": (2, 3, 0.60),
    "history": (0, 2, 0.68),
    "ladder/6-all": (2, 1, 0.68),
    "repeat": (0, 0, 0.89),
    "shakespeare": (4, 0, 0.73),
    "shakespeare-gpt2": (0, 2, 0.97),
}
INDUCTION = {"repeat": (1, 3, 0.90)}
LOOKS_BACK = [name for name in SHIPPED if name not in ("bigram", "hello", "ladder/1-bigram")]
READS_TWICE = [name for name in LOOKS_BACK if name != "next-char"]  # whose window is 5


@cache
def twice(name: str) -> tuple[Any, list[list[int]]]:
    """The model, and random letters given twice, each letter a token."""
    model, tokenizer = load(name)
    begin = [] if model.config.bos_token_id is None else [model.config.bos_token_id]
    known = [tokenizer.encode(letter)[0] for letter in ascii_lowercase]
    letters = [number for number in known if number != tokenizer.unk_token_id]
    chance = Random(1)
    return model, [begin + 2 * chance.sample(letters, HALF) for _ in range(TEXTS)]


def best(scores: torch.Tensor) -> tuple[int, int, float]:
    block, head = divmod(int(scores.argmax()), scores.shape[1])
    return block, head, float(scores.max())


def check(found: tuple[int, int, float], expected: tuple[int, int, float] | None) -> None:
    if expected is None:
        assert found[2] < 0.4
    else:
        assert found[:2] == expected[:2]
        assert found[2] == pytest.approx(expected[2], abs=0.01)


@pytest.mark.parametrize("name", LOOKS_BACK)
def test_who_looks_at_the_previous_letter(name):
    """On a text of the kind that the models learned; `repeat` on its own kind."""
    if name == "repeat":
        model, texts = twice(name)
    else:
        model, tokenizer = load(name)
        text = "the cat" if name == "next-char" else A_SAMPLE
        texts = [tokenizer.encode(text)[: model.config.max_position_embeddings]]
    scores = torch.stack([previous_scores(weights(model, ids)) for ids in texts]).mean(0)
    check(best(scores), PREVIOUS.get(name))


@pytest.mark.parametrize("name", READS_TWICE)
def test_who_copies_what_followed_last_time(name):
    model, texts = twice(name)
    scores = torch.stack([induction_scores(weights(model, ids), HALF) for ids in texts]).mean(0)
    check(best(scores), INDUCTION.get(name))


@torch.no_grad()
def surprise(model: Any, texts: list[list[int]]) -> float:
    """Nats a letter of the second half, but for its first letter, which nothing foretells."""
    ids = torch.tensor(texts)
    odds = model(ids).logits[:, :-1].log_softmax(-1)
    known = -odds.gather(-1, ids[:, 1:, None])[..., 0]
    return float(known[:, 1 - HALF :].mean())


def test_without_its_induction_head_a_model_no_longer_copies():
    model, texts = twice("repeat")
    block, head, _ = INDUCTION["repeat"]
    assert surprise(model, texts) < 0.05
    with without(model, [f"block {block} head {head}"]):
        assert surprise(model, texts) > math.log(26)  # worse than a blind guess of a letter
    for other in {0, 1, 2, 3} - {head}:
        with without(model, [f"block {block} head {other}"]):
            assert surprise(model, texts) < 1


def test_without_the_head_before_it_there_is_nothing_to_copy_by():
    """The induction head finds its place by what the previous-letter head wrote there."""
    model, texts = twice("repeat")
    block, head, _ = PREVIOUS["repeat"]
    with without(model, [f"block {block} head {head}"]):
        assert surprise(model, texts) > 1
        scores = [induction_scores(weights(model, ids), HALF) for ids in texts]
    block, head, score = INDUCTION["repeat"]
    assert float(torch.stack(scores).mean(0)[block, head]) < score / 2
