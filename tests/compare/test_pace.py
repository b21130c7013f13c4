"""The pace of a visitor: a page that asks without end is slowed down, and nobody else is."""

from __future__ import annotations

import asyncio
import json
import time

from compare import pace


class App:
    """Notes when each visitor's request arrives, and its body."""

    def __init__(self) -> None:
        self.came: dict[str, list[float]] = {}

    async def __call__(self, scope, receive, send):
        body = json.loads((await receive())["body"])
        self.came.setdefault(body["session_hash"], []).append(time.monotonic())
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})


async def ask(app, visitor: str, path: str = "/gradio_api/queue/join") -> int:
    body = json.dumps({"session_hash": visitor, "data": ["x"]}).encode()
    parts = [body[:9], body[9:]]  # as it comes over a network
    sent = []

    async def receive():
        part = parts.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(parts)}

    async def send(message):
        sent.append(message)

    await app({"type": "http", "path": path, "client": ("127.0.0.1", 1)}, receive, send)
    return sent[0]["status"]


def test_a_visitor_in_a_hurry_waits_and_another_does_not(monkeypatch):
    monkeypatch.setattr(pace, "BURST", 5)
    monkeypatch.setattr(pace, "RATE", 20.0)
    app = App()
    paced = pace.Pace(app)

    async def both() -> float:
        mad = [asyncio.ensure_future(ask(paced, "mad")) for _ in range(15)]
        await asyncio.sleep(0)
        begun = time.monotonic()
        assert await ask(paced, "calm") == 200
        calm = time.monotonic() - begun
        assert await asyncio.gather(*mad) == [200] * 15
        return calm

    calm = asyncio.run(both())
    came = app.came["mad"]
    assert came[4] - came[0] < 0.1  # the burst comes at once
    assert came[-1] - came[0] >= 10 / 20 - 0.1  # the rest at the pace
    assert calm < 0.1


def test_what_can_never_be_served_is_refused(monkeypatch):
    monkeypatch.setattr(pace, "BURST", 2)
    monkeypatch.setattr(pace, "RATE", 50.0)
    paced = pace.Pace(App())

    async def many() -> list[int]:
        return await asyncio.gather(*(ask(paced, "mad") for _ in range(60)))

    statuses = asyncio.run(many())
    assert statuses.count(200) == pace.MOST_WAITING
    assert statuses.count(429) == 60 - pace.MOST_WAITING


def test_a_request_as_large_as_no_text_is_refused_unread(monkeypatch):
    monkeypatch.setattr(pace, "_LARGEST", 20)
    assert asyncio.run(ask(pace.Pace(App()), "large")) == 413


def test_a_bucket_fills_again_and_never_above_its_brim():
    bucket = pace.Bucket(at=0.0)
    assert [bucket.take(0.0) for _ in range(pace.BURST)] == [0.0] * pace.BURST
    assert bucket.take(0.0) == 1 / pace.RATE
    assert bucket.take(1e6) == 0.0
    assert bucket.left == pace.BURST - 1
