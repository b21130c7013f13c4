"""`python -m training.evaluate MODEL --text FILE`: bits per byte, which compares any models."""

import argparse
import contextlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from training.loop.console import fail, leave, no_bars, print_anything


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.evaluate",
        description="Bits per byte of a text: lower is better, and vocabularies do not matter.",
    )
    parser.add_argument("model", help="a run directory, a shipped name or a Hub repo[@revision]")
    parser.add_argument("--text", required=True, metavar="FILE", help="text to predict")
    parser.add_argument(
        "--against", metavar="MODEL", help="another model over the same bytes; any causal LM"
    )
    parser.add_argument(
        "--adapt",
        action="store_true",
        help="a copy of each model also learns from the text as it reads; takes longer",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    args = make_parser().parse_args(argv)
    print_anything()
    try:
        text = read(Path(args.text))
        no_bars()
        names = [args.model] if args.against is None else [args.model, args.against]
        results = [measure(name, text, Path(args.text), args.adapt) for name in names]
    except (ValueError, OSError) as error:
        return fail(error)
    if args.json:
        size = len(text.encode())
        print(json.dumps({"text": args.text, "bytes": size, "models": results}, indent=2))
    else:
        print("\n".join(table(results, len(text.encode()))))
    return 0


def read(path: Path) -> str:
    from tinygpt_hf.tokenization import read_texts

    text = "".join(read_texts([path]))
    if not text:
        raise ValueError(f"{path} is empty: there is nothing to predict")
    return text


def measure(name: str, text: str, path: Path, adapt: bool = False) -> dict[str, Any]:
    from tqdm.auto import tqdm

    from tinygpt_hf.adapting import score_adapting
    from tinygpt_hf.scoring import score, window_of
    from training.loop.models import open_any

    model, tokenizer, commit = open_any(name)
    with tqdm(desc=name, unit=" tokens", unit_scale=True, delay=2, leave=False) as bar:
        found = score(model, tokenizer, text, progress=bar.update)
        adapted = score_adapting(model, tokenizer, text, progress=bar.update) if adapt else None
    facts = {
        "model": name,
        "bits_per_byte": found.bits_per_byte,
        "nats_per_token": found.nats_per_token,
        "tokens": len(found.tokens),
        "window": window_of(model),
        "parameters": model.num_parameters(),
        "first": found.first,
        "trained_on_it": trained_on(name, commit, path),
    }
    if adapted is not None:
        facts["adapting"] = {
            "bits_per_byte": adapted.score.bits_per_byte,
            "without": adapted.plain.bits_per_byte,
            "gain": adapted.gain,
        }
    return facts


def trained_on(name: str, commit: str | None, path: Path) -> str | None:
    """How this text was split in the model's training, if it was trained on it."""
    from training.data.corpus import SHAKESPEARE_SHA256, Corpus

    facts = published_facts(name, commit)
    text = facts.get("text") or {}
    if "shakespeare" in str(facts.get("data")).lower().replace(" ", ""):
        text = {"sha256": SHAKESPEARE_SHA256} | text  # of a model older than this fact
    if text.get("sha256") != Corpus(path.name, files=[path]).read().sha256:
        return None
    return facts.get("split") or "nothing was held back"


def published_facts(name: str, commit: str | None) -> dict[str, Any]:
    """A model's metrics.json; empty if there is none, or the Hub does not give it."""
    from huggingface_hub import hf_hub_download

    from tinygpt_hf.loading import resolve

    with contextlib.suppress(Exception):
        if commit is not None:
            repo = name.partition("@")[0]
            file = Path(hf_hub_download(repo, "metrics.json", revision=commit, etag_timeout=5))
        else:
            file = resolve(name) / "metrics.json"
        return json.loads(file.read_text(encoding="utf-8"))
    return {}


def table(results: list[dict[str, Any]], size: int) -> list[str]:
    lines = [
        f"{size:,} bytes",
        f"{'bits per byte':>13}  {'nats per token':>14}  {'tokens':>9}  model",
    ]
    for r in results:
        numbers = f"{r['bits_per_byte']:13.4f}  {r['nats_per_token']:14.4f}  {r['tokens']:9,}"
        lines.append(f"{numbers}  {r['model']}")
    for r in results:
        lines.append(
            f"{r['model']}: {r['parameters']:,} parameters, a window of {r['window']}; {r['first']}"
        )
        if (adapting := r.get("adapting")) is not None:
            lines.append(
                f"{r['model']} while it learns from the text as it reads: "
                f"{adapting['bits_per_byte']:.4f} bits per byte, {adapting['gain']:.1%} fewer than "
                f"over the same windows without learning ({adapting['without']:.4f})"
            )
        if r["trained_on_it"] is not None:
            lines.append(
                f"{r['model']} was trained on this text (held back: {r['trained_on_it']}): the "
                "figure says how well it knows it, and little about other texts"
            )
    return lines


if __name__ == "__main__":
    leave(main())
