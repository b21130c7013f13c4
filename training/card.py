"""The model card: what was measured, filled into `model_card.md`. Nothing is made up here."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

TEMPLATE = Path(__file__).with_name("model_card.md")
GENERATED = "Written by training/card.py. Delete this line to keep what you change below."
LIBRARY = "tinygpt-hf"


def write_card(run_dir: str | Path) -> Path:
    """Writes README.md into a run; `training.publish` adds where on the Hub it is."""
    path = Path(run_dir) / "README.md"
    path.write_text(render_card(Path(run_dir)), encoding="utf-8", newline="\n")
    return path


def facts_of(folder: Path) -> dict[str, Any]:
    """What was measured on a folder's weights: a run's metrics, or what of them holds mid-way."""
    step = re.fullmatch(r"checkpoint-(\d+)", folder.name)
    if not step:
        return _read(folder / "metrics.json")
    facts = _read(folder.parent / "metrics.json")
    constant = ("parameters", "recipe", "seed", "data", "split", "versions", "init_from")
    at_step = {"steps": int(step[1])}
    for row in _read(folder / "trainer_state.json").get("log_history", []):
        if row.get("step") == at_step["steps"] and "eval_loss" in row:
            at_step["val_loss"] = row["eval_loss"]
    return {name: facts[name] for name in constant if name in facts} | at_step


def render_card(folder: Path, *, repo_id: str | None = None, revision: str | None = None) -> str:
    from huggingface_hub import ModelCard

    facts, config = facts_of(folder), _read(folder / "config.json")
    name = repo_id.split("/")[1] if repo_id else folder.resolve().name
    ours = config.get("model_type") == "tinygpt"
    sample = facts.get("sample") or {}
    card = ModelCard.from_template(
        _metadata(name, facts),
        template_path=str(TEMPLATE),
        generated=GENERATED,
        name=name,
        parameters=f"{facts['parameters']:,}" if "parameters" in facts else "few",
        recipe=facts.get("recipe"),
        shape=_shape(config),
        init_from=facts.get("init_from"),
        rows=list(_rows(facts)),
        split=facts.get("split"),
        curve=(folder / "loss.png").exists(),
        sample=sample.get("text"),
        sampled=_settings(sample),
        fence="`" * (3 + max(map(len, re.findall("`+", str(sample.get("text")))), default=0)),
        prompt=json.dumps(sample.get("prompt") or "The"),
        where=_where(repo_id or ".", revision, ours),
        pinned=_pinned(revision),
        remote_code=ours,
        elsewhere=_elsewhere(config),
        limits=_limits(config),
    )
    return str(card)


def _metadata(name: str, facts: dict):
    from huggingface_hub import EvalResult, ModelCardData

    data = facts.get("data") or facts.get("recipe") or "text"
    results = [
        EvalResult(
            task_type="text-generation",
            dataset_type="text",
            dataset_name=str(data),
            dataset_split="validation",
            metric_type=kind,
            metric_name=label,
            metric_value=facts[key],
        )
        for key, kind, label in (
            ("val_loss", "loss", "loss, nats per token"),
            ("val_bits_per_byte", "bits_per_byte", "bits per byte"),
        )
        if facts.get(key) is not None
    ]
    return ModelCardData(
        language="en",
        license="apache-2.0",
        library_name="transformers",
        pipeline_tag="text-generation",
        tags=[LIBRARY, "tinygpt", "safetensors"],
        metrics=[result.metric_type for result in results] or None,
        model_name=name,
        eval_results=results or None,
    )


def _rows(facts: dict):
    """Every fact that is there, as a line of a table."""
    labels = {
        "val_loss": ("validation loss, nats per token", "{:.4f}"),
        "val_bits_per_byte": ("validation bits per byte", "{:.4f}"),
        "train_loss": ("training loss", "{:.4f}"),
        "steps": ("steps", "{:,}"),
        "tokens": ("tokens seen", "{:,}"),
        "train_seconds": ("training time, seconds", "{:.1f}"),
        "data": ("data", "{}"),
        "recipe": ("recipe", "`{}`"),
        "seed": ("seed", "{}"),
    }
    for key, (label, shown) in labels.items():
        if facts.get(key) is not None:
            yield label, shown.format(facts[key])
    yield from (facts.get("versions") or {}).items()


def _shape(config: dict) -> str:
    window = config.get("max_position_embeddings") or config.get("n_positions")
    layers = config.get("num_hidden_layers", config.get("n_layer"))
    width = config.get("hidden_size", config.get("n_embd"))
    kind = config.get("position_embedding", "")
    positions = f", {kind} positions" if kind else ""
    return (
        f"{layers} layers of width {width}{positions}, a window of {window} tokens, "
        f"a vocabulary of {config.get('vocab_size')}."
    )


def _settings(sample: dict) -> str:
    shown = [f"{key} {value}" for key, value in sample.items() if key not in ("text", "prompt")]
    return f"Sampled with {', '.join(shown)}." if shown else ""


def _where(name: str, revision: str | None, remote_code: bool) -> str:
    arguments = [f'pretrained_model_name_or_path="{name}"']
    if revision:
        arguments.append(f'revision="{revision}"')
    if remote_code:
        arguments.append("trust_remote_code=True")
    return "dict(\n" + "".join(f"    {argument},\n" for argument in arguments) + ")"


def _pinned(revision: str | None) -> str:
    if revision is None:
        return "On the Hub, pin `revision` to a commit: code and weights then never change."
    if re.fullmatch(r"[0-9a-f]{40}", revision):
        return "`revision` is a commit: code and weights never change."
    return f"`{revision}` is a tag; the commit that it names can take its place, and never changes."


def _elsewhere(config: dict) -> str:
    if config.get("model_type") != "tinygpt":
        return (
            "This is a plain transformers architecture: no code travels with it, and vLLM, "
            "llama.cpp (as GGUF) and MLX read it too."
        )
    twin = _twin(config)
    if twin:
        return (
            f"In this shape it equals a {twin[0]}: `python -m training.publish DIR --repo-id "
            f"USER/NAME --as {twin[1]}` publishes the same weights without any code, for vLLM, "
            "llama.cpp (as GGUF) and MLX."
        )
    return "transformers, and TinyGPT-HF's own page. Other engines do not know this architecture."


def _twin(config: dict) -> tuple[str, str] | None:
    if config.get("position_embedding") == "learned" and config.get("hidden_act") == "gelu_new":
        return "GPT-2", "gpt2"
    if config.get("norm_type") == "rms" and config.get("hidden_act") == "swiglu":
        return "Llama", "llama"
    return None


def _limits(config: dict) -> str:
    window = config.get("max_position_embeddings") or config.get("n_positions")
    return (
        "It has read little and knows less: it continues text in the manner of what it was "
        "trained on, and says nothing that one should rely on. "
        f"It sees {window} tokens at a time."
    )


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    return json.loads(path.read_text(encoding="utf-8"))
