"""Who trains what: Stop finds its own, and nothing outlives a visit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from compare.lessons.lessons import Lesson, Over
from compare.lessons.pool import Job, Pool
from compare.lessons.visitors import Classroom


class Paper(Pool):
    """A pool that trains nothing: a test says when something has happened."""

    def __init__(self, folder: Path) -> None:
        super().__init__(workers=1)
        self.folder, self.jobs = folder, list[Job]()

    def submit(self, lesson: Lesson) -> Job:
        job = Job(lesson, self.folder / str(len(self.jobs)))
        job.folder.mkdir()
        self.jobs.append(job)
        return job


@pytest.fixture
def room(tmp_path) -> Classroom:
    return Classroom(Paper(tmp_path))


def begun(room: Classroom, visitor: str = "ada", kept: bool = True):
    """A training that is followed, and its job."""
    steps = room.follow(visitor, [Lesson("a", "modern", kept=kept)], lambda jobs: jobs[0].steps)
    assert asyncio.run(anext(steps)) == 0
    return steps, room.pool.jobs[-1]


def rest(steps) -> list[int]:
    async def collect() -> list[int]:
        return [step async for step in steps]

    return asyncio.run(collect())


def later(do: Callable[[], None]) -> None:
    import threading

    threading.Timer(0.3, do).start()


def test_what_was_trained_is_there_for_its_visitor_until_they_leave(room):
    steps, job = begun(room)
    job.steps, job.over = 5, Over({"loss": 1.0})
    assert rest(steps) == [5]
    assert room.take("bob") is None
    room.leave("bob")
    assert job.folder.exists()
    room.leave("ada")
    assert room.take("ada") is None
    assert not job.folder.exists()


def test_whoever_takes_a_model_keeps_it(room):
    steps, job = begun(room)
    job.over = Over()
    rest(steps)
    assert room.take("ada") is job
    room.leave("ada")
    assert job.folder.exists()


def test_the_next_training_takes_the_place_of_the_last(room):
    steps, first = begun(room)
    first.over = Over()
    rest(steps)
    steps, second = begun(room)
    second.over = Over()
    rest(steps)
    assert not first.folder.exists()
    assert room.take("ada") is second


def test_a_browser_that_goes_away_takes_its_training_with_it(room):
    """The page stops listening in the middle: nobody will ever ask for that model."""
    steps, job = begun(room)
    job.started = 1.0
    asyncio.run(steps.aclose())
    assert job.stopped
    assert job.forgotten  # its lane deletes it
    assert room.take("ada") is None


def test_starting_again_stops_what_one_had_begun_and_nobody_elses(room):
    _, mine = begun(room, "ada")
    _, theirs = begun(room, "bob")
    begun(room, "ada")
    assert mine.stopped
    assert not theirs.stopped
    room.stop("bob")
    assert theirs.stopped


def test_a_panel_is_sent_when_it_has_changed(room):
    """Thirty who wait for their turn would else be told the same eight times a second."""
    steps, job = begun(room)
    later(lambda: setattr(job, "over", Over()))
    assert rest(steps) == [0]


def test_a_training_that_failed_is_not_kept(room):
    steps, job = begun(room)
    job.over = Over(problem="the loss is nan")
    rest(steps)
    assert room.take("ada") is None
    assert not job.folder.exists()
