"""`python -m training.stories.blind SAVED`: stories that passed, to be read without the checker.

SAVED is what `python -m training.stories.exam MODEL --save SAVED` wrote. Of the stories that held
together and ended some are drawn by seed and written down, numbered, with nothing else. Of a
hundred at most four may hold a contradiction.
"""

import argparse
import re
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from random import Random

COUNT = 100
_WIDE = textwrap.TextWrapper(100, break_on_hyphens=False, break_long_words=False)
# A story, its verdict, and a line for each problem, as the exam saves them.
_STORY = re.compile(r"(.+?)\n  -> ([^\n]+)\n((?:    [^\n]+\n)*)\n", re.DOTALL)


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training.stories.blind", description=__doc__)
    parser.add_argument("saved", type=Path, help="what the exam saved")
    parser.add_argument("--count", type=int, default=COUNT, help="stories (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, help="a file (default: print them)")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    parser = make_parser()
    args = parser.parse_args(argv)
    if args.count < 1:
        parser.error(f"--count is {args.count}; it must be at least 1")
    if not args.saved.is_file():
        parser.error(
            f"{args.saved} is no file; `python -m training.stories.exam MODEL --save FILE`"
        )
    try:
        held = passed(args.saved.read_text(encoding="utf-8"))
    except ValueError as error:
        parser.error(f"{args.saved}: {error}")
    if len(held) < args.count:
        parser.error(f"{args.saved} has {len(held)} stories that passed; --count is {args.count}")
    text = sheet(Random(args.seed).sample(held, args.count), args.seed)
    if args.output:
        args.output.write_text(text, encoding="utf-8", newline="\n")
    else:
        print(text, end="")
    return 0


def passed(saved: str) -> list[str]:
    """The stories that held together and ended, in the order in which they were written."""
    from .check import HOLDS

    found, at = [], 0
    while at < len(saved):
        story = _STORY.match(saved, at)
        if story is None:
            line = saved.count("\n", 0, at) + 1
            raise ValueError(f"from line {line} on it is not what the exam saves")
        at = story.end()
        if story[2] == HOLDS:
            found.append(story[1])
    return found


def sheet(stories: Sequence[str], seed: int) -> str:
    """What is read: no verdict, and nothing of where a story came from."""
    head = f"{len(stories)} stories, drawn with seed {seed}. Which of them contradict themselves?"
    numbered = (f"{n}\n{wrapped(text)}\n" for n, text in enumerate(stories, start=1))
    return "\n".join((f"{head}\n", *numbered))


def wrapped(text: str) -> str:
    """Each paragraph in lines that are easy to read."""
    return "\n".join(_WIDE.fill(paragraph) for paragraph in text.split("\n"))


if __name__ == "__main__":
    sys.exit(main())
