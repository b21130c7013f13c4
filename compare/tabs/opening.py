"""The first screen: recorded answers, then who is really there and what the address asks for."""

from __future__ import annotations

import asyncio
from typing import Any

import gradio as gr

from compare.html.panes import RECORDED, Pane, notice
from compare.html.sizes import size_table
from compare.recorded.answers import recorded_pane
from compare.roster import Roster
from compare.tabs import links
from compare.tabs.shared import QUIET, Page
from compare.values import Refusal

_SOON = 0.5  # seconds between looks for the baseline
_LATE = 120  # seconds after which the page stops looking
# What was typed comes back when the page is loaded anew, by the visitor or for a new server.
_KEPT = """(text) => {
    document.addEventListener('input', ({target}) => {
        if (target.closest('#prompt')) sessionStorage.setItem('prompt', target.value)
    })
    const linked = new URLSearchParams(location.search).has('prompt')
    return linked ? text : sessionStorage.getItem('prompt') ?? text
}"""


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
    roster = page.roster
    controls = [page.controls[name] for name in links.SETTINGS]
    options: dict[str, Any] = {"concurrency_limit": None, **QUIET}

    async def open_link(request: gr.Request) -> tuple[Any, ...]:
        asked = links.read(dict(request.query_params), roster.names)
        values = [getattr(asked.sampling, name) for name in links.SETTINGS]
        model = asked.model or roster.left
        prompt = asked.prompt if asked.prompt is not None else roster.example(model)
        said = asked.complaint
        if asked.repo:
            said = f"This link is about {asked.repo}: press Load under Your model. {said}".strip()
        return model, prompt, *values, asked.pinned, asked.repo or "", notice(said)

    async def wait() -> None:
        for _ in range(int(_LATE / _SOON)):
            if roster.settled():
                return
            await asyncio.sleep(_SOON)

    async def show_left(key: str) -> tuple[Any, Any]:
        try:
            facts = (await roster.arrive(key)).facts()
        except Refusal as refusal:
            return Pane("left", name=key, problem=str(refusal)).html(), gr.skip()
        recorded = key == roster.left and recorded_pane("left", key)
        return gr.skip() if recorded else Pane("left", facts=facts).html(), size_table(facts)

    async def show_right(shown: str) -> tuple[Any, Any]:
        """Takes its pane, unless the visitor has had something written there meanwhile."""
        try:
            right = await roster.right()
        except Refusal as refusal:
            return Pane("right", name=roster.stand_in, problem=str(refusal)).html(), gr.skip()
        facts = right.contestant.facts()
        if "class='take'" in shown and RECORDED not in shown:
            return gr.skip(), notice("" if right.sentence else f"{facts.name} is here.")
        pane = recorded_pane("right", facts.name, right.sentence)
        pane = pane or Pane("right", facts=facts, sentence=right.sentence)
        return pane.html(), gr.skip()

    opened = page.demo.load(
        open_link,
        None,
        [page.left, page.prompt, *controls, page.controls["pinned"], page.repo, page.notice],
        **options,
    )
    opened.then(None, page.prompt, page.prompt, js=_KEPT, **QUIET)
    opened.then(show_left, page.left, [left, page.sizes], **options)
    opened.then(wait, **options).then(show_right, right, [right, page.notice], **options)
