"""The Time machine: the same questions to one model at many moments of its training."""

from __future__ import annotations

import asyncio
from html import escape
from typing import Any

import gradio as gr

from compare.html import charts, curves
from compare.lessons.visitors import Classroom
from compare.recorded.frames import Frame, look, stops
from compare.recorded.lessons import frames, prompt, scored
from compare.roster import REPO_ID, Roster
from compare.tabs.shared import QUIET, Page, html
from compare.values import RefusedError

KEY, NAME = "time", "Time machine"
Stops = list[tuple[int, str]]  # step and tag of a repo on the Hub; empty for the recorded run


def build(page: Page, room: Classroom, tab: gr.Tab) -> None:
    there = len(frames())
    live: gr.State = gr.State([])
    where: gr.State = gr.State("")
    stop = gr.Slider(
        0, max(1, there - 1), 0, step=1, label="Checkpoint", elem_id="time-stop", buttons=[]
    )
    panel = html(_recorded(0), elem_id="time", js_on_load=charts.TOKEN_SCRIPT)
    with gr.Accordion("A run of your own, from the Hub", open=False, elem_classes="fold"):
        with gr.Row(elem_classes="hub"):
            repo = gr.Textbox(label="A repo with tags step-N", placeholder="user/name", max_lines=1)
            load = gr.Button("Load", elem_id="time-load", min_width=60, scale=0)
        said = html()
    page.settings.accept("step", stop, _stop, tabs=("train",), lesson=KEY, written=False)

    async def move(number: int, repo: str, found: Stops) -> str:
        return await live_at(page.roster, repo, found, number) if found else _recorded(number)

    async def open_repo(repo: str) -> tuple[Any, ...]:
        nothing = gr.skip()
        try:
            found = await asyncio.to_thread(stops_of, (repo or "").strip())
        except RefusedError as refusal:
            return nothing, nothing, nothing, curves.say(str(refusal), "problem")
        slider = gr.Slider(maximum=max(1, len(found) - 1), value=0)
        return repo.strip(), found, slider, curves.say(f"{len(found)} checkpoints.", "done")

    options: dict[str, Any] = {"concurrency_limit": None, **QUIET}
    shown = [stop, where, live]
    gr.on([stop.change], move, shown, panel, trigger_mode="always_last", **options)
    for press in (load.click, repo.submit):
        press(open_repo, repo, [where, live, stop, said], **options).then(
            move, shown, panel, **options
        )


def _stop(text: str) -> int:
    """The stop of the slider that is nearest to a step."""
    if not text.isdecimal() or len(text) > 8:
        raise ValueError
    steps = [frame.step for frame in frames()] or [0]
    return min(range(len(steps)), key=lambda i: abs(steps[i] - int(text)))


async def live_at(roster: Roster, repo: str, found: Stops, number: int) -> str:
    """The checkpoint with that tag, loaded and asked now."""
    step, tag = found[min(int(number), len(found) - 1)]
    try:
        model = await roster.arrive(f"{repo}@{tag}")
        return _panel(await asyncio.to_thread(look, model, step, prompt(), scored()), tag)
    except RefusedError as refusal:
        return curves.say(str(refusal), "problem")


def stops_of(repo: str) -> Stops:
    """Steps and tags of a repo on the Hub."""
    if not REPO_ID.fullmatch(repo) or "@" in repo:
        raise RefusedError("A repo is named as user/name.")
    from compare.recorded.tags import tags_of

    found = stops(tags_of(repo))
    if not found:
        raise RefusedError(f"{repo} has no tags step-N or NAME-step-N: `--publish` makes them.")
    return found


def _recorded(number: int) -> str:
    there = frames()
    if not there:
        return curves.say(
            "Nothing is recorded here: run `python -m compare.recorded.record_lessons`."
        )
    return _panel(there[min(int(number), len(there) - 1)], "recorded")


def _panel(frame: Frame, source: str) -> str:
    return (
        f"<p class='bits'><b>Step {frame.step:,}</b> · {frame.bits_per_byte:.2f} bits per byte "
        f"on the end of Shakespeare <span class='fine'>({escape(source)})</span></p>"
        f"<div class='twin'><div>{curves.writing(prompt(), frame.text)}"
        f"{curves.odds_bars(frame.odds, prompt().strip())}</div>"
        f"<div>{charts.token_map(frame.points, 'left')}</div></div>"
    )
