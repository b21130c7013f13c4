"""What the Time machine and the Ladder show at once; `compare.recorded.record_lessons` wrote it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from compare.recorded.frames import Frame
from compare.values import Coherence, Point

FILE = Path(__file__).with_name("lessons.json")


@dataclass(frozen=True)
class Rung:
    """One step of the ladder, and how far it gets in the budget that all of them have."""

    name: str
    about: str
    parameters: int
    val_loss: float
    text: str  # after the prompt


@dataclass(frozen=True)
class Recorded:
    """One run of the Time machine, as it stood at its moments."""

    name: str  # as an address says it
    prompt: str
    scored: str  # text that it was not trained on
    about: str  # that text, in words
    frames: tuple[Frame, ...]


@cache
def _content() -> dict[str, Any]:
    return json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}


@cache
def runs() -> tuple[Recorded, ...]:
    return tuple(
        Recorded(**{**row, "frames": tuple(map(_frame, row["frames"]))})
        for row in _content().get("runs", [])
    )


def _frame(row: dict[str, Any]) -> Frame:
    found = row.get("coherence")
    return Frame(
        row["step"],
        row["bits_per_byte"],
        row["text"],
        [tuple(pair) for pair in row["odds"]],
        [_point(point) for point in row["points"]],
        Coherence(**found) if found else None,
    )


def _point(row: dict[str, Any]) -> Point:
    return Point(**(row | {"near": [tuple(pair) for pair in row["near"]]}))


def prompt() -> str:
    """What the rungs go on with."""
    return _content().get("prompt", "")


@cache
def rungs() -> tuple[Rung, ...]:
    return tuple(Rung(**row) for row in _content().get("ladder", []))
