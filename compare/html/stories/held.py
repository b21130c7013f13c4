"""The chart of stories that hold together: by size, by training, and what goes wrong first."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

from compare.values import short

MEASURED = Path(__file__).parents[2] / "recorded" / "coherence.jsonl"
# What is called the same in the chart, and what the exam of the stories calls it; the first is what
# a beginner gets wrong.
FAULTS: dict[str, tuple[str, ...]] = {
    "spelling": ("spelling",),
    "sentences": ("sentence",),
    "names": ("names",),
    "pronouns": ("pronouns",),
    "who has what": ("who has what", "things", "where they are"),
    "endings": ("promises and endings",),
    "other facts": ("questions", "other"),
}
_TITLES = {"size": "By size", "moment": "By training"}
_WHOSE = {
    "size": ("Of the smallest model", "Of the largest"),
    "moment": ("At the first of these moments", "At the last"),
}
_COLOURS = {  # as on the page: light, dark
    "paper": ("#f7f7f4", "#14161a"),
    "ink": ("#1d2025", "#e9eaec"),
    "soft": ("#565c66", "#a4abb6"),
    "line": ("#dcdcd6", "#343941"),
    "blue": ("#0a5ca8", "#6db7ff"),
    "orange": ("#a84a00", "#ffab5e"),
}
_WIDE, _ROW, _BAR = 340, 58, 16
_FILL = {"hold together": "var(--blue)", "so far, no end": "var(--blue);fill-opacity:.4"} | {
    name: f"var(--orange);fill-opacity:{1 - 0.13 * at:.2f}" for at, name in enumerate(FAULTS)
}


def measured() -> list[dict[str, Any]]:
    """What `benchmarks.coherence` measured, a line of JSON for each model."""
    if not MEASURED.is_file():
        return []
    return [json.loads(line) for line in MEASURED.read_text(encoding="utf-8").splitlines()]


def chosen(rows: list[dict[str, Any]], of: str) -> list[dict[str, Any]]:
    """Those of one part of the chart, from the weakest model."""
    found = [row for row in rows if row["of"] == of]
    return sorted(found, key=lambda row: (row["parameters"], row["steps"]))


def faults(row: dict[str, Any]) -> dict[str, float]:
    """The share of stories whose first fault is of each sort, in the order of the chart."""
    known = {sort for sorts in FAULTS.values() for sort in sorts}
    found = {
        name: sum(row["first_wrong"].get(sort, 0) for sort in sorts)
        for name, sorts in FAULTS.items()
    }
    found["other facts"] += sum(n for sort, n in row["first_wrong"].items() if sort not in known)
    return found


def figure() -> str:
    """For the guide: the chart and its text; nothing where nothing was measured."""
    rows = measured()
    if not rows:
        return ""
    return (
        f"<figure class='held'>{_svg(rows)}<figcaption class='fine'>{escape(summary(rows))}"
        f"</figcaption><details class='code'><summary>The chart in words</summary>"
        f"<p>{escape(in_words(rows))}</p></details></figure>"
    )


def picture(rows: list[dict[str, Any]]) -> str:
    """The same as a file of its own, on a ground of its own, for light and dark."""
    light, dark = (
        ";".join(f"--{name}:{pair[at]}" for name, pair in _COLOURS.items()) for at in (0, 1)
    )
    style = f"svg{{{light}}}@media(prefers-color-scheme:dark){{svg{{{dark}}}}}"
    return _svg(rows, style) + "\n"


def summary(rows: list[dict[str, Any]]) -> str:
    """What one can read off it."""
    said = []
    for of, whose in _WHOSE.items():
        if len(part := chosen(rows, of)) > 1:
            weak, strong = part[0], part[-1]
            said.append(
                f"{whose[0]} {weak['holds']:.0%} of the stories hold together; what goes wrong "
                f"first is most often “{_worst(weak)[0]}”. {whose[1]} it is "
                f"{strong['holds']:.0%}, and “{_worst(strong)[0]}”."
            )
    return " ".join(said)


def in_words(rows: list[dict[str, Any]]) -> str:
    said = [
        f"{_label(row)}: {row['holds']:.0%} hold together, {row['so_far']:.0%} so far"
        + "".join(f", {name} {share:.0%}" for name, share in faults(row).items() if share)
        for of in _WHOSE
        for row in chosen(rows, of)
    ]
    return f"Stories that hold together, and what goes wrong first. {'; '.join(said)}."


def _worst(row: dict[str, Any]) -> list[str]:
    return sorted(faults(row), key=lambda name: -faults(row)[name])


def _label(row: dict[str, Any]) -> str:
    if row["of"] == "size":
        return f"{short(row['parameters'])} parameters, {row['seconds'] / 60:.0f} min"
    return f"step {row['steps']:,}, {row['seconds'] / 60:.0f} min"


# How it is drawn


def _svg(rows: list[dict[str, Any]], style: str = "") -> str:
    """All of it in 340 units of width, so that it can be read on a phone."""
    parts, y = [*_legend()], 108
    for of, title in _TITLES.items():
        if not (part := chosen(rows, of)):
            continue
        parts.append(_text(0, y + 16, title, "font-size:15px;font-weight:600"))
        y += 26
        for row in part:
            parts += _row(row, y)
            y += _ROW
        y += 8
    alone = (
        f"xmlns='http://www.w3.org/2000/svg' width='{_WIDE + 40}' height='{y + 40}' "
        f"viewBox='-20 -20 {_WIDE + 40} {y + 40}'"
    )
    ground = (
        f"<style>{style}</style><rect x='-20' y='-20' width='{_WIDE + 40}' height='{y + 40}' "
        "style='fill:var(--paper)'/>"
    )
    size = alone if style else f"viewBox='0 0 {_WIDE} {y}'"
    return (
        f"<svg {size} role='img' aria-label='{escape(in_words(rows))}' "
        f"style='font-family:system-ui,sans-serif'>{ground if style else ''}{''.join(parts)}</svg>"
    )


def _legend() -> Iterator[str]:
    yield _text(0, 29, "and what is wrong first in the others:")
    for at, (name, fill) in enumerate(_FILL.items()):
        x, y = (at % 2) * _WIDE / 2, 18 * (at // 2 + (at > 1))
        yield f"<rect x='{x:.0f}' y='{y}' width='12' height='12' style='fill:{fill}'/>"
        yield _text(x + 18, y + 11, name)


def _row(row: dict[str, Any], y: int) -> Iterator[str]:
    """Whose it is, how many hold; the bar; and in words what goes wrong first most often."""
    wrong = faults(row)
    yield _text(0, y + 12, _label(row))
    yield _text(_WIDE, y + 12, f"{row['holds']:.0%} hold", "font-weight:600;text-anchor:end")
    yield f"<rect y='{y + 17}' width='{_WIDE}' height='{_BAR}' style='fill:var(--line)'/>"
    x = 0.0
    for share, fill in zip(
        (row["holds"], row["so_far"], *wrong.values()), _FILL.values(), strict=True
    ):
        if share:
            wide = max(0.5, _WIDE * share - 1)  # a gap of one between two parts
            place = f"x='{x:.1f}' y='{y + 17}' width='{wide:.1f}' height='{_BAR}'"
            yield f"<rect {place} style='fill:{fill}'/>"
        x += _WIDE * share
    most = [f"{name} {wrong[name]:.0%}" for name in _worst(row)[:2] if wrong[name]]
    said = f"wrong first: {', '.join(most)}" if most else "nothing goes wrong"
    yield _text(0, y + 47, said, "font-size:12px;fill:var(--soft)")


def _text(x: float, y: float, text: str, style: str = "") -> str:
    return (
        f"<text x='{x:.0f}' y='{y:.0f}' style='fill:var(--ink);font-size:13px;{style}'>"
        f"{escape(text)}</text>"
    )
