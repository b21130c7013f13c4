"""One part taken away: the same training with it and without."""

from __future__ import annotations

from collections.abc import AsyncIterator
from html import escape
from typing import Any

import gradio as gr

from compare.html import curves
from compare.lessons.breaking import BROKEN, SIGNS, STEPS, floor, pair, share_of_words
from compare.lessons.pool import Job
from compare.lessons.visitors import Classroom
from compare.tabs.address import one_of
from compare.tabs.shared import QUIET, Page, html
from compare.tabs.train.live import stopper
from compare.values import RefusedError

KEY, NAME = "break", "Break it"
_TEXT = (
    "Both models read two thousand sentences like “the old fox sees the baker.” Four words of each "
    "are picked at random. So we know how well anybody could guess the next letter."
)


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
    sign = html(_sign("future"))
    panel = html(elem_id="broken")
    where: dict[str, Any] = {"tabs": ("train",), "lesson": KEY}
    page.settings.accept("broken", broken, one_of(BROKEN), **where)

    async def train(request: gr.Request, broken: str) -> AsyncIterator[tuple[Any, Any, Any]]:
        try:
            async for shown in room.follow(
                request.session_hash or "",
                list(pair(broken)),
                lambda jobs: _panel(room, broken, jobs),
            ):
                yield shown, gr.skip(), gr.Button(interactive=True)
        except RefusedError as refusal:
            yield curves.say(str(refusal), "problem"), gr.skip(), gr.skip()
            return
        yield shown, gr.Button("Again"), gr.Button(interactive=False)

    broken.change(_sign, broken, sign, **QUIET)
    start.click(train, broken, [panel, start, stop], concurrency_limit=None, **QUIET)
    stop.click(stopper(room), queue=False, **QUIET)


def _sign(broken: str) -> str:
    return (
        f"<p class='state'><b>What to look for:</b> {escape(SIGNS[broken])}</p>"
        f"<p class='fine'>{_TEXT}</p>"
    )


def _panel(room: Classroom, broken: str, jobs: list[Job]) -> str:
    intact, other = jobs
    chart = curves.chart(
        [
            curves.Curve("intact", intact.losses),
            curves.Curve(BROKEN[broken], other.losses, "broken"),
        ],
        max(job.steps for job in jobs) or STEPS,
        floor(),
    )
    halves = "".join(f"<div>{_half(room, job)}</div>" for job in jobs)
    return f"{_state(broken, jobs)}{chart}<div class='twin'>{halves}</div>"


def _state(broken: str, jobs: list[Job]) -> str:
    if not all(job.over for job in jobs):
        slowest = max(jobs, key=lambda job: job.steps - (job.losses[-1][0] if job.losses else 0))
        begun = slowest.first is not None
        return curves.say(
            curves.progress(slowest.losses, slowest.steps, slowest.seconds) if begun else ""
        )
    if any(not job.losses or job.losses[-1][0] < job.steps for job in jobs):
        return curves.say("Stopped.", "done")
    whole, other = (sum(loss for _, loss in job.losses[-20:]) / 20 for job in jobs)
    below = " That is below what is possible." if other < floor() else ""
    return curves.say(
        f"Intact, the loss ends at {whole:.3f}; with “{BROKEN[broken]}” at {other:.3f}.{below}",
        "done",
        "mask" if broken == "future" else "",
    )


def _half(room: Classroom, job: Job) -> str:
    title = escape(job.lesson.name)
    if job.over is not None and job.over.problem:
        return f"<h4>{title}</h4>{curves.say(job.over.problem, 'problem')}"
    if job.look is None:
        return f"<h4>{title}</h4>{curves.say(room.waiting(job))}"
    heading = f"{job.lesson.name}, at step {job.look.step:,}, writes"
    share = share_of_words(job.lesson.prompt + job.look.text)
    figure = f"<p class='fine'>{share:.0%} of its letters stand in words of the text.</p>"
    return curves.writing(job.lesson.prompt, job.look.text, heading) + figure
