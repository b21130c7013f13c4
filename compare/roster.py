"""Who plays: what each visitor chose, and GPT-2 or, until it comes, a stand-in.

Nothing is loaded before it is asked for, so that the page is up before torch is. The loaders are
the only ways in; the page knows none of them.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TooSlow
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from .guests import PREFIX, Guests, new_key
from .values import Answers, RefusedError, Sampling
from .values.players import (
    BASELINE,
    CHAT,
    DEFAULT,
    EXAMPLE,
    EXAMPLES,
    LEARNED,
    OPENINGS,
    SEAT,
    STAND_IN,
    STORIES,
    STORIES_STAND_IN,
    TELLERS,
    WHOLE_STORY,
)

REPO_ID = re.compile(r"(?!.*\.\.)\w[\w.-]{0,95}/\w[\w.-]{0,95}(@\w[\w./-]{0,99})?", re.ASCII)
WAIT = 60.0  # seconds for a model to arrive
_KEPT = 4  # models from the Hub
_COMING = 4  # models from the Hub that are being loaded or wait for it
_AT_ONCE = 2  # loads from the Hub
GONE = (
    "That model was trained here and is gone: such a model is kept for an hour after its last use. "
    "To keep one for good, take it home and publish it."
)
_NAMED = "A model is named as user/name or user/name@revision."
_HOW = "To see the real one, start `python app.py` once while you are online."

Loader = Callable[[str], Answers]


def own_name(key: str) -> str:
    """What a model is called that was trained here: enough of its key to tell two apart."""
    return f"your text {key.removeprefix(PREFIX)[:3]}"


def not_gpt2(stand_in: str) -> str:
    learned = LEARNED[stand_in]
    return f"This is not GPT-2. It has GPT-2's design, but it is tiny and learned {learned}."


def shown(name: str) -> str:
    """A model's name for visitors, whom the folders of this machine do not concern."""
    return Path(name).name if Path(name).expanduser().is_absolute() else name


@dataclass(frozen=True)
class Own:
    """A model that was trained here: the contestant that it becomes, and where it lies."""

    coming: Future[Answers]
    folder: Path | None = None


@dataclass(frozen=True)
class Seat:
    """Who sits there and, where it is a stand-in for the baseline, why and how to change that."""

    contestant: Answers
    sentence: str = ""


class Roster:
    def __init__(
        self,
        names: list[str],
        load: Loader,
        *,
        left: str | None = None,
        baseline: str | None = BASELINE,
        load_baseline: Loader | None = None,
        load_stranger: Loader | None = None,
        lines: Mapping[str, str] | None = None,
        tuned_from: Mapping[str, str] | None = None,
    ) -> None:
        self.left = left or (STORIES if STORIES in names else DEFAULT)
        self.names, self.baseline = list(dict.fromkeys([self.left, *names])), baseline
        self._lines, self._tuned_from = lines or {}, tuned_from or {}
        self._load, self._load_stranger = load, load_stranger or load
        self.load_baseline = load_baseline or load
        self._futures: OrderedDict[str, Future[Answers]] = OrderedDict()
        self._guests: Guests[Own] = Guests()
        self._baseline: Future[Answers] | None = None
        self._lock = threading.Lock()
        # What is on disk must not wait behind a slow Hub, nor two models fight for the processor.
        self._disk, self._hub = threading.Semaphore(1), threading.Semaphore(_AT_ONCE)

    def begin(self, tell: Callable[[str, str], None] = lambda name, why: None) -> None:
        """Starts to load what the first screen needs, in the background; says who does not come."""
        started = {self.left: self._future(self.left)}
        stand_in = self.stand_in()
        self._future(stand_in)
        if self.baseline and self._baseline is None:
            after = self._future(stand_in)  # the offline pair first
            self._baseline = _in_background(
                lambda: (after.exception(), self.load_baseline(str(self.baseline)))[1], self._hub
            )
            started[self.baseline] = self._baseline

        def look(name: str, future: Future[Answers]) -> None:
            if error := future.exception():
                tell(name, _sentence(error))

        for name, future in started.items():
            future.add_done_callback(partial(look, name))

    def get(self, key: str, seconds: float = WAIT) -> Answers:
        """The contestant of that name, waited for; a name that was never offered is refused."""
        try:
            return self._future(key).result(seconds)
        except Exception as error:
            raise self._refusal(key, error) from error

    async def arrive(self, key: str, seconds: float = WAIT) -> Answers:
        """`get` for an event loop."""
        future = asyncio.shield(asyncio.wrap_future(self._future(key)))
        try:
            return await asyncio.wait_for(future, seconds)
        except Exception as error:
            raise self._refusal(key, error) from error

    def add(
        self,
        load: Callable[[str], Answers],
        farewell: Callable[[], object] = lambda: None,
        folder: Path | None = None,
    ) -> str:
        """A visitor's own model: whoever knows the key that it gets here may ask it."""
        key = new_key()
        own = Own(_in_background(lambda: load(key), self._disk), folder)
        self._guests.add(key, own, farewell)
        return key

    def folder(self, key: str) -> Path | None:
        """Where a visitor's own model lies, if it is still here."""
        own = self._guests.get(key)
        return None if own is None else own.folder

    def remove(self, key: str) -> None:
        """Before its hour is over."""
        self._guests.remove(key)

    def knows(self, key: str) -> bool:
        """Whether that model can sit down without anything being fetched."""
        return key == SEAT or key in self.names or key in self._guests

    def line(self, key: str) -> str:
        """A model as the menu names it: what it is, how big, what it knows."""
        if key.startswith(PREFIX):
            return f"{own_name(key)}: trained here by you"
        name = self.baseline_name if key == SEAT else shown(key)
        said = self._lines.get(key, "")
        return f"{name}: {said}" if said else name

    def before_tuning(self, key: str) -> str | None:
        """The model that this one was before it was tuned, where it is here too."""
        name = self._tuned_from.get(key)
        return name if name in self.names else None

    def has_a_story(self) -> bool:
        """Whether there is one who writes a story, and one who learned to answer about it."""
        return self.tells(STORIES) and self.before_tuning(CHAT) == STORIES

    def was_tuned(self, key: str) -> bool:
        """False for what others were tuned from: it may have the words for turns, and does not
        know what they are for."""
        return key not in self._tuned_from.values()

    @property
    def baseline_name(self) -> str:
        return "GPT-2" if self.baseline in (None, BASELINE) else shown(str(self.baseline))

    def tells(self, key: str) -> bool:
        """Whether it knows the world of the stories."""
        return key in TELLERS and STORIES in self.names

    def stand_in(self, seated: Iterable[str] = ()) -> str:
        """Who plays for the baseline: the one that learned from what the model beside it did.
        `seated` are the keys of both sides; without them it is the pair at first."""
        beside = next((key for key in seated if key != SEAT), self.left)
        fits = self.tells(beside) and STORIES_STAND_IN in self.names
        return STORIES_STAND_IN if fits else STAND_IN

    async def seat(self, key: str, seated: Iterable[str] = ()) -> Seat:
        """Whoever has that key; the baseline once it is there, which nobody waits for."""
        return await self._at_the_baseline(seated) if key == SEAT else Seat(await self.arrive(key))

    async def _at_the_baseline(self, seated: Iterable[str]) -> Seat:
        name = self.stand_in(seated)
        if self.baseline and self._baseline and self._baseline.done():
            error = self._baseline.exception()
            if error is None:
                return Seat(self._baseline.result())
            why = f"{self.baseline_name} could not be downloaded: {_sentence(error)}"
            sentence = f"{not_gpt2(name)} {why} {_HOW}"
        else:
            sentence = self.waiting_sentence(name)
        return Seat(await self.arrive(name), sentence)

    def waiting_sentence(self, stand_in: str) -> str:
        """What a stand-in says of itself while the baseline is not there."""
        said = not_gpt2(stand_in)
        if not self.baseline:
            return f"{said} The page was started with --baseline none. {_HOW}"
        return f"{said} {self.baseline_name} takes this pane as soon as it is loaded."

    def settled(self) -> bool:
        """Whether the right side will not change any more by itself."""
        return not self.baseline or bool(self._baseline and self._baseline.done())

    def example(self, key: str) -> str:
        return OPENINGS[0] if self.tells(key) else EXAMPLES.get(key, EXAMPLE)

    def length(self, key: str) -> int:
        """New tokens that it may write at first: a story is written to its end."""
        return WHOLE_STORY if self.tells(key) else Sampling.max_new_tokens

    def _future(self, key: str) -> Future[Answers]:
        if not isinstance(key, str):  # whatever a client may send
            raise RefusedError(_NAMED)
        with self._lock:
            if key.startswith(PREFIX):
                if (own := self._guests.get(key)) is None:
                    raise RefusedError(GONE)
                return own.coming
            if key not in self._futures:
                ours = key in self.names or key == STAND_IN
                if not ours and not REPO_ID.fullmatch(key):
                    raise RefusedError(_NAMED)
                load = self._load if ours else self._load_stranger
                if not ours:
                    self._make_room()
                turn = self._disk if ours else self._hub
                self._futures[key] = _in_background(lambda: load(key), turn)
            self._futures.move_to_end(key)
            return self._futures[key]

    def _make_room(self) -> None:
        strangers = [k for k in self._futures if k not in self.names and k != STAND_IN]
        there = [key for key in strangers if self._futures[key].done()]
        if len(strangers) - len(there) >= _COMING:
            raise RefusedError("Several models are being loaded already: try again in a moment.")
        for key in there[: max(0, len(there) + 1 - _KEPT)]:
            del self._futures[key]

    def _refusal(self, key: str, error: Exception) -> RefusedError:
        if isinstance(error, (TooSlow, asyncio.TimeoutError)):
            return RefusedError(f"{key} is still being loaded: try again in a moment.")
        with self._lock:
            self._futures.pop(str(key), None)  # so that the next visitor may try again
        if isinstance(error, RefusedError):
            return error
        return RefusedError(f"{key} cannot be loaded: {_sentence(error)}")


def _in_background(work: Callable[[], Answers], turn: threading.Semaphore) -> Future[Answers]:
    """A daemon, unlike the workers of a pool: a Hub that hangs must not keep the program alive."""
    future: Future[Answers] = Future()

    def run() -> None:
        try:
            with turn:
                result = work()
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(result)

    threading.Thread(target=run, name="load", daemon=True).start()
    return future


def _sentence(error: BaseException) -> str:
    """An error as a visitor may see it: its first line if it was meant to be read, or its kind."""
    lines = str(error).strip().splitlines()
    meant = isinstance(error, (RefusedError, ValueError, OSError)) and lines
    return lines[0][:300] if meant else type(error).__name__
