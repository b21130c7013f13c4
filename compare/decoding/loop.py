"""One loop a model: every step gives each text under way its next token, all in one batch.

Requests join and leave between steps. Each has its own settings and its own seed, and gets the text
that it would get alone. The loop runs in a thread while there is something to do, or is stepped by
hand (`threaded=False`), as tests do and as a forked process needs it. `window` is where a text ends
that cannot slide.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import torch

from compare.decoding.forward import CHUNK, Rows
from compare.decoding.progress import FAILED, Progress, why
from compare.decoding.sampling import Chooser, choose
from compare.decoding.weights import Lean
from compare.values import Refusal, Sampling

_log = logging.getLogger(__name__)
_IDLE = 5.0  # seconds after which the thread ends; the next request starts it again


@dataclass(eq=False)
class _Row:
    """A text under way. Its place in the list of rows is its place in the cache."""

    progress: Progress
    ids: list[int]
    prompt: int
    chooser: Chooser
    skipped: int = 0  # ids at the beginning that nothing can see any more
    read: int = 0  # how many ids the cache has been through


class DecodeLoop:
    def __init__(
        self,
        lean: Lean,
        ends: Iterable[int] = (),
        window: int | None = None,
        *,
        most_waiting: int = 128,
        seconds: float = 60,
        threaded: bool = True,
    ) -> None:
        self._lean, self._ends, self._window = lean, set(ends), window
        self._most_waiting, self._seconds, self._threaded = most_waiting, seconds, threaded
        self._cache = Rows(lean)
        self._rows: list[_Row] = []
        self._waiting: deque[_Row] = deque()
        self._change = threading.Condition()
        self._thread: threading.Thread | None = None
        self.steps = 0

    def start(self, prompt: list[int], sampling: Sampling) -> Progress:
        """Takes a request in; the text appears in what it returns."""
        progress = Progress(sampling, self._seconds)
        chance = torch.Generator(self._lean.embed.device).manual_seed(sampling.seed)
        chooser = Chooser(sampling, chance, set(prompt))
        skipped = max(0, len(prompt) - self._lean.reach)
        row = _Row(progress, list(prompt), len(prompt), chooser, skipped, skipped)
        with self._change:
            if len(self._waiting) >= self._most_waiting:
                raise Refusal(f"{len(self._waiting)} texts are waiting already: try again soon.")
            self._waiting.append(row)
            if self._threaded and self._thread is None:
                self._thread = threading.Thread(target=self._run, name="decode", daemon=True)
                self._thread.start()
            self._change.notify()
        return progress

    @property
    def load(self) -> int:
        """Texts under way and waiting."""
        return len(self._rows) + len(self._waiting)

    def step(self) -> bool:
        """One token for everybody; False where there was nothing to do."""
        self._drop_ended()
        self._admit()
        if not self._rows:
            return False
        self.steps += 1
        try:
            with torch.inference_mode():
                for group in self._groups():
                    self._advance(group)
        except Exception as error:  # of torch: whoever is in the batch is told, the loop goes on
            if (reason := why(error)) == FAILED:
                _log.exception("a step failed")
            for row in list(self._rows):
                self._leave(row, reason)
        return True

    def _run(self) -> None:
        while True:
            if self.step():
                continue
            with self._change:
                if not self._waiting and not self._change.wait(_IDLE):
                    self._thread = None
                    return

    def _admit(self) -> None:
        with self._change:
            waiting, self._waiting = self._waiting, deque()
            for row in waiting:
                if reason := row.progress.why_end_now():
                    row.progress.end(reason)
                elif len(self._rows) < self._cache.most:
                    self._rows.append(row)
                else:
                    self._waiting.append(row)

    def _drop_ended(self) -> None:
        for row in list(self._rows):
            if reason := row.progress.why_end_now():
                self._leave(row, reason)

    def _leave(self, row: _Row, reason: str) -> None:
        place, last = self._rows.index(row), len(self._rows) - 1
        self._cache.leave(place, last)
        self._rows[place] = self._rows[last]
        self._rows.pop()
        row.progress.end(reason)

    def _groups(self) -> list[list[_Row]]:
        """Rows that go through the model together: those that need one token, those whose prompt
        is still being read, and those that read their whole window again; large ones in parts."""
        one: list[_Row] = []
        reading: list[_Row] = []
        again: list[_Row] = []
        for row in self._rows:
            if self._lean.recomputes and len(row.ids) > self._lean.window:
                again.append(row)
            else:
                (one if len(row.ids) - row.read == 1 else reading).append(row)
        window = self._lean.window
        groups = [one] if one else []
        for rows, tokens in ((reading, min(CHUNK, window)), (again, window)):
            size = self._cache.at_once(tokens, min(window, tokens))
            groups += [rows[i : i + size] for i in range(0, len(rows), size)]
        return groups

    def _advance(self, rows: list[_Row]) -> None:
        places = {id(row): place for place, row in enumerate(self._rows)}
        inputs, first = [], []
        for row in rows:
            if self._lean.recomputes and len(row.ids) > self._lean.window:
                inputs.append(row.ids[-self._lean.window :])
                first.append(0)
                row.read = len(row.ids)
            else:
                inputs.append(row.ids[row.read : row.read + CHUNK])
                first.append(row.read - row.skipped)
                row.read += len(inputs[-1])
        logits = self._cache.read([places[id(row)] for row in rows], inputs, first)
        ready = [at for at, row in enumerate(rows) if row.read == len(row.ids)]
        if not ready:
            return
        done = [rows[at] for at in ready]
        logits = logits if len(done) == len(rows) else logits[ready]
        for row, token in zip(done, choose(logits, [r.chooser for r in done]), strict=True):
            self._append(row, token)

    def _append(self, row: _Row, token: int) -> None:
        row.ids.append(token)
        row.chooser.seen.add(token)
        row.progress.append(token)
        if reason := row.progress.why_full(self._ends, self._window, row.prompt):
            self._leave(row, reason)
