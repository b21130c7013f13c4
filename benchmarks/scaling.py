"""Five sizes of `modern` on the same text for the same number of letters: loss against size.

    python -m benchmarks.scaling --data tinyshakespeare.txt [--letters 2000000] [--write]

Prints the table; --write keeps it for the page (compare/recorded/scaling.json) and docs/scaling.md.
"""

import argparse
import json
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
DEPTHS = (1, 2, 3, 4, 5)
WINDOW, BATCH = 128, 16


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, help="Tiny Shakespeare")
    parser.add_argument("--letters", type=int, default=2_000_000, help="letters for each size")
    parser.add_argument("--write", action="store_true", help="keep the figures and their chart")
    return parser


def train(depth: int, args: argparse.Namespace, folder: Path) -> dict:
    from training.train import main as train

    width = 64 * depth
    shape = {
        "num_hidden_layers": depth,
        "hidden_size": width,
        "intermediate_size": 3 * width,
        "num_attention_heads": max(4, depth),
        "max_position_embeddings": WINDOW,
        "dropout": 0,
        "per_device_train_batch_size": BATCH,
        "max_steps": args.letters // (WINDOW * BATCH),
        "weight_decay": 0,
        "save_strategy": "no",
    }
    flags = [word for name, value in shape.items() for word in (f"--{name}", str(value))]
    flags += ["--no-fit", "--validation", "0.1"]
    if train(["modern", "--data", args.data, "--output_dir", str(folder), *flags]):
        raise SystemExit(f"depth {depth} did not train")
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    kept = ("parameters", "val_loss", "val_bits_per_byte", "train_loss", "tokens", "train_seconds")
    return {"depth": depth, "width": width} | {name: metrics[name] for name in kept}


def draw(rows: list[dict], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    sizes, losses = ([row[key] for row in rows] for key in ("parameters", "val_loss"))
    axes.plot(sizes, losses, marker="o", color="#c2410c")
    for row in rows:
        axes.annotate(
            f"{row['depth']} x {row['width']}\n{row['val_loss']:.3f}",
            (row["parameters"], row["val_loss"]),
            textcoords="offset points",
            xytext=(6, 6),
        )
    axes.set(
        xscale="log",
        xlabel="parameters (layers x width at each point)",
        ylabel="validation loss, nats per letter",
        title=f"The same {rows[0]['tokens'] / 1e6:.1f} million letters, five sizes",
    )
    axes.grid(alpha=0.3)
    axes.margins(0.15, 0.2)
    figure.savefig(path, dpi=120)


def main(argv: list[str] | None = None) -> int:
    args = make_parser().parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        rows = [train(depth, args, Path(folder, str(depth))) for depth in DEPTHS]
    print("| layers | width | parameters | validation loss | bits per byte | seconds |")
    print("|---|---|---|---|---|---|")
    for row in rows:
        loss = f"{row['val_loss']:.4f} | {row['val_bits_per_byte']:.4f}"
        shape = f"{row['depth']} | {row['width']} | {row['parameters']:,}"
        print(f"| {shape} | {loss} | {row['train_seconds']:.0f} |")
    if args.write:
        text = json.dumps(rows, indent=2) + "\n"
        (ROOT / "compare" / "recorded" / "scaling.json").write_text(text, encoding="utf-8")
        draw(rows, ROOT / "docs" / "scaling.png")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
