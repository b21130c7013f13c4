"""What the Time machine and the Ladder show at once; `compare.recorded.record_lessons` wrote it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from compare.recorded.frames import Frame
from compare.values import Point

FILE = Path(__file__).with_name("lessons.json")


@dataclass(frozen=True)
class Rung:
    """One step of the ladder, and how far it gets in the budget that all of them have."""

    name: str
    about: str
    parameters: int
    val_loss: float
    text: str  # after the prompt


@cache
def _content() -> dict[str, Any]:
    return json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}


def prompt() -> str:
    return _content().get("prompt", "")


def scored() -> str:
    return _content().get("scored", "")


@cache
def frames() -> tuple[Frame, ...]:
    return tuple(
        Frame(
            row["step"],
            row["bits_per_byte"],
            row["text"],
            [tuple(pair) for pair in row["odds"]],
            [_point(point) for point in row["points"]],
        )
        for row in _content().get("time", [])
    )


def _point(row: dict[str, Any]) -> Point:
    return Point(**(row | {"near": [tuple(pair) for pair in row["near"]]}))


@cache
def rungs() -> tuple[Rung, ...]:
    return tuple(Rung(**row) for row in _content().get("ladder", []))
