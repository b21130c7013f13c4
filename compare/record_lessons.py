"""`python -m compare.record_lessons`: what the Time machine and the Ladder show at once.

    python -m compare.record_lessons [--data tinyshakespeare.txt]

The Time machine is a run of the recipe `shakespeare-fast`, trained here and kept at every power of
two of its steps; the rungs are the shipped checkpoints `ladder/*`.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .frames import SAMPLING, Frame, look
from .recorded_lessons import FILE, Rung
from .values import Answers

RUN, STEPS = "shakespeare-fast", (0, 1, 2, 4, 8, 16, 32, 64, 128, 145)
PROMPT = "ROMEO:\n"
SCORED = 2000  # letters, from the end of the text, which is never trained on


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m compare.record_lessons", description=__doc__)
    parser.add_argument("--data", help="Tiny Shakespeare, where it cannot be fetched")
    return parser


def main(argv: list[str] | None = None) -> int:
    args = make_parser().parse_args(argv)
    with tempfile.TemporaryDirectory() as scratch:
        run = train(Path(scratch, RUN), args.data)
        scored = the_end(args.data)
        found = [frame(run, step, scored) for step in STEPS]
    content = {
        "prompt": PROMPT,
        "scored": scored,
        "time": [rounded(asdict(one)) for one in found],
        "ladder": [asdict(rung) for rung in ladder()],
    }
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    FILE.write_text(
        text.replace('{"step"', '\n{"step"').replace('{"name"', '\n{"name"') + "\n",
        encoding="utf-8",
    )
    return 0


def train(folder: Path, data: str | None) -> Path:
    from training.train import main as command

    flags = ["--output_dir", str(folder), "--save_at", *map(str, STEPS)]
    if command([RUN, *flags, *(["--data", data] if data else [])]):
        sys.exit("the run that the Time machine shows did not finish")
    return folder


def the_end(data: str | None) -> str:
    from training.corpus import fetch_shakespeare

    path = Path(data) if data else fetch_shakespeare()
    return path.read_text(encoding="utf-8")[-SCORED:]


def frame(run: Path, step: int, scored: str) -> Frame:
    from .taking import contestant

    return look(contestant(run / f"checkpoint-{step}", f"step {step}"), step, PROMPT, scored)


def rounded(value: Any) -> Any:
    """Four digits: more would be noise of the machine that recorded it."""
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    return [rounded(item) for item in value] if isinstance(value, (list, tuple)) else value


def ladder() -> list[Rung]:
    """The rungs that ship, and what they write."""
    from tinygpt_hf.loading import SHIPPED

    from .taking import contestant

    return [
        rung(contestant(folder, folder.name), folder)
        for folder in sorted((SHIPPED / "ladder").glob("*"))
        if (folder / "config.json").is_file()
    ]


def rung(model: Answers, folder: Path) -> Rung:
    from training import recipe

    facts = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    *_, written = model.stream(PROMPT, SAMPLING)
    about = recipe.about()[f"ladder/{folder.name}"].partition(": ")[2]
    return Rung(folder.name, about, facts["parameters"], round(facts["val_loss"], 4), written.text)


if __name__ == "__main__":
    sys.exit(main())
