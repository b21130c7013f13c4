"""Who sits on which side: the models of the menu, one's own, and those of the Hub."""

from __future__ import annotations

import json
from typing import Any

import gradio as gr

from compare.guests import MOST, PREFIX
from compare.html.panes import SIDES, Side, notice
from compare.roster import Roster
from compare.tabs.shared import FREE, SIGNS, Page, first_keys, is_example, length_for
from compare.values import RefusedError
from compare.values.players import SEAT


def choices(roster: Roster, own: list[str]) -> list[tuple[str, str]]:
    """A line for each model: the baseline first, then this visitor's own, then what ships."""
    keys = [SEAT, *(key for key in own if roster.knows(key)), *roster.names]
    return [(roster.line(key), key) for key in dict.fromkeys(keys)]


def _own(mine: str) -> list[str]:
    """What a browser says that it remembers: a list of keys, if it is honest."""
    try:
        keys = json.loads(mine or "[]")
    except ValueError:
        return []
    sound = isinstance(keys, list) and all(isinstance(key, str) for key in keys)
    return [key for key in keys if key.startswith(PREFIX)][-MOST:] if sound else []


def build(page: Page) -> None:
    roster, first = page.roster, first_keys(page.roster)
    menus: dict[Side, gr.Radio] = {}
    with gr.Accordion("Choose the models", open=False, elem_classes="fold", elem_id="models"):
        with gr.Row(elem_classes="menus"):
            for side in SIDES:
                menus[side] = gr.Radio(
                    choices(roster, []),
                    value=first[side],
                    label=SIGNS[side],
                    elem_classes="menu",
                    elem_id=f"menu-{side}",
                )
        with gr.Row(elem_classes="hub"):
            page.repo.render()
            loads = {
                side: gr.Button(f"Load {SIGNS[side]}", min_width=60, scale=0) for side in SIDES
            }
    page.menus, repo = menus, page.repo

    def refresh(mine: str, *keys: str) -> list[Any]:
        """The menus with this visitor's own models, and who sits there chosen."""
        own = _own(mine)
        return [gr.Radio(choices(roster, own), value=key) for key in keys]

    mine = gr.Textbox(visible=False)  # the keys that this browser remembers
    gr.on(
        [page.demo.load, *(key.change for key in page.keys)],
        refresh,
        [mine, *page.keys],
        list(menus.values()),
        js="(_, ...keys) => [journey.mine(), ...keys]",
        trigger_mode="multiple",
        **FREE,
    )
    for side in SIDES:
        seat = page.seats[side]
        inputs, outputs = [page.prompt, page.length], [seat, page.prompt, page.length, page.notice]
        choose = _chooser(page, side)
        for event, name in ((menus[side].input, menus[side]), (loads[side].click, repo)):
            page.show(event(choose, [name, *inputs], outputs, **FREE))
        if side == SIDES[0]:
            page.show(repo.submit(choose, [repo, *inputs], outputs, **FREE))


def _chooser(page: Page, side: Side):
    async def choose(key: str, prompt: str, length: int) -> tuple[Any, ...]:
        """The model sits down, with its own example if the prompt was an example too, and the
        length that suits it."""
        key = (key or "").strip()
        try:
            await page.roster.seat(key)
        except RefusedError as refusal:
            return gr.skip(), gr.skip(), gr.skip(), notice(str(refusal))
        if side != SIDES[0]:
            return key, gr.skip(), gr.skip(), ""
        example = page.roster.example(key) if is_example(prompt) else gr.skip()
        return key, example, length_for(page.roster, key, length), ""

    return choose
