"""One loop for each model: every step gives each active text its next token, in one batch.

Requests join and leave between steps. Each has its own settings and its own seed, and gets the text
that it would get alone. The loop runs in a thread while there is something to do, or is stepped by
hand (`threaded=False`), as tests do and a forked process needs. `window` is the length at which a
text that cannot slide ends.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from compare.decoding.cache import CHUNK
from compare.decoding.forward import Forward, Weights
from compare.decoding.progress import FAILED, Progress, Wishes, log_odds
from compare.decoding.progress import why as why_failed
from compare.decoding.sampling import Chooser, Crowd, choose
from compare.values import BusyError, Sampling

_log = logging.getLogger(__name__)
_IDLE = 5.0  # seconds after which the thread ends; the next request starts it again


@dataclass(eq=False)
class _Row:
    """An active text. Its place in the list of rows is its place in the cache."""

    progress: Progress
    ids: list[int]
    prompt: int
    longest: int  # tokens at which it ends, if not before
    chooser: Chooser
    skipped: int = 0  # ids at the beginning that nothing can see any more
    read: int = 0  # how many ids the cache has been through


class DecodeLoop:
    def __init__(
        self,
        weights: Weights,
        ends: Iterable[int] = (),
        window: int | None = None,
        *,
        most_waiting: int = 256,
        seconds: float = 60,
        threaded: bool = True,
    ) -> None:
        self._weights, self._ends, self._window = weights, set(ends), window
        self._most_waiting, self._seconds, self._threaded = most_waiting, seconds, threaded
        self._forward = Forward(weights)
        self._cache = self._forward.cache
        self._rows: list[_Row] = []
        self._waiting: deque[_Row] = deque()
        self._crowd: Crowd | None = None
        self._change = threading.Condition()
        self._thread: threading.Thread | None = None
        self.steps = 0

    def start(
        self, prompt: list[int], sampling: Sampling, wishes: Wishes | None = None
    ) -> Progress:
        """Accepts a request; the text appears in the returned progress."""
        progress = Progress(sampling, self._seconds, wishes)
        chance = torch.Generator(self._weights.embed.device).manual_seed(sampling.seed)
        seen = set(prompt) if sampling.repetition_penalty != 1 else None
        chooser = Chooser(sampling, chance, seen)
        longest = min(len(prompt) + sampling.max_new_tokens, self._window or sys.maxsize)
        skipped = max(0, len(prompt) - self._weights.reach)
        row = _Row(progress, list(prompt), len(prompt), longest, chooser, skipped, skipped)
        with self._change:
            if len(self._waiting) >= self._most_waiting:
                raise BusyError(f"{len(self._waiting)} texts are waiting already: try again soon.")
            self._waiting.append(row)
            if self._threaded and self._thread is None:
                self._thread = threading.Thread(target=self._run, name="decode", daemon=True)
                self._thread.start()
            self._change.notify()
        return progress

    @property
    def load(self) -> int:
        """Texts that are active and waiting."""
        return len(self._rows) + len(self._waiting)

    def step(self) -> bool:
        """One token for every text; False if there was nothing to do."""
        self._drop_ended()
        self._admit()
        if not self._rows:
            return False
        self.steps += 1
        self._ended: dict[int, str] = {}  # by place; all leave together after the step
        try:
            with torch.inference_mode():
                for group in self._groups():
                    self._advance(group)
            self._leave(self._ended)
        except Exception as error:  # of torch: the texts in the batch end with it, the loop goes on
            if (reason := why_failed(error)) == FAILED:
                _log.exception("a step failed")
            self._leave(dict.fromkeys(range(len(self._rows)), reason))
        self._cache.advance()
        return True

    def _run(self) -> None:
        while True:
            if self.step():
                continue
            with self._change:
                if not self._waiting and not self._change.wait(_IDLE):
                    self._cache.free()
                    self._thread = None
                    return

    def _admit(self) -> None:
        if not self._waiting:
            return
        with self._change:
            waiting, self._waiting = self._waiting, deque()
            longest = max((self._reach(row) for row in self._rows), default=0)
            for row in waiting:
                if reason := row.progress.why_end_now():
                    row.progress.end(reason)
                elif self._cache.has_room(len(self._rows) + 1, max(longest, self._reach(row))):
                    longest = max(longest, self._reach(row))
                    self._join(row)
                else:
                    self._waiting.append(row)

    def _reach(self, row: _Row) -> int:
        """How many of its tokens the cache may have to hold."""
        return len(row.ids) - row.skipped + row.progress.sampling.max_new_tokens

    def _join(self, row: _Row) -> None:
        tokens = len(row.ids) - row.skipped
        again = self._reads_again(row)
        self._cache.join(tokens, 1 if again else -(-tokens // CHUNK))
        self._rows.append(row)

    def _drop_ended(self) -> None:
        moment = time.perf_counter()
        ended = {}
        for place, row in enumerate(self._rows):
            if reason := row.progress.why_end_now(moment):
                ended[place] = reason
        self._leave(ended)

    def _leave(self, ended: dict[int, str]) -> None:
        for place in sorted(ended, reverse=True):  # the last first: then fewer have to be moved
            row, last = self._rows[place], self._rows.pop()
            self._cache.leave(place)
            if last is not row:
                self._rows[place] = last
            row.progress.end(ended[place])

    def _reads_again(self, row: _Row) -> bool:
        return self._weights.recomputes and len(row.ids) > self._weights.window

    def _groups(self) -> list[list[int]]:
        """Rows that go through the model together: those that need one token, those whose prompt
        is still being read, and those that read their whole window again; large ones in parts."""
        one: list[int] = []
        reading: list[int] = []
        again: list[int] = []
        for place, row in enumerate(self._rows):
            if self._reads_again(row):
                again.append(place)
            else:
                (one if len(row.ids) - row.read == 1 else reading).append(place)
        window = self._weights.window
        groups = [one] if one else []
        for rows, tokens in ((reading, min(CHUNK, window)), (again, window)):
            size = self._forward.at_once(tokens, min(window, tokens))
            groups += [rows[i : i + size] for i in range(0, len(rows), size)]
        return groups

    def _advance(self, places: list[int]) -> None:
        rows = [self._rows[place] for place in places]
        inputs, first = [], []
        again = self._reads_again(rows[0])  # then all of the group do
        for place, row in zip(places, rows, strict=True):
            read, known = row.read, len(row.ids)
            if again:
                inputs.append(row.ids[-self._weights.window :])
                first.append(0)
                row.read = known
                self._cache.begins[place] = self._cache.now - self._weights.window + 1
            else:
                row.read = min(known, read + CHUNK)
                inputs.append(row.ids[read : row.read])
                first.append(read - row.skipped)
        logits = self._forward.read(places, inputs, first)
        ready = [at for at, row in enumerate(rows) if row.read == len(row.ids)]
        if not ready:
            return
        if len(ready) < len(rows):
            logits, rows = logits[ready], [rows[at] for at in ready]
            places = [places[at] for at in ready]
        for place, row, token in zip(places, rows, self._choose(logits, rows), strict=True):
            progress = row.progress
            row.ids.append(token)
            progress.append(token)
            if row.chooser.seen is not None:
                row.chooser.seen.add(token)
            may_end = token in self._ends or len(row.ids) >= row.longest or progress.wishes.enough
            if may_end and (why := progress.why_full(self._ends, self._window, row.prompt)):
                self._ended[place] = why

    def _choose(self, logits: Tensor, rows: list[_Row]) -> list[int]:
        choosers = [row.chooser for row in rows]
        if self._crowd is None or self._crowd.choosers != choosers:
            self._crowd = Crowd(choosers, logits.shape[-1], logits.device)
        asked = [at for at, row in enumerate(rows) if row.progress.wishes.likeliest is not None]
        odds = logits[asked].float().log_softmax(-1) if asked else None
        tokens = choose(logits, self._crowd)
        if odds is not None:
            for at, of in zip(asked, odds, strict=True):
                progress = rows[at].progress
                progress.log_odds.append(log_odds(of, tokens[at], progress.wishes.likeliest or 0))
        return tokens
