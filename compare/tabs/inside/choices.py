"""What the visitor has chosen in Inside: controls that are seen, and choices made in the pictures.

A picture's buttons send names and values (`data-choose`); what comes from a browser is checked as
what comes from an address is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from compare.html.panes import SIDES, Side
from compare.tabs.address import one_of, within
from compare.tabs.shared import Page, both
from compare.values import Unit

TABS = ("inside",)
UNITS: dict[str, Unit] = {"Letters": "letter", "Each model's own tokens": "token"}
PIECES = ("Words", "Tokens")
SECTIONS = {
    "odds": "Odds",
    "path": "Path",
    "lens": "Layers",
    "shares": "Causes",
    "without": "Take away",
    "heat": "Attention",
    "sky": "Map",
}
# Chosen in the pictures, and what is chosen when nothing is. Numbers travel as text.
_PRESSED = {
    "back": "0",  # tokens from the end of the prompt
    "part": "",  # of the path, opened
    "word": "",  # number of the token that is asked about; empty for the likeliest
    "against": "",
    "off": "",  # parts, with commas between
    "swap_at": "0",
    "layer": "",  # from 1; empty for the head that did most
    "head": "",
    "see": "",  # the section to be shown
}
# Of another model these mean something else.
OF_A_MODEL = ("back", "part", "word", "against", "off", "swap_at", "layer", "head")
_MOST_PARTS = 64
_PART = re.compile(r"block \d{1,3}( (attention|mlp|mean|head \d{1,3}))?|embedding|position|odds")


@dataclass
class Choices:
    """The components by name, and how each is read from an address."""

    components: dict[str, Any] = field(default_factory=dict)
    readers: dict[str, Callable[[str], Any]] = field(default_factory=dict)

    def names(self) -> list[str]:
        return list(self.components)

    def pressed(self, sent: Any) -> dict[str, Any]:
        """What a press in a picture chooses, if it is what the page sends."""
        if not isinstance(sent, dict):
            return {}
        chosen: dict[str, Any] = {}
        for name, value in sent.items():
            if name == "only":  # this part alone is taken away, and nothing swapped
                name, chosen["swap"] = "off", ""
            if name not in _PRESSED or not isinstance(value, (str, int)):
                return {}
            try:
                chosen[name] = self.readers[name](str(value))
            except Exception:
                return {}
        return chosen


@dataclass(frozen=True)
class Asked:
    """One look: the prompt, who sits where, and what was chosen."""

    prompt: str
    keys: Mapping[Side, str]
    given: Mapping[str, Any]

    @property
    def side(self) -> Side:
        return self.given["side"] if self.given["side"] in SIDES else SIDES[0]

    @property
    def key(self) -> str:
        return self.keys[self.side]

    @property
    def temperature(self) -> float:
        return float(self.given["odds_temperature"] or 1.0)

    @property
    def off(self) -> list[str]:
        return [part for part in str(self.given["off"] or "").split(",") if part]

    def number(self, name: str, otherwise: int = 0) -> int:
        value = str(self.given[name] or "")
        return int(value) if value.isdecimal() and len(value) < 9 else otherwise


def make(page: Page) -> Choices:
    """All of them; what is seen is not yet in its place, the rest is kept out of sight."""
    choices = Choices()
    for name, empty in _PRESSED.items():
        component = gr.Textbox(empty, visible="hidden", label=name, elem_id=f"inside-{name}")
        _accept(page, choices, name, component, _READERS[name], empty)
    for name, (component, read, default) in _seen().items():
        _accept(page, choices, name, component, read, default)
    return choices


def _accept(
    page: Page, choices: Choices, name: str, component: Any, read: Callable, default: Any
) -> None:
    choices.components[name], choices.readers[name] = component, read
    page.settings.accept(name, component, read, tabs=TABS, default=default)


def _seen() -> dict[str, tuple[Any, Callable[[str], Any], Any]]:
    """The controls that the visitor sees, not yet in their place."""
    pills: dict[str, Any] = {"elem_classes": "pills", "render": False}
    return {
        "side": (gr.Radio(both(), value=SIDES[0], label="Model", **pills), one_of(SIDES), SIDES[0]),
        "unit": (
            gr.Radio(list(UNITS), value="Letters", label="In units of", **pills),
            one_of(UNITS),
            "Letters",
        ),
        "odds_temperature": (
            gr.Slider(
                0.05,
                2,
                1.0,
                step=0.05,
                label="Temperature of the odds",
                min_width=120,
                buttons=[],
                render=False,
            ),
            within(0.05, 2, 1.0),
            1.0,
        ),
        "pieces": (
            gr.Radio(list(PIECES), value=PIECES[0], label="Show", **pills),
            one_of(PIECES),
            PIECES[0],
        ),
        "swap": (
            gr.Textbox(
                "",
                label="Or swap a token of the prompt for",
                placeholder="one token",
                max_lines=1,
                render=False,
            ),
            _short,
            "",
        ),
    }


def _digits(text: str) -> str:
    if text and (not text.isdecimal() or len(text) > 8):
        raise ValueError
    return text


def _count(text: str) -> str:
    return str(within(0, 31, 0)(text))


def _place(text: str) -> str:
    return text and str(within(1, 200, 1)(text))


def _one_part(text: str) -> str:
    if text and not _PART.fullmatch(text):
        raise ValueError
    return text


def _parts(text: str) -> str:
    names = text.split(",") if text else []
    if len(names) > _MOST_PARTS or not all(_PART.fullmatch(name) for name in names):
        raise ValueError
    return text


def _short(text: str) -> str:
    if len(text) > 40:
        raise ValueError
    return text


_READERS: dict[str, Callable[[str], Any]] = {
    "back": _count,
    "part": _one_part,
    "word": _digits,
    "against": _digits,
    "off": _parts,
    "swap_at": _count,
    "layer": _place,
    "head": _place,
    "see": one_of(["", *SECTIONS]),
}
