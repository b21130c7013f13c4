"""Texts of one's own with `--minutes`: is the time kept, and is what is kept the best there was?

    python -m benchmarks.own_text TEXT [TEXT ...] [--minutes 2]

Each text is trained on by the command that anyone would type, in a process of its own.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WORSE = 1.02  # what is kept, over the best validation loss that was seen


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("texts", nargs="+", type=Path, metavar="TEXT")
    parser.add_argument("--minutes", type=float, default=2)
    return parser


def main(argv: list[str] | None = None) -> int:
    args = make_parser().parse_args(argv)
    print("|    bytes | seconds | parameters | steps | best | kept loss | over the best seen |")
    print("|---------:|--------:|-----------:|------:|-----:|----------:|-------------------:|")
    held = True
    for text in args.texts:
        with tempfile.TemporaryDirectory() as scratch:
            run = Path(scratch, "run")
            command = [sys.executable, "-m", "training.train", str(text)]
            command += ["--minutes", str(args.minutes), "--output_dir", str(run)]
            began = time.monotonic()
            subprocess.run(command, check=True, capture_output=True)
            seconds = time.monotonic() - began
            kept = json.loads(Path(run, "metrics.json").read_text(encoding="utf-8"))
            rows = Path(run, "metrics.jsonl").read_text(encoding="utf-8").splitlines()
        seen = [row["val_loss"] for row in map(json.loads, rows) if "val_loss" in row]
        ratio = kept["val_loss"] / min(seen)
        held &= seconds <= 60 * args.minutes and ratio <= WORSE
        print(
            f"| {text.stat().st_size:8,} | {seconds:7.1f} | {kept['parameters']:10,} "
            f"| {kept['steps']:5,} | {kept['best_step']:4,} | {kept['val_loss']:9.4f} "
            f"| {ratio:18.4f} |",
            flush=True,
        )
    asked = f"within {args.minutes:g} minutes, at most {WORSE - 1:.0%} over the best"
    print(f"{'yes' if held else 'NO'}: {asked}")
    return 0 if held else 1


if __name__ == "__main__":
    raise SystemExit(main())
