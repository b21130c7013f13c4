"""Who sits down brings an example and a length, unless the visitor has chosen others."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

from compare.tabs.seats import menu
from compare.tabs.shared import Page, prompts
from compare.values.players import OPENINGS, WHOLE_STORY
from tests.compare.fakes import fake_roster


def sits(key: str, prompt: str, length: int, side: Any = "left") -> tuple[Any, ...]:
    page = cast(Page, SimpleNamespace(roster=fake_roster(stories=True)))
    return asyncio.run(menu._chooser(page, side)(key, prompt, length))


def test_a_teller_brings_an_opening_and_room_for_a_whole_story():
    assert sits("stories", "To be or not to be", 120) == ("stories", OPENINGS[0], WHOLE_STORY, "")


def test_another_model_takes_its_own_example_and_length_back():
    assert sits("hello", OPENINGS[1], WHOLE_STORY) == ("hello", "hell", 120, "")


def test_what_the_visitor_has_chosen_stays():
    _, prompt, length, _ = sits("hello", "my own words", 33)
    assert isinstance(prompt, dict)  # gr.skip()
    assert isinstance(length, dict)


def test_the_right_side_changes_neither():
    _, prompt, length, _ = sits("stories", "To be or not to be", 120, "right")
    assert isinstance(prompt, dict)
    assert isinstance(length, dict)


def test_openings_are_offered_where_somebody_can_go_on_with_them():
    without = fake_roster()
    without.names.remove("stories")
    assert prompts(fake_roster(stories=True))[:2] == list(OPENINGS)
    assert not set(OPENINGS) & set(prompts(without))
