"""The page: a prompt, two models, and a tab for each question that one may ask of them."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import gradio as gr
from anyio.to_thread import current_default_thread_limiter
from starlette.middleware import Middleware

from compare import api
from compare.html.theme import head, theme
from compare.pace import Pace
from compare.roster import Roster
from compare.tabs import chat, compare, inside, learn, newer, score
from compare.tabs.duel import Duels
from compare.tabs.shared import PROMPTS, QUIET, Page, html
from compare.tabs.train import tab as train

# Each has NAME and build(page, tab).
TABS: list[ModuleType] = [compare, inside, score, train, learn, chat]
_PORT = 7860  # Gradio's own, unless another is asked for
_LONGEST_LINE = 200  # events that may wait before the page says that it is full
_VISITORS = 100  # of whom the server knows what they chose; each costs 0.3 MB
# Work for Gradio that is over at once; threads that come and go leave memory behind.
_THREADS = 8
_TITLE = (
    "<h1><span class='mark left'></span>TinyGPT <small>beside</small> "
    "<span class='mark right'></span>GPT-2</h1>"
)
_FOOT = "<p>Runs on this machine, keeps nothing. <a href='?view=api'>API and MCP</a></p>"
# Enter presses the main button of the tab that is open.
_GO = """() => [...document.querySelectorAll("button.go")].find((b) => b.offsetParent)?.click()"""


def build_demo(roster: Roster) -> gr.Blocks:
    with gr.Blocks(title="TinyGPT beside GPT-2") as demo:
        api.offer(roster)  # first, so that the endpoints get their names
        html(_TITLE, elem_id="title")
        prompt = _prompt(roster)
        page = Page(
            demo,
            roster,
            Duels(roster),
            prompt,
            gr.State(roster.left),
            notice=html(elem_id="notice"),
            tabs=gr.Tabs(elem_id="tabs"),
            repo=gr.Textbox(
                label="Or a TinyGPT from the Hub",
                placeholder="user/name@revision",
                max_lines=1,
                render=False,
            ),
            sizes=html(elem_id="sizes", render=False),
        )
        with page.tabs:
            for module in TABS:
                with gr.Tab(module.NAME, id=module.NAME.lower()) as tab:
                    module.build(page, tab)
        newer.build(page)
        html(_FOOT, elem_id="foot")
    return demo


def _prompt(roster: Roster) -> gr.Textbox:
    prompt = gr.Textbox(
        roster.example(roster.left),
        label="Prompt",
        lines=1,
        max_lines=4,
        elem_id="prompt",
        placeholder="Type the beginning of a text",
    )
    prompt.submit(None, js=_GO, **QUIET)
    with gr.Row(elem_classes="chips"):
        for text in PROMPTS:
            chip = gr.Button(text, size="sm", elem_classes="chip")
            chip.click(None, None, prompt, js=f"() => {json.dumps(text)}", **QUIET)
    return prompt


def launch(demo: gr.Blocks, routes: Sequence[Any] = (), **where: Any) -> None:
    """Serves the page, and `routes` beside it: nothing recorded, nothing reported, nothing loaded
    from other hosts."""
    demo.queue(default_concurrency_limit=8, max_size=_LONGEST_LINE)
    _say_if_taken(where)
    demo.launch(
        theme=theme(),
        head=head(),
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        mcp_server=find_spec("mcp") is not None,
        state_session_capacity=_VISITORS,
        # Gradio gives its own page 3 seconds to answer and else ends the program: too few on a
        # busy machine, where torch is being imported at the same time.
        _frontend=False,
        app_kwargs={
            "lifespan": _few_threads,
            "middleware": [Middleware(Pace)],
            "routes": list(routes),
        },
        **where,
    )


def _say_if_taken(where: dict[str, Any]) -> None:
    """Gradio takes the next free port without a word, and the first page still answers there."""
    if where.get("server_port") is None and "GRADIO_SERVER_PORT" not in os.environ:
        with suppress(OSError), socket.socket() as probe:  # not every address is IPv4's
            if probe.connect_ex((where.get("server_name") or "127.0.0.1", _PORT)) == 0:
                sys.stderr.write(f"Port {_PORT} is taken: this page takes the next free one.\n")


@asynccontextmanager
async def _few_threads(app: Any) -> AsyncIterator[None]:
    """Gradio's own setting would also limit how many visitors are answered at a time."""
    current_default_thread_limiter().total_tokens = _THREADS
    yield
