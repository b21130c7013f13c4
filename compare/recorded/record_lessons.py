"""`python -m compare.recorded.record_lessons`: what the Time machine and the Ladder show at once.

    python -m compare.recorded.record_lessons [--data tinyshakespeare.txt]

The moments of the Time machine are `checkpoints/history`, the rungs `checkpoints/ladder/*`; nothing
is trained here. The text is only for the letters at its end, which none of them was trained on.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from compare.recorded.frames import SAMPLING, look
from compare.recorded.lessons import FILE, Rung
from compare.values import Answers

PROMPT = "ROMEO:\n"
SCORED = 2000  # letters, from the end of the text


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m compare.recorded.record_lessons", description=__doc__
    )
    parser.add_argument("--data", help="Tiny Shakespeare, where it cannot be fetched")
    return parser


def main(argv: list[str] | None = None) -> int:
    args = make_parser().parse_args(argv)
    scored = the_end(args.data)
    content = {
        "prompt": PROMPT,
        "scored": scored,
        "time": [rounded(asdict(look(model, at, PROMPT, scored))) for at, model in moments()],
        "ladder": [asdict(rung(model, folder)) for folder, model in ladder()],
    }
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    FILE.write_text(
        text.replace('{"step"', '\n{"step"').replace('{"name"', '\n{"name"') + "\n",
        encoding="utf-8",
    )
    return 0


def the_end(data: str | None) -> str:
    from training.data.corpus import fetch_shakespeare

    path = Path(data) if data else fetch_shakespeare()
    return path.read_text(encoding="utf-8")[-SCORED:]


def moments() -> Iterator[tuple[int, Answers]]:
    """The run of the Time machine, from its first step that was kept to its last."""
    from safetensors.torch import load_file

    from compare.engine.contestant import Contestant
    from tinygpt_hf.loading import SHIPPED, load

    run = SHIPPED / "history"
    kept = {int(path.stem.removeprefix("step-")): path for path in run.glob("step-*.safetensors")}
    last = json.loads((run / "metrics.json").read_text(encoding="utf-8"))["steps"]
    for step, weights in [*sorted(kept.items()), (last, run / "model.safetensors")]:
        model, tokenizer = load(run)
        model.load_state_dict(load_file(weights))
        yield step, Contestant(f"step {step}", model, tokenizer)


def ladder() -> Iterator[tuple[Path, Answers]]:
    """The rungs, from the lowest."""
    from compare.lessons.taking import contestant
    from tinygpt_hf.loading import SHIPPED

    for config in sorted((SHIPPED / "ladder").glob("*/config.json")):
        yield config.parent, contestant(config.parent, config.parent.name)


def rung(model: Answers, folder: Path) -> Rung:
    from training.recipes import reader

    facts = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    *_, written = model.stream(PROMPT, SAMPLING)
    about = reader.about()[f"ladder/{folder.name}"].partition(": ")[2]
    return Rung(folder.name, about, facts["parameters"], round(facts["val_loss"], 4), written.text)


def rounded(value: Any) -> Any:
    """Four digits: more would be noise of the machine that recorded it."""
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    return [rounded(item) for item in value] if isinstance(value, (list, tuple)) else value


if __name__ == "__main__":
    sys.exit(main())
