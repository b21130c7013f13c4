"""The folder of a run: chosen, recorded, and found again."""

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.loop import checkpoints
from training.loop.arguments import Options, Settings

if TYPE_CHECKING:
    from transformers import TrainingArguments

RECORD = "run.json"
RUNS = Path("runs")


class FolderTaken(ValueError):
    pass


def choose(settings: Settings) -> Path:
    """As asked; else runs/NAME, or the first of runs/NAME-2, -3, ... that is free."""
    options = settings.options
    if options.resume:
        return Path(str(options.output_dir))
    if options.output_dir is not None:
        folder = Path(options.output_dir)
        if holds_run(folder):
            raise FolderTaken(
                f"{folder} holds a run already: --resume goes on with it, "
                "another --output_dir begins a new one"
            )
        return folder
    number, folder = 1, RUNS / settings.name
    while holds_run(folder):
        number += 1
        folder = RUNS / f"{settings.name}-{number}"
    return folder


def holds_run(folder: Path) -> bool:
    return (folder / RECORD).exists() or bool(checkpoints.all_of(folder))


def latest(name: str) -> Path:
    """The run of that name that was begun last."""
    folder, number = RUNS / name, 2
    while holds_run(RUNS / f"{name}-{number}"):
        folder, number = RUNS / f"{name}-{number}", number + 1
    return folder


def record(folder: Path, settings: Settings, args: "TrainingArguments") -> None:
    """What the run depends on, so that it can go on with the same."""
    folder.mkdir(parents=True, exist_ok=True)
    content = dataclasses.asdict(settings) | {"given": sorted(settings.given)}
    content["platform"] |= {name: getattr(args, name) for name in ("max_steps", "eval_steps")}
    (folder / RECORD).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def recorded(folder: Path, flags: dict[str, Any]) -> Settings:
    """The settings of a run that goes on, under the flags given this time."""
    try:
        content = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FolderTaken(f"there is no run to go on with in {folder}") from None
    ours = {f.name for f in dataclasses.fields(Options)}
    options = content["options"] | {k: v for k, v in flags.items() if k in ours}
    options |= {"resume": True, "output_dir": str(folder)}
    platform = content["platform"]
    platform |= {k: v for k, v in flags.items() if k not in ours and k not in content["model"]}
    return Settings(content["name"], Options(**options), content["model"], platform, set())
