"""The Time machine: the same questions to one model at many moments of its training."""

from __future__ import annotations

import asyncio
from functools import partial
from html import escape
from typing import Any

import gradio as gr

from compare.html import charts, curves
from compare.html.stories import coherence
from compare.lessons.visitors import Classroom
from compare.recorded.frames import Frame, look, stops
from compare.recorded.lessons import Recorded, runs
from compare.roster import REPO_ID, Roster
from compare.tabs.address import one_of
from compare.tabs.shared import FREE, Page, html
from compare.values import RefusedError

KEY, NAME = "time", "Time machine"
_NOTHING = Recorded("shakespeare", "", "", "", ())  # where nothing is recorded
Stops = list[tuple[int, str]]  # step and tag of a repo on the Hub; empty for the recorded run


def build(page: Page, room: Classroom, tab: gr.Tab) -> None:
    """A slider and a panel for each run; the first also shows a run from the Hub."""
    there = runs() or (_NOTHING,)
    names = [run.name for run in there]
    chosen = gr.Radio(
        [(name.title(), name) for name in names],
        value=names[0],
        label="What it learns",
        elem_id="time-run",
        visible=len(names) > 1,
    )
    page.settings.accept(
        "run", chosen, one_of(names), tabs=("train",), lesson=KEY, default=names[0]
    )
    parts, places = zip(*(_slider(page, run, first=run is there[0]) for run in there), strict=True)
    for (stop, panel), run in zip(parts[1:], there[1:], strict=True):
        stop.change(partial(_recorded, run), stop, panel, trigger_mode="always_last", **FREE)
    _from_the_hub(page, chosen, there[0], *parts[0])
    chosen.change(
        lambda name: [gr.Column(visible=name == other) for other in names],
        chosen,
        [*places],
        **FREE,
    )


def _slider(page: Page, run: Recorded, first: bool) -> tuple[tuple[gr.Slider, gr.HTML], gr.Column]:
    """The moments of a run; an address names a step of the first run, or of another by its name."""
    more = "" if first else f"-{run.name}"
    with gr.Column(visible=first) as place:
        stop = gr.Slider(
            0,
            max(1, len(run.frames) - 1),
            0,
            step=1,
            label="Checkpoint",
            elem_id=f"time-stop{more}",
            buttons=[],
        )
        panel = html(
            _recorded(run, 0),
            elem_id=f"time{more}",
            js_on_load=charts.TOKEN_SCRIPT,
        )
    page.settings.accept(
        "step" if first else f"{run.name}_step",
        stop,
        partial(_stop, run),
        tabs=("train",),
        lesson=KEY,
        written=False,
        implies=lambda _: {"run": run.name},
    )
    return (stop, panel), place


def _from_the_hub(
    page: Page, chosen: gr.Radio, run: Recorded, stop: gr.Slider, panel: gr.HTML
) -> None:
    live: gr.State = gr.State([])
    where: gr.State = gr.State("")
    with gr.Accordion("A run of your own, from the Hub", open=False, elem_classes="fold"):
        with gr.Row(elem_classes="hub"):
            repo = gr.Textbox(label="A repo with tags step-N", placeholder="user/name", max_lines=1)
            load = gr.Button("Load", elem_id="time-load", min_width=60, scale=0)
        said = html()

    async def move(number: int, repo: str, found: Stops) -> str:
        if not found:
            return _recorded(run, number)
        return await live_at(page.roster, repo, found, number)

    async def open_repo(repo: str) -> tuple[Any, ...]:
        nothing = gr.skip()
        try:
            found = await asyncio.to_thread(stops_of, (repo or "").strip())
        except RefusedError as refusal:
            problem = curves.say(str(refusal), "problem")
            return nothing, nothing, nothing, nothing, problem
        slider = gr.Slider(maximum=max(1, len(found) - 1), value=0)
        done = curves.say(f"{len(found)} checkpoints.", "done")
        return repo.strip(), found, slider, run.name, done

    shown = [stop, where, live]
    gr.on([stop.change], move, shown, panel, trigger_mode="always_last", **FREE)
    for press in (load.click, repo.submit):
        press(open_repo, repo, [where, live, stop, chosen, said], **FREE).then(
            move, shown, panel, **FREE
        )


def _stop(run: Recorded, text: str) -> int:
    """The stop of the slider that is nearest to a step."""
    if not text.isdecimal() or len(text) > 8:
        raise ValueError
    steps = [frame.step for frame in run.frames] or [0]
    return min(range(len(steps)), key=lambda i: abs(steps[i] - int(text)))


async def live_at(roster: Roster, repo: str, found: Stops, number: int) -> str:
    """The checkpoint with that tag, loaded and asked now what the first run is asked."""
    run = next(iter(runs()), _NOTHING)
    step, tag = found[min(int(number), len(found) - 1)]
    try:
        model = await roster.arrive(f"{repo}@{tag}")
        frame = await asyncio.to_thread(look, model, step, run.prompt, run.scored)
        return _panel(run, frame, tag)
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


def _recorded(run: Recorded, number: int) -> str:
    if not run.frames:
        return curves.say(
            "Nothing is recorded here: run `python -m compare.recorded.record_lessons`."
        )
    return _panel(run, run.frames[min(int(number), len(run.frames) - 1)], "recorded")


def _panel(run: Recorded, frame: Frame, source: str) -> str:
    return (
        f"<p class='bits'><b>Step {frame.step:,}</b> · {frame.bits_per_byte:.2f} bits per byte "
        f"on {run.about} <span class='fine'>({escape(source)})</span></p>"
        f"<div class='twin'><div>{curves.writing(run.prompt, frame.text)}"
        f"{coherence.line(frame.coherence)}"
        f"{curves.odds_bars(frame.odds, run.prompt.strip())}</div>"
        f"<div>{charts.token_map(frame.points, 'left')}</div></div>"
    )
