"""What the guide says that heads do, against the models that ship."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from compare.html import guide
from tests.test_checkpoints import SHIPPED
from tests.tinygpt_hf.inspecting.test_findings import HALF, INDUCTION, best, surprise, twice
from tinygpt_hf.inspecting import induction_scores, previous_scores, weights, without
from tinygpt_hf.loading import load

HELD_OUT = Path(__file__).parents[1] / "data" / "shakespeare_held_out.txt"
HINT = next(idea for idea in guide.ideas() if idea.slug == "which-head-did-it").hint
TRIES = {name: attempt.asks for name, attempt in zip(
    ("repeat", "shakespeare"), guide.find("which-head-did-it").tries, strict=True
)}  # fmt: skip
CLAIM = re.compile(r"layer (\d+), head (\d+)\D*?([\d.]+\d) of its weight")


def claimed(number: int) -> tuple[int, int, float]:
    """Block and head from 0, and the score, as the guide has them."""
    text = re.sub(r"\{\d\}", "that model", HINT)
    layer, head, score = CLAIM.findall(text)[number]
    return int(layer) - 1, int(head) - 1, float(score)


def test_the_head_that_copies_has_the_score_that_is_claimed():
    block, head, score = claimed(0)
    assert (block, head) == INDUCTION["repeat"][:2]
    model, texts = twice("repeat")
    found = torch.stack([induction_scores(weights(model, ids), HALF) for ids in texts]).mean(0)
    assert best(found)[:2] == (block, head)
    assert float(found.max()) == pytest.approx(score, abs=0.005)
    assert TRIES["repeat"]["off"] == f"block {block} head {head}"


def test_without_it_the_repeated_text_is_no_longer_copied():
    model, texts = twice("repeat")
    block, head, _ = claimed(0)
    with without(model, [f"block {block} head {head}"]):
        assert surprise(model, texts) > 3
    assert surprise(model, texts) < 0.05


def test_the_shakespeare_models_have_no_such_head_as_the_page_says():
    score = float(re.search(r"best score is (0\.\d+)", HINT)[1])
    found = []
    for name in ("shakespeare", "shakespeare-gpt2"):
        model, texts = twice(name)
        each = [induction_scores(weights(model, ids), HALF) for ids in texts]
        found.append(float(torch.stack(each).mean(0).max()))
    assert max(found) == pytest.approx(score, abs=0.005)


def test_the_head_that_looks_at_the_letter_before_has_the_score_that_is_claimed():
    """Over text that was held out, in full windows."""
    block, head, score = claimed(1)
    model, tokenizer = load("shakespeare")
    ids = tokenizer.encode(HELD_OUT.read_text(encoding="utf-8"))
    window = model.config.max_position_embeddings
    texts = [ids[at * window : (at + 1) * window] for at in range(12)]
    found = torch.stack([previous_scores(weights(model, text)) for text in texts]).mean(0)
    assert best(found)[:2] == (block, head)
    assert float(found.max()) == pytest.approx(score, abs=0.005)
    assert (TRIES["shakespeare"]["layer"], TRIES["shakespeare"]["head"]) == (
        str(block + 1),
        str(head + 1),
    )


@pytest.mark.skipif("stories" not in SHIPPED, reason="the model of stories does not ship yet")
def test_a_head_of_the_stories_model_finds_whom_a_pronoun_means():
    from compare.engine.contestant import Contestant

    found = Contestant("stories", *load("stories")).inside.pronoun()
    assert found is not None
    assert found.right > found.asked / 2
    assert found.score > 0
