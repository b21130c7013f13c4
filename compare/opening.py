"""The first screen: recorded answers, then who is really there and what the address asks for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import gradio as gr

from . import links
from .panes import Pane, notice
from .recorded import recorded_pane
from .roster import Roster
from .sizes import size_table
from .values import Refusal

if TYPE_CHECKING:
    from .page import Page

_SOON = 0.5  # seconds between looks for the baseline
_LATE = 120  # seconds after which the page stops looking


def first_panes(roster: Roster) -> tuple[Pane, Pane]:
    """What is on the page before any model is loaded: answers of models that really ran."""
    sentence = roster.waiting_sentence()
    return (
        recorded_pane("left", roster.left) or Pane("left", name=roster.left),
        recorded_pane("right", roster.stand_in, sentence)
        or Pane("right", name=roster.stand_in, sentence=sentence),
    )


def watch_arrivals(page: Page, left: gr.HTML, right: gr.HTML) -> None:
    """When the page opens: fill in the link, then the facts, then the baseline when it comes."""
    demo = gr.context.Context.root_block
    roster = page.roster
    controls = [page.controls[name] for name in links.SETTINGS]

    async def open_link(request: gr.Request) -> tuple[Any, ...]:
        asked = links.read(dict(request.query_params), roster.names)
        values = [getattr(asked.sampling, name) for name in links.SETTINGS]
        model = asked.model or roster.left
        prompt = asked.prompt if asked.prompt is not None else roster.example(model)
        said = asked.complaint
        if asked.repo:
            said = f"This link is about {asked.repo}: press Load under Your model. {said}".strip()
        return model, prompt, *values, asked.pinned, asked.repo or "", notice(said)

    async def arrive(key: str) -> AsyncIterator[tuple[Any, ...]]:
        yield await _left(key), gr.skip(), await _table(key)
        for _ in range(int(_LATE / _SOON)):
            if roster.settled():
                break
            await asyncio.sleep(_SOON)
        yield gr.skip(), await _right(), gr.skip()

    async def _left(key: str) -> Any:
        if key == roster.left and recorded_pane("left", key):
            return gr.skip()
        try:
            return Pane("left", facts=(await roster.arrive(key)).facts()).html()
        except Refusal as refusal:
            return Pane("left", name=key, problem=str(refusal)).html()

    async def _table(key: str) -> Any:
        try:
            return size_table((await roster.arrive(key)).facts())
        except Refusal:
            return gr.skip()

    async def _right() -> Any:
        try:
            right = await roster.right()
        except Refusal as refusal:
            return Pane("right", name=roster.stand_in, problem=str(refusal)).html()
        facts = right.contestant.facts()
        pane = recorded_pane("right", facts.name, right.sentence)
        return (pane or Pane("right", facts=facts, sentence=right.sentence)).html()

    opened = demo.load(
        open_link,
        None,
        [page.left, page.prompt, *controls, page.controls["pinned"], page.repo, page.notice],
        show_progress="hidden",
        concurrency_limit=None,
        api_visibility="private",
    )
    opened.then(
        arrive,
        page.left,
        [left, right, page.sizes],
        show_progress="hidden",
        concurrency_limit=None,
        api_visibility="private",
    )
