"""Trainings for the page, each in a process of its own: a capped pool with a queue.

Two trainings in one process would disturb each other through the random state, and a visitor must
not wait for another's training to get a token. Nothing is spawned before somebody opens the page;
an idle process ends.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import shutil
import tempfile
import threading
import time
from collections import deque
from multiprocessing.connection import Connection
from pathlib import Path

from compare.lessons.lessons import SHORT, Lesson, Look, News, Over
from compare.lessons.worker import work
from compare.values import RefusedError

WORKERS = max(2, min(4, (os.cpu_count() or 2) // 2))
MOST_WAITING = 100
IDLE = 120.0  # seconds after which an idle process ends
START = 6.0  # seconds that a new process takes to import torch and transformers
_PATIENCE = 120.0  # seconds beyond the expected after which a training is given up
_log = logging.getLogger(__name__)


class Job:
    """One training, asked for: waiting, running or over. Written by the pool, read by the page."""

    def __init__(self, lesson: Lesson, folder: Path) -> None:
        self.lesson, self.folder = lesson, folder
        self.losses: list[tuple[int, float]] = []
        self.validation: list[tuple[int, float]] = []
        self.steps = 0
        self.look: Look | None = None
        self.started: float | None = None
        self.first: float | None = None  # when its steps began
        self.over: Over | None = None
        self.stopped = self.forgotten = False
        self._connection: Connection | None = None

    def take(self, news: News) -> None:
        self.losses += news.losses
        self.validation += news.validation
        self.steps = news.steps or self.steps
        if self.first is None and self.steps:
            self.first = time.monotonic()
        self.look = news.look or self.look

    def stop(self) -> None:
        """The training ends after its step; one that has not begun never begins."""
        self.stopped = True
        connection = self._connection
        if connection is not None:
            with contextlib.suppress(OSError):  # it is over already
                connection.send("stop")

    @property
    def seconds(self) -> float:
        """Since its first step was looked at; getting ready does not count."""
        return 0.0 if self.first is None else time.monotonic() - self.first

    @property
    def left(self) -> float:
        """Seconds that it is expected to take from now."""
        if self.started is None:
            return self.lesson.seconds
        return max(0.5, self.lesson.seconds - (time.monotonic() - self.started))


class Pool:
    def __init__(self, workers: int = WORKERS, idle: float = IDLE) -> None:
        self.idle = idle
        self._lanes = [_Lane(self, number) for number in range(workers)]
        self._line: deque[Job] = deque()
        self._news = threading.Condition()
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self._closed = False
        self._count = 0

    def warm(self, processes: int = 2) -> None:
        """Somebody may soon press Start: a process begins to import, for a lesson; a second one for
        a text of one's own."""
        with self._news:
            if not self._closed:
                for lane in self._lanes[:processes]:
                    lane.wake(ready=True)

    def submit(self, lesson: Lesson) -> Job:
        with self._news:
            if self._closed:
                raise RefusedError("The page is closing.")
            if len(self._line) >= MOST_WAITING:
                raise RefusedError(
                    f"{MOST_WAITING} trainings wait already: try again in a few minutes."
                )
            self._scratch = self._scratch or tempfile.TemporaryDirectory(prefix="tinygpt-live-")
            self._count += 1
            job = Job(lesson, Path(self._scratch.name, str(self._count)))
            self._line.append(job)
            for lane in self._lanes:
                lane.wake()
            self._news.notify_all()
        return job

    def place(self, job: Job) -> tuple[int, float] | None:
        """Place in the queue, from 1, and the seconds until its turn; None once it has begun."""
        with self._news:
            waiting = [other for other in self._line if not other.stopped]
            if job not in waiting:
                return None
            free = [lane.job.left if lane.job else 0.0 for lane in self._lanes]
        for number, other in enumerate(waiting, 1):
            lanes = range(len(free)) if other.lesson.seconds <= SHORT else range(1, len(free))
            soonest = min(lanes, key=lambda lane: free[lane])
            if other is job:
                return number, free[soonest]
            free[soonest] += other.lesson.seconds
        return None

    def forget(self, job: Job) -> None:
        """Deletes what it made; if it still runs, it is stopped, and its lane deletes it."""
        job.forgotten = True
        job.stop()
        if job.over is not None or job.started is None:
            shutil.rmtree(job.folder, ignore_errors=True)

    def close(self) -> None:
        """Stops everything and waits until no process is left."""
        with self._news:
            self._closed = True
            for job in self._line:
                job.stop()
            self._news.notify_all()
        for lane in self._lanes:
            lane.close()
        if self._scratch is not None:
            self._scratch.cleanup()
            self._scratch = None

    # For the lanes

    def next_job(self, lane: int) -> Job | None:
        """The first in the queue that this lane may take; None if it should sleep."""
        until = time.monotonic() + self.idle
        with self._news:
            while not self._closed and time.monotonic() < until:
                for job in self._line:
                    if lane > 0 or job.lesson.seconds <= SHORT:
                        self._line.remove(job)
                        return job
                self._news.wait(until - time.monotonic())
        return None


class _Lane:
    """One process at most, and the thread that talks to it."""

    def __init__(self, pool: Pool, number: int) -> None:
        self.pool, self.number = pool, number
        self.job: Job | None = None
        self._thread: threading.Thread | None = None
        self._process: multiprocessing.process.BaseProcess | None = None
        self._connection: Connection | None = None

    def wake(self, ready: bool = False) -> None:
        """`ready`: with a process that imports before there is a lesson for it."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._serve, args=(ready,), daemon=True)
            self._thread.start()

    def close(self) -> None:
        if self.job is not None:
            self.job.stop()
        if self._thread is not None:
            self._thread.join(10)
        self._end()

    def _serve(self, ready: bool) -> None:
        if ready or self.number == 0:
            self._process_ready()
        while (job := self.pool.next_job(self.number)) is not None:
            self.job = job
            try:
                job.over = Over(problem="Stopped.") if job.stopped else self._train(job)
            except Exception as error:
                _log.exception("a lesson failed")
                job.over = Over(problem=f"The training could not be run: {error}")
                self._end()
            finally:
                self.job = None
                if not job.lesson.kept or job.forgotten or job.over is None or job.over.problem:
                    shutil.rmtree(job.folder, ignore_errors=True)
        self._end()

    def _train(self, job: Job) -> Over:
        connection = self._process_ready()
        job.started, job._connection = time.monotonic(), connection
        try:
            connection.send((job.lesson, job.folder))
            return self._follow(job, connection)
        except (EOFError, OSError):
            self._end()
            return Over(problem="The process that trained ended unexpectedly; try again.")
        finally:
            job._connection = None

    def _follow(self, job: Job, connection: Connection) -> Over:
        until = time.monotonic() + job.lesson.seconds + _PATIENCE
        while connection.poll(max(0.0, until - time.monotonic())):
            message = connection.recv()
            if isinstance(message, Over):
                return message
            job.take(message)
        self._end()
        return Over(problem="The training took too long and was stopped.")

    def _process_ready(self) -> Connection:
        if self._process is None or not self._process.is_alive() or self._connection is None:
            self._end()
            context = multiprocessing.get_context("spawn")
            self._connection, theirs = context.Pipe()
            self._process = context.Process(target=work, args=(theirs,), daemon=True)
            self._process.start()
            theirs.close()
        return self._connection

    def _end(self) -> None:
        """A process ends by itself when its pipe is closed; one that does not is killed."""
        process, connection = self._process, self._connection
        self._process = self._connection = None
        if connection is not None:
            connection.close()
        if process is not None:
            process.join(5)
            if process.is_alive():
                process.kill()
                process.join()
            process.close()
