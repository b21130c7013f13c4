"""Inside: why that word?

One request asks all that the tab shows, so that a change of prompt, model or tab costs one.
Gradio repeats a whole event for each function that waits for it (`always_last`): two functions
behind one such event send each other round for ever. So no event here has two.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from compare.html import charts
from compare.html.panes import SIDES, Side
from compare.tabs.address import one_of, within
from compare.tabs.shared import QUIET, Page, ask, ask_all, both, html
from compare.values import Facts, RefusedError, Unit

NAME = "Inside"
TABS = ("inside",)
_UNITS: dict[str, Unit] = {"Letters": "letter", "Each model's own tokens": "token"}
# While the tab is open it follows prompt and model, a moment after the last change.
_FOLLOW = """() => {
    clearTimeout(window.lookSoon);
    window.lookSoon = setTimeout(() => {
        const look = document.querySelector("#look");
        if (look?.offsetParent) look.click();
    }, 300);
}"""


Keys = dict[Side, str]


@dataclass(frozen=True)
class Part:
    """One question of the tab, asked with all others or alone when a control of its own moves."""

    answer: Callable[..., Awaitable[Sequence[Any]]]  # of prompt, the seats' keys and `reads`
    reads: list[Any]
    fills: list[Any]
    moved: list[Any]  # events of its own controls


def build(page: Page, tab: gr.Tab) -> None:
    with gr.Row(elem_classes="actions"):
        look = gr.Button("Look", variant="primary", elem_id="look", elem_classes="go", min_width=90)
    with gr.Row(elem_classes="halves"):
        with gr.Column(min_width=300):
            odds = _odds(page)
        with gr.Column(min_width=300):
            cuts = _cuts(page)
    with gr.Row(elem_classes="halves"):
        with gr.Column(min_width=300):
            heat = _heat(page)
        with gr.Column(min_width=300):
            sky = _sky(page)

    parts = [odds, cuts, heat, sky]
    for event in (tab.select, page.prompt.change, *(key.change for key in page.keys)):
        event(None, js=_FOLLOW, trigger_mode="multiple", **QUIET)
    look.click(
        _all(parts),
        [page.prompt, *page.keys, *(read for part in parts for read in part.reads)],
        [fill for part in parts for fill in part.fills],
        trigger_mode="always_last",
        concurrency_limit=None,
        **QUIET,
    ).then(None, js="() => journey.looked()", **QUIET)
    for part in parts:
        for moved in part.moved:
            moved(
                _alone(part),
                [page.prompt, *page.keys, *part.reads],
                part.fills,
                trigger_mode="always_last",
                **QUIET,
            )


def _all(parts: Sequence[Part]):
    """Answers of all parts, each shown as soon as it is there."""

    async def look(prompt: str, *settings: Any) -> AsyncIterator[list[Any]]:
        keys, given = _seated(settings), iter(settings[len(SIDES) :])
        asked = {}
        for number, part in enumerate(parts):
            own = [next(given) for _ in part.reads]
            asked[asyncio.ensure_future(_of(part, prompt, keys, own))] = number
        waiting = set(asked)
        try:
            while waiting:
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                shown = {asked[task]: task.result() for task in done}
                yield [
                    value
                    for number, part in enumerate(parts)
                    for value in shown.get(number, [gr.skip()] * len(part.fills))
                ]
        finally:
            for task in waiting:
                task.cancel()

    return look


def _alone(part: Part):
    async def answer(prompt: str, *settings: Any) -> Sequence[Any]:
        return await part.answer(prompt, _seated(settings), *settings[len(SIDES) :])

    return answer


def _seated(settings: Sequence[Any]) -> Keys:
    return dict(zip(SIDES, settings, strict=False))


async def _of(part: Part, prompt: str, keys: Keys, own: Sequence[Any]) -> Sequence[Any]:
    return await part.answer(prompt, keys, *own)


def _heading(text: str) -> None:
    html(f"<h3>{text}</h3>")


def _slider(label: str, least: float, most: float, value: float, step: float = 1) -> gr.Slider:
    return gr.Slider(least, most, value, step=step, label=label, min_width=120, buttons=[])


def _odds(page: Page) -> Part:
    _heading("What may come next")
    unit = gr.Radio(list(_UNITS), value="Letters", label="In units of", elem_classes="pills")
    temperature = _slider("Temperature of the odds", 0.05, 2, 1.0, step=0.05)
    shown = html(elem_id="odds")

    async def odds(prompt: str, keys: Keys, unit: str, temperature: float) -> list[str]:
        kind = _UNITS.get(unit, "letter")
        found, names, refusals = await ask_all(
            page, keys, lambda who: who.next_tokens(prompt, temperature, kind)
        )
        chart = charts.letter_chart if kind == "letter" else charts.token_chart
        return [refusals + (chart(found, names, prompt) if found else "")]

    page.settings.accept("unit", unit, one_of(_UNITS), tabs=TABS, default="Letters")
    read = within(0.05, 2, 1.0)
    page.settings.accept("odds_temperature", temperature, read, tabs=TABS, default=1.0)
    return Part(odds, [unit, temperature], [shown], [unit.input, temperature.input])


def _cuts(page: Page) -> Part:
    _heading("How each cuts the prompt")
    shown = html(elem_id="cuts")

    async def cuts(prompt: str, keys: Keys) -> list[str]:
        found, names, refusals = await ask_all(page, keys, lambda who: who.tokens(prompt))
        return [refusals + charts.token_rows(found, names)]

    return Part(cuts, [], [shown], [])


def _heat(page: Page) -> Part:
    _heading("Where it looks")
    side = gr.Radio(both(), value=SIDES[0], label="Model", elem_classes="pills")
    with gr.Row(elem_classes="knobs"):
        layer, head = _slider("Layer", 1, 12, 1), _slider("Head", 1, 12, 1)
    shown = html(elem_id="heat", js_on_load=charts.MAP_SCRIPT)

    async def heat(prompt: str, keys: Keys, side: Side, layer: float, head: float) -> list[Any]:
        try:
            facts = await ask(page, keys[side], lambda who: who.facts())
        except RefusedError as refusal:
            return [charts.problem(str(refusal), side), gr.skip(), gr.skip()]
        at = _within(layer, facts.layers), _within(head, facts.heads)
        sliders = [_of_many(layer, facts.layers), _of_many(head, facts.heads)]
        try:
            seen = await ask(
                page, keys[side], lambda who: who.attention(prompt, at[0] - 1, at[1] - 1)
            )
        except RefusedError as refusal:
            return [charts.problem(f"{facts.name}: {refusal}", side), *sliders]
        return [charts.attention_map(seen, side, _where(facts, *at)), *sliders]

    page.settings.accept("side", side, one_of(SIDES), tabs=TABS, default=SIDES[0])
    page.settings.accept("layer", layer, within(1, 200, 1), tabs=TABS, default=1)
    page.settings.accept("head", head, within(1, 200, 1), tabs=TABS, default=1)
    return Part(
        heat,
        [side, layer, head],
        [shown, layer, head],
        [side.input, layer.input, head.input],
    )


def _within(number: float, count: int) -> int:
    return min(max(1, int(number or 1)), max(1, count))


def _of_many(number: float, count: int) -> Any:
    """A slider for so many layers or heads; where there is one only, there is nothing to slide.

    What the visitor chose is left alone where it can be: they may be sliding at this moment."""
    if count < 2:
        return gr.Slider(visible=False, value=1)
    if number and 1 <= number <= count:
        return gr.Slider(maximum=count, visible=True)
    return gr.Slider(maximum=count, visible=True, value=_within(number, count))


def _where(facts: Facts, layer: int, head: int) -> str:
    return f"{facts.name}, layer {layer} of {facts.layers}, head {head} of {facts.heads}"


def _sky(page: Page) -> Part:
    _heading("A map of its tokens")
    whose = gr.Radio(both(), value=SIDES[0], label="Model", elem_classes="pills")
    shown = html(elem_id="sky", js_on_load=charts.TOKEN_SCRIPT)

    async def sky(prompt: str, keys: Keys, side: Side) -> list[str]:
        try:
            points, name = await ask(
                page, keys[side], lambda who: (who.embedding_map(prompt), who.name)
            )
        except RefusedError as refusal:
            return [charts.problem(str(refusal), side)]
        return [charts.token_map(points, side, name)]

    page.settings.accept("map", whose, one_of(SIDES), tabs=TABS, default=SIDES[0])
    return Part(sky, [whose], [shown], [whose.input])
