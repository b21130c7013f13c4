"""Does one sealed pair behave the same on several versions of transformers?

    python -m tests.versions 5.23.0 5.24.0 [--short]

Makes an environment for each version (it shares the installed torch) and runs there what a model
must do: generate greedy, sampled and with beams, with a growing cache, a static one and none, for
each kind of position, past the window and padded; pipeline, Trainer, save and load, a stranger who
hands a model on, continuous batching; and transformers' own tests of that version. `--short` is the
minute of it that every run includes. Prints a line a version; exits 1 if anything differs.
"""

import argparse
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from .environment import UnavailableError, python_with

ROOT = Path(__file__).parents[2]
SHORT = ["-m", "versions", "-k", "not eager", "tests/tinygpt_hf"]
WHOLE = [
    ["-m", "not slow", "tests/tinygpt_hf", "--deselect", "tests/tinygpt_hf/test_download.py"],
    ["-m", "covering", "tests/upstream/test_modeling_upstream.py"],
]


@dataclass
class Outcome:
    """What pytest said in one version's environment."""

    version: str
    passed: int
    failed: list[str]
    skipped: int

    def __str__(self) -> str:
        line = f"transformers {self.version}: {self.passed} passed, {len(self.failed)} differ"
        return "\n    ".join([f"{line}, {self.skipped} skipped", *self.failed])


def run(version: str, short: bool) -> list[Outcome]:
    """One outcome for each part of the set."""
    python = python_with(version)
    return [part(version, python, asked) for asked in ([SHORT] if short else WHOLE)]


def part(version: str, python: Path, asked: list[str]) -> Outcome:
    options = ["-q", "-p", "no:cacheprovider", "--override-ini", "addopts=--strict-markers"]
    done = subprocess.run(
        [python, "-m", "pytest", *options, *asked],
        cwd=ROOT,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    counts = {word: int(n) for n, word in re.findall(r"(\d+) (passed|skipped)", done.stdout)}
    failed = re.findall(r"^(?:FAILED|ERROR|SUBFAILED\S*) (.*)$", done.stdout, flags=re.MULTILINE)
    if done.returncode and not failed:  # pytest itself did not get to its tests
        failed = [" ".join((done.stdout + done.stderr).split())[-500:]]
    return Outcome(version, counts.get("passed", 0), failed, counts.get("skipped", 0))


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.versions", description=__doc__)
    parser.add_argument("versions", nargs="+", help="of transformers")
    parser.add_argument("--short", action="store_true", help="the minute that every run includes")
    return parser


def main(argv: list[str] | None = None) -> int:
    options = make_parser().parse_args(argv)
    outcomes = []
    for version in options.versions:
        try:
            outcomes += run(version, options.short)
        except UnavailableError as why:
            print(f"transformers {version}: {why}", file=sys.stderr)  # noqa: T201 (a command)
            return 1
        print(outcomes[-1] if options.short else "\n".join(map(str, outcomes[-2:])))  # noqa: T201 (a command)
    return int(any(outcome.failed for outcome in outcomes))


if __name__ == "__main__":
    raise SystemExit(main())
