"""Inside in a real browser: every control and every part answers, by presses alone."""

from __future__ import annotations

import json
import re

import pytest

from tests.compare.acts import to_tab
from tests.compare.conftest import FAREWELL

pytestmark = pytest.mark.browser


def test_inside_answers_every_control(quick_page, visit):
    with visit(quick_page) as page:
        to_tab(page, "Inside")
        first = page.locator(".odds .figure").first
        first.wait_for()
        plain = first.inner_text()
        page.get_by_role("spinbutton", name=re.compile("Temperature of the odds")).fill("0.5")
        page.keyboard.press("Tab")
        page.wait_for_function(
            f"document.querySelector('.odds .figure').textContent !== {json.dumps(plain)}"
        )
        page.get_by_label("Each model's own tokens").check()
        page.get_by_text("tok0").first.wait_for()
        page.locator("figure.heat svg.map rect").first.click()
        page.get_by_text("looks at number 1").wait_for()
        page.locator("figure.sky select").select_option(index=3)
        page.get_by_text("Nearest to “d”").wait_for()
        page.locator("figure.sky svg text").nth(1).click(force=True)
        page.get_by_text("Nearest to “b”").wait_for()
        page.get_by_label("◆ right").check()
        for picture in ("way", "lens", "heat", "sky"):
            page.locator(f"figure.{picture}.right").wait_for()


def test_inside_opens_every_part_follows_a_token_and_takes_a_head_away(quick_page, visit):
    """By presses alone; and the address carries what was chosen."""
    with visit(quick_page) as page:
        to_tab(page, "Inside")
        page.locator("figure.way .stop").first.wait_for()
        page.locator(".way").get_by_role("button", name="layer 2, attention").click()
        page.get_by_text("Head 1, step by step").wait_for()
        page.locator(".heads .head").nth(2).click()
        page.get_by_text("Head 3, step by step").wait_for()
        page.wait_for_function("location.search.includes('part=block+1+head+2')")
        page.locator(".way").get_by_role("button", name="softmax: the odds").click()
        page.get_by_text("Softmax turns the scores").wait_for()
        odds = page.locator(".way .odd b").first.inner_text()
        page.get_by_role("spinbutton", name=re.compile("Temperature of the odds")).fill("0.5")
        page.keyboard.press("Tab")
        page.wait_for_function(
            f"document.querySelector('.way .odd b').textContent !== {json.dumps(odds)}"
        )
        page.locator(".way").get_by_role("button", name="The token before").click()
        page.wait_for_function("location.search.includes('back=1')")
        page.locator(".lens thead button").first.click()
        page.locator(".way .tok[aria-pressed=true]", has_text="T").wait_for()
        page.locator(".lens td").last.click()
        page.get_by_text("before layer 1: “e” 50.0%, “t” 25.0%").wait_for()
        page.locator(".causes").get_by_role("button", name="t 25.0%").click()
        page.get_by_text("Who caused “t”").wait_for()
        page.get_by_role("button", name="Switch off layer 1, head 1").click()
        page.locator(".versions").wait_for()
        assert "that was" in page.locator(".versions").inner_text()
        page.get_by_role("button", name="layer 1, head 1: off").click()
        page.get_by_text("Press a part to switch it off").wait_for()
        page.get_by_label("Or swap a token of the prompt for").fill("x")
        page.keyboard.press("Enter")
        page.get_by_text("Now restore a part").wait_for()
        page.get_by_role("button", name="Layer 3, head 4").click()
        page.get_by_text("layer 3 of 3, head 4 of 4").wait_for()
        page.get_by_label("Tokens", exact=True).check()
        page.locator(".reading [data-word='10']").wait_for()  # of tokens there are more
        page.locator(".reading [data-word='3']").hover()
        page.get_by_text("“b” looks at").wait_for()
        assert page.locator(".reading svg path").count() == 3
        where = page.url
    with visit(where, forgive=FAREWELL) as page:
        page.get_by_text("layer 3 of 3, head 4 of 4").wait_for()
        page.get_by_text("Who caused “t”").wait_for()
        page.get_by_text("Softmax turns the scores").wait_for()
