"""Live trainings: the command line's numbers, a line that is fair, and no one left over."""

from __future__ import annotations

import json
import multiprocessing
import time
from dataclasses import replace

import pytest

from compare.lessons import lessons
from compare.lessons.lessons import Lesson
from compare.lessons.pool import MOST_WAITING, Job, Pool
from compare.values import RefusedError

SECONDS = 120  # on a machine that others use too


def hello(**changes) -> Lesson:
    system = lessons.SYSTEMS["hello"]
    lesson = lessons.live("hello", system.rate, system.width, system.window)
    return replace(lesson, **{"pace": 0.0, **changes})


def wait(job: Job, until=lambda job: job.over) -> None:
    end = time.monotonic() + SECONDS
    while not until(job):
        assert time.monotonic() < end, (job.over, len(job.losses))
        time.sleep(0.02)


@pytest.fixture(scope="module")
def pool():
    pool = Pool(workers=1)
    yield pool
    pool.close()
    assert multiprocessing.active_children() == []


def test_hello_in_the_page_reaches_the_loss_of_the_command_line_bit_for_bit(pool, tmp_path):
    from training.train import main

    job = pool.submit(hello())
    assert main(["hello", "--output_dir", str(tmp_path / "run")]) == 0
    rows = (tmp_path / "run" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    there = [(row["step"], row["train_loss"]) for row in map(json.loads, rows)]
    wait(job)
    assert job.over.problem == ""
    assert job.losses == there
    assert lessons.memorised("hello", job.look.text)
    assert dict(job.look.odds)["o"] > 0.9


def test_a_training_that_is_stopped_ends_and_the_next_one_begins(pool):
    slow = pool.submit(hello(pace=60.0))
    wait(slow, lambda job: len(job.losses) > 3)
    waiting = pool.submit(hello())
    place, seconds = pool.place(waiting)
    assert place == 1
    assert 0 < seconds <= slow.lesson.seconds
    slow.stop()
    wait(slow, lambda job: job.over and not job.folder.exists())  # deleted just after its end
    assert 3 < len(slow.losses) < 200
    wait(waiting)
    assert len(waiting.losses) == 200
    assert pool.place(waiting) is None


def test_one_that_gives_up_while_it_waits_never_begins(pool):
    first, second = pool.submit(hello(pace=60.0)), pool.submit(hello())
    second.stop()
    first.stop()
    wait(second)
    assert second.losses == []
    assert second.over.problem == "Stopped."


def test_a_process_that_dies_is_reported_and_replaced(pool):
    job = pool.submit(hello(pace=60.0))
    wait(job, lambda job: job.losses)
    (child,) = multiprocessing.active_children()
    child.kill()
    wait(job)
    assert job.over.problem == "The process that trained ended unexpectedly; try again."
    again = pool.submit(hello())
    wait(again)
    assert len(again.losses) == 200


def test_a_loss_that_is_no_number_any_more_is_a_sentence(pool):
    flags = {**hello().flags, "learning_rate": 1e6, "optim": "sgd"}
    job = pool.submit(hello(flags=flags))
    wait(job)
    assert job.over.problem.startswith("the loss is nan at step")


def test_a_text_shorter_than_the_window_is_a_sentence(pool):
    flags = {"corpus": "next-char", "tokenizer": "next-char", "validation": 0}
    job = pool.submit(replace(hello(), recipe="bigram", flags=flags))
    wait(job)
    assert "is too short: 22 tokens" in job.over.problem


def test_nothing_of_a_text_is_left(pool):
    """Neither the text, nor its tokens, which the command line would keep in its cache."""
    text = "a secret that must not stay on this machine. " * 30
    flags = {"max_steps": 4, "fit": False, "max_position_embeddings": 16, "hidden_size": 32}
    job = pool.submit(
        Lesson("own", "modern", flags, text=text, prompt="a sec", length=4, kept=True)
    )
    wait(job)
    assert job.over.problem == ""
    assert (job.folder / lessons.MODEL / "model.safetensors").exists()
    assert (job.folder / "cache" / "tokens").is_dir()
    pool.forget(job)
    assert not job.folder.exists()


def test_the_place_in_the_line_counts_those_before_and_their_seconds():
    pool = Pool(workers=1)
    pool._lanes[0].wake = lambda: None  # nobody serves
    jobs = [pool.submit(hello(seconds=5.0)) for _ in range(3)]
    assert [pool.place(job) for job in jobs] == [(1, 0.0), (2, 5.0), (3, 10.0)]
    jobs[0].stop()
    assert pool.place(jobs[2]) == (2, 5.0)
    pool._line.extend([jobs[2]] * MOST_WAITING)
    with pytest.raises(RefusedError, match="wait already"):
        pool.submit(hello())
    pool.close()


def test_a_long_lesson_leaves_one_process_to_the_short_ones():
    pool = Pool(workers=2)
    for lane in pool._lanes:
        lane.wake = lambda: None
    long = pool.submit(hello(seconds=60.0))
    short = pool.submit(hello(seconds=5.0))
    assert pool.next_job(0) is short
    assert pool.next_job(1) is long
    pool.close()


@pytest.mark.parametrize("processes", [1, 2])
def test_warming_begins_a_process_for_a_lesson_and_one_for_a_text(processes):
    pool = Pool(workers=3, idle=0.0)
    begun: list[int] = []
    for lane in pool._lanes:
        lane._process_ready = lambda number=lane.number: begun.append(number)
    pool.warm(processes)
    for lane in pool._lanes[:processes]:
        lane._thread.join(10)
    assert sorted(begun) == [*range(processes)]
    assert [lane._thread for lane in pool._lanes[processes:]] == [None] * (3 - processes)
    pool.close()
