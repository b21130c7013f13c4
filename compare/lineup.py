"""The roster of the real page: what ships with the project, and what the command line asks for."""

from __future__ import annotations

import os
from pathlib import Path

from .roster import BASELINE, DEFAULT, Roster, shipped_names
from .values import Answers

MOST_PARAMETERS = 50_000_000
CHECKPOINTS = Path(__file__).parents[1] / "checkpoints"


def lineup(model: str | None = None, baseline: str | None = None) -> Roster:
    """`model` on the left, `baseline` on the right; loading begins at once."""
    # What a visitor names on the Hub may be no larger; whoever runs the page may raise it.
    os.environ.setdefault("TINYGPT_MAX_PARAMETERS", str(MOST_PARAMETERS))
    roster = Roster(
        shipped_names(CHECKPOINTS),
        _load,
        left=model or DEFAULT,
        baseline=None if baseline == "none" else baseline or BASELINE,
        load_baseline=_load_baseline,
        load_stranger=_load_stranger,
    )
    roster.begin()
    return roster


# torch and transformers take seconds to import, and the page need not wait for them.
def _load(name: str) -> Answers:
    from .loaders import load_tiny

    return load_tiny(name)


def _load_stranger(name: str) -> Answers:
    from .loaders import load_stranger

    return load_stranger(name)


def _load_baseline(name: str) -> Answers:
    from .loaders import load_baseline

    return load_baseline(name)
