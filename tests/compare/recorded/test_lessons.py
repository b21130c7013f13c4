"""What the Time machine and the Ladder show at once is what the shipped models say."""

from __future__ import annotations

import itertools
import json

import pytest

from compare.recorded import lessons
from compare.recorded.frames import look
from compare.recorded.lessons import frames, prompt, rungs, scored
from compare.recorded.record_lessons import SCORED, ladder, moments, rung

NEAR = 2e-3  # between processors


def test_the_recorded_moments_are_those_of_the_run_that_ships():
    """Begin, middle and end; the steps between come from the same command."""
    known = {frame.step: frame for frame in frames()}
    assert [frame.step for frame in frames()] == [0, *(2**n for n in range(12))]
    for step, model in moments():
        if step not in (0, 64, 2048):
            continue
        seen, shown = look(model, step, prompt(), scored()), known[step]
        assert seen.bits_per_byte == pytest.approx(shown.bits_per_byte, abs=NEAR)
        assert seen.text == shown.text
        assert dict(seen.odds) == pytest.approx(dict(shown.odds), abs=NEAR)
        assert [point.label for point in seen.points] == [point.label for point in shown.points]


def test_the_recorded_rungs_are_those_that_ship():
    assert [rung(model, folder) for folder, model in ladder()] == list(rungs())
    assert len(rungs()) == 6


def test_each_rung_is_better_than_the_one_below():
    losses = [rung.val_loss for rung in rungs()]
    assert all(upper < lower for lower, upper in itertools.pairwise(losses))


def test_what_was_scored_is_text_that_none_of_them_was_trained_on(shakespeare):
    assert shakespeare.endswith(scored())
    assert len(scored()) == SCORED < len(shakespeare)


def test_a_page_without_recordings_says_how_to_get_them(monkeypatch, tmp_path):
    from compare.tabs.train import ladder, time_machine

    monkeypatch.setattr(lessons, "FILE", tmp_path / "nothing.json")
    for kept in (lessons._content, frames, rungs):
        kept.cache_clear()
    try:
        assert "python -m compare.recorded.record_lessons" in time_machine._recorded(0)
        assert "python -m compare.recorded.record_lessons" in ladder._ladder()
    finally:
        for kept in (lessons._content, frames, rungs):
            kept.cache_clear()


@pytest.mark.slow
def test_half_the_bytes_cost_no_more_than_a_thousandth(shakespeare):
    """The whole validation split again, by the weights that ship in bf16."""
    import torch

    from tinygpt_hf.encoding import encode_ids
    from tinygpt_hf.loading import SHIPPED, load
    from training.data.examples import SideBySide

    for folder in [SHIPPED / "history", *sorted((SHIPPED / "ladder").iterdir())]:
        metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        model, tokenizer = load(folder)
        held = encode_ids(tokenizer, shakespeare)
        split = SideBySide(held, model.config.max_position_embeddings, 128)
        nats = 0.0
        with torch.inference_mode():
            for batch in map(split.batch, range(len(split))):
                nats += model(**batch).loss.item() * batch["shift_labels"].numel()
        loss = nats / (len(held) - 1)
        print(f"{folder.name:16} {metrics['val_loss']:.4f} when trained, {loss:.4f} as shipped")  # noqa: T201 (for who runs it)
        assert loss == pytest.approx(metrics["val_loss"], abs=1e-3)
