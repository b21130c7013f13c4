"""Rewrites the tables of results in README.md from what was measured.

python docs/results.py       # run it after a model that ships has changed, or after a --keep
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "README.md"
SHIPPED = ROOT / "checkpoints"
MEASURED = ROOT / "benchmarks" / "kept.json"
BEGIN, END = "<!-- results: python docs/results.py -->\n", "<!-- end of results -->\n"
HEAD = "| model | parameters | MB | loss | bits per byte | steps |\n|---|--:|--:|--:|--:|--:|\n"


def results() -> str:
    found = {
        file.parent.relative_to(SHIPPED).as_posix(): json.loads(file.read_text(encoding="utf-8"))
        for file in SHIPPED.glob("**/metrics.json")
    }
    rungs = sorted(name for name in found if name.startswith("ladder/"))
    models = sorted(found.keys() - set(rungs), key=lambda name: (found[name]["parameters"], name))
    return (
        "What ships, as it was measured when it was made. The loss is that of the whole "
        "validation split, in nats a token;\n*of training* where all of a text is learned by "
        "heart and nothing is held back.\n\n"
        + HEAD
        + "".join(row(name, found[name]) for name in models)
        + "\nThe ladder: the same text, steps and batch, and one idea more on each rung.\n\n"
        + HEAD
        + "".join(row(name, found[name]) for name in rungs)
        + speed()
    )


def speed() -> str:
    measured = json.loads(MEASURED.read_text(encoding="utf-8"))
    rows = "".join(
        f"| {what} | {figure} | `{command}` |\n"
        for command, figures in measured.items()
        for what, figure in figures.items()
    )
    return (
        "\nSpeed, on two cores of a server. Machines differ and drift: each command prints the "
        "ratio for yours.\n\n| what | figure | command |\n|---|---|---|\n" + rows
    )


def row(name: str, measured: dict[str, Any]) -> str:
    size = (SHIPPED / name / "model.safetensors").stat().st_size / 1e6
    loss, bits = measured["val_loss"], measured["val_bits_per_byte"]
    shown = f"{measured['train_loss']:.4f} *of training* | " if loss is None else f"{loss:.4f} | "
    shown += "" if bits is None else f"{bits:.4f}"
    cells = f"{measured['parameters']:,} | {size:.2f} | {shown} | {measured['steps']:,}"
    return f"| [`{name}`](checkpoints/{name}) | {cells} |\n"


def rendered() -> str:
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    return before + BEGIN + results() + END + rest.split(END)[1]


def main() -> int:
    PAGE.write_text(rendered(), encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
