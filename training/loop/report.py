"""What a finished run leaves: metrics.json and loss.png.

As a command it is the process of `Artist`, so nothing heavy is imported at the top.
"""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

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
    import torch
    import transformers

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


class Artist:
    """Draws in a process of its own: matplotlib takes half a second to import, which passes while
    this process imports torch on another core. Without a picture it ends with this process."""

    @classmethod
    def start(cls) -> Callable[..., None]:
        """The first of several processes draws."""
        return cls().draw if os.environ.get("RANK", "0") == "0" else draw

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "training.loop.report"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
        )

    def draw(self, folder: Path, rows: list[dict[str, Any]], title: str) -> None:
        self.process.communicate(json.dumps([str(folder.absolute()), rows, title]))
        if self.process.returncode:
            draw(folder, rows, title)  # it may work here, or say why not


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the training, which may go on
    import matplotlib.backends.backend_agg
    import matplotlib.figure  # noqa: F401 (ready before it is asked)

    if asked := sys.stdin.read():
        folder, rows, title = json.loads(asked)
        draw(Path(folder), rows, title)


if __name__ == "__main__":
    main()
