"""Keys and the number of requests a minute."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from compare.v1.errors import ApiError
from compare.v1.guard import Guard


def request(host: str = "1.2.3.4", key: str = "") -> Request:
    headers = [(b"authorization", f"Bearer {key}".encode())] if key else []
    return Request({"type": "http", "headers": headers, "client": (host, 1)})


def test_a_key_is_asked_for_where_one_is_set():
    guard = Guard("secret", 100)
    guard.check(request(key="secret"))
    for wrong in ("", "Secret", "é"):
        with pytest.raises(ApiError) as refused:
            guard.check(request(key=wrong))
        assert (refused.value.status, refused.value.code) == (401, "invalid_api_key")
    Guard(None, 100).check(request())


def test_each_client_has_its_own_minute():
    now = [0.0]
    guard = Guard(None, 3, lambda: now[0])
    for _ in range(3):
        guard.check(request())
    with pytest.raises(ApiError) as refused:
        guard.check(request())
    assert (refused.value.status, refused.value.retry_after) == (429, 20)
    guard.check(request("5.6.7.8"))
    now[0] += 20
    guard.check(request())
    with pytest.raises(ApiError):
        guard.check(request())
