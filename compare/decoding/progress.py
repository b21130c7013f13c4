"""What one request has so far, as tokens and as text: written by one thread, read by any."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from torch import Tensor
from transformers import PreTrainedTokenizerBase

from compare.values import Chunk, LogOdds, Sampling

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


class Live:
    """One text that is being written."""

    def __init__(
        self,
        progress: Progress,
        tokenizer: PreTrainedTokenizerBase,
        notes: list[str],
        prompt: int,
        name: Callable[[int], str],
    ) -> None:
        self._progress, self._tokenizer, self.notes = progress, tokenizer, notes
        self.prompt = prompt  # tokens of it
        self._name = name

    @property
    def stage(self) -> tuple[int, str | None]:
        return len(self._progress.ids), self._progress.stopped

    def chunk(self) -> Chunk:
        progress = self._progress
        stopped, ids = progress.stopped, list(progress.ids)
        text = self._tokenizer.decode(ids, skip_special_tokens=True)
        if stopped is None:
            text = text.rstrip("\N{REPLACEMENT CHARACTER}")  # a character whose bytes are coming
        return Chunk(text, len(ids), progress.seconds, progress.first, stopped)

    def log_odds(self) -> list[LogOdds]:
        """Of every token so far, where they were asked for."""
        name, odds = self._name, list(self._progress.log_odds)
        return [
            LogOdds(name(token), of.chosen, [(name(other), value) for other, value in of.best])
            for token, of in zip(self._progress.ids, odds, strict=False)
        ]

    def cancel(self) -> None:
        self._progress.cancel()

    def wait(self, seconds: float) -> None:
        self._progress.wait(seconds)


def said_one_of(
    stop: tuple[str, ...], tokenizer: PreTrainedTokenizerBase
) -> Callable[[Sequence[int]], bool]:
    """Whether one of these texts has just been written: a look at the last tokens."""
    longest = max(len(text.encode()) for text in stop) + 4  # a token has a byte at least

    def enough(ids: Sequence[int]) -> bool:
        text = tokenizer.decode(list(ids[-longest:]), skip_special_tokens=True)
        return any(each in text for each in stop)

    return enough


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
