"""A run as it stood at some of its steps: what the Time machine shows."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from compare.values import Answers, Point, Sampling

SAMPLING = Sampling(temperature=0.8, top_k=50, max_new_tokens=160, seed=7)
_TAG = re.compile(r"(?:(?P<run>[\w.-]+)-)?step-(?P<step>\d+)")


@dataclass(frozen=True)
class Frame:
    """One model at one step, asked the same as at all others."""

    step: int
    bits_per_byte: float
    text: str  # after the prompt
    odds: list[tuple[str, float]]  # of the first letter after it
    points: list[Point]  # the map of its tokens


def look(model: Answers, step: int, prompt: str, scored: str) -> Frame:
    *_, written = model.stream(prompt, SAMPLING)
    return Frame(
        step,
        model.score(scored).bits_per_byte,
        written.text,
        [(text, share) for text, share in model.next_tokens(prompt).entries if _legible(text)][:8],
        model.inside.embedding_map(prompt),
    )


def _legible(text: str) -> bool:
    return len(text) == 1 and (text.isprintable() or text == "\n")


def stops(tags: Iterable[str]) -> list[tuple[int, str]]:
    """The tags `step-N` of a repo in order; of several runs `NAME-step-N`, the longest."""
    runs: dict[str, dict[int, str]] = {}
    for tag in tags:
        if found := _TAG.fullmatch(tag):
            runs.setdefault(found["run"] or "", {})[int(found["step"])] = tag
    longest = max(runs.values(), key=len, default={})
    return sorted(longest.items())
