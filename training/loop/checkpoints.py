"""Checkpoints of a run: which of them are whole, and which is the last."""

import json
from pathlib import Path

import torch
from safetensors import safe_open
from transformers.trainer_pt_utils import safe_globals

from training.hub.staging import checkpoints as all_of

STATE = "trainer_state.json"  # written last


def fault(folder: Path) -> str | None:
    """What is wrong with a checkpoint; None where everything that going on needs can be read."""
    try:
        json.loads((folder / STATE).read_text(encoding="utf-8"))
        for weights in [*folder.glob("*.safetensors")] or [folder / "model.safetensors"]:
            with safe_open(weights, "pt"):
                pass
        random = [*folder.glob("rng_state*.pth")] or [folder / "rng_state.pth"]
        for state in (folder / "optimizer.pt", folder / "scheduler.pt", *random):
            with safe_globals():
                torch.load(state, map_location="cpu", weights_only=True)
    # A file cut off anywhere fails in as many ways as there are formats.
    except Exception as error:
        return f"{type(error).__name__}: {' '.join(str(error).split())[:120]}"
    return None


def seconds_until(folder: Path) -> float:
    """How long the run had been training when this was saved."""
    history = json.loads((folder / STATE).read_text(encoding="utf-8"))["log_history"]
    return max((logs["seconds"] for logs in history if "seconds" in logs), default=0.0)


def last_whole(run: Path) -> tuple[Path | None, list[str]]:
    """The checkpoint to go on from, and a line about each newer one that is torn."""
    torn: list[str] = []
    for folder in reversed(all_of(run)):
        problem = fault(folder)
        if problem is None:
            return folder, torn
        torn.append(f"{folder.name} is torn and skipped ({problem})")
    return None, torn
