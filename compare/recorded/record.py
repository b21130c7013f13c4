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
from compare.roster import BASELINE, DEFAULT, EXAMPLE, STAND_IN
from compare.values import Answers, Chunk, Sampling


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m compare.recorded.record", description=__doc__)
    parser.add_argument("--prompt", default=EXAMPLE)
    parser.add_argument("--seed", type=int, default=7)
    return parser


def main(argv: list[str] | None = None) -> int:
    args = make_parser().parse_args(argv)
    import transformers

    from compare.engine.loaders import load_baseline, load_tiny
    from training.loop.console import no_bars

    no_bars()
    found = []
    for name, load in ((DEFAULT, load_tiny), (STAND_IN, load_tiny), (BASELINE, load_baseline)):
        try:
            found.append(load(name))
        except (OSError, ValueError) as error:
            print(f"{name} is left out: {error}", file=sys.stderr)  # noqa: T201 (a command)
    written = {
        "transformers": transformers.__version__,
        "answers": answers(found, args.prompt, Sampling(seed=args.seed)),
    }
    FILE.write_text(json.dumps(written, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0 if found else 1


def answers(found: Iterable[Answers], prompt: str, sampling: Sampling) -> dict[str, Any]:
    """What each writes, with everything that it takes to write it again; speed is not kept."""
    return {
        who.name: {
            "prompt": prompt,
            "facts": asdict(who.facts()),
            "sampling": asdict(sampling),
            "chunk": asdict(replace(last(who, prompt, sampling), seconds=0.0, first=None)),
        }
        for who in found
    }


def last(who: Answers, prompt: str, sampling: Sampling) -> Chunk:
    *_, end = who.stream(prompt, sampling)
    return end


if __name__ == "__main__":
    sys.exit(main())
