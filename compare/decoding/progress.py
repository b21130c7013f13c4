"""What one request has so far: written by the thread that generates, read by any."""

from __future__ import annotations

import threading
import time

from compare.values import Sampling

STOPPED, LATE = "stopped", "out of time"
LENGTH, END, FULL = "length reached", "end of text", "window full"
NO_MEMORY, FAILED = "out of memory", "failed"


class Progress:
    def __init__(self, sampling: Sampling, seconds: float) -> None:
        self.sampling = sampling
        self.ids: list[int] = []
        self.started = time.perf_counter()
        self.deadline = self.started + seconds
        self.first: float | None = None  # seconds until the first token
        self.ended: float | None = None
        self.stopped: str | None = None
        self._cancelled = False
        self._news = threading.Condition()

    def append(self, token: int) -> None:
        with self._news:
            if self.first is None:
                self.first = time.perf_counter() - self.started
            self.ids.append(token)
            self._news.notify_all()

    def end(self, why: str) -> None:
        with self._news:
            if self.stopped is None:
                self.stopped, self.ended = why, time.perf_counter()
            self._news.notify_all()

    def cancel(self) -> None:
        """Asks for the end; the work is dropped before its next step."""
        self._cancelled = True

    def why_end_now(self) -> str | None:
        if self._cancelled:
            return STOPPED
        return LATE if time.perf_counter() > self.deadline else None

    def why_full(self, ends: set[int], window: int | None, prompt: int) -> str | None:
        """Why there is no next token: by its own end, by the length asked for, by the window."""
        if self.ids and self.ids[-1] in ends:
            return END
        if len(self.ids) >= self.sampling.max_new_tokens:
            return LENGTH
        return FULL if window is not None and prompt + len(self.ids) >= window else None

    def wait(self, seconds: float) -> None:
        with self._news:
            if self.stopped is None:
                self._news.wait(seconds)

    @property
    def seconds(self) -> float:
        return (self.ended or time.perf_counter()) - self.started


def why(error: Exception) -> str:
    """An error of torch in the words of the page; on a CPU, a lack of memory is a RuntimeError."""
    text = f"{type(error).__name__} {error}"
    lacks = isinstance(error, MemoryError) or "OutOfMemory" in text or "allocate memory" in text
    return NO_MEMORY if lacks else FAILED
