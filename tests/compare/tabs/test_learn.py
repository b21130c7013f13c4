"""Learn in a real browser: every idea can be tried, and what one does there is kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from compare.html import guide
from compare.tabs.train.tab import LESSONS
from tests.compare import axe
from tests.compare.browser import LOOKS, NAMES
from tests.compare.conftest import FAREWELL

pytestmark = pytest.mark.browser
IDEAS = guide.ideas()
TITLES = {module.KEY: module.NAME for module in LESSONS}
KEPT = "JSON.parse(localStorage.getItem('tinygpt-guide'))"


def to_learn(page) -> None:
    page.get_by_role("tab", name="Learn", exact=True).click()
    page.locator("#guide .idea").first.wait_for()


def open_idea(page, slug: str) -> None:
    page.evaluate("slug => document.getElementById(`idea-${slug}`).open = true", slug)


def value_of(page, selector: str, text: str) -> None:
    page.wait_for_function(
        "([selector, text]) => document.querySelector(selector)?.value === text",
        arg=[selector, text],
    )


def tried(page, idea: guide.Idea, attempt: guide.Try) -> None:
    """Presses one Try it and waits for the page to be as it says."""
    to_learn(page)
    open_idea(page, idea.slug)
    page.locator(f"#idea-{idea.slug} .attempt", has_text=attempt.label).click()
    asks = attempt.asks
    page.get_by_role("tab", name=attempt.tab.title(), exact=True, selected=True).wait_for()
    if "prompt" in asks:
        value_of(page, "#prompt textarea", asks["prompt"])
    if "model" in asks:
        name = "document.querySelector('#left-name')?.textContent"
        page.wait_for_function(f"{name} === {json.dumps(asks['model'])}")
    if "lesson" in asks:
        page.get_by_role("tab", name=TITLES[asks["lesson"]], exact=True, selected=True).wait_for()
    page.locator(f".strip[data-idea={idea.slug}]").wait_for()
    assert page.locator("#notice p").count() == 0


@pytest.mark.parametrize(
    "ideas",
    [IDEAS[::6], pytest.param(IDEAS, marks=pytest.mark.slow)],
    ids=["some", "all"],
)
def test_every_try_sets_the_page_up(quick_page, visit, ideas):
    """All 25 with the slow tests; what each control is set to, test_address.py knows."""
    with visit(quick_page, forgive=FAREWELL) as page:
        for idea in ideas:
            for attempt in idea.tries:
                tried(page, idea, attempt)
        to_learn(page)
        assert page.locator(".idea.tried").count() == len(ideas)


def test_an_address_of_the_guide_opens_what_it_names(quick_page, visit):
    with visit(f"{quick_page}?tab=train&lesson=break&broken=future") as page:
        page.get_by_role("tab", name="Break it", selected=True).wait_for()
    with visit(f"{quick_page}?tab=learn&idea=scaling-law") as page:
        page.locator("#idea-scaling-law[open]").wait_for()


def test_notes_and_ticks_stay_in_the_browser_and_can_be_taken_along(quick_page, visit):
    with visit(quick_page, forgive=FAREWELL) as page:
        to_learn(page)
        open_idea(page, "token")
        page.fill("[data-note=token]", "Letters, <b>mostly</b>.")
        page.locator("#idea-token .attempt").click()
        page.get_by_role("tab", name="Inside", selected=True).wait_for()
        page.reload()
        page.get_by_role("tab", name="Inside", selected=True).wait_for()  # as its address says
        page.locator(".strip[data-idea=token]").wait_for()
        to_learn(page)
        page.locator("#idea-token.tried").wait_for(state="attached")
        value_of(page, "[data-note=token]", "Letters, <b>mostly</b>.")
        with page.expect_download() as download:
            page.get_by_role("button", name="Export them").click()
        text = Path(download.value.path()).read_text(encoding="utf-8")
        assert "## 2 Token\n\nLetters, <b>mostly</b>.\n" in text
        assert "- [ ] Try all the ideas of the first part" in text


def test_milestones_tick_themselves(quick_page, visit):
    with visit(quick_page) as page:
        page.click("#generate")
        page.wait_for_function(f"{KEPT}?.done?.text")
        others = {idea.slug: "2026-01-01" for idea in IDEAS[1 : guide.NINETEEN]}
        page.evaluate(
            f"tried => localStorage.setItem('tinygpt-guide', JSON.stringify({{...{KEPT}, tried}}))",
            others,
        )
        to_learn(page)
        assert page.locator("[data-milestone].reached").count() == 1
        open_idea(page, IDEAS[0].slug)
        page.locator(f"#idea-{IDEAS[0].slug} .attempt").click()  # the nineteenth
        page.locator("[data-milestone=ideas].reached").wait_for(state="attached")
        assert page.locator("[data-milestone=text].reached").count() == 1


def test_a_browser_that_kept_rubbish_shows_the_guide_all_the_same(quick_page, visit):
    with visit(quick_page, forgive=FAREWELL) as page:
        page.evaluate("localStorage.setItem('tinygpt-guide', '{rubbish')")
        page.reload()
        to_learn(page)
        open_idea(page, "loss")
        page.locator("#idea-loss .attempt").wait_for()


@pytest.mark.slow
@pytest.mark.parametrize(("phone", "dark"), LOOKS)
def test_learn_is_accessible_and_its_cost_is_measured(quick_page, visit, picture, phone, dark):
    look = NAMES[phone, dark]
    with visit(quick_page, phone=phone, dark=dark) as page:
        to_learn(page)
        picture(page, f"learn-{look}")
        page.click("#measure")
        page.locator("table.cost tbody tr").nth(4).wait_for()
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        picture(page, f"learn-open-{look}", whole=True)
        assert axe.violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= (390 if phone else 1280)
