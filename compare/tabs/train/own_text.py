"""A visitor's own text: trained on, answered from, put beside GPT-2, taken home."""

from __future__ import annotations

import asyncio
import atexit
import re
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from compare import downloads
from compare.html import curves
from compare.html.guide import ideas
from compare.html.panes import SIDES, notice
from compare.lessons.lessons import MODEL, MOST_BYTES, own
from compare.lessons.pool import Job
from compare.lessons.visitors import Classroom
from compare.roster import own_name
from compare.tabs.address import one_of
from compare.tabs.shared import FREE, QUIET, Page, html, length_for
from compare.tabs.train.live import stopper
from compare.values import RefusedError

KEY, NAME = "own", "Your text"
SECONDS = (10, 30, 60)
_OPENING = 24  # letters of a text that are its prompt
_KEPT = (
    "<p class='fine'>Your model stays on this machine for an hour after its last use, and is then "
    "deleted. It is found again in this browser under <em>Choose the models</em>.</p>"
)
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
        seconds = gr.Radio(SECONDS, value=SECONDS[0], label="Seconds", elem_classes="pills")
        start = gr.Button(
            "Start", variant="primary", elem_id="own-start", elem_classes="go", min_width=90
        )
        stop = gr.Button("Stop", elem_id="own-stop", min_width=90, interactive=False)
    panel = html(elem_id="own")
    with gr.Column(visible=False) as after:
        with gr.Row(elem_classes="actions"):
            beside = gr.Button(f"Put it beside {page.roster.baseline_name}", elem_id="own-beside")
            home = gr.DownloadButton("Take it home (zip)", elem_id="own-home")
            delete = gr.Button("Delete now", elem_id="own-delete", min_width=90)
        page_of_it = html(elem_id="own-page")
        html(_KEPT)
        html(_PUBLISH)
    trained: gr.State = gr.State("")  # the key of the model
    noted = gr.Textbox(visible=False)  # the same, for the browser, which remembers it
    where: dict[str, Any] = {"tabs": ("train",), "lesson": KEY}
    page.settings.accept("sample", text, _read_sample, written=False, **where)
    page.settings.accept("seconds", seconds, one_of(SECONDS), default=SECONDS[0], **where)

    async def train(request: gr.Request, text: str, seconds: int) -> AsyncIterator[tuple[Any, ...]]:
        visitor, off = request.session_hash or "", gr.Button(interactive=False)
        lesson = None
        try:
            lesson = own(text or "", seconds, opening(text or ""))
            async for shown in room.follow(visitor, [lesson], lambda jobs: _panel(room, jobs[0])):
                yield shown, gr.skip(), gr.Button(interactive=True), _hidden(), None, "", ""
        except RefusedError as refusal:
            yield curves.say(str(refusal), "problem"), gr.skip(), off, gr.skip(), None, "", ""
            return
        job = room.take(visitor)
        key, path = "", None
        if job is not None:
            key, path = await asyncio.to_thread(_keep, page, job, Path(home.GRADIO_CACHE))
        ready = gr.Column(visible=job is not None)
        yield shown, gr.Button("Again"), off, ready, path and str(path), key, key

    async def sit(key: str, text: str, length: int) -> tuple[Any, ...]:
        """On the left, with an opening of its own text."""
        skipped = [gr.skip()] * 4
        try:
            await page.roster.seat(key)
        except RefusedError as refusal:
            return (*skipped, notice(str(refusal)))
        fits = length_for(page.roster, key, length)
        return key, opening(text or ""), fits, gr.Tabs(selected="compare"), ""

    def forget(key: str) -> tuple[Any, ...]:
        page.roster.remove(key)
        return _hidden(), "", notice("Deleted: the model and its zip are gone.")

    trained.change(_as_page, trained, page_of_it, **QUIET)
    start.click(
        train,
        [text, seconds],
        [panel, start, stop, after, home, trained, noted],
        **FREE,
    ).then(None, noted, js="(key) => journey.trained(key)", **QUIET)
    stop.click(stopper(room), queue=False, **QUIET)
    left = page.seats[SIDES[0]]
    outputs = [left, page.prompt, page.length, page.tabs, page.notice]
    seated = beside.click(sit, [trained, text, page.length], outputs, **FREE)
    page.show(seated).then(None, js="() => journey.press('compare')", **QUIET)
    delete.click(forget, trained, [after, trained, page.notice], **QUIET).then(
        None, noted, js="(key) => journey.forget(key)", **QUIET
    )


def _hidden() -> Any:
    return gr.Column(visible=False)


def opening(text: str) -> str:
    """The first words of a text, as a prompt for what was trained on it."""
    words = text[:_OPENING].strip()
    return words.rpartition(" ")[0] or words if len(text) > _OPENING else words


def _keep(page: Page, job: Job, cache: Path) -> tuple[str, Path]:
    """The model among the guests of the roster, and its zip where Gradio may serve it."""
    folder = Path(tempfile.mkdtemp(prefix="tinygpt-own-"))
    shutil.move(job.folder / MODEL, folder / MODEL)
    shutil.rmtree(job.folder, ignore_errors=True)
    path = Path(cache, secrets.token_hex(16), f"{MODEL}.zip")
    _zip(folder / MODEL, path)

    def farewell() -> None:
        for gone in (folder, path.parent):
            shutil.rmtree(gone, ignore_errors=True)

    atexit.register(farewell)
    load = partial(_contestant, folder / MODEL)
    return page.roster.add(load, farewell, folder / MODEL), path


def _as_page(key: str) -> str:
    """The ways to the model as one HTML file, which the browser keeps apart from this page."""
    where = escape(downloads.address(key))
    return (
        "<p class='state'>Or take it as one HTML file. It needs a browser and no server.<br>"
        f"<a class='attempt' id='own-save' href='{where}?save' download>Save it</a> "
        f"<a class='attempt' id='own-open' href='{where}' target='_blank' rel='noopener'>"
        "Open it now</a></p>"
    )


def _read_sample(name: str) -> str:
    return samples()[str(one_of(samples())(name))]


def _sample(name: str):
    return lambda: samples()[name]


# torch and transformers take seconds to import, and the page need not wait for them.
def _contestant(folder: Path, key: str) -> Any:
    from compare.lessons.taking import contestant

    return contestant(folder, own_name(key))


def _zip(folder: Path, target: Path) -> None:
    from compare.lessons.taking import zip_up

    target.parent.mkdir(parents=True)
    zip_up(folder, target)


def _panel(room: Classroom, job: Job) -> str:
    shown = [curves.Curve("training loss", job.losses)]
    if job.validation:
        shown.append(curves.Curve("loss on held-out text", job.validation, "held"))
    body = curves.chart(shown, job.steps or 100)
    if job.look is not None:
        title = f"At step {job.look.step:,} it writes"
        body += curves.writing(job.lesson.prompt, job.look.text, title)
    return _state(room, job) + body


def _state(room: Classroom, job: Job) -> str:
    if job.over is None:
        return curves.say(room.waiting(job) or curves.progress(job.losses, job.steps, job.seconds))
    if job.over.problem:
        return curves.say(job.over.problem, "problem")
    metrics = job.over.metrics
    held, pairs = metrics.get("val_bits_per_byte"), metrics.get("pairs")
    measured = ""
    if held:
        measured = f" On text it never saw, it scores {held:.2f} bits per byte (lower is better)."
    if held and pairs:
        measured += f" Counting letter pairs scores {pairs:.2f}."
    return curves.say(
        f"{metrics['parameters']:,} parameters, trained for {metrics['steps']:,} steps.{measured}",
        "done",
        "tokenizer",
    )
