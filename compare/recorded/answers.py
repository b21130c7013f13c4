"""Answers of models that really ran, for the first screen; `compare.recorded.record` wrote them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from compare.html.panes import Pane, Side, Take
from compare.values import Chunk, Coherence, Facts, Sampling

FILE = Path(__file__).with_name("answers.json")


@cache
def _answers() -> dict[str, dict]:
    if not FILE.exists():
        return {}
    return json.loads(FILE.read_text(encoding="utf-8"))["answers"]


def recorded_pane(side: Side, key: str, name: str, sentence: str = "") -> Pane | None:
    """The pane with what this model once wrote; None for a model that was never recorded."""
    answer = _answers().get(name)
    if answer is None:
        return None
    facts, sampling = Facts(**answer["facts"]), Sampling(**answer["sampling"])
    holds = Coherence(**answer["coherence"]) if "coherence" in answer else None
    take = Take(Chunk(**answer["chunk"]), sampling.seed, recorded=True, coherence=holds)
    return Pane(
        side,
        answer["prompt"],
        facts,
        takes=[take],
        sentence=sentence,
        sampling=sampling,
        key=key,
    )
