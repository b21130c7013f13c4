"""What the tabs share: prompt, the seats, what an address may set, and how to ask a model."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import gradio as gr

from compare.html.charts import problem
from compare.html.panes import SIDES, Side
from compare.roster import Roster
from compare.tabs.address import Settings
from compare.tabs.duel import Duels
from compare.values import Answers, RefusedError, Sampling
from compare.values.players import EXAMPLES, OPENINGS, SEAT, STORIES, WHOLE_STORY

PROMPTS = [
    "To be or not to be",
    "The quick brown",
    "The animal didn't cross the street because it was tired",
    "hell",
]
OURS = [*PROMPTS, *EXAMPLES.values(), *OPENINGS]
SIGNS = {"left": "● left", "right": "◆ right"}
# Of every event of the page: nothing that a client could call, and no spinner over the panes.
QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
FREE: dict[str, Any] = {**QUIET, "concurrency_limit": None}  # of what waits more than it works
T = TypeVar("T")


@dataclass
class Page:
    """A tab may read any of it, set the prompt and the seats, and go to another tab."""

    demo: gr.Blocks
    roster: Roster
    duels: Duels
    settings: Settings  # all that an address may set; each tab adds its own
    prompt: gr.Textbox
    seats: dict[Side, gr.State]  # the key in the roster of whom the visitor has put there
    notice: gr.HTML  # one line about the last thing asked for
    tabs: gr.Tabs
    heading: gr.HTML  # the two that play
    sizes: gr.HTML  # the table of sizes
    repo: gr.Textbox  # a model on the Hub, to be loaded
    menus: dict[Side, gr.Radio] = field(default_factory=dict)
    panes: dict[Side, gr.HTML] = field(default_factory=dict)
    show: Callable[[Any], Any] = lambda event: event  # after a change of seats: panes and title
    leaving: list[Callable[[str], None]] = field(default_factory=list)  # stop what a visitor runs

    @property
    def length(self) -> gr.Slider:
        """How many tokens a text may have."""
        return self.settings.known["max_new_tokens"].component

    @property
    def keys(self) -> list[gr.State]:
        """The seats as inputs or outputs, from left to right."""
        return [self.seats[side] for side in SIDES]


def first_keys(roster: Roster) -> dict[Side, str]:
    """Who sits where when the page opens."""
    return {side: roster.left if side == SIDES[0] else SEAT for side in SIDES}


def both() -> list[tuple[str, str]]:
    """The sides as choices."""
    return [(SIGNS[side], side) for side in SIDES]


def length_for(roster: Roster, key: str, now: int) -> Any:
    """The length that suits this model, unless the visitor has set another."""
    ours = now in (Sampling.max_new_tokens, WHOLE_STORY)
    return roster.length(key) if ours else gr.skip()


async def ask(
    page: Page, key: str, question: Callable[[Answers], T], seated: Iterable[str] = ()
) -> T:
    """An answer of one contestant, worked out off the event loop; `seated` are both sides' keys."""
    contestant = (await page.roster.seat(key, seated)).contestant
    return await asyncio.to_thread(question, contestant)


async def ask_all(
    page: Page, keys: Mapping[Side, str], question: Callable[[Answers], T]
) -> tuple[dict[Side, T], dict[Side, str], str]:
    """The answers, the names, and as HTML the sentences of those that refused."""
    answers: dict[Side, T] = {}
    names: dict[Side, str] = {}
    refusals = ""
    for side, key in keys.items():
        try:
            answers[side], names[side] = await ask(
                page, key, lambda who: (question(who), who.name), keys.values()
            )
        except RefusedError as refusal:
            refusals += problem(str(refusal), side)
    return answers, names, refusals


def prompts(roster: Roster) -> list[str]:
    """What the chips offer: the openings of stories where somebody here can go on with them."""
    return [*OPENINGS, *PROMPTS] if roster.tells(STORIES) else PROMPTS


def is_example(prompt: str) -> bool:
    """Whether the prompt is ours to replace, not the visitor's."""
    return prompt in OURS or not prompt


def html(value: str = "", **options: Any) -> gr.HTML:
    """HTML in our own style, without Gradio's prose."""
    return gr.HTML(value, apply_default_css=False, **options)
