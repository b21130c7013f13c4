"""Your text: what a visitor's model has learned after 30 seconds on 200 KB.

    python -m benchmarks.your_text --data tinyshakespeare.txt [--seconds 30] [--letters 200000]

Trains as the page does, in a process of its own, and prints bits per byte of the part held back, at
the best validation step, next to what the best table of letter pairs needs for it.
"""

import argparse
import time
from pathlib import Path


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="any text")
    parser.add_argument("--seconds", type=int, default=30, choices=(10, 30, 60))
    parser.add_argument("--letters", type=int, default=200_000, help="letters from its beginning")
    return parser


def main(argv: list[str] | None = None) -> int:
    args = make_parser().parse_args(argv)
    from compare.lessons.lessons import own
    from compare.lessons.pool import Pool

    text = args.data.read_text(encoding="utf-8")[: args.letters]
    pool = Pool(workers=2)
    try:
        job = pool.submit(own(text, args.seconds, "To be or not to be"))
        began = time.monotonic()
        while job.over is None:
            time.sleep(0.05)
        seconds = time.monotonic() - began
    finally:
        pool.close()
    if job.over.problem:
        raise SystemExit(job.over.problem)
    found = job.over.metrics
    model, table = found["val_bits_per_byte"], found["pairs"]
    print(f"{len(text.encode()):,} bytes, {seconds:.1f} s in all, of them a process' start")
    print(
        f"{found['parameters']:,} parameters, {found['steps']:,} steps, best {found['best_step']}"
    )
    print(f"letter pairs {table:.4f} bits per byte, the model {model:.4f}")
    less = 1 - model / table
    print(f"{less:.1%} below the letter pairs: {'yes' if less >= 0.4 else 'NO'}, at least 40 %")
    return 0 if less >= 0.4 else 1


if __name__ == "__main__":
    raise SystemExit(main())
