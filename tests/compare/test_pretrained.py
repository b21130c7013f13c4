"""Every tab with a real pretrained model on the right, and the figures of both.

PRETRAINED=folder python -m pytest -m slow tests/compare/test_pretrained.py
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .conftest import FAREWELL
from .servers import serve

pytestmark = [pytest.mark.browser, pytest.mark.slow]
FOLDER = os.environ.get("PRETRAINED", "")
SIDES = ("left", "right")
ENDED = (
    "[...document.querySelectorAll('.pane .figures')]"
    ".every((figures) => figures.textContent.match(/reached|end of text/))"
)


@pytest.mark.skipif(not FOLDER, reason="PRETRAINED names no folder with a pretrained model")
def test_every_tab_with_a_pretrained_model(visit, picture, capsys):
    name = Path(FOLDER).name
    with (
        serve("app.py", "--baseline", FOLDER) as url,
        visit(url, forgive=FAREWELL) as page,
    ):
        page.set_default_timeout(180_000)
        page.locator(".pane.right h2", has_text=name).wait_for()
        page.fill("#prompt textarea", "The capital of France is")
        page.click("#generate")
        page.wait_for_function(ENDED)
        figures = [page.locator(f".pane.{side} .figures").inner_text() for side in SIDES]
        assert "Paris" in page.locator(".pane.right .take").inner_text()
        written = page.locator(".pane.right [data-written]")
        x, y = written.evaluate(
            "(at) => Object.values(at.getClientRects()[0].toJSON()).slice(0, 2)"
        )
        page.mouse.click(x + 8, y + 8)
        page.locator(".tapped-token").wait_for()
        picture(page, "pretrained-compare", whole=True)

        page.locator("#tab-inside-button").click()
        page.locator("#cuts .cut.right h4", has_text=name).wait_for()
        picture(page, "pretrained-inside", whole=True)
        assert page.locator("#tabs .problem").all_inner_texts() == []

        page.locator("#tab-score-button").click()
        page.get_by_label("Learn while reading").check()
        page.click("#score")
        page.get_by_text("it only reads").wait_for()
        bits = page.locator("#scores .bits b").all_inner_texts()
        picture(page, "pretrained-score", whole=True)

        page.locator("#tab-chat-button").click()
        page.get_by_role("button", name="What is a token?").click()
        page.wait_for_function("document.querySelector('.talk')?.ariaBusy === 'false'")
        assert "smallest piece of text" in page.locator(".talk").inner_text()

        page.locator("#tab-train-button").click()
        page.click("#live-start")
        page.get_by_text("Memorised").wait_for()
        page.locator("#tab-learn-button").click()
        page.locator("#guide .idea").first.wait_for()
        assert FOLDER not in page.title() + page.locator("h1").inner_text()
    with capsys.disabled():
        print(f"\nfigures {figures}, bits per byte {bits}")  # noqa: T201 (for who runs it)
    assert len(bits) == 2
