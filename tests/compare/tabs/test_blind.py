"""Blind tests: nothing gives away who wrote what, until the vote is in."""

from __future__ import annotations

import asyncio
import json

from compare.html.panes import Pane
from compare.tabs import blind
from compare.tabs.duel import Duels
from compare.values import Sampling
from compare.values.players import SEAT
from tests.compare.fakes import fake_roster


def played(keys) -> list[Pane]:
    async def write() -> list[Pane]:
        fight = Duels(fake_roster()).fight(
            "ada", blind.lot(keys), "To be", [Sampling(max_new_tokens=5)]
        )
        return [panes async for panes in fight][-1]

    return asyncio.run(write())


def test_sides_are_drawn_by_lot():
    drawn = [blind.lot(["a", "b"])["left"] for _ in range(200)]
    assert 60 < drawn.count("a") < 140


def test_nothing_of_a_hidden_pane_says_who_wrote_it():
    for shown in blind.hidden(played(["hello", SEAT])):
        for telling in ("hello", "shakespeare", "parameters", "tokens/s", "top-k", "data-key"):
            assert telling not in shown
        assert "text</h2>" in shown


def test_a_vote_counts_for_the_model_and_not_for_the_side():
    panes = played(["hello", "chat"])
    told = json.loads(blind.counted(blind.Round(tuple(panes)), "left"))
    assert told == {"names": ["chat", "hello"], "better": panes[0].facts.name}
    undecided = json.loads(blind.counted(blind.Round(tuple(panes)), ""))
    assert undecided["better"] == ""
