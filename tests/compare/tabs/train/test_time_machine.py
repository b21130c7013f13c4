"""The Time machine, live: every tagged step of a repo on the Hub."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from compare.engine.loaders import load_stranger, load_tiny
from compare.recorded import lessons
from compare.recorded.frames import stops
from compare.roster import Roster
from compare.tabs.train import time_machine
from compare.tabs.train.time_machine import live_at, stops_of
from compare.values import Coherence, RefusedError
from tests.compare.tabs.settings import of_the_page
from training.hub.publishing import publish


def unproved(*_: object) -> None:
    """The tests of publishing load each commit as a stranger; here its tags are what matters."""


def test_tags_are_put_in_order_and_the_longest_run_wins():
    tags = ["v1", "step-512", "step-0", "step-64", "big-step-3", "step-x", "main"]
    assert stops(tags) == [(0, "step-0"), (64, "step-64"), (512, "step-512")]
    assert stops(["a-step-2", "b-step-1", "b-step-10"]) == [(1, "b-step-1"), (10, "b-step-10")]
    assert stops(["main", "v2"]) == []


def test_what_publish_tags_is_shown_step_by_step(hub, ada, run_dir):
    """The repo as `python -m training.publish --all-checkpoints` leaves it."""
    publish(run_dir, "ada/tiny", all_checkpoints=True, prove=unproved)
    found = stops_of("ada/tiny")
    assert found == [(2, "step-2"), (4, "step-4")]
    roster = Roster([], load_tiny, left="a", load_stranger=load_stranger)
    shown = [asyncio.run(live_at(roster, "ada/tiny", found, number)) for number in (0, 1)]
    assert "Step 2</b>" in shown[0]
    assert "(step-2)" in shown[0]
    assert "Step 4</b>" in shown[1]
    assert shown[0].partition("<h4>")[2] != shown[1].partition("<h4>")[2]


def test_the_tags_of_a_second_run_are_found_too(hub, ada, run_dir):
    publish(run_dir, "ada/tiny", all_checkpoints=True, run="second", prove=unproved)
    assert stops_of("ada/tiny") == [(2, "second-step-2"), (4, "second-step-4")]


def test_a_repo_that_has_no_steps_or_is_not_there_is_a_sentence(hub, ada, run_dir):
    for name in ("nobody", "a/b@main", "<script>/x"):
        with pytest.raises(RefusedError, match="named as user/name"):
            stops_of(name)
    with pytest.raises(RefusedError, match="The versions of ada/lost cannot be read"):
        stops_of("ada/lost")
    hub.store.put("model", "ada/untagged", {"config.json": b"{}"})
    with pytest.raises(RefusedError, match="no tags step-N"):
        stops_of("ada/untagged")
    roster = Roster([], load_tiny, left="a", load_stranger=load_stranger)
    said = asyncio.run(live_at(roster, "ada/untagged", [(1, "step-1")], 0))
    assert "problem" in said


def test_an_address_names_a_step_of_the_run_that_it_means(monkeypatch):
    """`step` is for the first run, as ever; another run's is called after it, and chooses it."""
    shakespeare = lessons.runs()[0]
    stories = replace(shakespeare, name="stories", frames=shakespeare.frames[::3])
    monkeypatch.setattr(time_machine, "runs", lambda: (shakespeare, stories))
    settings = of_the_page.__wrapped__()  # the one that is kept has the runs that ship
    asks = {"tab": "train", "lesson": "time"}
    values, complaints = settings.read(asks | {"step": "16"})
    assert (values["run"], values["step"], complaints) == ("shakespeare", 5, [])
    values, complaints = settings.read(asks | {"stories_step": "1000"})
    assert values["run"] == "stories"
    step = stories.frames[values["stories_step"]].step
    assert step == min((one.step for one in stories.frames), key=lambda at: abs(at - 1000))
    assert "step" not in values
    assert settings.read(asks | {"run": "stories"})[0]["run"] == "stories"
    for wrong in ({"run": "letters"}, {"stories_step": "-1"}):
        values, complaints = settings.read(asks | wrong)
        assert len(complaints) == 1
        assert not set(wrong) & set(values)


def test_under_a_story_stands_whether_it_holds():
    run = replace(lessons.runs()[0], about="a story that it never read")
    frame = replace(run.frames[-1], coherence=Coherence("fails", "there was no pie"))
    assert "does not hold together: there was no pie" in time_machine._panel(run, frame, "recorded")
    assert "bits per byte on a story that it never read" in time_machine._panel(run, frame, "x")
    assert "class='holds" not in time_machine._panel(run, run.frames[-1], "recorded")
