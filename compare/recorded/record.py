"""`python -m compare.recorded.record`: the models of the first screen write, and it is kept.

The page shows these answers until the models are loaded. A model that does not load is left
out, and so is never quoted: GPT-2's answers get in only where GPT-2 itself has run.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import Any

from compare.recorded.answers import FILE
from compare.roster import Roster
from compare.values import Answers, Chunk, Sampling
from compare.values.players import (
    BASELINE,
    DEFAULT,
    STAND_IN,
    STORIES,
    STORIES_STAND_IN,
    shipped_names,
)


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m compare.recorded.record", description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    return parser


def main(argv: list[str] | None = None) -> int:
    args = make_parser().parse_args(argv)
    import transformers

    from compare.engine.loaders import load_baseline, load_tiny
    from tinygpt_hf.loading import SHIPPED
    from training.loop.console import no_bars

    no_bars()
    roster = Roster(shipped_names(SHIPPED), load_tiny)
    written: dict[str, Any] = {}
    for name, load in (
        (STORIES, load_tiny),
        (STORIES_STAND_IN, load_tiny),
        (DEFAULT, load_tiny),
        (STAND_IN, load_tiny),
        (BASELINE, load_baseline),
    ):
        # The baseline goes on with the opening of the first screen, as the others with their own.
        key = roster.left if name == BASELINE else name
        sampling = Sampling(seed=args.seed, max_new_tokens=roster.length(key))
        try:
            written |= answers([load(name)], roster.example(key), sampling)
        except (OSError, ValueError) as error:
            print(f"{name} is left out: {error}", file=sys.stderr)  # noqa: T201 (a command)
    content = {"transformers": transformers.__version__, "answers": written}
    FILE.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0 if written else 1


def answers(found: Iterable[Answers], prompt: str, sampling: Sampling) -> dict[str, Any]:
    """What each writes, with everything that it takes to write it again, and whether its story
    holds together; speed is not kept."""
    return {who.name: _answer(who, prompt, sampling) for who in found}


def _answer(who: Answers, prompt: str, sampling: Sampling) -> dict[str, Any]:
    end = last(who, prompt, sampling)
    holds = who.coherence(prompt, end.text)
    kept = {
        "prompt": prompt,
        "facts": asdict(who.facts()),
        "sampling": asdict(sampling),
        "chunk": asdict(replace(end, seconds=0.0, first=None)),
    }
    return kept | ({"coherence": asdict(holds)} if holds else {})


def last(who: Answers, prompt: str, sampling: Sampling) -> Chunk:
    *_, end = who.stream(prompt, sampling)
    return end


if __name__ == "__main__":
    sys.exit(main())
