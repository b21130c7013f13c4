"""Pages for a browser: each served once for all tests of a process, each visited afresh."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .browser import SCREENSHOTS, chromium
from .servers import serve

# On a busy machine two threads that wait for each other are ten times slower than one.
os.environ.setdefault("OMP_NUM_THREADS", "1")
FAKES = ("-m", "tests.compare.fakes")
Visit = Callable[..., contextlib.AbstractContextManager]
# Gradio says so of the answers that it still waited for when its page is left.
FAREWELL = ("AbortError: signal is aborted", "Unexpected error Connection errored out")


@pytest.fixture(scope="session")
def quick_page() -> Iterator[str]:
    with serve(*FAKES) as url:
        yield url


@pytest.fixture(scope="session")
def cancelled(tmp_path_factory) -> Path:
    """Where `slow_page` notes the seconds that each text had when it was cancelled."""
    return tmp_path_factory.mktemp("slow_page") / "cancelled"


@pytest.fixture(scope="session")
def slow_page(cancelled) -> Iterator[str]:
    with serve(*FAKES, "--slow", "--log", str(cancelled)) as url:
        yield url


@pytest.fixture(scope="module")
def new_visitor() -> Iterator[Callable]:
    with chromium() as visitor:
        yield visitor


@pytest.fixture
def visit(new_visitor) -> Visit:
    """Opens a page as a new visitor; nothing may leave the machine or go wrong in the console,
    but for what begins with what it forgives."""

    @contextlib.contextmanager
    def open_page(
        url: str,
        *,
        phone: bool = False,
        dark: bool = False,
        forgive: tuple[str, ...] = (),
        ready: str = "#sizes table",
    ):
        complaints: list[str] = []
        context = new_visitor(phone=phone, dark=dark)
        page = context.new_page()
        page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: _stays(request.url, url, complaints))
        page.set_default_timeout(60_000)  # a busy machine is slow, not wrong
        try:
            page.goto(url)
            page.locator(ready).first.wait_for(state="attached")
            yield page
        finally:
            context.close()
        assert not [text for text in complaints if not text.startswith(forgive)]

    return open_page


def _stays(target: str, url: str, complaints: list[str]) -> None:
    home = url.split("?")[0]
    if not target.startswith((home, "data:", "blob:", "about:")):
        complaints.append(f"a request left for {target}")


@pytest.fixture
def picture(request) -> Callable:
    """Keeps what a page looks like, where CI can find it."""

    def take(page, name: str, *, whole: bool = False) -> None:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=whole)

    return take
