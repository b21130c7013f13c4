"""What the page says to an address of another version of its model."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

from compare.roster import Roster
from compare.tabs.journey import _Journey
from tests.compare.fakes import FakeContestant


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
