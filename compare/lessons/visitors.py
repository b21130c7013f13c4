"""Which visitor trains what, so that Stop ends the right training and nothing outlives a visit."""

from __future__ import annotations

import asyncio
import atexit
import weakref
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

from compare.lessons.lessons import Lesson
from compare.lessons.pool import Job, Pool

_LOOK = 0.12  # seconds between looks at a training
_SHARE = 0.02  # and so much more for each that runs, since messages cost the server time
T = TypeVar("T")


class Classroom:
    def __init__(self, pool: Pool | None = None) -> None:
        self.pool = pool or Pool()
        self._running: dict[str, list[Job]] = {}
        self._kept: dict[str, Job] = {}
        # Before multiprocessing's own end, which would wait for processes that wait for us.
        atexit.register(_close, weakref.ref(self.pool))

    async def follow(
        self, visitor: str, lessons: list[Lesson], show: Callable[[list[Job]], T]
    ) -> AsyncIterator[T]:
        """Trains; yields what `show` makes of it. A caller that stops listening stops the
        training."""
        self.stop(visitor)
        jobs = [self.pool.submit(lesson) for lesson in lessons]
        self._running[visitor] = jobs
        try:
            shown = None
            while not all(job.over for job in jobs):
                before, shown = shown, show(jobs)
                if shown != before:
                    yield shown
                await asyncio.sleep(_LOOK + _SHARE * len(self._running))
            self._keep(visitor, jobs[-1])
            yield show(jobs)
        finally:
            if self._running.get(visitor) is jobs:
                del self._running[visitor]
            for job in jobs:
                if job is not self._kept.get(visitor):
                    self.pool.forget(job)

    def stop(self, visitor: str) -> None:
        for job in self._running.get(visitor, ()):
            job.stop()

    def waiting(self, job: Job) -> str:
        """Its place in the queue before it begins, as a sentence."""
        place = self.pool.place(job)
        if place is None:
            return "A process is being started ..." if job.started is None else ""
        number, seconds = place
        if number == 1 and seconds < 1:
            return "Starting ..."
        return f"Place {number} in the line; your turn comes in about {seconds:.0f} s."

    def _keep(self, visitor: str, job: Job) -> None:
        if job.lesson.kept and job.over and not job.over.problem:
            self._drop(visitor)
            self._kept[visitor] = job

    def take(self, visitor: str) -> Job | None:
        """The model that this visitor has just trained; the caller deletes it."""
        return self._kept.pop(visitor, None)

    def leave(self, visitor: str) -> None:
        self.stop(visitor)
        self._drop(visitor)

    def _drop(self, visitor: str) -> None:
        job = self._kept.pop(visitor, None)
        if job is not None:
            self.pool.forget(job)

    def close(self) -> None:
        for visitor in {*self._running, *self._kept}:
            self.leave(visitor)
        self.pool.close()


def _close(pool: weakref.ref[Pool]) -> None:
    alive = pool()
    if alive is not None:
        alive.close()
