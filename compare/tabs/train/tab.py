"""Train: how does it learn?"""

from __future__ import annotations

import gradio as gr

from compare.lessons.visitors import Classroom
from compare.tabs.shared import QUIET, Page
from compare.tabs.train import break_it, ladder, live, own_text, time_machine

NAME = "Train"
LESSONS = {
    "live": ("Live", live),
    "own": ("Your text", own_text),
    "break": ("Break it", break_it),
    "time": ("Time machine", time_machine),
    "ladder": ("Ladder", ladder),
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
