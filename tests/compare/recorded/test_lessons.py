"""What the Time machine and the Ladder show at once is what the shipped models say."""

from __future__ import annotations

import itertools
import json

import pytest

from compare.recorded import lessons
from compare.recorded.lessons import rungs, runs
from compare.recorded.record_lessons import RUNS, SCORED, ladder, moments, rung, shipped

NEAR = 2e-3  # between processors


def test_every_run_that_ships_is_recorded():
    """Else: `python -m compare.recorded.record_lessons`."""
    assert [run.name for run in runs()] == [run.name for run in shipped()]
    for told, run in zip(runs(), shipped(), strict=True):
        assert (told.prompt, told.about) == (run.prompt, run.about)


@pytest.mark.parametrize("run", shipped(), ids=lambda run: run.name)
def test_the_recorded_moments_are_those_of_the_run_that_ships(run):
    """Begin, middle and end; the steps between come from the same command."""
    told = next(one for one in runs() if one.name == run.name)
    known = {frame.step: frame for frame in told.frames}
    steps = [frame.step for frame in told.frames]
    for step, model in moments(run):
        assert step in known
        if step not in (steps[0], steps[len(steps) // 2], steps[-1]):
            continue
        seen, shown = run.look(step, model, told.scored), known[step]
        assert seen.bits_per_byte == pytest.approx(shown.bits_per_byte, abs=NEAR)
        assert seen.text == shown.text
        assert dict(seen.odds) == pytest.approx(dict(shown.odds), abs=NEAR)
        assert [point.label for point in seen.points] == [point.label for point in shown.points]
        assert seen.coherence == shown.coherence


def test_the_moments_double_or_more_from_the_first_step_on():
    assert [frame.step for frame in runs()[0].frames] == [0, *(2**n for n in range(12))]
    for run in runs():
        steps = [frame.step for frame in run.frames]
        assert steps[0] == 0
        assert all(later >= 2 * one for one, later in itertools.pairwise(steps[1:]))


def test_the_recorded_rungs_are_those_that_ship():
    assert [rung(model, folder) for folder, model in ladder()] == list(rungs())
    assert len(rungs()) == 6


def test_each_rung_is_better_than_the_one_below():
    losses = [rung.val_loss for rung in rungs()]
    assert all(upper < lower for lower, upper in itertools.pairwise(losses))


def test_what_was_scored_is_text_that_none_of_them_was_trained_on(shakespeare):
    scored = runs()[0].scored
    assert shakespeare.endswith(scored)
    assert len(scored) == SCORED < len(shakespeare)


def test_stories_need_the_story_that_was_held_out(monkeypatch, tmp_path, capsys):
    """One line says which command makes it, and nothing is written over."""
    from compare.recorded import record_lessons

    monkeypatch.setattr(record_lessons, "shipped", lambda: [*RUNS])
    monkeypatch.setattr(record_lessons, "FILE", tmp_path / "lessons.json")
    with pytest.raises(SystemExit):
        record_lessons.main(["--held_out", str(tmp_path / "none.jsonl")])
    assert "none.jsonl is not there: python -m training.stories.make" in capsys.readouterr().err
    assert not record_lessons.FILE.exists()
    kept = tmp_path / "held_out.jsonl"
    kept.write_text('{"text": "A story."}\n{"text": "Another."}\n', encoding="utf-8")
    assert record_lessons.a_story(kept) == "A story."


def test_a_page_without_recordings_says_how_to_get_them(monkeypatch, tmp_path):
    from compare.tabs.train import ladder, time_machine

    monkeypatch.setattr(lessons, "FILE", tmp_path / "nothing.json")
    for kept in (lessons._content, runs, rungs):
        kept.cache_clear()
    try:
        assert runs() == ()
        shown = time_machine._recorded(time_machine._NOTHING, 0)
        assert "python -m compare.recorded.record_lessons" in shown
        assert "python -m compare.recorded.record_lessons" in ladder._ladder()
    finally:
        for kept in (lessons._content, runs, rungs):
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
