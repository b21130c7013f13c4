"""The page: a prompt, two models, and a tab for each question that one may ask of them."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from html import escape
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import gradio as gr
from anyio.to_thread import current_default_thread_limiter
from starlette.middleware import Middleware

from compare import api
from compare.html.api_html import api_html
from compare.html.theme import head, theme
from compare.pace import Pace
from compare.roster import Roster
from compare.tabs import (
    address,
    chat,
    compare,
    journey,
    learn,
    score,
)
from compare.tabs.address import Settings
from compare.tabs.duel import Duels
from compare.tabs.inside import tab as inside
from compare.tabs.seats import newer, opening
from compare.tabs.shared import OURS, QUIET, Page, first_keys, html, prompts
from compare.tabs.train import tab as train

# Each has NAME and build(page, tab).
TABS: list[ModuleType] = [compare, inside, score, train, learn, chat]
_PORT = 7860  # Gradio's own, unless another is asked for
_LONGEST_LINE = 200  # events that may wait before the page says that it is full
_VISITORS = 100  # of whom the server knows what they chose; each costs 0.3 MB
# Work for Gradio that is over at once; threads that come and go leave memory behind.
_THREADS = 8
_WELCOME = (
    "<p><span>Tiny language models beside {}: watch them write, look inside, train your own."
    "</span> "
    "<a id='train-one' data-go href='?tab=train&amp;lesson=own&amp;sample=guide&amp;seconds=10"
    "&amp;then=beside'>Train one now</a></p>"
)
_FOOT = (
    "<p>Runs on this machine. A model that you train is kept for an hour after its last use and "
    "then deleted. Nothing else is kept. <a id='call' href='#api'>API and MCP</a></p>"
)
_CALL = """element.addEventListener("click", (event) => {
    if (!event.target.closest("#call")) return;
    event.preventDefault();
    const shown = document.querySelector("#api");
    shown.classList.toggle("open");
    shown.scrollIntoView();
});"""
# Enter presses the main button of the tab that is open.
_GO = """() => [...document.querySelectorAll("button.go")].find((b) => b.offsetParent)?.click()"""


def build_demo(roster: Roster) -> gr.Blocks:
    return build_page(roster).demo


def build_page(roster: Roster) -> Page:
    with gr.Blocks(title="TinyGPT beside GPT-2") as demo:
        api.offer(roster)  # first, so that the endpoints get their names
        with gr.Row(elem_classes="top"):
            heading = html(opening.first_title(roster), elem_id="title")
            share = gr.Button("Share this", elem_id="share", size="sm", scale=0, min_width=96)
        strip = html(elem_id="strip")
        html(_WELCOME.format(escape(roster.baseline_name)), elem_id="welcome")
        settings = Settings()
        page = Page(
            demo,
            roster,
            Duels(roster),
            settings,
            _prompt(roster, settings),
            {side: gr.State(key) for side, key in first_keys(roster).items()},
            notice=html(elem_id="notice"),
            tabs=gr.Tabs(elem_id="tabs"),
            heading=heading,
            sizes=html(elem_id="sizes", render=False),
            repo=gr.Textbox(
                label="Or a TinyGPT from the Hub",
                placeholder="user/name@revision",
                max_lines=1,
                render=False,
            ),
        )
        keys = [module.NAME.lower() for module in TABS]
        with page.tabs:
            for module, key in zip(TABS, keys, strict=True):
                with gr.Tab(module.NAME, id=key, elem_id=f"tab-{key}") as tab:
                    module.build(page, tab)
        newer.build(page)
        journey.build(page, keys, share, strip)
        html(_FOOT, elem_id="foot", js_on_load=_CALL)
        shown = html(elem_id="api")
        demo.load(_how_to_call, None, shown, **QUIET)
    return page


def _how_to_call(request: gr.Request) -> str:
    """With the address under which the visitor has opened the page."""
    headers = request.headers
    scheme = headers.get("x-forwarded-proto", "http").split(",")[0]
    host = headers.get("x-forwarded-host") or headers.get("host") or "127.0.0.1:7860"
    return api_html(f"{scheme}://{host}/")


def _prompt(roster: Roster, settings: Settings) -> gr.Textbox:
    prompt = gr.Textbox(
        roster.example(roster.left),
        label="Prompt",
        lines=1,
        max_lines=4,
        elem_id="prompt",
        placeholder="Type the beginning of a text",
    )
    prompt.submit(None, js=_GO, **QUIET)
    settings.accept("prompt", prompt, address.prompt, tabs=("compare", "inside"))
    ours = json.dumps(OURS)
    with gr.Row(elem_classes="chips"):
        undo = gr.Button("Bring my text back", size="sm", elem_classes="chip", elem_id="undo")
        undo.click(None, prompt, prompt, js="(now) => journey.restore(now)", **QUIET)
        for text in prompts(roster):
            first = text.partition(". ")
            label = f"{first[0]} …" if first[1] else text
            chip = gr.Button(label, size="sm", elem_classes="chip")
            js = f"(before) => journey.chip({json.dumps(text)}, before, {ours})"
            chip.click(None, prompt, prompt, js=js, **QUIET).then(
                None, js="() => journey.again()", **QUIET
            )
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
