"""Learn: the ideas, each to be tried."""

from __future__ import annotations

import asyncio
from importlib.resources import files

import gradio as gr

from compare.html import curves, guide_html
from compare.tabs.shared import QUIET, Page, html

NAME = "Learn"
_SCRIPT = files("compare").joinpath("learn.js")


def build(page: Page, tab: gr.Tab) -> None:
    script = _SCRIPT.read_text(encoding="utf-8")
    with gr.Row(elem_classes="guide-row"):
        with gr.Column(scale=8, min_width=300):
            html(guide_html.guide_html(), elem_id="guide", js_on_load=script)
        with gr.Column(scale=5, min_width=300, elem_classes="beside-guide"):
            html("<h3 id='cost'>What length costs</h3>")
            measure = gr.Button("Measure it here", elem_id="measure", scale=0)
            cost = html(curves.say("Attention over more and more tokens, timed on this machine."))
            html("<h3 id='scaling'>Loss against size</h3>")
            html(guide_html.scaling_html())

    page.demo.load(None, js=f"() => {{ {guide_html.WATCH} }}", **QUIET)
    measure.click(_cost, None, cost, concurrency_limit=1, concurrency_id="cost", **QUIET)


async def _cost() -> str:
    from compare.engine.cost import seconds_by_length

    return guide_html.cost_html(await asyncio.to_thread(seconds_by_length))
