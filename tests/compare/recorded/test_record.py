"""Recorded answers are those of models that really ran."""

from __future__ import annotations

import json

import pytest

from compare.html.panes import RECORDED
from compare.lineup import CHECKPOINTS
from compare.recorded import answers
from compare.recorded.record import answers as answers_of
from compare.values import Sampling
from compare.values.players import BASELINE, BASELINE_REVISION, SEAT
from tests.compare.fakes import FakeContestant

KEPT = json.loads(answers.FILE.read_text(encoding="utf-8")) if answers.FILE.exists() else {}


@pytest.fixture
def written(tmp_path, monkeypatch):
    """One recorded answer, of a fake."""
    record = answers_of(
        [FakeContestant("shakespeare")], "To be", Sampling(seed=4, max_new_tokens=5)
    )
    file = tmp_path / "recorded.json"
    file.write_text(json.dumps({"answers": record}), encoding="utf-8")
    monkeypatch.setattr(answers, "FILE", file)
    answers._answers.cache_clear()
    yield record
    answers._answers.cache_clear()


def test_a_recorded_answer_says_that_it_is_one_and_with_which_settings(written):
    pane = answers.recorded_pane("left", "shakespeare", "shakespeare")
    assert pane.takes[0].chunk.text == written["shakespeare"]["chunk"]["text"]
    assert f"{RECORDED} 4" in pane.html()
    assert "manual_seed(4)" in pane.html()
    assert "tokens/s" not in pane.html()


def test_what_was_found_in_a_recorded_story_is_kept_with_it(written):
    asked = Sampling(seed=0, max_new_tokens=9)
    record = answers_of([FakeContestant("stories")], "On a foggy morning", asked)
    answers.FILE.write_text(json.dumps({"answers": record}), encoding="utf-8")
    pane = answers.recorded_pane("left", "stories", "stories")
    assert "<mark>nobler</mark>" in pane.html()
    assert "coherence" not in written["shakespeare"]


def test_a_model_that_was_not_recorded_is_not_quoted(written):
    assert answers.recorded_pane("right", SEAT, "GPT-2") is None


@pytest.mark.skipif(not KEPT, reason="nothing is recorded yet: python -m compare.recorded.record")
def test_what_ships_is_what_the_shipped_checkpoints_write():
    from compare.engine.loaders import load_tiny

    for name, answer in KEPT["answers"].items():
        if not (CHECKPOINTS / name).is_dir():
            continue
        who = load_tiny(name)
        sampling = Sampling(**answer["sampling"])
        again = answers_of([who], answer["prompt"], sampling)[name]
        assert again == answer


def test_gpt2_is_quoted_only_from_the_pinned_gpt2():
    for name, answer in KEPT.get("answers", {}).items():
        if (CHECKPOINTS / name).is_dir():
            continue
        facts = answer["facts"]
        assert (facts["source"], facts["revision"]) == (BASELINE, BASELINE_REVISION), name
