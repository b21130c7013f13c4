"""The page in a real browser, with a scripted contestant on either side."""

from __future__ import annotations

import time
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.compare import axe

from .acts import choose, done, generate, open_folds, text, to_tab
from .browser import LOOKS, NAMES
from .conftest import FAKES, FAREWELL
from .servers import free_port, serve, start, stop

pytestmark = pytest.mark.browser

HOSTILE = (
    "<img src=x onerror=window.hacked=1><script>window.hacked=1</script>${window.hacked=1}{{1}}"
)


@pytest.mark.parametrize(
    ("phone", "dark"),
    [pytest.param(*look, marks=[pytest.mark.slow] if look[0] != look[1] else []) for look in LOOKS],
    ids=NAMES.values(),
)
def test_every_tab_works_looks_right_and_is_accessible(quick_page, visit, picture, phone, dark):
    """axe finds nothing serious, with every fold and every explanation open."""
    look = NAMES[phone, dark]
    with visit(quick_page, phone=phone, dark=dark) as page:
        generate(page)
        picture(page, f"compare-{look}")
        open_folds(page)
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        picture(page, f"compare-open-{look}", whole=True)
        assert axe.violations(page) == []
        to_tab(page, "Inside")
        page.locator("figure.heat").wait_for()
        page.locator(".way").get_by_role("button", name="layer 2, attention").click()
        page.get_by_text("Head 1, step by step").wait_for()
        page.get_by_role("button", name="Switch off layer 1, head 1").click()
        page.locator(".versions").wait_for()
        picture(page, f"inside-{look}", whole=True)
        assert axe.violations(page) == []
        to_tab(page, "Score")
        page.click("#score")
        page.locator(".bits").first.wait_for()
        picture(page, f"score-{look}", whole=True)
        assert axe.violations(page) == []


def test_the_writing_stops_when_the_browser_goes_away(slow_page, cancelled, visit):
    """Nobody listens: the engine hears of it, and does not write to the end for nobody."""

    def noted() -> list[float]:
        lines = cancelled.read_text(encoding="utf-8") if cancelled.exists() else ""
        return [float(line) for line in lines.split()]

    before = len(noted())
    with visit(slow_page) as page:
        page.click("#generate")
        page.locator("#stop").wait_for()
        page.wait_for_function("document.querySelector('.pane.left .caret')")
    until = time.monotonic() + 10
    while len(noted()) == before and time.monotonic() < until:
        time.sleep(0.05)
    seconds = noted()[before:]
    assert seconds
    assert max(seconds) < 5  # of the 6 that 120 words take


def test_a_link_brings_everything_back(quick_page, visit):
    with visit(quick_page) as page:
        open_folds(page)
        choose(page, "left", "hello")
        choose(page, "right", "next-char")
        page.fill("#prompt textarea", "he <b>&lo")
        generate(page)
        seed = page.get_by_label("Seed", exact=True).input_value()
        written = [text(page, side) for side in ("left", "right")]
        page.click("#share")
        page.locator("#notice p", has_text="It carries").wait_for()
        address = page.locator("#notice p").inner_text().split()[-1]
    query = parse_qs(urlsplit(address).query)
    assert query["model"] == ["hello"]
    assert query["beside"] == ["next-char"]
    assert query["seed"] == [seed]
    with visit(address, forgive=FAREWELL) as page:
        page.locator(".pane.left .figures", has_text="length reached").wait_for()
        assert [text(page, side) for side in ("left", "right")] == written
        assert page.input_value("#prompt textarea") == "he <b>&lo"
        generate(page)  # once more, and it is another
        assert f"seed={seed}" not in page.url


def test_back_and_forward_walk_through_what_the_visitor_did(quick_page, visit):
    """Typing and what the page sets itself make no entry; Back never leaves the page."""
    open_tab = "document.querySelector('#tab-{}-button[aria-selected=true]')"
    with visit(quick_page, forgive=FAREWELL) as page:
        page.fill("#prompt textarea", "To be fair")
        to_tab(page, "Score")
        page.wait_for_function("location.search.includes('tab=score')")
        to_tab(page, "Inside")
        page.wait_for_function("location.search.includes('tab=inside')")
        for expected in ("score", "compare"):
            page.go_back()
            page.wait_for_function(open_tab.format(expected))
            page.wait_for_timeout(500)
        page.go_forward()
        page.wait_for_function(open_tab.format("score"))


def test_a_model_of_the_hub_in_a_link_waits_for_a_press(quick_page, visit):
    with visit(f"{quick_page}?tab=compare&model=ada/lost&prompt=a&seed=1") as page:
        page.get_by_text("This link is about ada/lost: press Load").wait_for()
        page.wait_for_timeout(1000)
        assert page.locator(".pane.left h2").inner_text() == "shakespeare"
        assert page.locator(".pane.left .figures").inner_text().startswith("recorded")


def test_a_hostile_link_is_left_out_with_a_word(quick_page, visit):
    address = (
        f"{quick_page}?model=<script>&seed=-1&temperature=nan&prompt={HOSTILE.replace('&', '')}"
    )
    with visit(address) as page:
        page.locator("#notice p").wait_for()
        assert "left out" in page.locator("#notice").inner_text()
        generate(page)
        assert page.evaluate("window.hacked") is None


def test_what_a_visitor_types_is_text_and_nothing_else(quick_page, visit):
    """No HTML, no script, and no template of Gradio's, which would run `${...}`."""
    with visit(quick_page) as page:
        page.fill("#prompt textarea", HOSTILE)
        generate(page)
        assert text(page, "left").startswith(HOSTILE)
        to_tab(page, "Inside")
        page.locator("figure.heat").wait_for()
        to_tab(page, "Score")
        page.fill("#scored textarea", HOSTILE)
        page.click("#score")
        page.locator(".bits").first.wait_for()
        assert page.locator(".surprise").first.inner_text() == HOSTILE
        assert page.evaluate("window.hacked") is None


def test_gpt2_takes_its_pane_when_it_comes(tmp_path, visit):
    arrival = tmp_path / "gpt2"
    with serve(*FAKES, "--late", str(arrival)) as url, visit(url) as page:
        assert page.locator(".pane.right h2").inner_text() == "shakespeare-gpt2"
        page.get_by_text("not GPT-2", exact=True).click()
        page.get_by_text("This is not GPT-2").wait_for()
        arrival.touch()
        page.wait_for_function("document.querySelector('.pane.right h2').textContent === 'GPT-2'")
        assert page.get_by_text("not GPT-2", exact=True).count() == 0


@pytest.mark.slow
def test_a_server_that_restarts_while_a_text_is_written(visit):
    """The visitor is told; when the server is back the page comes back by itself and writes."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    first = start(*FAKES, "--slow", port=port)
    try:
        with visit(url, forgive=("",)) as page:
            page.fill("#prompt textarea", "typed before")
            page.click("#generate")
            page.wait_for_function("document.querySelector('.pane.left .caret')")
            page.evaluate("window.before = true")  # lasts until the page is loaded anew
            stop(first)
            page.get_by_text("Connection to the server was lost").wait_for()
            first = start(*FAKES, "--slow", port=port)
            page.wait_for_function("!window.before && document.querySelector('#sizes table')")
            kept = "document.querySelector('#prompt textarea').value === 'typed before'"
            page.wait_for_function(kept)
            page.click("#generate")
            page.wait_for_function("document.querySelector('.pane.left .caret')")
            page.click("#stop")
            done(page)
    finally:
        stop(first)
