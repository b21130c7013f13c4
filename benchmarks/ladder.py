"""The ladder: each rung of training/recipes/ladder on the same text, steps and batch.

    python -m benchmarks.ladder --data tinyshakespeare.txt [--seeds 1] [--output docs/ladder.json]

Prints the table and writes it as JSON; each rung may be no worse than the one before.
"""

import argparse
import itertools
import json
import statistics
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, help="Tiny Shakespeare")
    parser.add_argument("--seeds", type=int, default=1, help="the table shows the median")
    parser.add_argument("--output", type=Path, help="write the table here as JSON")
    parser.add_argument("--steps", type=int, help="fewer for a quick look")
    return parser


def climb(rung: str, args: argparse.Namespace, seed: int, folder: Path) -> dict:
    from training.train import main as train

    flags = ["--data", args.data, "--output_dir", str(folder), "--seed", str(seed)]
    flags += ["--max_steps", str(args.steps)] if args.steps else []
    if train([rung, *flags]):
        raise SystemExit(f"{rung} did not train")
    return json.loads((folder / "metrics.json").read_text(encoding="utf-8"))


def main(argv: list[str] | None = None) -> int:
    args = make_parser().parse_args(argv)
    from training.recipes import reader

    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for rung in (name for name in reader.names() if name.startswith("ladder/")):
            runs = [
                climb(rung, args, seed, Path(folder, rung, str(seed))) for seed in range(args.seeds)
            ]
            losses = [run["val_loss"] for run in runs]
            rows.append(
                {
                    "rung": rung,
                    "about": reader.about()[rung],
                    "parameters": runs[0]["parameters"],
                    "val_loss": statistics.median(losses),
                    "val_bits_per_byte": statistics.median(r["val_bits_per_byte"] for r in runs),
                    "seconds": statistics.median(run["train_seconds"] for run in runs),
                    "steps": runs[0]["steps"],
                    "seeds": args.seeds,
                    "sample": runs[0]["sample"]["text"],
                }
            )
    print("| rung | parameters | validation loss | bits per byte | what is new |")
    print("|---|---|---|---|---|")
    for row in rows:
        numbers = f"{row['val_loss']:.4f} | {row['val_bits_per_byte']:.4f}"
        print(f"| {row['rung']} | {row['parameters']:,} | {numbers} | {row['about']} |")
    if args.output:
        args.output.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    losses = [row["val_loss"] for row in rows]
    falls = all(later <= earlier for earlier, later in itertools.pairwise(losses))
    print("each rung no worse than the one before: " + ("yes" if falls else "NO"))
    return 0 if falls else 1


if __name__ == "__main__":
    raise SystemExit(main())
