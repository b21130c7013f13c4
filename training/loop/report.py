"""What a finished run leaves: metrics.json, loss.png, the card, and a line on the screen."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
import transformers

ROOT = Path(__file__).parents[2]


def summarize(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The kept model's validation loss, and the training loss over the last tenth of the steps."""
    summary: dict[str, Any] = {"val_loss": None, "val_bits_per_byte": None}
    evaluated = [row for row in rows if "val_loss" in row]
    if evaluated:
        kept = min(evaluated, key=lambda row: row["val_loss"])
        summary |= {key: kept[key] for key in ("val_loss", "val_bits_per_byte")}
        summary["best_step"] = kept["step"]
    losses = [row["train_loss"] for row in rows if "train_loss" in row]
    tail = losses[-max(1, len(losses) // 10) :]
    summary["train_loss"] = sum(tail) / len(tail) if tail else None
    return summary


def versions() -> dict[str, str]:
    return {
        "python": sys.version.split()[0],
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }


def code() -> dict[str, str]:
    """Where this code is published, as far as the clone that it runs from knows."""
    found = {"url": _git("remote", "get-url", "origin"), "commit": _git("rev-parse", "HEAD")}
    found["url"] = _public(found["url"])
    return {name: value for name, value in found.items() if value}


def _git(*words: str) -> str:
    try:
        ended = subprocess.run(
            ["git", "-C", str(ROOT), *words],
            capture_output=True,
            encoding="utf-8",
            timeout=5,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ended.stdout.strip() if ended.returncode == 0 else ""


def _public(url: str) -> str:
    """The address of a remote for a browser: without a name or token in it, and no local path."""
    found = re.fullmatch(
        r"(?:https?://|ssh://)?(?:[^@/]*@)?([\w.-]+\.\w+)[:/](.+?)(?:\.git)?/?", url
    )
    return f"https://{found[1]}/{found[2]}" if found and not url.startswith(("/", ".")) else ""


def write_metrics(folder: Path, metrics: dict[str, Any]) -> None:
    text = json.dumps(metrics, indent=2, ensure_ascii=False) + "\n"
    (folder / "metrics.json").write_text(text, encoding="utf-8")


def draw(folder: Path, rows: list[dict[str, Any]], title: str) -> None:
    """loss.png: training and validation over the steps, the best one marked."""
    from matplotlib.figure import Figure  # not pyplot: no window system, no state

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for key, label, color, marker in (
        ("train_loss", "training", "#9aa5b1", ""),
        ("val_loss", "validation", "#c2410c", "."),
    ):
        points = [(row["step"], row[key]) for row in rows if key in row]
        if points:
            axes.plot(*zip(*points, strict=True), label=label, color=color, marker=marker)
    evaluated = [row for row in rows if "val_loss" in row]
    if evaluated:
        best = min(evaluated, key=lambda row: row["val_loss"])
        axes.plot(best["step"], best["val_loss"], "*", color="#c2410c", markersize=14)
        axes.annotate(
            f"{best['val_loss']:.4f}",
            (best["step"], best["val_loss"]),
            textcoords="offset points",
            xytext=(0, 12),
            ha="center",
        )
    axes.set(xlabel="step", ylabel="loss, nats per token", title=title)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(folder / "loss.png", dpi=120)
