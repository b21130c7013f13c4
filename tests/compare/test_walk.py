"""A walk through the real page, as a visitor goes: pictures of each step, both sizes and themes.

SCREENSHOTS=folder python -m pytest -m slow tests/compare/test_walk.py
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest

from .browser import LOOKS, NAMES
from .conftest import FAREWELL
from .servers import serve

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SECONDS, CLICKS = 20, 4  # from the first paint to a model of one's own beside the other
WRITTEN = (
    "[...document.querySelectorAll('.out')].every((out) => out.ariaBusy === 'false')"
    "&& document.querySelector('.pane.left .figures').textContent.match(/reached|end of text/)"
)
OWN = "document.querySelector('.pane.left h2').textContent.startsWith('your text')"
TABS = {
    "inside": "figure.sky svg",
    "score": "#score",
    "train": "#live-start",
    "learn": "#guide .idea",
    "chat": "#send",
}


@pytest.fixture(scope="module")
def real() -> Iterator[str]:
    with serve("app.py", "--baseline", "none") as url:
        yield url


def texts(page) -> list[str]:
    return [page.locator(f".pane.{side} .take").inner_text() for side in ("left", "right")]


def shared(page) -> str:
    page.click("#share")
    page.locator("#notice p", has_text="It carries").wait_for()
    return page.locator("#notice p").inner_text().split()[-1]


@pytest.mark.parametrize(("phone", "dark"), LOOKS, ids=NAMES.values())
def test_from_the_first_paint_to_a_model_of_ones_own_and_a_shared_text(
    real, visit, picture, capsys, phone, dark
):
    look, clicks = NAMES[phone, dark], 0
    with visit(real, phone=phone, dark=dark, forgive=FAREWELL) as page:
        page.set_default_timeout(120_000)
        painted = time.monotonic()
        picture(page, f"walk-1-first-{look}")
        page.click("#train-one")
        clicks += 1
        page.wait_for_function("document.querySelector('#own .curve polyline')?.points.length > 5")
        picture(page, f"walk-2-training-{look}")
        page.wait_for_function(f"{OWN} && {WRITTEN}")
        seconds = time.monotonic() - painted
        picture(page, f"walk-3-beside-{look}")
        address, written = shared(page), texts(page)
        picture(page, f"walk-4-shared-{look}")
        with visit(address, phone=phone, dark=dark, forgive=FAREWELL) as other:
            other.wait_for_function(f"{OWN} && {WRITTEN}")
            assert texts(other) == written
            picture(other, f"walk-5-another-browser-{look}")
    with capsys.disabled():
        print(f"\n{look}: {clicks} click, {seconds:.1f} s from the first paint")  # noqa: T201 (for who runs it)
    assert clicks <= CLICKS
    assert seconds <= SECONDS


@pytest.mark.parametrize(("phone", "dark"), LOOKS, ids=NAMES.values())
def test_back_from_anywhere_leads_to_the_first_screen_and_not_out(
    real, visit, picture, phone, dark
):
    look = NAMES[phone, dark]
    with visit(real, phone=phone, dark=dark, forgive=FAREWELL) as page:
        first, prompt = page.url, page.input_value("#prompt textarea")
        for tab, marker in TABS.items():
            page.locator(f"#tab-{tab}-button").click()
            page.locator(marker).first.wait_for()
            page.wait_for_function(f"location.search.includes('tab={tab}')")
            page.wait_for_timeout(1_500)  # what looks by itself has looked
            picture(page, f"walk-6-{tab}-{look}", whole=True)
        page.locator("#tab-compare-button").click()
        page.click("#generate")
        page.wait_for_function(f"{WRITTEN} && location.search.includes('seed=')")
        page.locator("#models button").first.click()
        page.locator("#menu-left input[value='hello']").check()
        page.wait_for_function("location.search.includes('model=hello')")
        seen = []
        for expected in ["compare", *reversed(list(TABS)), ""]:
            while not seen or not _is(seen[-1], expected, first):
                page.go_back()
                page.wait_for_timeout(700)
                seen.append(page.url)
                assert page.url.startswith(first), seen
            page.locator(f"#tab-{expected or 'compare'}-button[aria-selected=true]").wait_for()
        # The text that was written, not the next model's.
        assert parse_qs(urlsplit(seen[0]).query)["prompt"] == [prompt], seen
        assert page.evaluate("history.length") <= 10
        picture(page, f"walk-7-first-again-{look}")


def _is(address: str, tab: str, first: str) -> bool:
    return f"tab={tab}" in address if tab else address == first
