"""A visitor's own text: trained on, answered from, put beside GPT-2, taken home."""

from __future__ import annotations

import asyncio
import re
import secrets
import shutil
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from compare.html import curves
from compare.html.guide import ideas
from compare.html.panes import notice
from compare.lessons.lessons import MODEL, MOST_BYTES, own
from compare.lessons.pool import Job
from compare.lessons.visitors import Classroom
from compare.tabs.shared import QUIET, Page, html
from compare.tabs.train.live import stopper
from compare.values import Refusal

SECONDS = (10, 30, 60)
_PUBLISH = """<details class='code'><summary>Publish it</summary>
<pre tabindex='0' aria-label='The commands that publish it'>unzip your-text.zip
python -m training.publish your-text --repo-id USER/NAME</pre></details>"""
# Reads a dropped or chosen file in the browser: it never lies on the server.
_DROP = f"""
const area = () => document.querySelector("#own-text textarea");
const say = (text) => {{ element.querySelector("output").textContent = text; }};
async function take(file) {{
    if (!file) return;
    if (file.size > {MOST_BYTES}) return say(
        `${{file.name}} has ${{(file.size / 1e6).toFixed(1)}} MB and 1 MB fits here.`);
    try {{
        const bytes = await file.arrayBuffer();
        const text = new TextDecoder("utf-8", {{fatal: true}}).decode(bytes);
        if (text.includes("\\0")) throw new Error("binary");
        area().value = text;
        area().dispatchEvent(new Event("input", {{bubbles: true}}));
        say(`${{file.name}}: ${{text.length.toLocaleString("en")}} characters.`);
    }} catch {{
        say(`${{file.name}} is no UTF-8 text: drop a .txt or .md file, or paste the text.`);
    }}
}}
element.querySelector("input").addEventListener("change", (event) => take(event.target.files[0]));
const box = document.querySelector("#own-text");
box?.addEventListener("dragover", (event) => event.preventDefault());
box?.addEventListener("drop", (event) => {{
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    take(event.dataTransfer.files[0]);
}});
"""
_FILE = (
    "<div class='drop'><label>Or a file: <input type='file' accept='.txt,.md,text/*'></label>"
    "<output></output></div>"
)


def samples() -> dict[str, str]:
    """Texts of ours, for whoever has none at hand: one long enough, one far too short."""
    whole = "\n\n".join(f"{idea.title}. {idea.text} {idea.hint}" for idea in ideas())
    whole = re.sub(r"\{\d}\W*|[*`]", "", whole)  # where links were, and marks of emphasis
    return {"guide": whole, "short": " ".join(idea.text for idea in ideas()[:6])}


def build(page: Page, room: Classroom, tab: gr.Tab) -> None:
    text = gr.Textbox(
        label="Your text: paste it, or drop a file on it", lines=5, max_lines=5, elem_id="own-text"
    )
    html(_FILE, elem_id="own-file", js_on_load=_DROP)
    with gr.Row(elem_classes="chips"):
        for name, title in (("guide", "Our guide"), ("short", "Far too short a text")):
            chip = gr.Button(title, size="sm", elem_classes="chip", elem_id=f"sample-{name}")
            chip.click(_sample(name), None, text, **QUIET)
    with gr.Row(elem_classes="actions"):
        seconds = gr.Radio(SECONDS, value=10, label="Seconds", elem_classes="pills")
        start = gr.Button(
            "Start", variant="primary", elem_id="own-start", elem_classes="go", min_width=90
        )
        stop = gr.Button("Stop", elem_id="own-stop", min_width=90, interactive=False)
    panel = html(elem_id="own")
    with gr.Row(elem_classes="actions", visible=False) as after:
        beside = gr.Button("Put it beside GPT-2", elem_id="own-beside")
        home = gr.DownloadButton("Take it home", elem_id="own-home")
        html(_PUBLISH)
    page.lessons |= {"sample": text, "seconds": seconds}

    async def train(
        request: gr.Request, text: str, seconds: int, prompt: str
    ) -> AsyncIterator[tuple[Any, ...]]:
        visitor, off = request.session_hash or "", gr.Button(interactive=False)
        try:
            async for shown in room.follow(
                visitor, [own(text or "", seconds, prompt)], lambda jobs: _panel(room, jobs[0])
            ):
                yield shown, gr.skip(), gr.Button(interactive=True), gr.Row(visible=False), None
        except Refusal as refusal:
            yield curves.say(str(refusal), "problem"), gr.skip(), off, gr.skip(), None
            return
        job = room.kept(visitor)
        path = None
        if job is not None:
            path = Path(home.GRADIO_CACHE, secrets.token_hex(16), f"{MODEL}.zip")
            room.at_leave(visitor, partial(shutil.rmtree, path.parent, ignore_errors=True))
            await asyncio.to_thread(_zip, job.folder / MODEL, path)
        ready = gr.Row(visible=job is not None)
        yield shown, gr.Button("Again"), off, ready, None if path is None else str(path)

    async def sit(request: gr.Request) -> tuple[Any, Any, str]:
        visitor = request.session_hash or ""
        job = room.kept(visitor)
        if job is None:
            return gr.skip(), gr.skip(), notice("That model is no longer here: train it again.")
        key = f"your text ({secrets.token_hex(3)})"
        page.roster.add(key, await asyncio.to_thread(_contestant, job.folder / MODEL, key))
        room.at_leave(visitor, partial(page.roster.remove, key))
        return key, gr.Tabs(selected="compare"), ""

    start.click(
        train,
        [text, seconds, page.prompt],
        [panel, start, stop, after, home],
        concurrency_limit=None,
        **QUIET,
    )
    stop.click(stopper(room), queue=False, **QUIET)
    beside.click(sit, None, [page.left, page.tabs, page.notice], **QUIET)


def _sample(name: str):
    return lambda: samples()[name]


# torch and transformers take seconds to import, and the page need not wait for them.
def _contestant(folder: Path, name: str) -> Any:
    from compare.lessons.taking import contestant

    return contestant(folder, name)


def _zip(folder: Path, target: Path) -> None:
    from compare.lessons.taking import zip_up

    target.parent.mkdir(parents=True)
    zip_up(folder, target)


def _panel(room: Classroom, job: Job) -> str:
    shown = [curves.Curve("training loss", job.losses)]
    if job.validation:
        shown.append(curves.Curve("loss on the part held back", job.validation, "held"))
    body = curves.chart(shown, job.steps or 100)
    if job.look is not None:
        title = f"At step {job.look.step:,} it writes"
        body += curves.writing(job.lesson.prompt, job.look.text, title)
    return _state(room, job) + body


def _state(room: Classroom, job: Job) -> str:
    if job.over is None:
        return curves.say(room.waiting(job) or curves.progress(job.losses, job.steps))
    if job.over.problem:
        return curves.say(job.over.problem, "problem")
    metrics = job.over.metrics
    held, pairs = metrics.get("val_bits_per_byte"), metrics.get("pairs")
    measured = f" On the part held back it needs {held:.2f} bits per byte" if held else ""
    if held and pairs:
        measured += f"; a table of letter pairs needs {pairs:.2f}"
    return curves.say(
        f"{metrics['parameters']:,} numbers, trained for {metrics['steps']:,} steps.{measured}.",
        "done",
        "tokenizer",
    )
