"""Learn: the ideas, each to be tried."""

from __future__ import annotations

import asyncio
from importlib.resources import files
from typing import Any

import gradio as gr

from compare.html import curves, guide_html
from compare.tabs.shared import QUIET, Page, html
from compare.tabs.trying import Trying

NAME = "Learn"
_SCRIPT = files("compare").joinpath("learn.js")


def build(page: Page, tab: gr.Tab) -> None:
    trying = Trying(page)
    script = _SCRIPT.read_text(encoding="utf-8")
    with gr.Row(elem_classes="guide-row"):
        with gr.Column(scale=8, min_width=300):
            guide = html(guide_html.guide_html(), elem_id="guide", js_on_load=script)
        with gr.Column(scale=5, min_width=300, elem_classes="beside-guide"):
            html("<h3 id='cost'>What length costs</h3>")
            measure = gr.Button("Measure it here", elem_id="measure", scale=0)
            cost = html(curves.say("Attention over more and more tokens, timed on this machine."))
            html("<h3 id='scaling'>Loss against size</h3>")
            html(guide_html.scaling_html())

    def attempt(event: gr.EventData) -> list[Any]:
        sent = event._data  # whatever a client sends, or None
        asks = sent.get("asks") if isinstance(sent, dict) else None
        if not isinstance(asks, dict) or not all(isinstance(v, str) for v in asks.values()):
            asks = {}
        return trying.apply(asks)

    def arrive(request: gr.Request) -> list[Any]:
        asks = dict(request.query_params)
        return trying.apply(asks) if "tab" in asks else [gr.skip()] * len(trying.outputs)

    guide.click(attempt, None, trying.components(), **QUIET)
    page.demo.load(arrive, None, trying.components(), **QUIET)
    page.demo.load(None, js=f"() => {{ {guide_html.WATCH} }}", **QUIET)
    measure.click(_cost, None, cost, concurrency_limit=1, concurrency_id="cost", **QUIET)


async def _cost() -> str:
    from compare.engine.cost import seconds_by_length

    return guide_html.cost_html(await asyncio.to_thread(seconds_by_length))
