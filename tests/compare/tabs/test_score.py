"""Score: the button that borrows a GPU, where there is one to borrow."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from compare.engine import zerogpu
from compare.roster import SEAT
from compare.tabs import score
from compare.tabs.shared import Page
from compare.values import RefusedError, Surprise
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
