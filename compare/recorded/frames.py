"""A run as it stood at some of its steps: what the Time machine shows."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from compare.values import Answers, Coherence, Point, Sampling, Unit

SAMPLING = Sampling(temperature=0.8, top_k=50, max_new_tokens=160, seed=7)
_TAG = re.compile(r"(?:(?P<run>[\w.-]+)-)?step-(?P<step>\d+)")


@dataclass(frozen=True)
class Frame:
    """One model at one step, asked the same as at all others."""

    step: int
    bits_per_byte: float
    text: str  # after the prompt
    odds: list[tuple[str, float]]  # of the first letter or token after it
    points: list[Point]  # the map of its tokens
    coherence: Coherence | None = None  # of a story


def look(model: Answers, step: int, prompt: str, scored: str, unit: Unit = "letter") -> Frame:
    *_, written = model.stream(prompt, SAMPLING)
    odds = [
        (text, share)
        for text, share in model.next_tokens(prompt, unit=unit).entries
        if _legible(text) and (unit == "token" or len(text) == 1)
    ]
    return Frame(
        step,
        model.score(scored).bits_per_byte,
        written.text,
        odds[:8],
        model.inside.embedding_map(prompt),
        model.coherence(prompt, written.text),
    )


def _legible(text: str) -> bool:
    return text.isprintable() or text == "\n"


def stops(tags: Iterable[str]) -> list[tuple[int, str]]:
    """The tags `step-N` of a repo in order; of several runs `NAME-step-N`, the longest."""
    runs: dict[str, dict[int, str]] = {}
    for tag in tags:
        if found := _TAG.fullmatch(tag):
            runs.setdefault(found["run"] or "", {})[int(found["step"])] = tag
    longest = max(runs.values(), key=len, default={})
    return sorted(longest.items())
