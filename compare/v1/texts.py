"""An active text of a client: where it ends, and why, in the protocol's words."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol

from compare.v1.errors import ApiError
from compare.values import Chunk, LogOdds

LOOK, SHOW = 0.05, 0.25  # seconds: until there is news, and between two messages to one client
_FINISH = {
    "end of text": "stop",
    "stop text": "stop",
    "stopped": "stop",
    "length reached": "length",
    "window full": "length",
    "out of time": "length",
}


class Written(Protocol):
    """What the engine gives for a request."""

    prompt: int

    @property
    def stage(self) -> tuple[int, str | None]: ...
    def chunk(self) -> Chunk: ...
    def log_odds(self) -> list[LogOdds]: ...
    def cancel(self) -> None: ...


class Text:
    """One of the texts of an answer, cut where a stop text begins."""

    def __init__(self, live: Written, stop: Sequence[str]) -> None:
        self.live, self._stop = live, stop
        self.sent = ""
        self.sent_odds = 0

    @property
    def finish(self) -> str | None:
        """Why it ended; None while it is written."""
        why = self.live.stage[1]
        if why is None:
            return None
        if why not in _FINISH:
            raise ApiError(f"The text ended: {why}.", status=500, code="generation_failed")
        return _FINISH[why]

    @property
    def tokens(self) -> int:
        return self.live.stage[0]

    def whole(self) -> str:
        text = self.live.chunk().text
        found = [at for at in map(text.find, self._stop) if at >= 0]
        return text[: min(found)] if found else text

    def more(self, ended: bool) -> str:
        """What has been written since the last look. What may become a stop text waits."""
        text = self.whole()
        if self._stop and not ended:
            text = text[: len(text) - self._held_back(text)]
        new, self.sent = text[len(self.sent) :], max(text, self.sent, key=len)
        return new

    def _held_back(self, text: str) -> int:
        longest = max(map(len, self._stop)) - 1
        for size in range(min(longest, len(text)), 0, -1):
            if any(stop.startswith(text[-size:]) for stop in self._stop):
                return size
        return 0

    def more_odds(self) -> list[LogOdds]:
        odds = self.live.log_odds()
        new, self.sent_odds = odds[self.sent_odds :], len(odds)
        return new


async def all_written(texts: Sequence[Text]) -> None:
    while any(text.live.stage[1] is None for text in texts):
        await asyncio.sleep(LOOK)


async def as_written(texts: Sequence[Text]) -> AsyncIterator[tuple[int, str, str | None]]:
    """The number of a text, what is new of it and, at its end, why it ended."""
    under_way = dict(enumerate(texts))
    while under_way:
        for number, text in list(under_way.items()):
            finish = text.finish  # before the look: what comes in between is seen
            new = text.more(finish is not None)
            if new or finish:
                yield number, new, finish
            if finish:
                del under_way[number]
        # Short pauses until every client has read something; then at most four messages a second.
        waiting = any(not text.sent for text in under_way.values())
        await asyncio.sleep(LOOK if waiting else SHOW)


def cancel(texts: Sequence[Text]) -> None:
    for text in texts:
        text.live.cancel()


def usage(texts: Sequence[Text], prompts: int) -> dict[str, Any]:
    written = sum(text.tokens for text in texts)
    return {
        "prompt_tokens": prompts,
        "completion_tokens": written,
        "total_tokens": prompts + written,
    }
