"""Who sits there: recorded answers first, then the models, then the baseline when it comes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from html import escape
from typing import Any

import gradio as gr

from compare.html.panes import RECORDED, SIDES, Pane, Side, notice
from compare.html.sizes import size_table
from compare.recorded.answers import recorded_pane
from compare.roster import Roster, shown
from compare.tabs.shared import FREE, QUIET, Page, first_keys
from compare.values import RefusedError
from compare.values.players import SEAT

_SOON = 0.5  # seconds between looks for the baseline
_LATE = 120  # seconds after which the page stops looking


def title(names: dict[Side, str]) -> str:
    """The two that play."""
    shown = " <small>beside</small> ".join(
        f"<span class='mark {side}' aria-hidden='true'></span>{escape(name)}"
        for side, name in names.items()
    )
    return f"<h1>{shown}</h1>"


def first_title(roster: Roster) -> str:
    keys = first_keys(roster)
    return title({side: _name(roster, key, keys.values()) for side, key in keys.items()})


def first_panes(roster: Roster) -> list[Pane]:
    """What is on the page before any model is loaded: answers of models that really ran."""
    panes, keys = [], first_keys(roster)
    for side, key in keys.items():
        name, sentence = _name(roster, key, keys.values()), ""
        if key == SEAT:
            sentence = roster.waiting_sentence(name)
        there = recorded_pane(side, key, name, sentence)
        panes.append(there or Pane(side, name=name, sentence=sentence, key=key))
    return panes


def _name(roster: Roster, key: str, seated: Iterable[str]) -> str:
    return roster.stand_in(seated) if key == SEAT else shown(key)


def build(page: Page) -> None:
    """Makes `page.show`, and shows the baseline when it comes."""
    roster = page.roster
    # Whom each pane shows, so that a pane with a text in it is not taken away: a key, and who plays
    # for it.
    first = first_keys(roster)
    shown: gr.State = gr.State(
        {side: (key, roster.stand_in() if key == SEAT else "") for side, key in first.items()}
    )
    panes = [page.panes[side] for side in SIDES]

    async def show(before: dict[str, tuple[str, str]], *keys: str) -> tuple[Any, ...]:
        drawn, names, table, now = [], dict[Side, str](), gr.skip(), dict[Side, tuple[str, str]]()
        for side, key in zip(SIDES, keys, strict=True):
            pane = await _pane(roster, side, key, keys)
            names[side] = pane.facts.name if pane.facts else pane.name
            now[side] = key, names[side] if pane.sentence else ""
            drawn.append(gr.skip() if before.get(side) == now[side] else pane.html())
            if side == SIDES[0] and pane.facts:
                table = size_table(pane.facts)
        return title(names), table, now, *drawn

    def seated(event: Any) -> Any:
        outputs = [page.heading, page.sizes, shown, *panes]
        return event.then(show, [shown, *page.keys], outputs, **FREE).then(
            None, js="() => journey.seated()", **QUIET
        )

    page.show = seated
    _watch(page, panes)


def _watch(page: Page, panes: list[gr.HTML]) -> None:
    roster = page.roster

    async def wait() -> None:
        for _ in range(int(_LATE / _SOON)):
            if roster.settled():
                return
            await asyncio.sleep(_SOON)

    async def arrive(*given: str) -> tuple[Any, ...]:
        """The baseline takes its pane, unless something has been written there meanwhile."""
        keys, texts = given[: len(SIDES)], given[len(SIDES) :]
        now: dict[Side, str] = dict(zip(SIDES, keys, strict=True))
        found = {side: await _pane(roster, side, key, keys) for side, key in now.items()}
        said, drawn = gr.skip(), []
        for (side, pane), text in zip(found.items(), texts, strict=True):
            written = "class='take'" in text and RECORDED not in text
            if now[side] != SEAT:
                drawn.append(gr.skip())
            elif written:
                said = notice("" if pane.sentence else f"{pane.name} is here.")
                drawn.append(gr.skip())
            else:
                drawn.append((recorded_pane(side, SEAT, pane.name, pane.sentence) or pane).html())
        return title({side: pane.name for side, pane in found.items()}), said, *drawn

    page.demo.load(wait, **FREE).then(
        arrive, [*page.keys, *panes], [page.heading, page.notice, *panes], **FREE
    )


async def _pane(roster: Roster, side: Side, key: str, seated: Iterable[str]) -> Pane:
    """An empty pane of whoever has that key."""
    try:
        seat = await roster.seat(key, seated)
    except RefusedError as refusal:
        return Pane(side, name=_name(roster, key, seated), problem=str(refusal), key=key)
    facts = seat.contestant.facts()
    return Pane(side, name=facts.name, facts=facts, sentence=seat.sentence, key=key)
