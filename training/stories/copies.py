"""What of a text stands in the training stories, and whether its combination does."""

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .plots import plots
from .telling.story import story

if TYPE_CHECKING:
    from .check import Study

RUN = 40  # words in a row that count as copied, or a third of the story
PIECE = 12  # words that are looked up at once
SAMPLES = 25  # stories of each plot, to know which acts are its own


class Training:
    """The stories that a model learned from."""

    def __init__(self, made: Path):
        texts: list[str] = []
        self.combinations: set[str] = set()
        with (made / "stories.jsonl").open(encoding="utf-8") as file:
            for row in map(json.loads, file):
                texts.append(" ".join(row["text"].split()))
                if "combination" in row:  # a story, and not a small scene
                    self.combinations.add(row["combination"])
        self.text = "\n".join(texts)
        self.pieces = np.unique(
            np.fromiter((key for text in texts for key in pieces(text.split())), dtype=np.int64)
        )

    def copied(self, text: str) -> bool:
        """Does a long run of its words stand in one training story?"""
        words = text.split()
        run = max(PIECE, min(RUN, len(words) // 3))
        keys = np.fromiter(pieces(words), dtype=np.int64)
        if not len(keys):
            return False
        at = np.searchsorted(self.pieces, keys).clip(max=len(self.pieces) - 1)
        known = self.pieces[at] == keys
        needed = run - PIECE + 1
        return any(
            known[at : at + needed].all() and " ".join(words[at : at + run]) in self.text
            for at in range(len(known) - needed + 1)
        )

    def is_new(self, study: "Study") -> bool:
        return combination(study) not in self.combinations


def pieces(words: list[str]):
    for start in range(len(words) - PIECE + 1):
        yield hash(tuple(words[start : start + PIECE]))


def combination(study: "Study") -> str:
    """As `telling.combination`, from what was read."""
    cast = [name for (name,) in study.world.all("person")]
    first = [*study.firsts]
    return " ".join(((cast or ["-"])[0], *first, plot_of(tuple(study.acts))))


def plot_of(acts: tuple[str, ...]) -> str:
    """The plot whose own acts a text has most of."""
    return max(own_acts(), key=lambda plot: len(own_acts()[plot] & set(acts)))


@cache
def own_acts() -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for plot in plots():
        told = [story(0, number, plot) for number in range(SAMPLES)]
        found[plot] = frozenset(a for t in told for s in t.told for a in s.acts)
    return {
        plot: acts - frozenset().union(*(other for name, other in found.items() if name != plot))
        for plot, acts in found.items()
    }


__all__ = ["Training", "combination", "plot_of"]
