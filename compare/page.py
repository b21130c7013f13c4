"""The page: a prompt, two models, and a tab for each question that one may ask of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import gradio as gr

from . import api, tab_compare, tab_inside, tab_score
from .duel import Duels
from .roster import EXAMPLES, Roster
from .theme import head, theme

TABS: list[ModuleType] = [tab_compare, tab_inside, tab_score]  # each has NAME and build(page)
PROMPTS = [
    "To be or not to be",
    "The quick brown",
    "The animal didn't cross the street because it was tired",
    "hell",
]
_LONGEST_LINE = 200  # events that may wait before the page says that it is full


@dataclass
class Page:
    """What the tabs share. A tab may read any of it and set the prompt or go to another tab."""

    roster: Roster
    duels: Duels
    prompt: gr.Textbox
    left: gr.State  # the key of the visitor's left model in the roster
    notice: gr.HTML  # one line about the last thing asked for
    tabs: gr.Tabs
    repo: gr.Textbox  # a model on the Hub, to be loaded as the left one
    sizes: gr.HTML  # the table of sizes, for the tab that shows it
    controls: dict[str, gr.components.Component] = field(default_factory=dict)
    tab: gr.Tab | None = None  # the one that is being built


def build_demo(roster: Roster) -> gr.Blocks:
    with gr.Blocks(title="TinyGPT beside GPT-2", fill_width=False) as demo:
        gr.HTML(
            "<h1><span class='mark left'></span>TinyGPT <small>beside</small> "
            "<span class='mark right'></span>GPT-2</h1>",
            elem_id="title",
            apply_default_css=False,
        )
        api.offer(roster)  # first, so that the endpoints get their names
        left = gr.State(roster.left)
        prompt = gr.Textbox(
            roster.example(roster.left),
            label="Prompt",
            lines=1,
            max_lines=4,
            elem_id="prompt",
            placeholder="Type the beginning of a text",
        )
        with gr.Row(elem_classes="chips"):
            for text in PROMPTS:
                chip = gr.Button(text, size="sm", variant="secondary", elem_classes="chip")
                chip.click(None, None, prompt, js=f"() => {text!r}", api_visibility="private")
        notice = gr.HTML(elem_id="notice", apply_default_css=False)
        repo = gr.Textbox(
            label="Or a TinyGPT from the Hub",
            placeholder="user/name@revision",
            max_lines=1,
            render=False,
        )
        sizes = gr.HTML(elem_id="sizes", render=False, apply_default_css=False)
        with gr.Tabs(elem_id="tabs") as tabs:
            page = Page(roster, Duels(roster), prompt, left, notice, tabs, repo, sizes)
            for module in TABS:
                with gr.Tab(module.NAME, id=module.NAME.lower()) as page.tab:
                    module.build(page)
        gr.HTML(
            "<p>Runs on this machine, keeps nothing. <a href='?view=api'>API and MCP</a></p>",
            elem_id="foot",
            apply_default_css=False,
        )
    return demo


def is_example(prompt: str) -> bool:
    """Whether the prompt is ours to replace, not the visitor's."""
    return prompt in PROMPTS or prompt in EXAMPLES.values() or not prompt


def launch(demo: gr.Blocks, **where: Any) -> None:
    """Serves the page: nothing recorded, nothing reported, nothing loaded from other hosts."""
    demo.queue(default_concurrency_limit=2, max_size=_LONGEST_LINE)
    demo.launch(
        theme=theme(),
        head=head(),
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        mcp_server=find_spec("mcp") is not None,
        **where,
    )
