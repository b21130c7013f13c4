"""The page where the stories play at first, in a real browser: the line, the mark, and the talk."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from compare.values.players import OPENINGS
from tests.compare import axe

from .conftest import FAKES
from .servers import serve

pytestmark = [pytest.mark.browser, pytest.mark.slow]
WRITTEN = """[...document.querySelectorAll('.out')].every((out) => out.ariaBusy === 'false')
    && document.querySelector('.pane.left .figures').textContent.match(/reached/)"""
# The middle of the second letter after the mark, and where in the whole text it is.
BEHIND = """() => {
    const written = document.querySelector(".pane.left [data-written]");
    const last = written.lastChild, range = document.createRange();
    range.setStart(last, 1);
    range.setEnd(last, 2);
    const box = range.getBoundingClientRect();
    return [box.x + box.width / 2, box.y + box.height / 2,
        written.textContent.length - last.textContent.length + 1];
}"""


@pytest.fixture(scope="module")
def stories() -> Iterator[str]:
    with serve(*FAKES, "--stories") as url:
        yield url


def generate(page) -> None:
    page.click("#generate")
    page.wait_for_function(WRITTEN)


@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
def test_the_line_says_what_was_found_and_the_page_stays_in_its_place(
    stories, visit, picture, phone
):
    with visit(stories, phone=phone) as page:
        assert page.input_value("#prompt textarea") == OPENINGS[0]
        code = page.locator(".pane.right .code summary")
        generate(page)
        for side in ("left", "right"):
            assert page.locator(f".pane.{side} .holds").inner_text().startswith("does not hold")
            assert page.locator(f".pane.{side} mark").first.inner_text() == "nobler"
        assert page.locator(".pane.left .seed").count() == 0
        picture(page, f"stories-{'phone' if phone else 'desktop'}")
        assert axe.violations(page) == []
        box = code.bounding_box()
        assert box["y"] + box["height"] <= (844 if phone else 720)
        page.click("#more")
        page.wait_for_function(
            "document.querySelectorAll('.pane.left .take + .holds').length === 4"
        )


def test_a_tap_behind_the_mark_finds_its_letter(stories, visit):
    with visit(stories) as page:
        generate(page)
        page.locator(".pane.left mark").wait_for()
        x, y, at = page.evaluate(BEHIND)
        page.mouse.click(x, y)
        back = page.locator(".tapped-token [data-step]").first
        assert f'"at": {at - 1}' in back.get_attribute("data-step")


def test_shakespeare_stays_in_the_menu_and_brings_its_own_neighbour(stories, visit):
    with visit(stories) as page:
        generate(page)
        assert "max_new_tokens=400" in page.url
        page.locator("#models button").first.click()
        page.locator("#menu-left input[value='shakespeare']").check()
        for side, name in (("left", "shakespeare"), ("right", "shakespeare-gpt2")):
            page.locator(f".pane.{side} h2", has_text=name).wait_for()
        page.wait_for_function("location.search.includes('max_new_tokens=120')")
        generate(page)
        assert page.locator(".holds").count() == 0


def test_a_story_is_offered_and_asked_about(stories, visit, picture):
    with visit(f"{stories}?tab=chat") as page:
        page.get_by_text("The left model, stories, never learned to answer.").wait_for()
        about = page.get_by_role("button", name="Who is the story about?")
        assert about.count() == 0
        page.get_by_role("button", name="A story to ask about").click()
        about.click()
        page.wait_for_function("document.querySelectorAll('.talk .assistant').length === 2")
        page.locator(".talk[aria-busy=false]").wait_for()
        page.get_by_text("stories wrote this story.").wait_for()
        page.locator("#untuned", has_text="stories was never tuned").wait_for()
        picture(page, "stories-chat", whole=True)
        assert axe.violations(page) == []
        page.get_by_role("button", name="Clear").click()
        about.wait_for(state="hidden")
