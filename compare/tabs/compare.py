"""Compare: what does each write?"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from typing import Any

import gradio as gr

from compare.html.panes import Pane, notice
from compare.html.sizes import size_table
from compare.tabs.links import COPY
from compare.tabs.opening import first_panes, watch_arrivals
from compare.tabs.shared import QUIET, Page, html, is_example
from compare.values import LARGEST_SEED, LONGEST, Refusal, Sampling

NAME = "Compare"
# Generate becomes Stop in the browser, at once: the style sheet goes by `aria-busy`. A new seed is
# rolled there too: gradio keeps a copy of an input for every time that the server sets it.
_BUSY = """(seed, pinned) => {
    const pressed = document.activeElement;  // the prompt, where Enter was pressed in it
    for (const out of document.querySelectorAll(".out")) out.setAttribute("aria-busy", "true");
    if (pressed === document.body || pressed?.matches("button"))
        document.querySelector("#stop")?.focus({preventScroll: true});
    return pinned ? seed : Math.floor(Math.random() * 1e6);  // short enough to read out
}"""
_IDLE = """() => {
    for (const out of document.querySelectorAll(".out")) out.setAttribute("aria-busy", "false");
    if ([document.body, document.querySelector("#stop")].includes(document.activeElement))
        document.querySelector("#generate")?.focus({preventScroll: true});
}"""


def build(page: Page, tab: gr.Tab) -> None:
    with gr.Row(elem_classes="actions"):
        generate = gr.Button(
            "Generate", variant="primary", elem_id="generate", elem_classes="go", min_width=90
        )
        stop = gr.Button("Stop", variant="stop", elem_id="stop", min_width=90)
        more = gr.Button("Three more", elem_id="more", min_width=90)
        link = gr.Button("Link", elem_id="link", min_width=60)
    with gr.Row(elem_classes="panes", equal_height=True):
        left, right = (html(pane.html()) for pane in first_panes(page.roster))
    with gr.Row(elem_classes="folds"):
        _sampling(page)
        _models(page, left)
    page.sizes.render()

    settings = list(page.controls.values())
    seed, pinned = page.controls["seed"], page.controls["pinned"]
    for takes, press in ((1, generate.click), (3, more.click)):
        press(None, [seed, pinned], seed, js=_BUSY, **QUIET).then(
            _writer(page, takes),
            [page.prompt, page.left, *settings],
            [left, right, page.notice],
            concurrency_limit=None,
            **QUIET,
        ).then(None, js=_IDLE, **QUIET)
    stop.click(_stopper(page), queue=False, **QUIET)
    link.click(
        None,
        [page.prompt, *settings[:-1]],
        page.notice,
        js=COPY,
        **QUIET,
    )
    watch_arrivals(page, left, right)


def _sampling(page: Page) -> None:
    plain, slider = Sampling(), partial(gr.Slider, buttons=[])
    with gr.Accordion("Sampling", open=False, elem_classes="fold"):
        page.controls |= {
            "temperature": slider(0.05, 2, plain.temperature, step=0.05, label="Temperature"),
            "top_k": slider(0, 200, plain.top_k, step=1, label="Top-k (0 is off)"),
            "top_p": slider(0.05, 1, plain.top_p, step=0.05, label="Top-p (1 is off)"),
            "repetition_penalty": slider(
                1, 2, plain.repetition_penalty, step=0.05, label="Repetition penalty (1 is off)"
            ),
            "max_new_tokens": slider(
                1, LONGEST, plain.max_new_tokens, step=1, label="Length in tokens"
            ),
            "greedy": gr.Checkbox(plain.greedy, label="Greedy: always the likeliest token"),
            "seed": gr.Number(
                plain.seed, label="Seed", precision=0, minimum=0, maximum=LARGEST_SEED
            ),
            "pinned": gr.Checkbox(False, label="Keep this seed"),
        }


def _models(page: Page, left: gr.HTML) -> None:
    roster = page.roster
    with gr.Accordion("Your model", open=False, elem_classes="fold"):
        menu = gr.Radio(roster.names, value=roster.left, label="On the left")
        with gr.Row(elem_classes="hub"):
            page.repo.render()
            load = gr.Button("Load", min_width=60, scale=0)

    async def choose(key: str, prompt: str) -> tuple[Any, ...]:
        """A model of the menu or of the Hub, with its example if the prompt was one too."""
        key = (key or "").strip()
        try:
            await roster.arrive(key)
        except Refusal as refusal:
            return gr.skip(), gr.skip(), notice(str(refusal))
        return key, roster.example(key) if is_example(prompt) else gr.skip(), ""

    async def seat(key: str) -> tuple[str, Any]:
        """Whoever sets `page.left`, the pane and the table follow."""
        try:
            facts = (await roster.arrive(key)).facts()
        except Refusal as refusal:
            return Pane("left", name=key, problem=str(refusal)).html(), gr.skip()
        return Pane("left", facts=facts).html(), size_table(facts)

    for trigger, name in (
        (menu.input, menu),
        (load.click, page.repo),
        (page.repo.submit, page.repo),
    ):
        trigger(
            choose,
            [name, page.prompt],
            [page.left, page.prompt, page.notice],
            concurrency_limit=None,
            **QUIET,
        )
    page.left.change(
        seat,
        page.left,
        [left, page.sizes],
        concurrency_limit=None,
        trigger_mode="multiple",  # a second choice at once is seated too, and the last one stays
        **QUIET,
    )


def _writer(page: Page, takes: int):
    async def write(
        request: gr.Request, prompt: str, left: str, *settings: Any
    ) -> AsyncIterator[tuple[Any, ...]]:
        given = dict(zip(page.controls, settings, strict=True))
        del given["pinned"]
        try:
            first = Sampling(**given)
            samplings = [replace(first, seed=first.seed + take) for take in range(takes)]
        except Refusal as refusal:
            yield gr.skip(), gr.skip(), notice(str(refusal))
            return
        visitor = request.session_hash or ""
        async for one, other in page.duels.fight(visitor, left, prompt, samplings):
            yield one.html(), other.html(), ""

    return write


def _stopper(page: Page):
    def stop(request: gr.Request) -> None:
        page.duels.stop(request.session_hash or "")

    return stop
