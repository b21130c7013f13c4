"""The roster of the real page: what ships with the project, and what the command line asks for."""

from __future__ import annotations

import json
import os
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from .html.sizes import short
from .roster import Roster
from .values import Answers
from .values.players import BASELINE, SEAT, shipped_names

MOST_PARAMETERS = 50_000_000
CHECKPOINTS = Path(__file__).parents[1] / "checkpoints"
# What each can do, for the menu; the recipe says it of those that are not here.
KNOWS = {
    SEAT: "124M parameters, trained on text from 8 million web pages",
    "shakespeare": "writes like Shakespeare, letter by letter",
    "shakespeare-gpt2": "GPT-2's design, tiny, trained on Shakespeare",
    "hello": "knows five letters and one word",
    "next-char": "knows one sentence, and guesses from the mean of five letters",
    "minigpt": "knows a few sentences by heart and stops at their end",
    "bigram": "sees one letter and guesses the next",
    "stories": "tells small stories, and nearly always keeps its facts straight",
    "stories-gpt2": "GPT-2's design, tiny, trained on the same stories",
    "chat": "answers questions about the ideas of the guide",
    "chat-base": "the chat model before it learned to answer",
    "ladder/1-bigram": "step 1 of the ladder: one letter guesses the next",
    "ladder/2-one-head": "step 2: one attention head looks back",
    "ladder/3-many-heads": "step 3: four heads look back",
    "ladder/4-mlp": "step 4: with a small network after the heads",
    "ladder/5-residual-norm": "step 5: deeper, with shortcuts and norms",
    "ladder/6-all": "step 6: with all that was found since",
}


def lineup(model: str | None = None, baseline: str | None = None) -> Roster:
    """`model` on the left, `baseline` on the right; loading begins at once. A model that
    does not load is named to whoever started the page, as it is on the page itself."""
    # What a visitor names on the Hub may be no larger; whoever runs the page may raise it.
    os.environ.setdefault("TINYGPT_MAX_PARAMETERS", str(MOST_PARAMETERS))
    roster = Roster(
        shipped_names(CHECKPOINTS),
        _load,
        left=model,
        baseline=None if baseline == "none" else baseline or BASELINE,
        load_baseline=_load_baseline,
        load_stranger=_load_stranger,
        lines=_lines(),
        tuned_from=_tuned_from(model),
    )

    def tell(name: str, why: str) -> None:
        said = f"{name} cannot be shown: {why}".rstrip(".")
        instead = f"; {roster.stand_in()} stays in its place" if name == roster.baseline else ""
        sys.stderr.write(said + instead + "\n")

    roster.begin(tell)
    return roster


def _lines() -> dict[str, str]:
    """A line for each model of the menu, from its own figures."""
    from training.recipes import reader

    about = reader.about()
    lines = {SEAT: KNOWS[SEAT]}
    for name in shipped_names(CHECKPOINTS):
        facts = _facts(CHECKPOINTS / name)
        knows = KNOWS.get(name) or about.get(facts.get("recipe", ""), "")
        size = f"{short(facts['parameters'])} parameters" if "parameters" in facts else ""
        lines[name] = ", ".join(part for part in (size, knows) if part)
    return lines


def _tuned_from(model: str | None) -> dict[str, str]:
    """Which model each was before it was tuned, as its own facts say."""
    folders = {name: CHECKPOINTS / name for name in shipped_names(CHECKPOINTS)}
    if model and Path(model).is_dir():
        folders[model] = Path(model)
    found = {name: _facts(folder).get("init_from") for name, folder in folders.items()}
    return {name: str(before) for name, before in found.items() if before}


def _facts(folder: Path) -> dict[str, Any]:
    file = folder / "metrics.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


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
    from huggingface_hub.utils.logging import set_verbosity_error

    from compare.engine import loaders
    from training.loop.console import no_bars

    no_bars()
    set_verbosity_error()  # a model that does not load is named once, not at each try
    # Two models write at the same time: each on its half of the cores, none waiting for the other.
    torch.set_num_threads(max(1, (os.cpu_count() or 2) // 2))
    return loaders
