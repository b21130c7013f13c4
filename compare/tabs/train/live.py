"""A model of a few thousand numbers learns its text while one watches."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import gradio as gr

from compare.html import curves
from compare.lessons.lessons import RATES, SYSTEMS, WIDTHS, WINDOWS, floor, live, memorised
from compare.lessons.pool import Job
from compare.lessons.visitors import Classroom
from compare.tabs.address import one_of
from compare.tabs.shared import QUIET, Page, html
from compare.values import RefusedError

KEY, NAME = "live", "Live"
_LEARNED = 0.5  # nats above the lowest possible loss that count as having learned
_PASS = 17  # questions in one pass over the text of `next-char`, which answers one at a time
_ABOUT = {
    "hello": "2,453 parameters learn “hello hello”. The model has one block with attention and "
    "sees four letters.",
    "next-char": "1,728 parameters and no attention. The mean of five letters guesses the sixth.",
    "bigram": "This model has no block at all. One letter guesses the next.",
}


def build(page: Page, room: Classroom, tab: gr.Tab) -> None:
    system = gr.Radio(list(SYSTEMS), value="hello", label="System", elem_classes="pills")
    with gr.Row(elem_classes="actions"):
        start = gr.Button(
            "Start", variant="primary", elem_id="live-start", elem_classes="go", min_width=90
        )
        stop = gr.Button("Stop", elem_id="live-stop", min_width=90, interactive=False)
    about = html(curves.say(_ABOUT["hello"]))
    panel = html(_waiting("hello"), elem_id="live")
    with gr.Accordion("Play with it", open=False, elem_classes="fold"):
        rate = gr.Radio(
            [(f"{r:g}", r) for r in RATES], value=0.01, label="Learning rate", elem_classes="pills"
        )
        width = gr.Radio(WIDTHS, value=16, label="Width", elem_classes="pills")
        window = gr.Radio(WINDOWS, value=4, label="Window", elem_classes="pills")
    where: dict[str, Any] = {"tabs": ("train",), "lesson": KEY}
    page.settings.accept("system", system, one_of(SYSTEMS), implies=_own, **where)
    for name, control, values in (
        ("rate", rate, RATES),
        ("width", width, WIDTHS),
        ("window", window, WINDOWS),
    ):
        page.settings.accept(name, control, one_of(values), **where)

    def choose(name: str) -> tuple[Any, ...]:
        chosen = SYSTEMS[name]
        return chosen.rate, chosen.width, chosen.window, _waiting(name)

    async def train(
        request: gr.Request, name: str, rate: float, width: int, window: int
    ) -> AsyncIterator[tuple[Any, Any, Any]]:
        try:
            lesson = live(name, rate, width, window)
            running = room.follow(
                request.session_hash or "",
                [lesson],
                lambda jobs: _panel(room, jobs[0], floor(name, window)),
            )
            async for shown in running:
                yield shown, gr.skip(), gr.Button(interactive=True)
        except RefusedError as refusal:
            yield curves.say(str(refusal), "problem"), gr.skip(), gr.skip()
            return
        yield shown, gr.Button("Again"), gr.Button(interactive=False)

    system.input(choose, system, [rate, width, window, panel], **QUIET)
    system.change(lambda name: curves.say(_ABOUT[name]), system, about, **QUIET)
    start.click(
        train,
        [system, rate, width, window],
        [panel, start, stop],
        concurrency_limit=None,
        **QUIET,
    )
    stop.click(stopper(room), queue=False, **QUIET)


def stopper(room: Classroom):
    def stop(request: gr.Request) -> None:
        room.stop(request.session_hash or "")

    return stop


def _own(name: str) -> dict[str, Any]:
    """A system's own settings."""
    system = SYSTEMS[name]
    return {"rate": system.rate, "width": system.width, "window": system.window}


def _waiting(name: str) -> str:
    system = SYSTEMS[name]
    return curves.chart(
        [curves.Curve("training loss", [])], system.steps, floor(name, system.window)
    )


def _panel(room: Classroom, job: Job, lowest: float) -> str:
    look = job.look
    curve = curves.Curve("training loss", drawn(job))
    body = curves.chart([curve], job.steps or 200, lowest)
    if look is not None:
        prompt = job.lesson.prompt
        body += (
            f"<div class='twin'><div>{curves.writing(prompt, look.text)}</div>"
            f"<div>{curves.odds_bars(look.odds, prompt)}</div></div>"
        )
    return _state(room, job, lowest) + body


def drawn(job: Job) -> list[tuple[int, float]]:
    """The loss as it is drawn and named. Where each step answers one question, the mean of a pass
    over the text: a single answer says nothing about the model."""
    if job.lesson.name != "next-char":
        return job.losses
    losses = [loss for _, loss in job.losses]
    passes = (losses[max(0, end - _PASS) : end] for end in range(1, len(losses) + 1))
    steps = (step for step, _ in job.losses)
    return [(step, sum(last) / len(last)) for step, last in zip(steps, passes, strict=True)]


def _state(room: Classroom, job: Job, lowest: float) -> str:
    step = job.losses[-1][0] if job.losses else 0
    if job.over is None:
        return curves.say(room.waiting(job) or curves.progress(job.losses, job.steps, job.seconds))
    if job.over.problem:
        return curves.say(job.over.problem, "problem")
    if step < job.steps:
        return curves.say(f"Stopped at step {step:,} of {job.steps:,}.", "done")
    said = verdict(job, lowest)
    return curves.say(said, "done", "model" if said.startswith("Memorised") else "")


def verdict(job: Job, lowest: float) -> str:
    """What came of it, in one or two sentences."""
    loss = drawn(job)[-1][1]
    if job.look is not None and memorised(job.lesson.name, job.look.text):
        return (
            f"Memorised: from “{job.lesson.prompt}” it writes its whole text by itself. The loss "
            f"is {loss:.4f}. Lower than {lowest:.4f} is not possible."
        )
    figures = f"The loss is {loss:.4f}. Lower than {lowest:.4f} is not possible."
    remark = SYSTEMS[job.lesson.name].remark
    if remark and loss < lowest + _LEARNED:
        return f"It learned what it can, and cannot write its text: {remark}. {figures}"
    return f"It did not learn its text. {figures} Try another learning rate."
