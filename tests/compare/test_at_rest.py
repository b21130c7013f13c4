"""Nothing that the page offers breaks it, and a page that nobody touches asks for nothing.

The real page with the models that ship, in a real browser. By default a few of its addresses; the
slow tests open all of the guide, every chip and lesson, and every shipped model in Inside.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from compare.html import guide
from compare.lineup import CHECKPOINTS
from compare.tabs.train.tab import LESSONS
from compare.values.players import shipped_names

from .protocol import Visitor
from .servers import serve

REST = 5_000  # milliseconds in which nothing may be asked
AT_ONCE = 5  # pages that rest together
MODELS = shipped_names(CHECKPOINTS)
ADDRESSES = [attempt.asks for idea in guide.ideas() for attempt in idea.tries]
INSIDE = [{"tab": "inside", "model": name} for name in MODELS]
TITLES = {module.KEY: module.NAME for module in LESSONS}
LESSON = [{"tab": "train", "lesson": name} for name in TITLES]
ALL = [*INSIDE, *ADDRESSES, *LESSON]
# One head, one layer, no attention; letters with line breaks; each with whether on a phone.
SOME = [
    ({"tab": "inside", "model": "ladder/2-one-head", "prompt": "ROMEO:\nWhat light"}, False),
    ({"tab": "inside", "model": "hello", "prompt": "hell"}, True),
    ({"tab": "inside", "model": "next-char", "prompt": "the c"}, False),
    ({"tab": "inside", "model": "bigram"}, True),
    ({"tab": "inside", "model": "shakespeare", "prompt": "To be or not to b"}, False),
]


def test_no_event_has_two_functions_that_wait_for_it(quick_page):
    """Gradio repeats the whole event for each of them: two would send each other round for ever."""
    with contextlib.closing(Visitor(quick_page)) as visitor:
        events = visitor.config["dependencies"]
    waits = [
        tuple(target)
        for event in events
        if event["trigger_mode"] == "always_last"
        for target in event["targets"]
    ]
    assert len(waits) > 5
    assert len(set(waits)) == len(waits)


@dataclass
class Guest:
    """One open page, and what it asked for and complained of."""

    page: Any
    asks: dict[str, str]
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        page = self.page
        page.set_default_timeout(60_000)
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on(
            "console",
            lambda said: self.complaints.append(said.text) if said.type == "error" else None,
        )


@pytest.fixture(scope="module")
def real(tmp_path_factory) -> Iterator[tuple[str, Path]]:
    log = tmp_path_factory.mktemp("server") / "log"
    with serve("app.py", "--baseline", "none", log=log) as url:
        yield url, log


@pytest.fixture
def at_rest(real, new_visitor) -> Callable:
    """Opens addresses, lets `do` act on each, and looks whether all come to rest."""
    url, log = real

    def visit(addresses: list[tuple[dict[str, str], bool]], do: Callable) -> None:
        before = len(log.read_text(encoding="utf-8"))
        for first in range(0, len(addresses), AT_ONCE):
            guests = []
            for asks, phone in addresses[first : first + AT_ONCE]:
                # A browser holds six lines to a server, and each page keeps two.
                guest = Guest(new_visitor(phone=phone).new_page(), asks)
                guest.page.goto(f"{url}?{urlencode(asks)}")
                guests.append(guest)
            for guest in guests:
                guest.page.locator("#sizes table").wait_for(state="attached")
                do(guest)
            guests[0].page.wait_for_timeout(1_500)  # what was under way ends
            for guest in guests:
                guest.requests.clear()
            guests[0].page.wait_for_timeout(REST)
            for guest in guests:
                assert guest.requests == [], guest.asks
                assert guest.complaints == [], guest.asks
                assert guest.page.locator(".toast-body.error").count() == 0, guest.asks
                guest.page.context.close()
        said = log.read_text(encoding="utf-8")[before:]
        assert "Traceback" not in said, said[-3000:]

    return visit


def opened(guest: Guest) -> None:
    """The tab that the address names is open, and in Inside all captions fit what was asked."""
    page, asks = guest.page, guest.asks
    page.get_by_role("tab", name=asks["tab"].title(), exact=True, selected=True).wait_for()
    if "lesson" in asks:
        page.get_by_role("tab", name=TITLES[asks["lesson"]], exact=True, selected=True).wait_for()
    if asks["tab"] == "inside":
        inside_fits(page, asks)


def inside_fits(page, asks: dict[str, str]) -> None:
    name = asks["model"]
    page.locator("#heat h4", has_text=f"{name}, layer").or_(
        page.locator("#heat .problem", has_text=name)
    ).wait_for()
    page.locator("#sky h4", has_text=name).wait_for()
    page.locator("#cuts .cut.left h4", has_text=name).wait_for()
    if "prompt" in asks:
        ending = asks["prompt"][-8:].replace("\n", "↵").replace(" ", "␣")
        page.locator("#odds caption", has_text=f"{ending}”").first.wait_for()
    title = page.locator("#heat h4")
    if title.count():
        words = title.inner_text().replace(",", "").split()
        layer, layers, head, heads = [int(word) for word in words if word.isdigit()][-4:]
        assert layer <= layers
        assert head <= heads
        assert page.locator("#heads .small").count() == layers * heads


@pytest.mark.browser
def test_some_addresses_come_to_rest(at_rest):
    at_rest(SOME, opened)


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
def test_every_address_of_the_guide_every_lesson_and_every_model_come_to_rest(at_rest, phone):
    at_rest([(asks, phone) for asks in ALL], opened)
