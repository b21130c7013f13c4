"""A newer version on the Hub of the model that the page serves: told, and loaded on request."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import gradio as gr

from compare.html.panes import SIDES, notice
from compare.roster import Roster
from compare.tabs.shared import FREE, Page
from compare.values import RefusedError

AGAIN = 600.0  # seconds for which the Hub's last answer will do
SECONDS = 5.0  # that the Hub has to answer


@dataclass
class Watch:
    """Asks the Hub where `main` is, for all visitors together and seldom."""

    roster: Roster
    asked: float = float("-inf")
    head: str | None = None

    async def newer(self) -> str | None:
        """The name by which the newer version is loaded; None where there is none."""
        name = self.roster.left
        if "@" in name:  # whoever runs the page has chosen
            return None
        try:
            facts = (await self.roster.arrive(name)).facts()
        except RefusedError:
            return None
        if not (facts.source and facts.revision):  # not from the Hub
            return None
        if time.monotonic() - self.asked > AGAIN:
            self.asked = time.monotonic()
            self.head = await _head(facts.source)
        if self.head in (None, facts.revision):
            return None
        return f"{facts.source}@{self.head}"


def build(page: Page) -> None:
    watch, newest = Watch(page.roster), gr.State()
    button = gr.Button("", visible=False, size="sm", elem_id="newer")

    async def look() -> tuple[Any, Any]:
        name = await watch.newer()
        if name is None:
            return gr.skip(), gr.skip()
        shown = f"The Hub has a newer version: load {name.split('@')[1][:7]}"
        return name, gr.Button(shown, visible=True)

    async def load(name: str) -> tuple[Any, Any, Any]:
        try:
            await page.roster.arrive(name)
        except RefusedError as refusal:
            return gr.skip(), notice(str(refusal)), gr.skip()
        return name, "", gr.Button(visible=False)

    page.demo.load(look, None, [newest, button], **FREE)
    left = page.seats[SIDES[0]]
    page.show(button.click(load, newest, [left, page.notice, button], **FREE))


async def _head(repo_id: str) -> str | None:
    from huggingface_hub import HfApi

    try:
        asking = asyncio.to_thread(HfApi().model_info, repo_id, timeout=SECONDS)
        return (await asyncio.wait_for(asking, SECONDS)).sha
    except Exception:  # no network, a Hub that is down: nothing to offer
        return None
