"""Who may ask, and how often."""

from __future__ import annotations

import hmac
import math
import time
from collections import OrderedDict
from collections.abc import Callable

from starlette.requests import Request

from compare.v1.errors import ApiError

_KNOWN = 10_000  # clients that are remembered


class Guard:
    """A key, if one is set, and a limit of requests a minute for each client.

    A client may send them all at once; what it has spent comes back evenly.
    """

    def __init__(
        self, key: str | None, a_minute: int, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._key, self._most, self._now = key, a_minute, now
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # requests, since when

    def check(self, request: Request) -> None:
        given = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        if self._key and not hmac.compare_digest(given.encode(), self._key.encode()):
            raise ApiError(
                "The API key is missing or wrong: send it as `Authorization: Bearer KEY`.",
                status=401,
                code="invalid_api_key",
            )
        self._count(request.client.host if request.client else "")

    def _count(self, client: str) -> None:
        now = self._now()
        left, since = self._left.pop(client, (float(self._most), now))
        left = min(self._most, left + (now - since) * self._most / 60)
        allowed = left >= 1
        self._left[client] = (left - 1 if allowed else left, now)
        if len(self._left) > _KNOWN:
            self._left.popitem(last=False)
        if not allowed:
            wait = math.ceil((1 - left) * 60 / self._most)
            raise ApiError(
                f"More than {self._most:,} requests a minute: try again in {wait} s.",
                status=429,
                code="rate_limit_exceeded",
                retry_after=wait,
            )
