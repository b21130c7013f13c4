"""`python -m training.export MODEL --to html`: a model leaves for other programs."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from .console import fail, no_bars, print_anything

# Each kind, the module of `exporting` that makes it, and what it is good for.
KINDS = {
    "html": ("html", "one page that runs it in any browser, from a disk, without a network"),
}


def make_parser() -> argparse.ArgumentParser:
    kinds = "; ".join(f"{kind}: {about}" for kind, (_, about) in KINDS.items())
    parser = argparse.ArgumentParser(
        prog="python -m training.export", description="Take a model somewhere else."
    )
    parser.add_argument("model", help="a run directory, a shipped name or a Hub repo[@revision]")
    parser.add_argument("--to", required=True, choices=KINDS, help=kinds)
    parser.add_argument(
        "--output", type=Path, metavar="PATH", help="where it goes (default: by the model's name)"
    )
    parser.add_argument("--against", metavar="MODEL", help="html: a second model, side by side")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    parser = make_parser()
    args = parser.parse_args(argv)
    if args.against is not None and args.to != "html":
        parser.error(f"--against is for --to html; {args.to} holds one model")
    print_anything()
    no_bars()
    module = import_module(f".exporting.{KINDS[args.to][0]}", __package__)
    given = {"against": args.against} if args.to == "html" else {}
    try:
        path = module.export(args.model, args.output, **given)
    except (ValueError, OSError) as error:
        return fail(error)
    print(f"{path}: {sum(f.stat().st_size for f in _files(path)) / 1e6:.1f} MB")
    return 0


def _files(path: Path) -> list[Path]:
    return [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]


if __name__ == "__main__":
    sys.exit(main())
