"""How many threads train fastest now, given what else the machine does.

A matrix product is split among the threads, and the fast ones wait for the last. On two idle cores
two threads are 1.5 times as fast as one; with one core taken by something else they are two to
three times slower than one. This cannot be known beforehand, so the training tries it from time to
time.
"""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Callable

_KNOWN, _TRIED = 8, 4  # steps that are compared; the first of a try is not counted
_EVERY = 2.0  # seconds from try to try
_BETTER = 0.95  # of the time a step took before


class Threads:
    """Gets each step's time and from time to time tries another number of threads."""

    def __init__(
        self, most: int, use: Callable[[int], None], now: Callable[[], float] = time.monotonic
    ) -> None:
        self.counts = [*(n for n in (1, 2, 4, 8, 16, 32) if n < most), most]
        self.use, self.now = use, now
        self.at, self.trying = len(self.counts) - 1, -1
        self.known: deque[float] = deque(maxlen=_KNOWN)
        self.tried: list[float] = []
        self.next_try = 0.0
        self.upwards = True

    def took(self, seconds: float) -> None:
        if self.trying >= 0:
            self.tried.append(seconds)
            self._judge()
        else:
            self.known.append(seconds)
            if len(self.known) == _KNOWN and self.now() >= self.next_try:
                self._try()

    def _try(self) -> None:
        self.upwards = not self.upwards
        other = self.at + (1 if self.upwards else -1)
        if not 0 <= other < len(self.counts):
            self.upwards = not self.upwards
            other = self.at + (1 if self.upwards else -1)
        if 0 <= other < len(self.counts):  # there is more than one core
            self.trying, self.tried = other, []
            self.use(self.counts[other])

    def _judge(self) -> None:
        before, counted = statistics.mean(self.known), self.tried[1:]
        hopeless = len(counted) == 1 and counted[0] > 2 * before
        if len(self.tried) < _TRIED and not hopeless:
            return
        if statistics.mean(counted) < _BETTER * before:
            self.at = self.trying
        else:
            self.use(self.counts[self.at])
        self.trying = -1
        self.known.clear()
        self.next_try = self.now() + _EVERY
