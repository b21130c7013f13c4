"""The Ladder: the same text and budget, from a bare table to the whole transformer."""

from __future__ import annotations

from html import escape

import gradio as gr

from compare.html import curves
from compare.lessons.visitors import Classroom
from compare.recorded.lessons import Rung, prompt, rungs
from compare.tabs.shared import Page, html

KEY, NAME = "ladder", "Ladder"


def build(page: Page, room: Classroom, tab: gr.Tab) -> None:
    html(_ladder(), elem_id="ladder")


def _ladder() -> str:
    there = rungs()
    if not there:
        return curves.say("Nothing is recorded: run `python -m compare.recorded.record_lessons`.")
    worst = max(rung.val_loss for rung in there)
    return (
        "<p class='state'>Every model here trained on the same text for the same number of steps. "
        "Each adds one part to the one above.</p>"
        f"<ol class='rungs'>{''.join(_rung(rung, worst) for rung in there)}</ol>"
    )


def _rung(rung: Rung, worst: float) -> str:
    return (
        f"<li><h4>{escape(rung.name.partition('-')[2].replace('-', ' '))} "
        f"<small>{rung.parameters:,} parameters</small></h4><p>{escape(rung.about)}</p>"
        f"<div class='bar left'><span class='track'><span class='fill' "
        f"style='width:{rung.val_loss / worst:.1%}'></span></span>"
        f"<span class='figure'>loss {rung.val_loss:.3f}</span></div>"
        f"{curves.written(prompt(), rung.text)}</li>"
    )
