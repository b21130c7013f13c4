"""What the parts of a model are called, and how a press on one says what it chooses."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from typing import Any

from compare.html.charts import visible


def layer_name(number: int) -> str:
    return f"after layer {number}" if number else "before layer 1"


def part_name(part: str) -> str:
    """As people count: `block 0 head 1` is layer 1, head 2."""
    words = part.split()
    if words[0] != "block":
        return part
    head = [f"head {int(words[3]) + 1}"] if len(words) == 4 else [w.upper() for w in words[2:]]
    head = ["attention" if word == "ATTENTION" else word.replace("MEAN", "mean") for word in head]
    return ", ".join([f"layer {int(words[1]) + 1}", *head])


def quoted(token: str) -> str:
    return f"“{escape(visible(token))}”"


def chooses(**values: Any) -> str:
    """The attribute of a button; `inside.js` sends it to the server."""
    return f"data-choose='{escape(json.dumps(values), quote=True)}'"


def unseen(count: int) -> str:
    return f" {count:,} earlier tokens count too but are not shown." if count else ""


def diverging(share: float, most: float) -> str:
    """A bar to the right for more and to the left for less."""
    width = 50 * min(1.0, abs(share) / (most or 1.0))
    start = 50.0 if share >= 0 else 50 - width
    kind = "gain" if share >= 0 else "loss"
    return (
        f"<span class='push {kind}'><span class='fill' "
        f"style='left:{start:.1f}%;width:{width:.1f}%'></span></span>"
    )


def token_buttons(tokens: list[str], at: int, name: str, label: str) -> str:
    """A row of tokens of which one is chosen, with steps of a finger's size beside it."""
    last = len(tokens) - 1
    items = "".join(
        f"<li><button type='button' class='tok' aria-pressed='{str(i == at).lower()}' "
        f"{chooses(**{name: last - i})}>{escape(visible(token))}</button></li>"
        for i, token in enumerate(tokens)
    )
    return (
        f"<div class='places' role='group' aria-label='{escape(label)}'>"
        f"{_step('&lsaquo;', 'The token before', name, min(last, last - at + 1), at <= 0)}"
        f"<ol tabindex='0'>{items}</ol>"
        f"{_step('&rsaquo;', 'The token after', name, max(0, last - at - 1), at >= last)}</div>"
    )


def _step(sign: str, label: str, name: str, back: int, off: bool) -> str:
    return (
        f"<button type='button' class='step' aria-label='{label}'{' disabled' if off else ''} "
        f"{chooses(**{name: back})}>{sign}</button>"
    )


def strip(numbers: Sequence[float]) -> str:
    """A vector as a strip of squares: colour for above zero, grey for below."""
    if not numbers:
        return ""
    most = max(abs(number) for number in numbers) or 1.0
    squares = "".join(
        f"<i class='{'plus' if number >= 0 else 'minus'}' style='--a:{abs(number) / most:.2f}'></i>"
        for number in numbers
    )
    shown = ", ".join(f"{number:.2f}" for number in numbers[:4])
    return (
        f"<span class='strip-of' role='img' aria-label='{len(numbers)} numbers: {shown}, ...'>"
        f"{squares}</span>"
    )
