"""Your own texts with `--minutes`: is the time limit met, and is the best model kept?

    python -m benchmarks.own_text TEXT [TEXT ...] [--minutes 2] [--arch modern llama gpt2]

Each text is trained on by the command that anyone would type, in a process of its own. Several
shapes are trained at the same time with one thread each, so that other work slows them equally; the
last column is a loss divided by that of the first.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WORSE = 1.02  # what is kept, over the best validation loss that was seen
HEAD = "|    bytes | shape  | seconds | parameters | steps | best |   loss | over best | of first |"


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("texts", nargs="+", type=Path, metavar="TEXT")
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--arch", nargs="+", default=["modern"])
    return parser


def main(argv: list[str] | None = None) -> int:
    args = make_parser().parse_args(argv)
    print(HEAD)
    print("".join("-" if c != "|" else c for c in HEAD))
    held = True
    for text in args.texts:
        with tempfile.TemporaryDirectory() as scratch:
            runs = {arch: Path(scratch, arch) for arch in args.arch}
            seconds = train(text, runs, args.minutes)
            first = kept(runs[args.arch[0]])["val_loss"]
            for arch, run in runs.items():
                found, best = kept(run), min(validations(run))
                loss, ratio = found["val_loss"], found["val_loss"] / best
                held &= seconds[arch] <= 60 * args.minutes and ratio <= WORSE
                print(
                    f"| {text.stat().st_size:8,} | {arch:6} | {seconds[arch]:7.1f} "
                    f"| {found['parameters']:10,} | {found['steps']:5,} | {found['best_step']:4,} "
                    f"| {loss:.4f} | {ratio:9.4f} | {loss / first:8.4f} |",
                    flush=True,
                )
    asked = f"within {args.minutes:g} minutes, at most {WORSE - 1:.0%} over the best"
    print(f"{'yes' if held else 'NO'}: {asked}")
    return 0 if held else 1


def train(text: Path, runs: dict[str, Path], minutes: float) -> dict[str, float]:
    """Seconds that each took."""
    one_thread = {"OMP_NUM_THREADS": "1"} if len(runs) > 1 else {}
    began = time.monotonic()
    started: dict[str, subprocess.Popen] = {}
    seconds: dict[str, float] = {}
    for arch, run in runs.items():
        command = [sys.executable, "-m", "training.train", str(text), "--arch", arch]
        command += ["--minutes", str(minutes), "--output_dir", str(run)]
        started[arch] = subprocess.Popen(
            command,
            env=os.environ | one_thread,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    while len(seconds) < len(runs):
        for arch, process in started.items():
            if arch not in seconds and (code := process.poll()) is not None:
                seconds[arch] = time.monotonic() - began
                if code:
                    raise SystemExit(f"training {text} in the shape {arch} ended with {code}")
        time.sleep(0.1)
    return seconds


def kept(run: Path) -> dict:
    return json.loads((run / "metrics.json").read_text(encoding="utf-8"))


def validations(run: Path) -> list[float]:
    rows = (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [row["val_loss"] for row in map(json.loads, rows) if "val_loss" in row]


if __name__ == "__main__":
    raise SystemExit(main())
