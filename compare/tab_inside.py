"""Inside: why that word?"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import gradio as gr

from . import charts
from .panes import Side
from .values import Answers, Refusal

if TYPE_CHECKING:
    from .page import Page

NAME = "Inside"
T = TypeVar("T")
_UNITS = {"Letters": "letter", "Each model's own tokens": "token"}
_BOTH = [("● left", "left"), ("◆ right", "right")]


def build(page: Page) -> None:
    with gr.Row(elem_classes="halves"):
        with gr.Column(min_width=300):
            _heading("What may come next")
            unit = gr.Radio(
                list(_UNITS), value="Letters", label="In units of", elem_classes="pills"
            )
            temperature = _slider("Temperature", 0.05, 2, 1.0, step=0.05)
            odds = gr.HTML(apply_default_css=False)
        with gr.Column(min_width=300):
            _heading("How each cuts the prompt")
            cuts = gr.HTML(apply_default_css=False)
    with gr.Row(elem_classes="halves"):
        with gr.Column(min_width=300):
            _heading("Where it looks")
            side = gr.Radio(_BOTH, value="left", label="Model", elem_classes="pills")
            with gr.Row(elem_classes="knobs"):
                layer, head = _slider("Layer", 1, 12, 1), _slider("Head", 1, 12, 1)
            heat = gr.HTML(js_on_load=charts.MAP_SCRIPT, apply_default_css=False)
        with gr.Column(min_width=300):
            _heading("A map of its tokens")
            whose = gr.Radio(_BOTH, value="left", label="Model", elem_classes="pills")
            sky = gr.HTML(js_on_load=charts.TOKEN_SCRIPT, apply_default_css=False)

    quiet: dict[str, Any] = {
        "show_progress": "hidden",
        "trigger_mode": "always_last",
        "api_visibility": "private",
    }
    shared = [page.prompt, page.left]
    asks = (
        (_odds(page), [unit, temperature], odds, [unit.input, temperature.input]),
        (_cuts(page), [], cuts, []),
        (
            _heat(page),
            [side, layer, head],
            [heat, layer, head],
            [side.input, layer.input, head.input],
        ),
        (_sky(page), [whose], sky, [whose.input]),
    )
    again = [page.tab.select, page.prompt.submit]
    for answer, own, shown, triggers in asks:
        for trigger in (*triggers, *again):
            trigger(answer, [*shared, *own], shown, **quiet)


def _heading(text: str) -> gr.HTML:
    return gr.HTML(f"<h3>{text}</h3>", apply_default_css=False)


def _slider(label: str, least: float, most: float, value: float, step: float = 1) -> gr.Slider:
    return gr.Slider(least, most, value, step=step, label=label, min_width=120, buttons=[])


async def ask(page: Page, left: str, side: Side, question: Callable[[Answers], T]) -> T:
    """An answer of one contestant, worked out off the event loop."""
    if side == "left":
        contestant = await page.roster.arrive(left)
    else:
        contestant = (await page.roster.right()).contestant
    return await asyncio.to_thread(question, contestant)


async def ask_both(
    page: Page, left: str, question: Callable[[Answers], T]
) -> tuple[dict[Side, T], dict[Side, str], str]:
    """Both answers, both names, and the sentences of those that refused."""
    answers: dict[Side, T] = {}
    names: dict[Side, str] = {}
    refusals = ""
    for side in charts.SIDES:
        try:
            answers[side], names[side] = await ask(
                page, left, side, lambda who: (question(who), who.name)
            )
        except Refusal as refusal:
            refusals += charts.problem(str(refusal), side)
    return answers, names, refusals


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
    async def heat(prompt: str, left: str, side: Side, layer: int, head: int):
        try:
            facts = await ask(page, left, side, lambda who: who.facts())
            layers, heads = max(1, facts.layers), max(1, facts.heads)
            layer, head = min(int(layer), layers), min(int(head), heads)
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
