"""What one request has so far: written by the thread that generates, read by any."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from compare.values import Sampling

STOPPED, LATE = "stopped", "out of time"
LENGTH, END, FULL, MARK = "length reached", "end of text", "window full", "stop text"
NO_MEMORY, FAILED = "out of memory", "failed"


@dataclass
class Wishes:
    """What a request may ask for besides the text."""

    # Called after each token; if it returns true, the text ends.
    enough: Callable[[Sequence[int]], bool] | None = None
    likeliest: int | None = None  # log-probabilities of each token and of this many likeliest ones


@dataclass
class TokenOdds:
    """How likely a token was and the likeliest ones in its place: in nats, before any setting."""

    chosen: float
    best: list[tuple[int, float]] = field(default_factory=list)


class Progress:
    def __init__(self, sampling: Sampling, seconds: float, wishes: Wishes | None = None) -> None:
        self.sampling, self.wishes = sampling, wishes or Wishes()
        self.ids: list[int] = []
        self.log_odds: list[TokenOdds] = []  # as long as `ids`, where asked for
        self.started = time.perf_counter()
        self.deadline = self.started + seconds
        self.first: float | None = None  # seconds until the first token
        self.ended: float | None = None
        self.stopped: str | None = None
        self._cancelled = False
        self._news = threading.Condition()
        self._waiting = 0

    def append(self, token: int) -> None:
        self.ids.append(token)
        if self.first is None:
            self.first = time.perf_counter() - self.started
        if self._waiting:  # a lock for every token of every text would be a tenth of a step
            with self._news:
                self._news.notify_all()

    def end(self, why: str) -> None:
        with self._news:
            if self.stopped is None:
                self.stopped, self.ended = why, time.perf_counter()
            self._news.notify_all()

    def cancel(self) -> None:
        """Asks for the end; the work is dropped before its next step."""
        self._cancelled = True

    def why_end_now(self, moment: float | None = None) -> str | None:
        if self._cancelled:
            return STOPPED
        return LATE if (moment or time.perf_counter()) > self.deadline else None

    def why_full(self, ends: set[int], window: int | None, prompt: int) -> str | None:
        """Why there is no next token: by its own end, by the length asked for, by the window."""
        if self.ids and self.ids[-1] in ends:
            return END
        if self.wishes.enough is not None and self.wishes.enough(self.ids):
            return MARK
        if len(self.ids) >= self.sampling.max_new_tokens:
            return LENGTH
        return FULL if window is not None and prompt + len(self.ids) >= window else None

    def wait(self, seconds: float) -> None:
        """Until there is a token more, or the end, or that long."""
        with self._news:
            if self.stopped is None:
                self._waiting += 1
                self._news.wait(seconds)
                self._waiting -= 1

    @property
    def seconds(self) -> float:
        return (self.ended or time.perf_counter()) - self.started


def log_odds(row: Tensor, token: int, likeliest: int) -> TokenOdds:
    """From the logarithms of one row's odds."""
    best = row.topk(min(likeliest, len(row)))
    pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
    return TokenOdds(float(row[token]), list(pairs))


def why(error: Exception) -> str:
    """An error of torch in the words of the page; on a CPU, a lack of memory is a RuntimeError."""
    text = f"{type(error).__name__} {error}"
    lacks = isinstance(error, MemoryError) or "OutOfMemory" in text or "allocate memory" in text
    return NO_MEMORY if lacks else FAILED
