"""Compare: what does each write?"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import fields, replace
from functools import partial
from typing import Any

import gradio as gr

from compare.html.panes import SIDES, notice
from compare.html.terms import TERMS
from compare.tabs import blind, token
from compare.tabs.address import like, within
from compare.tabs.seats import menu, opening
from compare.tabs.seats.opening import first_panes
from compare.tabs.shared import FREE, QUIET, Page, html
from compare.values import LARGEST_SEED, LONGEST, RefusedError, Sampling

NAME = "Compare"
# Generate becomes Stop in the browser, at once: the style sheet goes by `aria-busy`. A new seed is
# rolled there too: gradio keeps a copy of an input for every time that the server sets it.
_BUSY = """(seed, pinned) => {
    document.querySelector(".tapped-token")?.remove(); // of the text that goes
    const pressed = document.activeElement;  // the prompt, where Enter was pressed in it
    for (const out of document.querySelectorAll(".out")) out.setAttribute("aria-busy", "true");
    if (pressed === document.body || pressed?.matches("button"))
        document.querySelector("#stop")?.focus({preventScroll: true});
    if (pinned || journey.asked()) return seed;  // an address names the seed of its text
    return Math.floor(Math.random() * 1e6);  // short enough to read out
}"""
_MORE = f"(seed, pinned) => {{ ({_BUSY})(seed, true); return seed; }}"
_IDLE = """() => {
    for (const out of document.querySelectorAll(".out")) out.setAttribute("aria-busy", "false");
    if ([document.body, document.querySelector("#stop")].includes(document.activeElement))
        document.querySelector("#generate")?.focus({preventScroll: true});
    journey.finished();
}"""


_NO_ROUND = (blind.Round(), "")


def build(page: Page, tab: gr.Tab) -> None:
    with gr.Row(elem_classes="actions"):
        generate = gr.Button(
            "Generate", variant="primary", elem_id="generate", elem_classes="go", min_width=90
        )
        stop = gr.Button("Stop", variant="stop", elem_id="stop", min_width=90)
        more = gr.Button("Three more", elem_id="more", min_width=90)
        unseen = gr.Checkbox(False, label="Blind test", elem_id="blind", min_width=100)
    with gr.Row(elem_classes="panes", equal_height=True):
        for side, pane in zip(SIDES, first_panes(page.roster), strict=True):
            page.panes[side] = html(pane.html())
    panes = [page.panes[side] for side in SIDES]
    played: gr.State = gr.State(blind.Round())
    ballot = blind.build(page, played)
    token.build(page)
    opening.build(page)
    with gr.Row(elem_classes="folds"):
        controls = _sampling(page)
        menu.build(page)
    page.sizes.render()

    settings = [controls[spec.name] for spec in fields(Sampling)]
    seed, pinned = controls["seed"], controls["pinned"]
    # Three more keeps the text that is there, by its seed, and adds three.
    for takes, press, busy in ((1, generate.click, _BUSY), (4, more.click, _MORE)):
        press(None, [seed, pinned], seed, js=busy, **QUIET).then(
            _writer(page, takes),
            [page.prompt, unseen, *page.keys, *settings],
            [*panes, page.notice, played, ballot],
            **FREE,
        ).then(None, js=_IDLE, **QUIET)
    stop.click(_stopper(page), queue=False, **QUIET)
    page.leaving.append(page.duels.stop)


def _sampling(page: Page) -> dict[str, Any]:
    plain, slider = Sampling(), partial(gr.Slider, buttons=[])
    with gr.Accordion("Sampling", open=False, elem_classes="fold"):
        controls = {
            "temperature": slider(
                0.05,
                2,
                plain.temperature,
                step=0.05,
                label="Temperature",
                info=TERMS["temperature"],
            ),
            "top_k": slider(
                0,
                200,
                plain.top_k,
                step=1,
                label="Top-k (0 is off)",
                info=TERMS["top-k"],
            ),
            "top_p": slider(0.05, 1, plain.top_p, step=0.05, label="Top-p (1 is off)"),
            "repetition_penalty": slider(
                1, 2, plain.repetition_penalty, step=0.05, label="Repetition penalty (1 is off)"
            ),
            "max_new_tokens": slider(
                1, LONGEST, page.roster.length(page.roster.left), step=1, label="Length in tokens"
            ),
            "greedy": gr.Checkbox(plain.greedy, label="Greedy: always the likeliest token"),
            "seed": gr.Number(
                plain.seed, label="Seed", precision=0, minimum=0, maximum=LARGEST_SEED
            ),
            "pinned": gr.Checkbox(False, label="Keep this seed"),
        }
    for name, value in ((spec.name, getattr(plain, spec.name)) for spec in fields(Sampling)):
        bounds = Sampling.RANGES.get(name)
        read = within(*bounds, value) if bounds else like(value)
        # A seed always stands in the address, and a length, which is another for each model.
        default = None if name in ("seed", "max_new_tokens") else value
        page.settings.accept(name, controls[name], read, tabs=("compare",), default=default)
    return controls


def _writer(page: Page, takes: int):
    async def write(
        request: gr.Request, prompt: str, unseen: bool, *given: Any
    ) -> AsyncIterator[tuple[Any, ...]]:
        keys, settings = given[: len(SIDES)], given[len(SIDES) :]
        try:
            first = Sampling(*settings)
            samplings = [
                replace(first, seed=(first.seed + take) % (LARGEST_SEED + 1))
                for take in range(takes)
            ]
        except RefusedError as refusal:
            yield (*(gr.skip() for _ in SIDES), notice(str(refusal)), *_NO_ROUND)
            return
        seats = blind.lot(keys) if unseen else dict(zip(SIDES, keys, strict=True))
        visitor = request.session_hash or ""
        if unseen:
            yield (*blind.waiting(), "", *_NO_ROUND)
        async for panes in page.duels.fight(visitor, seats, prompt, samplings):
            if not unseen:
                yield (*(pane.html() for pane in panes), "", *_NO_ROUND)
        if unseen:
            yield (*blind.hidden(panes), "", blind.Round(tuple(panes)), blind.ballot())

    return write


def _stopper(page: Page):
    def stop(request: gr.Request) -> None:
        page.duels.stop(request.session_hash or "")

    return stop
