"""Train: how does it learn?"""

from __future__ import annotations

from functools import partial
from types import ModuleType
from typing import Any

import gradio as gr

from compare.lessons.visitors import Classroom
from compare.tabs.address import one_of
from compare.tabs.shared import QUIET, Page
from compare.tabs.train import break_it, ladder, live, own_text, time_machine

NAME = "Train"
# Each has KEY, NAME and build(page, room, tab).
LESSONS: list[ModuleType] = [live, own_text, break_it, time_machine, ladder]


def build(page: Page, tab: gr.Tab) -> None:
    room = Classroom()
    with gr.Tabs(elem_id="lessons") as lessons:
        for module in LESSONS:
            with gr.Tab(module.NAME, id=module.KEY, elem_id=f"lesson-{module.KEY}") as lesson:
                module.build(page, room, lesson)
    page.settings.accept("lesson", lessons, _lesson, tabs=("train",), written=False)
    page.leaving.append(room.stop)

    def leave(request: gr.Request) -> None:
        room.leave(request.session_hash or "")

    page.demo.unload(leave)
    # *Train one now* stands on the first screen: what it starts is ready by then.
    page.demo.load(partial(room.pool.warm, 1), queue=False, **QUIET)
    tab.select(room.pool.warm, queue=False, **QUIET)


def _lesson(key: str) -> Any:
    return gr.Tabs(selected=one_of(module.KEY for module in LESSONS)(key))
