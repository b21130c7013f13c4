"""What the tabs share: prompt, left model, controls, and how to ask a model."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import gradio as gr

from compare.html.charts import SIDES, problem
from compare.html.panes import Side
from compare.roster import EXAMPLES, Roster
from compare.tabs.duel import Duels
from compare.values import Answers, Refusal

PROMPTS = [
    "To be or not to be",
    "The quick brown",
    "The animal didn't cross the street because it was tired",
    "hell",
]
# Of every event of the page: nothing that a client could call, and no spinner over the panes.
QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
T = TypeVar("T")


@dataclass
class Page:
    """A tab may read any of it, set the prompt and the controls, and go to another tab."""

    demo: gr.Blocks
    roster: Roster
    duels: Duels
    prompt: gr.Textbox
    left: gr.State  # the key of the visitor's left model in the roster
    notice: gr.HTML  # one line about the last thing asked for
    tabs: gr.Tabs
    repo: gr.Textbox  # a model on the Hub, to be loaded as the left one
    sizes: gr.HTML  # the table of sizes
    controls: dict[str, Any] = field(default_factory=dict)  # of Sampling, by name, and `pinned`
    lessons: dict[str, Any] = field(default_factory=dict)  # what a link may set in other tabs


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
    """The answers, the names, and as HTML the sentences of those that refused."""
    answers: dict[Side, T] = {}
    names: dict[Side, str] = {}
    refusals = ""
    for side in SIDES:
        try:
            answers[side], names[side] = await ask(
                page, left, side, lambda who: (question(who), who.name)
            )
        except Refusal as refusal:
            refusals += problem(str(refusal), side)
    return answers, names, refusals


def is_example(prompt: str) -> bool:
    """Whether the prompt is ours to replace, not the visitor's."""
    return prompt in PROMPTS or prompt in EXAMPLES.values() or not prompt


def html(value: str = "", **options: Any) -> gr.HTML:
    """HTML in our own style, without Gradio's prose."""
    return gr.HTML(value, apply_default_css=False, **options)
