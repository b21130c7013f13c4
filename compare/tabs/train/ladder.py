"""The Ladder: the same text and budget, from a bare table to the whole transformer.

And the same stories, told by models of four sizes.
"""

from __future__ import annotations

from html import escape
from typing import Any

import gradio as gr

from compare.html import curves
from compare.html.stories import held
from compare.lessons.visitors import Classroom
from compare.recorded.lessons import Rung, prompt, rungs
from compare.tabs.shared import Page, html

KEY, NAME = "ladder", "Ladder"


def build(page: Page, room: Classroom, tab: gr.Tab) -> None:
    html(_ladder() + _sizes(), elem_id="ladder")


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
    name = rung.name.partition("-")[2].replace("-", " ")
    return _step(name, rung.parameters, rung.about, rung.val_loss, worst, prompt(), rung.text)


def _sizes() -> str:
    """What `benchmarks.coherence` wrote down of each size; the models themselves do not ship."""
    there = held.chosen(held.measured(), "size")
    if not there:
        return ""
    worst = max(row["val_loss"] for row in there)
    return (
        "<h3>The same stories, four sizes</h3>"
        f"<p class='state'>These models read the same stories for {there[0]['steps']:,} steps. "
        "Each is larger than the one above. A program read what they wrote, and counted the "
        "stories that hold together.</p>"
        f"<ol class='rungs'>{''.join(_size(row, worst) for row in there)}</ol>"
    )


def _size(row: dict[str, Any], worst: float) -> str:
    name = f"{row['layers']} layers of width {row['width']}"
    about = f"{row['holds']:.0%} of {row['stories']} stories hold together."
    return _step(
        name, row["parameters"], about, row["val_loss"], worst, row["opening"], row["story"]
    )


def _step(
    name: str, parameters: int, about: str, loss: float, worst: float, start: str, text: str
) -> str:
    return (
        f"<li><h4>{escape(name)} <small>{parameters:,} parameters</small></h4>"
        f"<p>{escape(about)}</p>"
        f"<div class='bar left'><span class='track'><span class='fill' "
        f"style='width:{loss / worst:.1%}'></span></span>"
        f"<span class='figure'>loss {loss:.3f}</span></div>"
        f"{curves.written(start, text)}</li>"
    )
