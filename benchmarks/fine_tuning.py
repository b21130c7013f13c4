"""What a trained model gains on 50 KB of new text, over training from nothing: equal steps.

    python -m benchmarks.fine_tuning --data tinyshakespeare.txt [--steps 200]

The new text is the beginning of what no shipped model was trained on: the last tenth of the file.
From nothing, the model has the size that suits so little text, and then the size of the trained
one; the better of the two counts.
"""

import argparse
import json
import tempfile
from pathlib import Path

LETTERS, HELD_BACK = 50_000, 0.1


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="Tiny Shakespeare")
    parser.add_argument("--init_from", default="shakespeare", help="default: %(default)s")
    parser.add_argument("--steps", type=int, default=200)
    return parser


def bits(command: list[str], folder: Path) -> float:
    from training.train import main as train

    if train([*command, "--output_dir", str(folder), "--disable_tqdm", "true"]):
        raise SystemExit(f"this did not train: {' '.join(command)}")
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    return metrics["val_bits_per_byte"]


def main(argv: list[str] | None = None) -> int:
    args = make_parser().parse_args(argv)
    from tinygpt_hf.loading import load

    config = load(args.init_from)[0].config
    same = ("num_hidden_layers", "hidden_size", "num_attention_heads", "intermediate_size")
    large = [word for name in same for word in (f"--{name}", str(getattr(config, name)))]
    text = args.data.read_text(encoding="utf-8")
    first = round(len(text) * (1 - HELD_BACK))
    with tempfile.TemporaryDirectory() as scratch:
        new = Path(scratch, "new.txt")
        new.write_text(text[first : first + LETTERS], encoding="utf-8")
        window = ["--max_position_embeddings", str(config.max_position_embeddings)]
        steps = [str(new), "--max_steps", str(args.steps)]
        found = {
            f"from {args.init_from}": [*steps, "--init_from", args.init_from],
            "from nothing, of the size for this text": steps,
            "from nothing, of the same size": [*steps, *large, *window],
        }
        losses = {
            name: bits(command, Path(scratch, str(number)))
            for number, (name, command) in enumerate(found.items())
        }
    for name, loss in losses.items():
        print(f"{loss:.4f} bits per byte of what was held back, {name}")
    tuned, *others = losses.values()
    print(f"{1 - tuned / min(others):.1%} below the better one from nothing: {args.steps} steps")
    return 0 if tuned < min(others) else 1


if __name__ == "__main__":
    raise SystemExit(main())
