"""Inside: why that word?"""

from __future__ import annotations

from typing import Any

import gradio as gr

from compare.html import charts
from compare.html.panes import Side
from compare.tabs.shared import QUIET, Page, ask, ask_both, html
from compare.values import Refusal, Unit

NAME = "Inside"
_UNITS: dict[str, Unit] = {"Letters": "letter", "Each model's own tokens": "token"}
_BOTH = [("● left", "left"), ("◆ right", "right")]
# While the tab is open it follows the prompt, a moment after the last key.
_FOLLOW = """() => {
    clearTimeout(window.lookSoon);
    window.lookSoon = setTimeout(() => {
        const look = document.querySelector("#look");
        if (look?.offsetParent) look.click();
    }, 300);
}"""


def build(page: Page, tab: gr.Tab) -> None:
    with gr.Row(elem_classes="actions"):
        look = gr.Button("Look", variant="primary", elem_id="look", elem_classes="go", min_width=90)
    with gr.Row(elem_classes="halves"):
        with gr.Column(min_width=300):
            _heading("What may come next")
            unit = gr.Radio(
                list(_UNITS), value="Letters", label="In units of", elem_classes="pills"
            )
            temperature = _slider("Temperature of the odds", 0.05, 2, 1.0, step=0.05)
            odds = html()
        with gr.Column(min_width=300):
            _heading("How each cuts the prompt")
            cuts = html()
    with gr.Row(elem_classes="halves"):
        with gr.Column(min_width=300):
            _heading("Where it looks")
            side = gr.Radio(_BOTH, value="left", label="Model", elem_classes="pills")
            with gr.Row(elem_classes="knobs"):
                layer, head = _slider("Layer", 1, 12, 1), _slider("Head", 1, 12, 1)
            heat = html(js_on_load=charts.MAP_SCRIPT)
        with gr.Column(min_width=300):
            _heading("A map of its tokens")
            whose = gr.Radio(_BOTH, value="left", label="Model", elem_classes="pills")
            sky = html(js_on_load=charts.TOKEN_SCRIPT)

    page.prompt.change(None, js=_FOLLOW, **QUIET)
    again = [tab.select, look.click]
    asks: list[tuple[Any, ...]] = [
        (_odds(page), [unit, temperature], odds, unit.input, temperature.input),
        (_cuts(page), [], cuts),
        (
            _heat(page),
            [side, layer, head],
            [heat, layer, head],
            side.input,
            layer.input,
            head.input,
        ),
        (_sky(page), [whose], sky, whose.input),
    ]
    for answer, own, shown, *triggers in asks:
        gr.on(
            [*again, *triggers],
            answer,
            [page.prompt, page.left, *own],
            shown,
            trigger_mode="always_last",
            **QUIET,
        )


def _heading(text: str) -> None:
    html(f"<h3>{text}</h3>")


def _slider(label: str, least: float, most: float, value: float, step: float = 1) -> gr.Slider:
    return gr.Slider(least, most, value, step=step, label=label, min_width=120, buttons=[])


def _odds(page: Page):
    async def odds(prompt: str, left: str, unit: str, temperature: float) -> str:
        kind = _UNITS.get(unit, "letter")
        found, names, refusals = await ask_both(
            page, left, lambda who: who.next_tokens(prompt, temperature, kind)
        )
        chart = charts.letter_chart if kind == "letter" else charts.token_chart
        return refusals + (chart(found, names) if found else "")

    return odds


def _cuts(page: Page):
    async def cuts(prompt: str, left: str) -> str:
        found, names, refusals = await ask_both(page, left, lambda who: who.tokens(prompt))
        return refusals + charts.token_rows(found, names)

    return cuts


def _heat(page: Page):
    async def heat(prompt: str, left: str, side: Side, layer: float, head: float) -> tuple:
        try:
            facts = await ask(page, left, side, lambda who: who.facts())
            layers, heads = max(1, facts.layers), max(1, facts.heads)
            layer, head = min(int(layer or 1), layers), min(int(head or 1), heads)
            seen = await ask(
                page, left, side, lambda who: who.attention(prompt, layer - 1, head - 1)
            )
        except Refusal as refusal:
            return charts.problem(str(refusal), side), gr.skip(), gr.skip()
        return (
            charts.attention_map(seen, side),
            gr.Slider(maximum=layers, value=layer, interactive=layers > 1),
            gr.Slider(maximum=heads, value=head, interactive=heads > 1),
        )

    return heat


def _sky(page: Page):
    async def sky(prompt: str, left: str, side: Side) -> str:
        try:
            points = await ask(page, left, side, lambda who: who.embedding_map(prompt))
        except Refusal as refusal:
            return charts.problem(str(refusal), side)
        return charts.token_map(points, side)

    return sky
