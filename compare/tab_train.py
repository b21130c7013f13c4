"""Train: how does it learn?"""

from __future__ import annotations

import gradio as gr

from . import train_break, train_ladder, train_live, train_own, train_time
from .classroom import Classroom
from .shared import QUIET, Page

NAME = "Train"
LESSONS = {
    "live": ("Live", train_live),
    "own": ("Your text", train_own),
    "break": ("Break it", train_break),
    "time": ("Time machine", train_time),
    "ladder": ("Ladder", train_ladder),
}


def build(page: Page, tab: gr.Tab) -> None:
    room = Classroom()
    with gr.Tabs(elem_id="lessons") as lessons:
        for key, (title, module) in LESSONS.items():
            with gr.Tab(title, id=key) as lesson:
                module.build(page, room, lesson)
    page.lessons["lesson"] = lessons

    def leave(request: gr.Request) -> None:
        room.leave(request.session_hash or "")

    page.demo.unload(leave)
    tab.select(room.pool.warm, queue=False, **QUIET)
