"""Inside: why that word?

One request asks all that the tab shows, so that a change of prompt, model or tab costs one.
Gradio repeats a whole event for each function that waits for it (`always_last`): two functions
behind one such event send each other round for ever. So no event here has two.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import gradio as gr

from compare.html import charts
from compare.html.panes import SIDES
from compare.tabs.inside import answers
from compare.tabs.inside.choices import OF_A_MODEL, SECTIONS, Asked, Choices, make
from compare.tabs.shared import QUIET, Page, html

NAME = "Inside"
_SCRIPT = files("compare").joinpath("inside.js").read_text(encoding="utf-8")
# While the tab is open it follows prompt and model, a moment after the last change.
_FOLLOW = """() => {
    clearTimeout(window.lookSoon);
    window.lookSoon = setTimeout(() => {
        const look = document.querySelector("#look");
        if (look?.offsetParent) look.click();
    }, 300);
}"""


@dataclass(frozen=True)
class Part:
    """One section: its question, the choices that it goes by, and what it fills."""

    answer: Callable[[Page, Asked], Awaitable[list[str]]]
    reads: tuple[str, ...]
    fills: tuple[gr.HTML, ...]


def build(page: Page, tab: gr.Tab) -> None:
    choices = make(page)
    with gr.Row(elem_classes="actions"):
        look = gr.Button("Look", variant="primary", elem_id="look", elem_classes="go", min_width=90)
        html(_contents(), elem_id="contents", js_on_load=_SCRIPT)
    parts = _sections(choices)
    for follows in (tab.select, page.prompt.change, *(key.change for key in page.keys)):
        follows(None, js=_FOLLOW, trigger_mode="multiple", **QUIET)
    inputs = [page.prompt, *page.keys, *choices.components.values()]
    outputs = [*choices.components.values(), *(fill for part in parts for fill in part.fills)]
    ask = _Asking(page, choices, parts)
    look.click(
        ask.everything, inputs, outputs, trigger_mode="always_last", concurrency_limit=None, **QUIET
    ).then(None, js="() => journey.looked()", **QUIET)
    for name, component in choices.components.items():
        if component.visible is True:
            moved = component.submit if name == "swap" else component.input
            moved(ask.about(name), inputs, outputs, trigger_mode="always_last", **QUIET)
    for part in parts:
        for fill in part.fills:
            fill.click(ask.pressed, inputs, outputs, trigger_mode="always_last", **QUIET)


def _contents() -> str:
    links = "".join(
        f"<button type='button' data-see='{name}'>{title}</button>"
        for name, title in SECTIONS.items()
    )
    return f"<nav aria-label='Parts of this tab'>{links}</nav>"


def _heading(title: str, about: str = "") -> None:
    html(f"<h3>{title}</h3>" + (f"<p class='fine'>{about}</p>" if about else ""))


def _picture(name: str, script: str = _SCRIPT) -> gr.HTML:
    return html(elem_id=name, js_on_load=script)


def _sections(choices: Choices) -> list[Part]:
    """The whole tab, in the order in which it is read."""
    shown = choices.components
    with gr.Row(elem_classes="halves", elem_id="see-odds"):
        with gr.Column(min_width=300):
            _heading("What may come next")
            shown["unit"].render()
            shown["odds_temperature"].render()
            odds = _picture("odds", "")
        with gr.Column(min_width=300):
            _heading("How each cuts the prompt")
            cuts = _picture("cuts", "")
    with gr.Row(elem_classes="inside-of"):
        _heading("Look into one model", "All that follows is about this one.")
        shown["side"].render()
    with gr.Column(elem_id="see-path"):
        _heading("The path of a token")
        way = _picture("path")
    with gr.Column(elem_id="see-lens"):
        _heading("What each layer would say")
        layers = _picture("lens")
    with gr.Row(elem_classes="halves"):
        with gr.Column(min_width=300, elem_id="see-shares"):
            _heading("Who caused this word?")
            causes = _picture("shares")
        with gr.Column(min_width=300, elem_id="see-without"):
            _heading("Take it away")
            switches = _picture("switches")
            shown["swap"].render()
            swaps = _picture("swaps")
            changed = _picture("changed")
    with gr.Row(elem_classes="halves", elem_id="see-heat"):
        with gr.Column(min_width=300):
            _heading("Where it looks")
            heads = _picture("heads")
        with gr.Column(min_width=300):
            shown["pieces"].render()
            heat = _picture("heat")
    with gr.Column(elem_id="see-sky"):
        _heading("A map of its tokens")
        sky = _picture("sky", charts.TOKEN_SCRIPT)
    place = ("side", "back")
    return [
        Part(answers.odds, ("unit", "odds_temperature"), (odds,)),
        Part(answers.cuts, (), (cuts,)),
        Part(answers.way, (*place, "odds_temperature", "part"), (way,)),
        Part(answers.layers, place, (layers,)),
        Part(answers.causes, (*place, "word", "against"), (causes,)),
        Part(answers.taken, (*place, "off", "swap", "swap_at"), (swaps, switches, changed)),
        Part(answers.looks, (*place, "layer", "head", "pieces"), (heads, heat)),
        Part(answers.sky, ("side",), (sky,)),
    ]


class _Asking:
    """Answers of sections, each shown as soon as it is there."""

    def __init__(self, page: Page, choices: Choices, parts: Sequence[Part]) -> None:
        self.page, self.choices, self.parts = page, choices, parts

    async def everything(self, prompt: str, *settings: Any) -> AsyncIterator[list[Any]]:
        async for values in self._answers(self.parts, prompt, settings, {}):
            yield values

    def about(self, name: str) -> Callable[..., AsyncIterator[list[Any]]]:
        """Those sections that go by this choice, when the visitor has changed it."""

        async def ask(prompt: str, *settings: Any) -> AsyncIterator[list[Any]]:
            changed = self._emptied() if name == "side" else {}
            parts = [part for part in self.parts if name in part.reads]
            async for values in self._answers(parts, prompt, settings, changed):
                yield values

        return ask

    async def pressed(
        self, event: gr.EventData, prompt: str, *settings: Any
    ) -> AsyncIterator[list[Any]]:
        """A button of a picture was pressed."""
        changed = self.choices.pressed(event._data)
        parts = [part for part in self.parts if set(changed) & set(part.reads)]
        async for values in self._answers(parts, prompt, settings, changed):
            yield values

    def _emptied(self) -> dict[str, Any]:
        known = self.page.settings.known
        return {name: known[name].default for name in OF_A_MODEL}

    async def _answers(
        self, parts: Sequence[Part], prompt: str, settings: Sequence[Any], changed: dict[str, Any]
    ) -> AsyncIterator[list[Any]]:
        names = self.choices.names()
        keys = dict(zip(SIDES, settings, strict=False))
        given = dict(zip(names, settings[len(SIDES) :], strict=True)) | changed
        first = [changed.get(name, gr.skip()) for name in names]
        asked = Asked(prompt, keys, given)
        waiting = {asyncio.ensure_future(_of(part, self.page, asked)): part for part in parts}
        if not waiting:
            yield first + [gr.skip() for part in self.parts for _ in part.fills]
        try:
            while waiting:
                done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                ready = {id(waiting.pop(task)): task.result() for task in done}
                yield first + [
                    value
                    for part in self.parts
                    for value in ready.get(id(part), [gr.skip()] * len(part.fills))
                ]
        finally:
            for task in waiting:
                task.cancel()


async def _of(part: Part, page: Page, asked: Asked) -> list[str]:
    return await part.answer(page, asked)
