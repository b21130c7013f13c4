"""The pace of a visitor: a page that asks without end is slowed down, and nobody else is."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time

import pytest

from compare import pace

from .conftest import FAKES
from .protocol import Visitor
from .servers import serve


class App:
    """Notes when each visitor's request arrives, and its body."""

    def __init__(self) -> None:
        self.came: dict[str, list[float]] = {}

    async def __call__(self, scope, receive, send):
        whole, more = b"", True
        while more:
            message = await receive()
            whole, more = whole + message["body"], message["more_body"]
        body = json.loads(whole)
        self.came.setdefault(body["session_hash"], []).append(time.monotonic())
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})


async def ask(app, visitor: str, path: str = "/gradio_api/queue/join", **more) -> int:
    body = json.dumps({"session_hash": visitor, "data": ["x"]}).encode()
    parts = [body[:9], body[9:]]  # as it comes over a network
    sent = []

    async def receive():
        part = parts.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(parts)}

    async def send(message):
        sent.append(message)

    asked = {"type": "http", "method": "POST", "path": path, "client": ("127.0.0.1", 1)}
    await app(asked | more, receive, send)
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


@pytest.mark.parametrize(
    ("path", "paced"),
    [
        ("/gradio_api/queue/join", True),
        ("/behind/a/proxy/gradio_api/call/generate", True),
        ("/gradio_api/call/v2/generate", True),
        ("/gradio_api/run/score/", True),
        ("/gradio_api/api/score", True),
        ("/gradio_api/mcp/", True),
        ("/gradio_api/cancel", False),
        ("/gradio_api/heartbeat/x", False),
        ("/v1/completions", False),  # has a limit of its own
    ],
)
def test_every_way_to_make_the_server_work_is_paced(monkeypatch, path, paced):
    monkeypatch.setattr(pace, "BURST", 1)
    monkeypatch.setattr(pace, "RATE", 20.0)
    app = pace.Pace(App())

    async def three() -> float:
        begun = time.monotonic()
        assert await asyncio.gather(*(ask(app, "mad", path) for _ in range(3))) == [200] * 3
        return time.monotonic() - begun

    assert (asyncio.run(three()) > 0.09) == paced


def test_a_client_without_a_session_is_known_by_its_address():
    seen = [(b"x-forwarded-for", b"made up, 10.1.2.3")]
    assert pace._visitor(b"[]", {"client": ("127.0.0.1", 1), "headers": seen}) == "10.1.2.3"
    assert pace._visitor(b"not json", {"client": ("127.0.0.1", 1)}) == "127.0.0.1"


def test_no_file_is_taken():
    assert asyncio.run(ask(pace.Pace(App()), "mad", "/gradio_api/upload")) == 404


def test_a_request_as_large_as_no_text_is_refused_unread(monkeypatch):
    monkeypatch.setattr(pace, "_LARGEST", 20)
    assert asyncio.run(ask(pace.Pace(App()), "large")) == 413


def test_a_bucket_fills_again_and_never_above_its_brim():
    bucket = pace.Bucket(at=0.0)
    assert [bucket.take(0.0) for _ in range(pace.BURST)] == [0.0] * pace.BURST
    assert bucket.take(0.0) == 1 / pace.RATE
    assert bucket.take(1e6) == 0.0
    assert bucket.left == pace.BURST - 1


def seconds_of_a_lesson(url: str) -> float:
    """From Start to the end of `hello`, for a visitor with a page."""
    with contextlib.closing(Visitor(url)) as visitor:
        begun = time.monotonic()
        reply = visitor.send(visitor.event_of("live-start"), ["hello", 0.01, 16, 4])
        assert reply.success
        assert "Memorised" in reply.html()
        return time.monotonic() - begun


def all_of_inside(mad: Visitor) -> tuple[str, dict]:
    look = mad.event_of("look")
    body = {"data": mad.events()[look], "fn_index": look, "session_hash": mad.session}
    return "/gradio_api/queue/join", body


def an_endpoint(mad: Visitor) -> tuple[str, dict]:
    """As a client asks who has no page and names no session."""
    return "/gradio_api/call/generate", {
        "data": ["To be", "shakespeare", 0.8, 50, 1.0, 1.0, 120, False, 0]
    }


@pytest.mark.slow
@pytest.mark.parametrize("way", [all_of_inside, an_endpoint])
def test_a_page_gone_mad_slows_nobodys_lesson(capsys, way):
    """Four threads of a visitor ask without end; another's lesson takes a fifth longer at most."""
    with serve(*FAKES, "--real") as url:
        seconds_of_a_lesson(url)  # imports torch
        calm = min(seconds_of_a_lesson(url) for _ in range(2))
        over, asked, answers = threading.Event(), [0] * 4, set[int]()
        with contextlib.closing(Visitor(url)) as mad:
            where, body = way(mad)

            def ask_on(number: int) -> None:
                while not over.is_set():
                    answers.add(mad.http.post(where, json=body).status_code)
                    asked[number] += 1

            threads = [threading.Thread(target=ask_on, args=(n,)) for n in range(4)]
            for thread in threads:
                thread.start()
            try:
                disturbed = min(seconds_of_a_lesson(url) for _ in range(2))
            finally:
                over.set()
                for thread in threads:
                    thread.join()
    with capsys.disabled():
        print(f"\ncalm {calm:.2f} s, beside {sum(asked)} requests {disturbed:.2f} s")  # noqa: T201 (for who runs it)
    assert sum(asked) > pace.BURST
    assert 200 in answers
    assert disturbed <= 1.2 * calm
