"""What a link of the guide asks for, on all tabs: hostile until it is checked, like any address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from compare.html.panes import notice
from compare.lessons.breaking import BROKEN
from compare.lessons.lessons import RATES, SYSTEMS, WIDTHS, WINDOWS
from compare.recorded.lessons import frames
from compare.tabs import links
from compare.tabs.shared import Page
from compare.tabs.train.own_text import SECONDS, samples
from compare.tabs.train.tab import LESSONS

TABS = ("compare", "inside", "score", "train", "learn", "chat")


class Trying:
    """Sets the page up. `outputs` are the components, `apply` their values, in the same order."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.outputs = {
            "model": page.left,
            "prompt": page.prompt,
            **page.controls,
            **page.lessons,
            "tab": page.tabs,
            "notice": page.notice,
        }

    def components(self) -> list[Any]:
        return list(self.outputs.values())

    def apply(self, asks: Mapping[str, str]) -> list[Any]:
        values = {**self._models(asks), **train(asks)}
        if asks.get("tab") in TABS:
            values["tab"] = gr.Tabs(selected=asks["tab"])
        return [values.get(name, gr.skip()) for name in self.outputs]

    def _models(self, asks: Mapping[str, str]) -> dict[str, Any]:
        asked = links.read(asks, self.page.roster.names)
        values: dict[str, Any] = {"notice": notice(asked.complaint)}
        if asked.model is not None:
            values["model"] = asked.model
        elif "model" in asks:
            values["notice"] = notice(f"{asks['model'][:60]} is not among the models here.")
        if asked.prompt is not None:
            values["prompt"] = asked.prompt
        given = {name for name in links.SETTINGS if name in asks}
        if given:  # a link that speaks of drawing sets all that belongs to it
            values |= {name: getattr(asked.sampling, name) for name in links.SETTINGS}
            values["pinned"] = asked.pinned
        return values


def train(asks: Mapping[str, str]) -> dict[str, Any]:
    """The part for the Train tab: its lesson and that lesson's settings, each if it is sound."""
    values: dict[str, Any] = {}
    if asks.get("lesson") in LESSONS:
        values["lesson"] = gr.Tabs(selected=asks["lesson"])
    if (name := asks.get("system")) in SYSTEMS:
        system = SYSTEMS[name]
        values |= {"system": name, "rate": system.rate}
        values |= {"width": system.width, "window": system.window}
        values |= _numbers(asks)
    if asks.get("broken") in BROKEN:
        values["broken"] = asks["broken"]
    if asks.get("sample") in samples():
        values["sample"] = samples()[asks["sample"]]
    for number in SECONDS:
        if str(number) == asks.get("seconds"):
            values["seconds"] = number
    if (step := asks.get("step", "")).isdecimal() and len(step) < 9:
        steps = [frame.step for frame in frames()] or [0]
        values["step"] = min(range(len(steps)), key=lambda i: abs(steps[i] - int(step)))
    return values


def _numbers(asks: Mapping[str, str]) -> dict[str, Any]:
    offered = {"rate": RATES, "width": WIDTHS, "window": WINDOWS}
    return {
        name: value
        for name, values in offered.items()
        for value in values
        if f"{value:g}" == asks.get(name)
    }
