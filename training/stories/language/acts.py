"""What can happen and be said: acts/*.yaml, each with what it needs, makes and its sentences.

    lose:
      needs: [where X A, at A L]
      makes: [where X L, lost X]
      says: ["{A} (dropped|lost) {X} {L.in}"]

`apart` takes back that those named are in one place; `ends` marks an ending.
"""

import re
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

from . import lexicon
from .patterns import FORCED, Pattern, words_of


class ActError(ValueError):
    pass


@dataclass
class Act:
    name: str
    needs: list[str]
    makes: list[str]
    says: list[Pattern]
    flags: frozenset[str]
    people: list[str] = field(default_factory=list)  # variables, in the order of the first pattern
    things: list[str] = field(default_factory=list)
    new: frozenset[str] = frozenset()  # variables that this act brings into the story

    @property
    def joins(self) -> bool:
        return not self.flags & {"alone", "ends"}

    @cached_property
    def starts(self) -> list[Pattern]:
        """The beginnings of those of its patterns that have several sentences."""
        ends = re.compile(r"""[.?!]["']? (?=["A-Z{])""")
        return [
            Pattern(self.name, pattern.text[: end.start() + len(end[0].rstrip())])
            for pattern in self.says
            for end in ends.finditer(pattern.text)
            if pattern.text[: end.start()].count("(") == pattern.text[: end.start()].count(")")
        ]


@cache
def acts() -> dict[str, Act]:
    found: dict[str, Act] = {}
    for path in sorted((lexicon.FOLDER / "acts").glob("*.yaml")):
        for name, entry in lexicon.load(f"acts/{path.stem}").items():
            if name in found:
                raise ActError(f"two acts are named {name!r}")
            found[name] = make(name, entry)
    return found


def make(name: str, entry: dict[str, Any]) -> Act:
    needs, makes = entry.get("needs", []), entry.get("makes", [])
    says = [Pattern(name, text) for text in entry["says"]]
    flags = frozenset(key for key in ("apart", "ends", "alone", "ambient") if entry.get(key))
    for pattern in says:
        free = {var for var, form in slots(pattern.items) if form not in FORCED}
        if missing := {var for var, form in slots(pattern.items) if form in FORCED} - free:
            raise ActError(f"{name}: a pronoun for {missing}, who is not named: {pattern.text}")
    unknown = set(entry) - {"needs", "makes", "says", *flags}
    if unknown:
        raise ActError(f"{name}: unknown {', '.join(unknown)}")
    used = {var for pattern in says for var, _ in slots(pattern.items)}
    new = frozenset(line.split()[1] for line in makes if line.split()[0] in ("person", "thing"))
    return Act(
        name,
        needs,
        makes,
        says,
        flags,
        [v for v in "ABCD" if v in used],
        [v for v in "XYZ" if v in used],
        new,
    )


def slots(items: list) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for item in items:
        if isinstance(item, tuple):
            found += [(var, item[1]) for var in item[0].split("+")]
        elif isinstance(item, list):
            found += [slot for way in item for slot in slots(way)]
    return found


@cache
def index() -> dict[str, list[Pattern]]:
    """Patterns by a word that their sentences must have: the rarest of their certain words."""
    patterns = [pattern for act in acts().values() for pattern in act.says]
    count: dict[str, int] = {}
    for pattern in patterns:
        for anchor in pattern.anchors:
            for word in anchor:
                count[word] = count.get(word, 0) + 1
    found: dict[str, list[Pattern]] = {}
    for pattern in patterns:
        ways = pattern.anchors or [frozenset([""])]
        best = min(ways, key=lambda anchor: sum(count.get(word, 0) for word in anchor))
        for word in best:
            found.setdefault(word, []).append(pattern)
    return found


def candidates(sentence: str) -> list[Pattern]:
    words = dict.fromkeys([*words_of(sentence), ""])
    found = [pattern for word in words for pattern in index().get(word, ())]
    return list({id(pattern): pattern for pattern in found}.values())


@cache
def starts() -> list[Pattern]:
    return [pattern for act in acts().values() for pattern in act.starts]
