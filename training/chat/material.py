"""The hand-written files of this folder as Python values."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from .phrases import Names

FOLDER = Path(__file__).parent
UNKNOWN = "unknown"
HELD = 12  # one in so many patterns about one idea or one other matter is held back
FACETS = ("what", "why", "try")
GUIDE = FOLDER / "guide.md"  # as the shipped model learned it; the page's own has moved on


@dataclass(frozen=True)
class Asked:
    """A pattern of questions, and the label of their answer: `token.why`, `greeting`, `unknown`."""

    label: str
    pattern: str
    readings: int  # how many of them the data gets
    held: bool  # for validation only
    names: Names


@cache
def read(name: str) -> dict[str, Any]:
    return yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))


def answers() -> dict[str, str]:
    """Every answer there is, by its label. It names its idea first: that is the whole choice."""
    names = {slug_of(title): title for title, _, _ in _ideas()}
    found = {
        f"{name}.{facet}": f"{names[name]}: {idea[facet]}"
        for name, idea in read("ideas").items()
        for facet in FACETS
    }
    found |= {name: talk["answer"] for name, talk in read("small_talk").items()}
    return found | {UNKNOWN: read("elsewhere")["answer"]}


def asked() -> Iterator[Asked]:
    """Every pattern: those of each idea, the frames around its names, small talk, other things."""
    frames, elsewhere = read("frames"), read("elsewhere")
    for name, idea in read("ideas").items():
        names = {"ONE": idea["one"], "MANY": idea["many"], "ANY": idea["one"] + idea["many"]}
        for facet in FACETS:
            label = f"{name}.{facet}"
            yield from _list(label, idea["ask"].get(facet, []), 14, names, held=HELD)
            yield from _list(label, frames[facet], 4, names)
        yield from _list(f"{name}.what", frames["clue"], 8, {"ANY": idea["clues"]})
        yield from _list(f"{name}.what", frames["quote"], 8, {"ANY": quotes()[name]})
    for name, talk in read("small_talk").items():
        yield from _list(name, talk.get("say", []), 16)
    things = dict.fromkeys(("ONE", "MANY", "ANY"), elsewhere["things"])
    for facet in (*FACETS, "clue"):
        yield from _list(UNKNOWN, frames[facet], 40, things)
    for where in ("far", "near"):
        yield from _list(UNKNOWN, elsewhere[where], 20, held=HELD)


def _list(
    label: str, patterns: list[str], readings: int, names: Names | None = None, held: int = 0
) -> Iterator[Asked]:
    for place, pattern in enumerate(patterns):
        yield Asked(label, pattern, readings, bool(held) and place % held == held - 2, names or {})


@cache
def quotes() -> dict[str, list[str]]:
    """What the guide says about each idea, cut at commas and full stops."""
    found: dict[str, list[str]] = {}
    for title, text, _ in _ideas():
        pieces = re.split(r"[.:;,?!]\s", re.sub(r"[\s\"`()]+", " ", text.lower()))
        found[slug_of(title)] = [p.strip(" .") for p in pieces if 3 <= len(p.split()) <= 14]
    return found


def slug_of(title: str) -> str:
    return "-".join(re.findall(r"[a-z]+", title.lower()))


def prose() -> list[str]:
    """The paragraphs of the guide, a line each, without their links."""
    parts = (part for _, text, hint in _ideas() for part in (text, hint))
    return [re.sub(r"[*`]|\[|\]\([^)]*\)", "", " ".join(part.split())) for part in parts]


def _ideas() -> Iterator[list[str]]:
    """Title, paragraph and hint of each idea of the guide."""
    parts = re.split(r"^## \d+\. ", GUIDE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return (part.split("\n\n")[:3] for part in parts[1:])


def held_out() -> list[tuple[str, str]]:
    """The questions of the exam, each with the idea whose answer it should get."""
    found, idea = [], ""
    for line in (FOLDER / "held_out.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            idea = line.strip("[]")
        elif line and not line.startswith("#"):
            found.append((idea, line))
    return found
