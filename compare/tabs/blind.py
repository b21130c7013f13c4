"""A blind test: sides drawn by lot, names hidden, a vote, and then who it was.

The tally stays in the visitor's browser, by pair of models (journey.js).
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from compare.html.panes import SIDES, Pane, Side
from compare.tabs.shared import FREE, QUIET, Page, html

TITLES: dict[Side, str] = {"left": "First text", "right": "Second text"}
_CHOICES = {"left": "The first is better", "right": "The second is better", "": "I cannot say"}
_VOTE = """element.addEventListener("click", (event) => {
    const pressed = event.target.closest("[data-vote]");
    if (pressed) trigger("click", {vote: pressed.dataset.vote});
});"""


@dataclass(frozen=True)
class Round:
    """Two texts whose writers are not shown yet."""

    panes: tuple[Pane, ...] = ()


def lot(keys: Sequence[str]) -> dict[Side, str]:
    """Who writes on which side in this round."""
    drawn = random.sample(list(keys), len(keys))
    return dict(zip(SIDES, drawn, strict=True))


def waiting() -> list[str]:
    """The panes while both write: neither may be known by its speed."""
    return [Pane(side, name=TITLES[side], notes=["both are writing"]).html() for side in SIDES]


def hidden(panes: Sequence[Pane]) -> list[str]:
    return [
        replace(
            pane, name=TITLES[pane.side], facts=None, blind=True, notes=(), sampling=None
        ).html()
        for pane in panes
    ]


def ballot() -> str:
    buttons = "".join(
        f"<button type='button' data-vote='{side}'>{words}</button>"
        for side, words in _CHOICES.items()
    )
    return f"<div class='ballot' role='group' aria-label='Your vote'>{buttons}</div>"


def build(page: Page, played: gr.State) -> gr.HTML:
    """The ballot; `played` holds the round that is voted on."""
    shown = html(elem_id="ballot", js_on_load=_VOTE)
    result = gr.Textbox(visible=False)

    def vote(event: gr.EventData, played: Round) -> tuple[Any, ...]:
        sent = event._data if isinstance(event._data, dict) else {}
        if sent.get("vote") not in _CHOICES or not played.panes:
            return (*(gr.skip() for _ in SIDES), Round(), "", "")
        # In a round the sides are not the seats: the panes carry no key for the address.
        told = [replace(pane, key="").html() for pane in played.panes]
        return (*told, Round(), "<p id='tally' role='status'></p>", counted(played, sent["vote"]))

    panes = [page.panes[side] for side in SIDES]
    shown.click(vote, played, [*panes, played, shown, result], **FREE).then(
        None, result, js="(result) => journey.vote(result)", **QUIET
    )
    return shown


def counted(played: Round, winner: str) -> str:
    """For the browser's tally: both names, and the one that was voted for."""
    names = {pane.side: pane.facts.name if pane.facts else pane.name for pane in played.panes}
    better = next((name for side, name in names.items() if side == winner), "")
    return json.dumps({"names": sorted(names.values()), "better": better})
