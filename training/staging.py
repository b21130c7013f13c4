"""What is published: an immutable copy of a model, its tokenizer, its code and what was measured.

Training goes on writing into the run while a publish reads; so files are copied first, and only
those named here.
"""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from .card import GENERATED, facts_of, public_name, render_card
from .patience import PublishError

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
ABOUT = ("README.md", "loss.png", "metrics.json")
ALLOWED = (*MODEL, *CODE, *ABOUT)
# What an older version or another tool may have left in a repository, and this version replaces.
REPLACED = (
    *ALLOWED,
    "*.safetensors",
    "*.safetensors.index.json",
    "pytorch_model*",
    "training_args.bin",
)
_CHECKPOINT = re.compile(r"checkpoint-(\d+)")


@dataclass(frozen=True)
class Staged:
    """A copy that nobody writes to, and the step its weights are from."""

    folder: Path
    step: int | None

    @property
    def files(self) -> list[str]:
        return [name for name in ALLOWED if (self.folder / name).is_file()]

    def write_card(self, repo_id: str, revision: str | None) -> None:
        """Names where the model is: a tag, or better the commit that a tag protects."""
        readme = self.folder / "README.md"
        if not readme.exists() or GENERATED in readme.read_text(encoding="utf-8"):
            text = render_card(self.folder, repo_id=repo_id, revision=revision)
            readme.write_text(text, encoding="utf-8", newline="\n")


def stage(source: Path, folder: Path, *, twin: str | None = None) -> Staged:
    """Copies what may be published of a run, or of one of its checkpoints, into an empty folder."""
    _require_model(source)
    folder.mkdir(parents=True, exist_ok=True)
    for name in (*MODEL, *ABOUT):
        if (source / name).is_file():
            shutil.copyfile(source / name, folder / name)
    found = _CHECKPOINT.fullmatch(source.name)
    step = int(found[1]) if found else _step_of(source)
    _write_facts(source, folder)
    if twin:
        _become(twin, source, folder)
    else:
        _seal(folder)
    _check_weights(folder / "model.safetensors")
    return Staged(folder, step)


def checkpoints(run_dir: Path) -> list[Path]:
    """The run's checkpoints, oldest first."""
    found = [path for path in run_dir.glob("checkpoint-*") if _CHECKPOINT.fullmatch(path.name)]
    return sorted(found, key=lambda path: int(path.name.split("-")[1]))


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
        raise PublishError(f"{source} is not a folder: name a run's output directory")
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        if (source / name).is_file():
            continue
        pickles = sorted(path.name for path in source.glob("pytorch_model*"))
        if name == "model.safetensors" and pickles:
            raise PublishError(f"{source} holds {pickles[0]}, a pickle: save safetensors instead")
        raise PublishError(f"{source} has no {name}: is it a finished run?")


def _step_of(source: Path) -> int | None:
    """The step that a run's weights are from: a run keeps its best ones, not always its last."""
    weights = (source / "model.safetensors").read_bytes()
    for path in reversed(checkpoints(source)):
        same = path / "model.safetensors"
        if same.is_file() and same.stat().st_size == len(weights) and same.read_bytes() == weights:
            return int(path.name.split("-")[1])
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


def _seal(folder: Path) -> None:
    """Adds the sealed pair of code files, and says in the config which class is whose."""
    from tinygpt_hf.configuration_tinygpt import AUTO_MAP

    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if config.get("model_type") != "tinygpt":
        raise PublishError(f"this is a {config.get('model_type')!r} model, not a tinygpt one")
    config["auto_map"] = AUTO_MAP
    config.pop("_name_or_path", None)  # a path of this machine
    text = json.dumps(config, indent=2, sort_keys=True) + "\n"
    (folder / "config.json").write_text(text, encoding="utf-8", newline="\n")
    package = Path(__file__).parents[1] / "tinygpt_hf"
    for name in CODE:
        shutil.copyfile(package / name, folder / name)


def _become(twin: str, source: Path, folder: Path) -> None:
    """Replaces weights and config by those of transformers' own GPT-2 or Llama, without code."""
    from tinygpt_hf import loading, twins

    model, _ = loading.load(str(source))
    convert = {"gpt2": twins.to_gpt2, "llama": twins.to_llama}[twin]
    try:
        converted = convert(model)
    except ValueError as error:
        recipe = {"gpt2": "shakespeare-gpt2", "llama": "llama"}[twin]
        raise PublishError(
            f"{source} has no {twin} twin: {error}; a model of the recipe {recipe} has one"
        ) from None
    converted.save_pretrained(folder)


def _check_weights(path: Path) -> None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as weights:
            weights.keys()
    except (SafetensorError, OSError) as error:
        raise PublishError(f"{path.name} is not a whole safetensors file: {error}") from None
