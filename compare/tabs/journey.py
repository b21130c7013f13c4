"""The way through the page: what an address sets up, the strip of an idea, history and sharing.

The browser keeps the address (journey.js): it sends here what is to be set up, and runs it then.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import gradio as gr

from compare.html import guide, strip
from compare.html.panes import SIDES, notice
from compare.tabs import address
from compare.tabs.shared import FREE, QUIET, Page, first_keys, html, is_example
from compare.values import RefusedError

_CONNECT = "journey.connect((asks) => trigger('click', {asks}));"
_LONGEST = 60  # letters of a part of an address that are looked at, but for texts


def build(page: Page, tabs: list[str], share: gr.Button, shown: gr.HTML) -> None:
    """After all tabs: what they accept is known now. `shown` is where the strip goes."""
    journey = _Journey(page, tabs)
    gate = html(elem_id="journey", js_on_load=_CONNECT)
    outputs = [
        *page.keys,
        page.repo,
        *page.settings.components,
        page.tabs,
        page.notice,
        shown,
    ]
    begin = json.dumps(
        {
            "settings": json.loads(page.settings.described()),
            "seats": {side: address.NAMES[side] for side in SIDES},
            "first": first_keys(page.roster),
            "longest": address.LONGEST_PROMPT,
        }
    )
    opened = page.demo.load(journey.arrive, page.prompt, outputs, **FREE)
    followed = gate.click(journey.go, page.prompt, outputs, **FREE)
    page.show(opened).then(None, js="() => journey.arrived(true)", **QUIET)
    page.show(followed).then(None, js="() => journey.arrived(false)", **QUIET)
    page.demo.load(None, js=f"() => journey.begin({begin})", **QUIET)
    # Whatever is set, by whomever: the browser notes it for the address.
    components = page.settings.components
    gr.on(
        [part.change for part in components if hasattr(part, "change")],
        None,
        components,
        js="(...values) => journey.note(values)",
        trigger_mode="multiple",
        **QUIET,
    )
    share.click(None, None, page.notice, js="() => journey.share()", **QUIET)


class _Journey:
    def __init__(self, page: Page, tabs: list[str]) -> None:
        self.page, self.tabs = page, tabs

    async def arrive(self, request: gr.Request, prompt: str) -> list[Any]:
        return await self.apply(dict(request.query_params), prompt)

    async def go(self, event: gr.EventData, request: gr.Request, prompt: str) -> list[Any]:
        """A link was followed; what the visitor had running stops."""
        for stop in self.page.leaving:
            stop(request.session_hash or "")
        sent = event._data  # whatever a client sends, or None
        asks = sent.get("asks") if isinstance(sent, dict) else None
        if not isinstance(asks, dict) or not all(isinstance(v, str) for v in asks.values()):
            asks = {}
        first = {"tab": self.tabs[0], address.NAMES[SIDES[0]]: self.page.roster.left}
        return await self.apply(asks or first, prompt)  # Back may lead to the first screen

    async def apply(self, asks: Mapping[str, str], prompt: str) -> list[Any]:
        """The page as an address wants it: seats, settings, tab, a word and the strip."""
        page, roster = self.page, self.page.roster
        seated = address.seats(asks, roster)
        values, complaints = page.settings.read(asks)
        tab = asks.get("tab", self.tabs[0])
        if tab not in self.tabs:
            complaints.append("its tab is not one of the page")
            tab = self.tabs[0]
        if asks:
            values = {**self._defaults(tab), **values}
        keys: dict[Any, str] = {**first_keys(roster), **seated.keys} if asks else {}
        if "prompt" not in asks and SIDES[0] in seated.keys and is_example(prompt or ""):
            values["prompt"] = roster.example(keys[SIDES[0]])
        if asks and "max_new_tokens" not in values and (tab == self.tabs[0] or seated.keys):
            values["max_new_tokens"] = roster.length(keys[SIDES[0]])
        said = address.complaint([*seated.complaints, *complaints])
        if version := asks.get("commit"):
            said = f"{said} {await self._moved(keys, version[:_LONGEST])}".strip()
        if seated.repo:
            said = f"This link is about {seated.repo}: press Load to fetch it. {said}".strip()
        return [
            *(keys.get(side, gr.skip()) for side in SIDES),
            seated.repo or gr.skip(),
            *(values.get(name, gr.skip()) for name in page.settings.known),
            gr.Tabs(selected=tab) if asks else gr.skip(),
            notice(said),
            strip.html(guide.find(asks.get("idea", "")[:_LONGEST])),
        ]

    async def _moved(self, keys: Mapping[Any, str], version: str) -> str:
        """A word where the link was made with another version of the left model."""
        try:
            seat = await self.page.roster.seat(keys.get(SIDES[0], self.page.roster.left))
        except RefusedError:
            return ""
        served = seat.contestant.facts().revision or ""
        if not served or served.startswith(version):
            return ""
        return (
            f"This link was made with version {version[:7]} of the model. The page has version "
            f"{served[:7]}, so the text may differ."
        )

    def _defaults(self, tab: str) -> dict[str, Any]:
        """What the tab's settings are where the address does not say."""
        return {
            name: setting.default
            for name, setting in self.page.settings.known.items()
            if tab in setting.tabs and setting.default is not None
        }
