"""What the page says to an address of another version of its model."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

from compare.html.panes import SIDES
from compare.roster import Roster
from compare.tabs.journey import _Journey
from compare.values.players import WHOLE_STORY
from tests.compare.fakes import FakeContestant, fake_roster


class Published(FakeContestant):
    def facts(self):
        return replace(super().facts(), revision="abcdef1234567")


def moved(version: str) -> str:
    roster = Roster([], Published, left="bob/tiny", baseline=None)
    journey = _Journey(cast(Any, SimpleNamespace(roster=roster)), ["compare"])
    return asyncio.run(journey._moved({"left": "bob/tiny"}, version))


def test_the_same_version_is_not_worth_a_word():
    assert moved("abcdef123456") == ""


def test_another_version_is_told_with_both():
    said = moved("0123456789")
    assert "0123456" in said
    assert "abcdef1" in said


class Settings:
    """A page that knows a length and nothing else."""

    def __init__(self) -> None:
        self.known = {"max_new_tokens": SimpleNamespace(tabs=("compare",), default=None)}

    def read(self, asks):
        found = {name: int(asks[name]) for name in self.known if name in asks}
        return found, []


def length(**asks: str) -> Any:
    page = SimpleNamespace(roster=fake_roster(stories=True), settings=Settings())
    journey = _Journey(cast(Any, page), ["compare", "inside"])
    return asyncio.run(journey.apply(asks, "To be or not to be"))[len(SIDES) + 1]


def test_a_link_that_names_no_length_gets_the_one_that_suits_its_model():
    assert length(tab="compare") == WHOLE_STORY
    assert length(tab="compare", model="shakespeare") == 120
    assert length(tab="compare", model="stories", max_new_tokens="120") == 120
    assert length(tab="inside", model="shakespeare") == 120
    assert isinstance(length(tab="inside"), dict)  # gr.skip(): as the visitor left it
