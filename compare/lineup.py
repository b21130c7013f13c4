"""The roster of the real page: what ships with the project, and what the command line asks for."""

from __future__ import annotations

import os
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

from .roster import BASELINE, DEFAULT, STAND_IN, Roster, shipped_names
from .values import Answers

MOST_PARAMETERS = 50_000_000
CHECKPOINTS = Path(__file__).parents[1] / "checkpoints"


def lineup(model: str | None = None, baseline: str | None = None) -> Roster:
    """`model` on the left, `baseline` on the right; loading begins at once. Who cannot be had is
    named to whoever started the page, as it is on the page itself."""
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

    def tell(name: str, why: str) -> None:
        said = f"{name} cannot be shown: {why}".rstrip(".")
        instead = f"; {STAND_IN} stays in its place" if name == roster.baseline else ""
        sys.stderr.write(said + instead + "\n")

    roster.begin(tell)
    return roster


def _load(name: str) -> Answers:
    return _loaders().load_tiny(name)


def _load_stranger(name: str) -> Answers:
    return _loaders().load_stranger(name)


def _load_baseline(name: str) -> Answers:
    return _loaders().load_baseline(name)


@cache
def _loaders() -> ModuleType:
    """The ways in, and what has to hold for the whole process before the first is taken.

    torch and transformers take seconds to import: by the thread that loads, so that nobody waits.
    """
    import torch

    from compare.engine import loaders
    from training.loop.console import no_bars

    no_bars()
    # Two models write at the same time: each on its half of the cores, none waiting for the other.
    torch.set_num_threads(max(1, (os.cpu_count() or 2) // 2))
    return loaders
