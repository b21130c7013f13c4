"""One part taken away: the same training with it and without."""

from __future__ import annotations

from collections.abc import AsyncIterator
from html import escape
from typing import Any

import gradio as gr

from . import curves
from .classroom import Classroom
from .lessons import BROKEN, SIGNS, pair
from .live import Job
from .shared import QUIET, Page, html
from .train_live import stopper
from .train_own import samples
from .values import Refusal


def build(page: Page, room: Classroom, tab: gr.Tab) -> None:
    broken = gr.Radio(
        [(name, key) for key, name in BROKEN.items()],
        value="future",
        label="What to break",
        elem_classes="pills",
    )
    with gr.Row(elem_classes="actions"):
        start = gr.Button(
            "Start", variant="primary", elem_id="break-start", elem_classes="go", min_width=90
        )
        stop = gr.Button("Stop", elem_id="break-stop", min_width=90, interactive=False)
    panel = html(_sign("future"), elem_id="broken")
    page.lessons |= {"broken": broken}

    async def train(request: gr.Request, broken: str) -> AsyncIterator[tuple[Any, Any, Any]]:
        try:
            async for shown in room.follow(
                request.session_hash or "",
                list(pair(broken, samples()["guide"])),
                lambda jobs: _panel(room, broken, jobs),
            ):
                yield shown, gr.skip(), gr.Button(interactive=True)
        except Refusal as refusal:
            yield curves.say(str(refusal), "problem"), gr.skip(), gr.skip()
            return
        yield shown, gr.Button("Again"), gr.Button(interactive=False)

    broken.input(_sign, broken, panel, **QUIET)
    start.click(train, broken, [panel, start, stop], concurrency_limit=None, **QUIET)
    stop.click(stopper(room), queue=False, **QUIET)


def _sign(broken: str) -> str:
    return (
        f"<p class='state'>What to look for: {escape(SIGNS[broken])} "
        "Both read this project's guide.</p>"
    )


def _panel(room: Classroom, broken: str, jobs: list[Job]) -> str:
    intact, other = jobs
    chart = curves.chart(
        [
            curves.Curve("intact", intact.losses),
            curves.Curve(BROKEN[broken], other.losses, "broken"),
        ],
        max(job.steps for job in jobs) or 250,
    )
    halves = "".join(f"<div>{_half(room, job)}</div>" for job in jobs)
    return f"{_sign(broken)}{chart}<div class='twin'>{halves}</div>"


def _half(room: Classroom, job: Job) -> str:
    title = escape(job.lesson.name)
    if job.over is not None and job.over.problem:
        return f"<h4>{title}</h4>{curves.say(job.over.problem, 'problem')}"
    if job.look is None:
        return f"<h4>{title}</h4>{curves.say(room.waiting(job))}"
    heading = f"{job.lesson.name}, at step {job.look.step:,}, writes"
    return curves.writing(job.lesson.prompt, job.look.text, heading)
