"""Everything that can go wrong between a client and the Hub, chosen at random from a seed.

A fault belongs to an account, so that many publishes can fail side by side on one Hub: the account
is known by its token, or by the owner in the path where large files go without one.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import signal
from dataclasses import dataclass, field

KINDS = (
    "500",
    "503",
    "429",
    "429-ratelimit",
    "429-retry-after",
    "cut-request",
    "cut-reply",
    "lost-reply",
    "corrupt-upload",
    "wrong-hash",
    "stale-parent",
    "killed-before",
    "killed-after",
)
_REFUSALS = {
    "500": (500, {}),
    "503": (503, {}),
    "429": (429, {}),
    "429-ratelimit": (429, {"ratelimit": '"api";r=0;t=0', "ratelimit-policy": '"api";q=1;w=1'}),
    "429-retry-after": (429, {"retry-after": "0"}),
}
# For a test that asks for them by name: no accident, but what a Hub may well answer.
_ANSWERS = {
    "403": (403, {"x-error-message": "Forbidden: not with this token"}),
    "gated": (403, {"x-error-code": "GatedRepo", "x-error-message": "Access is restricted"}),
}
_UPLOADS = re.compile(r"^PUT /lfs/|^POST /api/.*/commit/")
_HASHES = re.compile(r"^GET /api/.*/tree/|^POST .*/paths-info/|^(GET|HEAD) .*/resolve/")
_COMMITS = re.compile(r"^POST /api/.*/commit/main")
_OWNER = re.compile(r"^/(?:lfs/|api/(?:models|datasets|spaces)/|spaces/)?([^/]+)/")


@dataclass
class Faults:
    """Faults for one account: each request suffers one with probability `rate`, `most` in all.

    `only` narrows the kinds, `matching` the requests. `sure` is a kind that comes once beside them,
    at one of the first requests that it fits. `pid` is the process to kill. What happened is
    written to `happened`.
    """

    seed: int = 0
    rate: float = 0.1
    most: int = 1_000_000
    only: tuple[str, ...] = KINDS
    sure: str | None = None
    matching: str = ""  # a regular expression over 'METHOD path'
    pid: int | None = None
    happened: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    @property
    def _chance(self) -> float:
        """What fits few requests has to take one of them; the rest is spread over a publish."""
        return 0.7 if self.sure in ("corrupt-upload", "wrong-hash", "stale-parent") else 0.06

    def choose(self, request: str) -> str | None:
        if not re.search(self.matching, request):
            return None
        if self.sure and self._fits(self.sure, request) and self._random.random() < self._chance:
            kinds, self.sure = [self.sure], None
        elif len(self.happened) < self.most and self._random.random() < self.rate:
            kinds = [kind for kind in self.only if self._fits(kind, request)]
        else:
            return None
        if not kinds:
            return None
        kind = self._random.choice(kinds)
        self.happened.append(f"{kind} {request}")
        return kind

    def _fits(self, kind: str, request: str) -> bool:
        if kind == "corrupt-upload":
            return bool(_UPLOADS.search(request))
        if kind == "wrong-hash":
            return bool(_HASHES.search(request))
        if kind == "stale-parent":
            return bool(_COMMITS.search(request))
        if kind.startswith("killed"):
            return self.pid is not None
        return True

    def kill(self) -> None:
        if self.pid is not None:
            os.kill(self.pid, signal.SIGKILL)
            self.pid = None

    def somewhere(self, length: int) -> int:
        return self._random.randrange(max(length, 1))


class FaultLayer:
    """The outermost ASGI layer: it holds the connection, so it can cut it."""

    def __init__(self, app) -> None:
        self.app = app
        self.faults: dict[str, Faults] = {}
        self.owner_of_token = lambda token: None
        self.requests: list[str] = []
        self.watch = None  # called with each request

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = f"{scope['method']} {scope['path']}"
        self.requests.append(request)
        if self.watch:
            self.watch(request)
        faults = self.faults.get(self._account(scope))
        kind = faults.choose(request) if faults else None
        if faults is None or kind is None:
            await self.app(scope, receive, send)
        elif kind in _REFUSALS:
            await _refuse(*_REFUSALS[kind], receive, send)
        elif kind in _ANSWERS:
            await _refuse(*_ANSWERS[kind], receive, send)
        elif kind == "stall":
            await asyncio.sleep(1.5)
            await self.app(scope, receive, send)
        elif kind == "echo":
            sent = dict(scope["headers"])[b"authorization"].decode()
            await _refuse(400, {"x-error-message": f"you sent {sent}"}, receive, send)
        elif kind == "cut-request":
            await _cut_request(faults, scope, receive, send)
        elif kind in ("cut-reply", "lost-reply", "killed-after"):
            await self._cut_reply(faults, kind, scope, receive, send)
        elif kind == "killed-before":
            faults.kill()
            _hang_up(send)
        else:  # the handlers get it wrong themselves
            await self.app({**scope, "fault": kind}, receive, send)

    def _account(self, scope) -> str | None:
        headers = dict(scope["headers"])
        token = headers.get(b"authorization", b"").decode().removeprefix("Bearer ")
        owner = _OWNER.match(scope["path"])
        return (self.owner_of_token(token) if token else None) or (owner and owner[1])

    async def _cut_reply(self, faults, kind, scope, receive, send) -> None:
        """The work is done; the answer gets lost, all of it or after a random byte."""
        sent = []

        async def keep(message) -> None:
            sent.append(message)

        await self.app(scope, receive, keep)
        if kind == "killed-after":
            faults.kill()
        body = b"".join(message.get("body", b"") for message in sent[1:])
        if kind == "cut-reply" and body:
            await send(sent[0])
            part = body[: faults.somewhere(len(body))]
            await send({"type": "http.response.body", "body": part, "more_body": True})
        _hang_up(send)


async def _refuse(status: int, headers: dict[str, str], receive, send) -> None:
    while (await receive()).get("more_body"):
        pass
    listed = [(name.encode(), value.encode()) for name, value in headers.items()]
    listed.append((b"content-type", b"text/html"))
    await send({"type": "http.response.start", "status": status, "headers": listed})
    await send({"type": "http.response.body", "body": b"<html>a proxy says no</html>"})


async def _cut_request(faults: Faults, scope, receive, send) -> None:
    length = int(dict(scope["headers"]).get(b"content-length", 0))
    left = faults.somewhere(length)
    while left > 0:
        message = await receive()
        left -= len(message.get("body", b""))
        if not message.get("more_body"):
            break
    _hang_up(send)


def _hang_up(send) -> None:
    # uvicorn hands out a method of the object that has the connection; ASGI itself cannot cut it.
    send.__self__.transport.abort()
