"""The folder of a run: chosen, recorded and found again, and which of its checkpoints are whole."""

import dataclasses
import json
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import safe_open
from transformers.trainer_pt_utils import safe_globals

from training.hub.staging import RECIPE, checkpoints
from training.loop.settings import Options, Settings
from training.recipes import writer

if TYPE_CHECKING:
    from transformers import TrainingArguments

RECORD = "run.json"
RUNS = Path("runs")
STATE = "trainer_state.json"  # of a checkpoint, written last


class FolderTakenError(ValueError):
    pass


def choose(settings: Settings) -> Path:
    """As asked; else runs/NAME, or the first of runs/NAME-2, -3, ... that is free."""
    options = settings.options
    if options.resume:
        return Path(str(options.output_dir))
    if options.output_dir is not None:
        folder = Path(options.output_dir)
        if holds_run(folder):
            raise FolderTakenError(
                f"{folder} holds a run already: --resume continues it, "
                "another --output_dir starts a new one"
            )
        return folder
    number, folder = 1, RUNS / settings.name
    while holds_run(folder):
        number += 1
        folder = RUNS / f"{settings.name}-{number}"
    return folder


def holds_run(folder: Path) -> bool:
    return (folder / RECORD).exists() or any(folder.glob("checkpoint-*"))


def latest(name: str) -> Path:
    """The run of that name that was started last."""
    folder, number = RUNS / name, 2
    while holds_run(RUNS / f"{name}-{number}"):
        folder, number = RUNS / f"{name}-{number}", number + 1
    return folder


def record(
    folder: Path,
    settings: Settings,
    args: "TrainingArguments",
    facts: dict[str, Any],
) -> None:
    """What the run depends on, so that it can resume with the same. `facts` are known before the
    first step, such as the text."""
    folder.mkdir(parents=True, exist_ok=True)
    content = dataclasses.asdict(settings) | {"given": sorted(settings.given)}
    content["platform"] |= {name: getattr(args, name) for name in ("max_steps", "eval_steps")}
    write_record(folder, content, facts)


def write_record(folder: Path, content: dict[str, Any], facts: dict[str, Any]) -> None:
    """With a mark that tells this run from any other."""
    content["facts"] = {"run": secrets.token_hex(8)} | facts
    (folder / RECORD).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def complete(folder: Path, facts: dict[str, Any]) -> None:
    """The record of a resumed run that began before facts were kept."""
    content = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    if "facts" not in content:
        write_record(folder, content, facts)


def facts(folder: Path) -> dict[str, Any]:
    """What was known of a run before its first step."""
    path = folder / RECORD
    return json.loads(path.read_text(encoding="utf-8")).get("facts", {}) if path.exists() else {}


def write_recipe(folder: Path, steps: int | None = None) -> None:
    """recipe.yaml, so that anybody can begin the run again: with the steps that were planned or,
    once they are known, those that were made."""
    content = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    (folder / RECIPE).write_text(writer.written(content, steps), encoding="utf-8", newline="\n")


def recorded(folder: Path, flags: dict[str, Any]) -> Settings:
    """The settings of a resumed run, with the flags given this time over them."""
    try:
        content = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FolderTakenError(f"there is no run to resume in {folder}") from None
    ours = {f.name for f in dataclasses.fields(Options)}
    options = content["options"] | {k: v for k, v in flags.items() if k in ours}
    options |= {"resume": True, "output_dir": str(folder)}
    platform = content["platform"]
    platform |= {k: v for k, v in flags.items() if k not in ours and k not in content["model"]}
    return Settings(content["name"], Options(**options), content["model"], platform, set())


# Its checkpoints


def fault(folder: Path) -> str | None:
    """What is wrong with a checkpoint; None if everything needed to resume can be read."""
    try:
        json.loads((folder / STATE).read_text(encoding="utf-8"))
        for weights in [*folder.glob("*.safetensors")] or [folder / "model.safetensors"]:
            with safe_open(weights, "pt"):
                pass
        random = [*folder.glob("rng_state*.pth")] or [folder / "rng_state.pth"]
        sharded = [folder / f"{name}.bin" for name in ("pytorch_model_fsdp", "optimizer")]
        trained = sharded if any(map(Path.exists, sharded)) else [folder / "optimizer.pt"]
        for state in (*trained, folder / "scheduler.pt", *random):
            with safe_globals():
                torch.load(state, map_location="cpu", weights_only=True)
    # A truncated file fails in a different way for each format.
    except Exception as error:
        return f"{type(error).__name__}: {' '.join(str(error).split())[:120]}"
    return None


def seconds_until(folder: Path) -> float:
    """How long the run had been training when this was saved."""
    history = json.loads((folder / STATE).read_text(encoding="utf-8"))["log_history"]
    return max((logs["seconds"] for logs in history if "seconds" in logs), default=0.0)


def last_whole(run: Path) -> tuple[Path | None, list[str]]:
    """The checkpoint to resume from, and a line about each newer one that is torn."""
    torn: list[str] = []
    for folder in reversed(checkpoints(run)):
        problem = fault(folder)
        if problem is None:
            return folder, torn
        torn.append(f"{folder.name} is torn and skipped ({problem})")
    return None, torn
