"""How many requests a visitor may make: what comes faster waits, so that nobody else has to.

A page that asks without end, by a fault of its own or on purpose, is slowed down to a pace that the
server bears. It is not refused: a visitor in a hurry sees no error, only a little delay.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

RATE = 4.0  # requests a second, for as long as it goes on
BURST = 40  # that may come at once: opening the page takes about a dozen
MOST_WAITING = 20  # of one visitor; what comes beyond is refused
# All ways to make the server work: the page's own, those of clients with and without a queue, MCP.
_WORK = re.compile(r"/gradio_api/(queue/join|(run|api|call)/.+|component_server|mcp\b.*)/?$")
_UPLOAD = re.compile(r"/gradio_api/upload/?$")  # no part of the page takes a file
_VISITORS = 1_000  # whose pace is known; who comes back later starts anew
_LARGEST = 4_000_000  # bytes of a request: a text of 1 MB, written as JSON

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


@dataclass
class Bucket:
    """The requests that a visitor has left; they come back at `RATE`."""

    left: float = BURST
    at: float = field(default_factory=time.monotonic)
    waiting: int = 0

    def take(self, now: float) -> float:
        """Takes one request, and says how many seconds it has to wait."""
        self.left = min(BURST, self.left + (now - self.at) * RATE) - 1
        self.at = now
        return max(0.0, -self.left / RATE)


class Pace:
    """ASGI middleware round the page."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self.app = app
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        asks = scope["type"] == "http" and scope["method"] == "POST"
        if asks and _UPLOAD.search(scope["path"]):
            await _refuse(send, 404, "This page takes no files.")
            return
        if not asks or not _WORK.search(scope["path"]):
            await self.app(scope, receive, send)
            return
        body = await _read(receive)
        if body is None:
            await _refuse(send, 413, "The request is too large.")
        elif not await self._turn(_visitor(body, scope)):
            await _refuse(send, 429, "Too many requests at once: wait a moment.")
        else:
            await self.app(scope, _again(body, receive), send)

    async def _turn(self, visitor: str) -> bool:
        """Waits for the visitor's turn; False where too many wait already."""
        bucket = self._buckets.setdefault(visitor, Bucket())
        self._buckets.move_to_end(visitor)
        while len(self._buckets) > _VISITORS:
            self._buckets.popitem(last=False)
        if bucket.waiting >= MOST_WAITING:
            return False
        bucket.waiting += 1
        try:
            await asyncio.sleep(bucket.take(time.monotonic()))
        finally:
            bucket.waiting -= 1
        return True


def _visitor(body: bytes, scope: Message) -> str:
    """The session, or the address of a client that names none: behind a proxy, the one that the
    proxy saw."""
    with suppress(ValueError, KeyError, TypeError):
        return str(json.loads(body)["session_hash"])
    seen = dict(scope.get("headers") or ()).get(b"x-forwarded-for", b"").decode("latin-1")
    return seen.rpartition(",")[2].strip() or str((scope.get("client") or ("",))[0])


async def _read(receive: Receive) -> bytes | None:
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":  # the client is gone
            break
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > _LARGEST:
            return None
        more = message.get("more_body", False)
    return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    """The body once more, for whoever reads it next."""
    given = False

    async def read() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return read


async def _refuse(send: Send, status: int, sentence: str) -> None:
    content = json.dumps({"detail": sentence}).encode()
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
