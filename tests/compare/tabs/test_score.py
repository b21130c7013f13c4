"""Score: the bits of each token, and the button that borrows a GPU where there is one."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from compare.engine import zerogpu
from compare.tabs import score
from compare.tabs.shared import Page
from compare.values import RefusedError, Surprise
from compare.values.players import SEAT
from tests.compare.acts import to_tab
from tests.compare.conftest import FAREWELL
from tests.compare.fakes import fake_roster

ROOT = Path(__file__).parents[3]
LENT = Surprise(1.25, 4, [("hell", 1.25)])


def scored(roster, on_gpu: bool) -> str:
    page = cast(Page, SimpleNamespace(roster=roster))
    return asyncio.run(score._scores(page, "hell", {"left": "hello", "right": SEAT}, on_gpu))


@pytest.fixture
def borrowed(monkeypatch) -> list[tuple]:
    """What was asked of the GPU; it answers with a figure that no model of these tests has."""
    asked: list[tuple] = []

    def borrow(work, *given: Any):
        asked.append((work, *given))
        yield LENT

    monkeypatch.setattr(zerogpu, "borrow", borrow)
    return asked


def arrived(roster) -> None:
    roster.begin()
    roster._baseline.result(10)


def test_only_gpt2_goes_to_the_gpu_and_only_by_its_button(borrowed):
    roster = fake_roster(late=lambda: True)
    arrived(roster)
    assert "1.25" not in scored(roster, on_gpu=False)
    assert borrowed == []
    shown = scored(roster, on_gpu=True)
    assert borrowed == [(zerogpu.score, roster.load_baseline, "openai-community/gpt2", "hell")]
    assert "1.25" in shown
    assert "GPT-2" in shown
    assert "hello" in shown


def test_a_stand_in_takes_no_visitors_quota(borrowed):
    roster = fake_roster()
    assert "shakespeare-gpt2" in scored(roster, on_gpu=True)
    assert borrowed == []


def test_when_the_quota_is_gone_the_sentence_stands_in_its_pane(monkeypatch):
    def borrow(work, *given: Any):
        raise RefusedError("You have exceeded your ZeroGPU quota.")

    monkeypatch.setattr(zerogpu, "borrow", borrow)
    roster = fake_roster(late=lambda: True)
    arrived(roster)
    shown = scored(roster, on_gpu=True)
    assert "You have exceeded your ZeroGPU quota." in shown
    assert "bits per byte" in shown  # the other model's


@pytest.mark.parametrize("lends", [True, False])
def test_the_button_is_there_where_a_gpu_is(lends):
    program = (
        f"from compare.engine import zerogpu; zerogpu.LENDS = {lends}\n"
        "from compare.page import build_demo\n"
        "from tests.compare.fakes import fake_roster\n"
        "blocks = build_demo(fake_roster()).blocks.values()\n"
        "print([b.visible for b in blocks if b.elem_id == 'score-gpu'])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, encoding="utf-8"
    )
    assert ended.stdout.strip() == f"[{lends}]", ended.stderr


def learned(roster, text: str, **keys: str) -> list[str]:
    page = cast(Page, SimpleNamespace(roster=roster))
    seats: Any = {"left": "hello", "right": SEAT, **keys}

    async def collect() -> list[str]:
        return [shown async for shown in score._learned(page, text, seats)]

    return asyncio.run(collect())


def test_learning_while_reading_shows_how_far_it_is_and_then_both_figures(monkeypatch):
    monkeypatch.setattr(score, "_LOOK", 0.02)
    *far, last = learned(fake_roster(pause=0.05), "hell")
    assert any("hello has read 1 of 2 tokens" in shown for shown in far)
    assert "Without that: 2.500" in last
    assert last.count("bits per byte") >= 2


def test_a_text_too_long_to_learn_from_names_the_command():
    assert "training.evaluate" in learned(fake_roster(), "x" * 9_000)[-1]


def test_whoever_leaves_ends_the_reading(monkeypatch):
    monkeypatch.setattr(score, "_LOOK", 0.02)
    roster = fake_roster(pause=0.2)
    heard = []

    def adapt(text, told):
        try:
            for done in range(1_000):
                told(done, 1_000)
                time.sleep(0.01)
        except BaseException as error:
            heard.append(error)
            raise

    cast(Any, roster.get("hello")).adapt = adapt
    page = cast(Page, SimpleNamespace(roster=roster))

    async def leave() -> None:
        shown = score._learned(page, "hell", {"left": "hello", "right": SEAT})
        await anext(shown)
        await cast(Any, shown).aclose()
        await asyncio.sleep(0.3)

    asyncio.run(leave())
    assert [type(error).__name__ for error in heard] == ["_GoneError"]


@pytest.mark.browser
def test_a_tap_on_a_token_tells_its_bits(quick_page, visit):
    with visit(quick_page) as page:
        to_tab(page, "Score")
        page.click("#score")
        page.locator(".surprise span").first.click()
        page.get_by_text("cost 2.50 bits: the model gave it 1 in 6").wait_for()
        page.locator(".scored.left [aria-label='The token after']").click()
        page.locator(".surprise span:nth-child(2).picked").wait_for()
        text = page.locator(".scored.right .surprise").bounding_box()
        # Right of a short line there is no letter: the nearest one is meant.
        page.mouse.click(text["x"] + text["width"] - 3, text["y"] + text["height"] / 4)
        page.locator(".scored.right .picked").wait_for()


@pytest.mark.browser
def test_learning_while_reading_is_a_switch_that_a_link_carries(quick_page, visit):
    with visit(f"{quick_page}?tab=score&learn=true", forgive=FAREWELL) as page:
        page.get_by_text("Without that: 2.500").first.wait_for()
        assert page.get_by_label("Learn while reading").is_checked()
        page.get_by_label("Learn while reading").uncheck()
        page.click("#score")
        page.get_by_text("Without that").first.wait_for(state="hidden")
        page.locator(".surprise span").first.evaluate("token => token.dataset.bits = 0.1")
        page.locator(".surprise span").first.click()
        page.get_by_text("cost 0.10 bits: the model gave it 93.3%").wait_for()
