"""The way through the page in a real browser: ideas, one's own model, votes and taps."""

from __future__ import annotations

import pytest

from compare.html import guide

from . import axe
from .browser import LOOKS, NAMES
from .conftest import FAREWELL

pytestmark = pytest.mark.browser
IDEAS = guide.ideas()
FINISHED = "document.querySelector('.pane.left .figures').textContent.match(/reached/)"


def finished(page) -> None:
    page.wait_for_function(
        "[...document.querySelectorAll('.out')].every((out) => out.ariaBusy === 'false')"
        f"&& {FINISHED}"
    )


@pytest.mark.parametrize(
    "count", [4, pytest.param(len(IDEAS), marks=pytest.mark.slow)], ids=["some", "all"]
)
def test_next_alone_leads_through_the_ideas_and_back_again(quick_page, visit, count):
    """Each opens with its strip; a lesson that still runs is stopped by Next."""
    address = "?tab=inside&model=hello&prompt=hell&idea=model"
    with visit(quick_page + address, forgive=FAREWELL) as page:
        for idea in IDEAS[:count]:
            strip = page.locator(f".strip[data-idea={idea.slug}]")
            strip.wait_for()
            assert f"Idea {idea.number} of {len(IDEAS)}" in strip.inner_text()
            tab = idea.tries[0].tab
            page.wait_for_function(
                f"document.querySelector('#tab-{tab}-button[aria-selected=true]')"
            )
            if idea is not IDEAS[count - 1]:
                strip.locator(".next").click()
        page.locator(".strip .back").click()
        page.locator(f".strip[data-idea={IDEAS[count - 2].slug}]").wait_for()
        page.go_back()
        page.locator(f".strip[data-idea={IDEAS[count - 1].slug}]").wait_for()
        tried = "Object.keys(JSON.parse(localStorage.getItem('tinygpt-guide')).tried).length"
        assert page.evaluate(tried) == count


def test_train_one_now_ends_beside_gpt2_and_outlives_a_reload(quick_page, visit):
    with visit(quick_page, forgive=FAREWELL) as page:
        page.set_default_timeout(240_000)
        page.click("#train-one")
        page.wait_for_function(
            "document.querySelector('.pane.left h2').textContent.startsWith('your text')"
            f"&& {FINISHED}"
        )
        page.wait_for_function("location.search.includes('model=own-')")
        written = page.locator(".pane.left .take").inner_text()
        assert written.startswith("Model. A model")
        page.reload()
        page.locator("#sizes table").wait_for(state="attached")
        page.wait_for_function(
            "document.querySelector('.pane.left h2').textContent.startsWith('your text')"
            f"&& {FINISHED}"
        )
        assert page.locator(".pane.left .take").inner_text() == written
        page.get_by_role("button", name="Choose the models").click()
        page.locator("#menu-right", has_text="trained here by you").wait_for()


def test_a_link_to_a_model_that_is_gone_says_so_and_how_to_keep_one(quick_page, visit):
    with visit(f"{quick_page}?tab=compare&model=own-{'0' * 32}&prompt=a", forgive=FAREWELL) as page:
        page.get_by_text("kept for an hour after its last use").first.wait_for()
        assert page.locator(".pane.left h2").inner_text() == "shakespeare"


def test_a_blind_test_is_voted_revealed_and_counted(quick_page, visit):
    with visit(quick_page, forgive=FAREWELL) as page:
        page.get_by_label("Blind test").check()
        page.click("#generate")
        page.locator("[data-vote=left]").wait_for()
        assert page.locator(".pane.left h2").inner_text() == "First text"
        assert page.locator(".pane.right h2").inner_text() == "Second text"
        page.locator("[data-vote=left]").click()
        page.get_by_text("Your votes so far").wait_for()
        names = {page.locator(f".pane.{side} h2").inner_text() for side in ("left", "right")}
        assert names == {"shakespeare", "shakespeare-gpt2"}
        winner = page.locator(".pane.left h2").inner_text()
        assert f"{winner} 1" in page.locator("#tally").inner_text()


def test_a_tap_tells_the_odds_of_a_token_and_another_goes_on_from_there(quick_page, visit):
    with visit(quick_page) as page:
        page.click("#generate")
        finished(page)
        page.locator(".pane.left .take").click(position={"x": 60, "y": 40})
        page.locator(".tapped-token").wait_for()
        page.locator(".tapped-token [aria-label='The token after']").click()
        page.locator("[data-other]").first.click()
        page.wait_for_function("document.querySelector('#prompt textarea').value.includes(' tok')")
        finished(page)
        assert " tok" in page.locator(".pane.left .prompt").last.inner_text()


@pytest.mark.parametrize(
    ("phone", "dark"),
    [pytest.param(*look, marks=[pytest.mark.slow] if look[0] == look[1] else []) for look in LOOKS],
    ids=NAMES.values(),
)
def test_what_opens_on_the_way_is_accessible(quick_page, visit, picture, phone, dark):
    """axe finds nothing serious in the strip, the panel of a token, and the ballot."""
    look = NAMES[phone, dark]
    address = f"{quick_page}?tab=compare&prompt=To+be&seed=1&idea={IDEAS[5].slug}"
    with visit(address, phone=phone, dark=dark, forgive=FAREWELL) as page:
        finished(page)
        page.locator(".pane.left .take").click(position={"x": 60, "y": 40})
        page.locator(".tapped-token").wait_for()
        assert page.locator(".strip").is_visible()
        picture(page, f"strip-and-token-{look}", whole=True)
        assert axe.violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= (390 if phone else 1280)
        page.get_by_label("Blind test").check()
        page.click("#generate")
        page.locator("[data-vote=left]").wait_for()
        picture(page, f"ballot-{look}", whole=True)
        assert axe.violations(page) == []
