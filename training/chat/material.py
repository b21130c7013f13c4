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
FACETS = ("what", "why", "try")
GUIDE = FOLDER.parents[1] / "compare" / "guide.md"


@dataclass(frozen=True)
class Asked:
    """A pattern of questions, and the label of their answer: `token.why`, `greeting`, `unknown`."""

    label: str
    pattern: str
    readings: int  # how many of them the data gets
    place: int  # in its list; some of each list are held back
    names: Names


@cache
def read(name: str) -> dict[str, Any]:
    return yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))


def answers() -> dict[str, str]:
    """Every answer there is, by its label."""
    found = {
        f"{name}.{facet}": idea[facet] for name, idea in read("ideas").items() for facet in FACETS
    }
    found |= {name: talk["answer"] for name, talk in read("small_talk").items()}
    return found | {UNKNOWN: read("elsewhere")["answer"]}


def asked() -> Iterator[Asked]:
    """Every pattern: those of each idea, the frames around its names, small talk, other things."""
    for name, idea in read("ideas").items():
        names = {"ONE": idea["one"], "MANY": idea["many"], "ANY": idea["one"] + idea["many"]}
        for facet in FACETS:
            label = f"{name}.{facet}"
            yield from _list(label, idea["ask"].get(facet, []), 6, names)
            yield from _list(label, read("frames")[facet], 3 if facet == "try" else 2, names)
        yield from _list(f"{name}.what", read("frames")["clue"], 4, {"ANY": idea["clues"]})
        yield from _list(f"{name}.what", read("frames")["quote"], 5, {"ANY": quotes()[name]})
    for name, talk in read("small_talk").items():
        yield from _list(name, talk.get("say", []), 12)
    things = dict.fromkeys(("ONE", "MANY", "ANY"), read("elsewhere")["things"])
    for facet in (*FACETS, "clue"):
        yield from _list(UNKNOWN, read("frames")[facet], 20, things)
    for where, readings in (("far", 12), ("near", 10)):
        yield from _list(UNKNOWN, read("elsewhere")[where], readings)


def _list(
    label: str, patterns: list[str], readings: int, names: Names | None = None
) -> Iterator[Asked]:
    for place, pattern in enumerate(patterns):
        yield Asked(label, pattern, readings, place, names or {})


@cache
def quotes() -> dict[str, list[str]]:
    """What the guide says about each idea, cut at commas and full stops."""
    found: dict[str, list[str]] = {}
    for part in re.split(r"^## \d+\. ", GUIDE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        title, text = part.split("\n\n")[:2]
        slug = "-".join(re.findall(r"[a-z]+", title.lower()))
        pieces = re.split(r"[.:;,?!]\s", re.sub(r"[\s\"`()]+", " ", text.lower()))
        found[slug] = [p.strip(" .") for p in pieces if 3 <= len(p.split()) <= 14]
    return found


def held_out() -> list[tuple[str, str]]:
    """The questions of the exam, each with the idea whose answer it should get."""
    found, idea = [], ""
    for line in (FOLDER / "held_out.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            idea = line.strip("[]")
        elif line and not line.startswith("#"):
            found.append((idea, line))
    return found
