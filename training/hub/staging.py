"""A run on the disk, and the immutable copy of it that is published.

A run holds a model, its checkpoints and what was measured. Training still writes there while a
publish reads; so files are copied first, and only those named here, and each copy is read once.
"""

from __future__ import annotations

import json
import math
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.hub.commit import LocalFile, read_folder
from training.hub.errors import PublishError

TOKENIZER = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
)
CODE = ("configuration_tinygpt.py", "modeling_tinygpt.py")
MODEL = ("config.json", "generation_config.json", "model.safetensors", *TOKENIZER)
MEASURED = ("metrics.json", "metrics.jsonl", "samples.jsonl", "loss.png")  # once, and as it learned
ABOUT = ("README.md", *MEASURED, "recipe.yaml", "notebook.ipynb")
ALLOWED = (*MODEL, *CODE, *ABOUT)
# What an older version or another tool may have left in a repository, and this version replaces.
REPLACED = (
    *ALLOWED,
    "*.safetensors",
    "*.safetensors.index.json",
    "pytorch_model*",
    "training_args.bin",
)
RECIPE = "recipe.yaml"
ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "checkpoints"
_CHECKPOINT = re.compile(r"checkpoint-(\d+)")
# The facts of a run that also hold before its end.
_CONSTANT = (
    "parameters",
    "recipe",
    "seed",
    "data",
    "text",
    "split",
    "versions",
    "code",
    "init_from",
    "run",
)
_LOGGED = {"eval_loss": "val_loss", "eval_bits_per_byte": "val_bits_per_byte"}


@dataclass(frozen=True)
class Staged:
    """A copy that nobody writes to, as it was read, and the step its weights are from."""

    folder: Path
    step: int | None
    facts: dict[str, Any]
    local: dict[str, LocalFile]

    def write(self, name: str, text: str) -> None:
        """Adds a file that is written for this very place, and reads it."""
        (self.folder / name).write_text(text, encoding="utf-8", newline="\n")
        self.local[name] = LocalFile.read(self.folder / name)


def stage(source: Path, folder: Path, *, twin: str | None = None) -> Staged:
    """Copies what may be published of a run, or of one of its checkpoints, into an empty folder."""
    _require_model(source)
    folder.mkdir(parents=True, exist_ok=True)
    for name in (*MODEL, *ABOUT):
        if (source / name).is_file():
            shutil.copyfile(source / name, folder / name)
    if step_of(source) is not None and (source.parent / RECIPE).is_file():
        shutil.copyfile(source.parent / RECIPE, folder / RECIPE)
    step = step_of(source)
    step = _kept_step(source) if step is None else step
    _write_facts(source, folder)
    if twin:
        _become(twin, source, folder)
    else:
        _seal(folder)
    _check_weights(folder / "model.safetensors")
    files = [name for name in ALLOWED if (folder / name).is_file()]
    return Staged(folder, step, facts_of(folder), read_folder(folder, files))


def find(run_dir: str | Path) -> Path:
    """A run's folder, or that of a model that ships."""
    folder = Path(run_dir).expanduser()
    shipped = SHIPPED / run_dir
    ships = ".." not in folder.parts and (shipped / "config.json").is_file()
    return shipped if ships and not folder.is_dir() else folder


def step_of(folder: Path) -> int | None:
    """The step of a checkpoint-N; None for any other folder."""
    found = _CHECKPOINT.fullmatch(folder.name)
    return int(found[1]) if found else None


def checkpoints(run_dir: Path) -> list[Path]:
    """The run's checkpoints, oldest first."""
    found = [(step_of(path), path) for path in run_dir.glob("checkpoint-*")]
    return [path for _, path in sorted((step, path) for step, path in found if step is not None)]


def facts_of(folder: Path) -> dict[str, Any]:
    """What was measured on a folder's weights: a run's metrics, or those that hold before its
    end."""
    step = step_of(folder)
    if step is None:
        return _known(_read(folder / "metrics.json"))
    at_step: dict[str, Any] = {"steps": step}
    for row in _read(folder / "trainer_state.json").get("log_history", []):
        if row.get("step") == step:
            at_step |= {name: row[key] for key, name in _LOGGED.items() if key in row}
    # Until it ends, a run has measured nothing: its record says what it is.
    run = _read(folder.parent / "run.json").get("facts", {}) | _read(folder.parent / "metrics.json")
    return _known({name: run[name] for name in _CONSTANT if name in run} | at_step)


def config_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "config.json").read_text(encoding="utf-8"))


def count_of(folder: Path) -> int:
    """The numbers in its weights."""
    from safetensors import safe_open

    with safe_open(folder / "model.safetensors", framework="numpy") as file:
        names = list(file.keys())
        return sum(math.prod(file.get_slice(name).get_shape()) for name in names)


def best_of(run_dir: Path, history: list[Path]) -> Path:
    """The version with the lowest validation loss; the run itself where none was measured."""
    losses = {path: facts_of(path).get("val_loss") for path in history}
    measured = {path: loss for path, loss in losses.items() if loss is not None}
    own = facts_of(run_dir).get("val_loss")
    if own is not None:
        measured[run_dir] = own
    # The run's own folder first: it carries the curve and all that was measured.
    return min(measured, key=lambda path: (measured[path], path != run_dir), default=run_dir)


def _require_model(source: Path) -> None:
    if not source.is_dir():
        shipped = sorted(p.parent.relative_to(SHIPPED) for p in SHIPPED.rglob("config.json"))
        named = ", ".join(path.as_posix() for path in shipped)
        raise PublishError(
            f"{source} is not a folder: name a run's output directory, or a model that ships "
            f"({named or 'there are none'})"
        )
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        if (source / name).is_file():
            continue
        pickles = sorted(path.name for path in source.glob("pytorch_model*"))
        if name == "model.safetensors" and pickles:
            raise PublishError(f"{source} holds {pickles[0]}, a pickle: save safetensors instead")
        raise PublishError(f"{source} has no {name}: is it a finished run?")


def _kept_step(source: Path) -> int | None:
    """The step that a run's weights are from: a run keeps its best ones, not always its last."""
    weights = (source / "model.safetensors").read_bytes()
    for path in reversed(checkpoints(source)):
        same = path / "model.safetensors"
        if same.is_file() and same.stat().st_size == len(weights) and same.read_bytes() == weights:
            return step_of(path)
    facts = facts_of(source)
    return facts.get("best_step", _best_step(source) or facts.get("steps"))


def _best_step(source: Path) -> int | None:
    """Where the validation loss was lowest: a run keeps that model."""
    rows = source / "metrics.jsonl"
    if not rows.is_file():
        return None
    parsed = [json.loads(row) for row in rows.read_text(encoding="utf-8").splitlines()]
    measured = [row for row in parsed if row.get("val_loss") is not None]
    return min(measured, key=lambda row: row["val_loss"])["step"] if measured else None


def _write_facts(source: Path, folder: Path) -> None:
    """What was measured on these very weights, without a path of this machine."""
    facts = facts_of(source)
    if "init_from" in facts:
        facts["init_from"] = public_name(facts["init_from"])
    if facts:
        text = json.dumps(facts, indent=2, ensure_ascii=False) + "\n"
        (folder / "metrics.json").write_text(text, encoding="utf-8", newline="\n")


def public_name(model: str) -> str:
    """A folder of this machine by its last name; anything else as it is."""
    path = Path(model)
    return path.name if path.is_absolute() or ".." in path.parts else model


def _known(facts: dict[str, Any]) -> dict[str, Any]:
    """Leaves out what was not measured, and what should be a number and is not."""
    return {
        name: value
        for name, value in facts.items()
        if value is not None and not (isinstance(value, float) and not math.isfinite(value))
    }


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    return json.loads(path.read_text(encoding="utf-8"))


def _seal(folder: Path) -> None:
    """Adds the sealed pair of code files, and names their classes in the config."""
    from tinygpt_hf.configuration_tinygpt import AUTO_MAP

    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if config.get("model_type") != "tinygpt":
        raise PublishError(f"this is a {config.get('model_type')!r} model, not a tinygpt one")
    config["auto_map"] = AUTO_MAP
    config.pop("_name_or_path", None)  # a path of this machine
    text = json.dumps(config, indent=2, sort_keys=True) + "\n"
    (folder / "config.json").write_text(text, encoding="utf-8", newline="\n")
    package = ROOT / "tinygpt_hf"
    for name in CODE:
        shutil.copyfile(package / name, folder / name)


def _become(twin: str, source: Path, folder: Path) -> None:
    """Replaces weights and config by those of transformers' own GPT-2 or Llama, without code."""
    from tinygpt_hf.loading import load
    from tinygpt_hf.twins import to_twin

    model, _ = load(str(source))
    try:
        converted = to_twin(model, twin)
    except ValueError as error:
        recipe = {"gpt2": "shakespeare-gpt2", "llama": "llama"}[twin]
        raise PublishError(f"{source}: {error}; a model of the recipe {recipe} has one") from None
    converted.save_pretrained(folder)


def _check_weights(path: Path) -> None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as weights:
            weights.keys()
    except (SafetensorError, OSError) as error:
        raise PublishError(f"{path.name} is not a whole safetensors file: {error}") from None
