"""Learning while reading: what `training.evaluate --adapt` saves, on texts of several kinds.

    python -m benchmarks.adapting [MODEL ...] [--bytes N] [--text FILE ...]

The rate was chosen on the first half of the held-out tenth of Tiny Shakespeare. Printed for each
model: its bits per byte as it is and while it adapts, over the same windows, on that half, on the
second half, and on texts of other kinds.
"""

import argparse
import inspect
import textwrap
from pathlib import Path

ROOT = Path(__file__).parents[1]
HELD_OUT = ROOT / "tests" / "data" / "shakespeare_held_out.txt"
MODELS = ("shakespeare", "shakespeare-gpt2", "bigram")


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("models", nargs="*", default=MODELS, metavar="MODEL")
    parser.add_argument("--bytes", type=int, default=60_000, help="bytes of each text, at most")
    parser.add_argument("--text", nargs="*", default=(), metavar="FILE", help="more texts")
    return parser


def texts(most: int, more: tuple[str, ...]) -> dict[str, str]:
    held_out = HELD_OUT.read_text(encoding="utf-8")
    half = len(held_out) // 2
    found = {
        "held out, first half": held_out[:half],
        "held out, second half": held_out[half:],
        "this project's guide": (ROOT / "compare" / "guide.md").read_text(encoding="utf-8"),
        "Python source": inspect.getsource(argparse),
        "Python's prose": inspect.cleandoc(textwrap.__doc__ or "") + (inspect.__doc__ or ""),
    }
    found |= {name: Path(name).read_text(encoding="utf-8") for name in more}
    return {name: text[:most] for name, text in found.items()}


def main(argv: list[str] | None = None) -> int:
    args = make_parser().parse_args(argv)
    from tinygpt_hf.adapting import score_adapting
    from tinygpt_hf.loading import load

    print(f"{'model':<18} {'text':<24} {'bytes':>7} {'as it is':>9} {'adapting':>9} {'saved':>7}")
    for name in args.models:
        model, tokenizer = load(name)
        for what, text in texts(args.bytes, tuple(args.text)).items():
            found = score_adapting(model, tokenizer, text)
            figures = f"{found.plain.bits_per_byte:9.4f} {found.score.bits_per_byte:9.4f}"
            size = len(text.encode())
            print(f"{name:<18} {what:<24} {size:7,} {figures} {found.gain:7.1%}", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
