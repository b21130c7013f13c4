"""Models that visitors have trained: each is kept for an hour after its last use, then deleted.

A model is found by its key alone, which is random and long. The newest sixteen are kept at most.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

PREFIX = "own-"  # how every key begins
HOUR = 3600.0  # seconds after the last use
MOST = 16
_LOOK = 30.0  # seconds between looks for those whose time is over
T = TypeVar("T")


def new_key() -> str:
    return PREFIX + secrets.token_hex(16)


@dataclass
class _Guest(Generic[T]):
    model: T
    farewell: Callable[[], object]
    used: float = field(default_factory=time.monotonic)


class Guests(Generic[T]):
    """Whoever stays an hour. A thread looks after them while there are any."""

    def __init__(self, hour: float = HOUR, look: float = _LOOK) -> None:
        self.hour, self.look = hour, look
        self._there: OrderedDict[str, _Guest[T]] = OrderedDict()
        self._lock = threading.Lock()
        self._watch: threading.Thread | None = None

    def add(self, key: str, model: T, farewell: Callable[[], object] = lambda: None) -> None:
        """`farewell` deletes what lies on disk when the guest goes."""
        with self._lock:
            self._there[key] = _Guest(model, farewell)
            gone = [self._there.popitem(last=False)[1] for _ in range(len(self._there) - MOST)]
            if self._watch is None or not self._watch.is_alive():
                self._watch = threading.Thread(target=self._look_after, daemon=True)
                self._watch.start()
        for guest in gone:
            guest.farewell()

    def get(self, key: str) -> T | None:
        """The model, which counts as used now."""
        with self._lock:
            guest = self._there.get(key)
            if guest is None:
                return None
            guest.used = time.monotonic()
            self._there.move_to_end(key)
            return guest.model

    def __contains__(self, key: object) -> bool:
        return key in self._there

    def remove(self, key: str) -> None:
        with self._lock:
            guest = self._there.pop(key, None)
        if guest is not None:
            guest.farewell()

    def sweep(self) -> None:
        """Says farewell to those whose hour is over."""
        until = time.monotonic() - self.hour
        for key in [key for key, guest in [*self._there.items()] if guest.used < until]:
            self.remove(key)

    def _look_after(self) -> None:
        while True:
            time.sleep(self.look)
            self.sweep()
            with self._lock:
                if not self._there:
                    self._watch = None
                    return
