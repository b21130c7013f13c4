"""On a phone: targets for a finger, nothing cut, and a first paint that does not jump."""

from __future__ import annotations

import pytest

from .browser import LOOKS, NAMES
from .conftest import FAREWELL

pytestmark = pytest.mark.browser

LEAST = 43.5  # px; 44, but for what a browser rounds
MOST_SHIFT = 0.05
SHIFT = """() => new Promise((resolve) => {
    let sum = 0;
    new PerformanceObserver((list) => {
        for (const one of list.getEntries()) if (!one.hadRecentInput) sum += one.value;
    }).observe({type: "layout-shift", buffered: true});
    setTimeout(() => resolve(sum), 300);
})"""
# What can be pressed and is too low for a finger; a control inside a label is as high as the label.
LOW = """(least) => [...document.querySelectorAll("button, a[href], summary, select, label input, "
    + "input[type=range], input[type=number], textarea")]
    .map((one) => one.closest("label") ?? one)
    .filter((one) => one.offsetParent && getComputedStyle(one).visibility === "visible")
    .filter((one) => one.closest(".unseen, .overflow-menu, [aria-hidden=true]") === null)
    .map((one) => [one.getBoundingClientRect(), one])
    .filter(([box]) => box.width > 0 && box.height > 0 && box.height < least)
    .map(([box, one]) => `${one.tagName} ${one.id} ${one.className} ${box.height.toFixed(0)} `
        + (one.textContent || one.ariaLabel || "").trim().slice(0, 30))"""


def test_every_target_is_high_enough_for_a_finger(quick_page, visit):
    with visit(quick_page, phone=True) as page:
        for tab in ("compare", "inside", "score", "train", "learn", "chat"):
            page.locator(f"#tab-{tab}-button").click()
            page.wait_for_timeout(1_500)
            assert page.evaluate(LOW, LEAST) == [], tab
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, tab


@pytest.mark.parametrize(
    ("phone", "dark"),
    [pytest.param(*look, marks=[pytest.mark.slow] if look[1] else []) for look in LOOKS],
    ids=NAMES.values(),
)
def test_the_first_paint_does_not_jump(quick_page, visit, phone, dark):
    """A theme is colours alone: the dark ones are looked at with the slow tests."""
    with visit(quick_page, phone=phone, dark=dark) as page:
        page.wait_for_timeout(1_500)
        assert page.evaluate(SHIFT) <= MOST_SHIFT


@pytest.mark.slow
def test_what_is_offered_after_a_training_fits_and_is_high_enough(quick_page, visit, picture):
    with visit(f"{quick_page}?tab=train&lesson=own&sample=short", phone=True) as page:
        page.set_default_timeout(240_000)
        page.wait_for_function("document.querySelector('#own .curve polyline')?.points.length > 2")
        page.click("#own-stop")
        page.locator("#own-open").wait_for()
        page.wait_for_timeout(500)
        picture(page, "own-phone", whole=True)
        assert page.evaluate(LOW, LEAST) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        edges = "Math.max(...[...document.querySelectorAll('#own-beside, #own-home, #own-delete')]"
        assert page.evaluate(f"{edges}.map((one) => one.getBoundingClientRect().right))") <= 390
        page.click("#own-delete")
        page.get_by_text("Deleted: the model and its zip are gone.").wait_for()


@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
def test_inside_does_not_jump_when_its_pictures_come(quick_page, visit, phone):
    with visit(f"{quick_page}?tab=inside&prompt=To%20be", phone=phone, forgive=FAREWELL) as page:
        page.locator("figure.sky svg").wait_for()
        page.wait_for_timeout(1_500)
        assert page.evaluate(SHIFT) <= MOST_SHIFT
