"""`python -m training.export MODEL --to KIND`: a model for other programs, without our code.

html          one page that runs the model in any browser, from a disk, without a network
gpt2, llama   a folder with transformers' own class
gguf          for llama.cpp and Ollama: fp32, f16, and a Modelfile
onnx          for ONNX Runtime: without and with a cache
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from training.loop.console import fail, leave, no_bars, print_anything

EXPORTS = Path("exports")


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.export",
        description="Write a model for other programs, checked against the model itself.",
    )
    parser.add_argument("model", help="a run directory, a shipped name or a Hub repo[@revision]")
    parser.add_argument("--to", dest="kind", choices=EXPORTERS, required=True)
    parser.add_argument(
        "--output", metavar="PATH", type=Path, help="default: exports/ and the names of both"
    )
    parser.add_argument("--against", metavar="MODEL", help="html: a second model, side by side")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    parser = make_parser()
    args = parser.parse_args(argv)
    if args.against is not None and args.kind != "html":
        parser.error(f"--against is for --to html; {args.kind} holds one model")
    print_anything()
    try:
        no_bars()
        for line in EXPORTERS[args.kind](args):
            print(line)
    except (ValueError, OSError) as error:
        return fail(error)
    return 0


def html(args: argparse.Namespace) -> list[str]:
    from training.exporting.html import export

    path = export(args.model, args.output, against=args.against)
    return [f"{path}: {path.stat().st_size / 1e6:.1f} MB"]


def twin(args: argparse.Namespace) -> list[str]:
    from tinygpt_hf.loading import load
    from training.exporting.twins import write_twin

    return write_twin(*load(args.model), args.kind, folder_for(args))


def gguf(args: argparse.Namespace) -> list[str]:
    from tinygpt_hf.loading import load
    from training.exporting.gguf import write_gguf

    return write_gguf(*load(args.model), name_of(args.model), folder_for(args))


def onnx(args: argparse.Namespace) -> list[str]:
    from tinygpt_hf.loading import load
    from training.exporting.onnx import write_onnx

    return write_onnx(*load(args.model), folder_for(args))


EXPORTERS: dict[str, Callable[[argparse.Namespace], list[str]]] = {
    "html": html,
    "gpt2": twin,
    "llama": twin,
    "gguf": gguf,
    "onnx": onnx,
}


def folder_for(args: argparse.Namespace) -> Path:
    return args.output or EXPORTS / f"{name_of(args.model)}-{args.kind}"


def name_of(model: str) -> str:
    """The name of a folder, a shipped model or a repo, for use as a file name."""
    return Path(model.partition("@")[0]).name or Path(model).resolve().name


if __name__ == "__main__":
    leave(main())
