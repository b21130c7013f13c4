"""The model card: what was measured, filled into `model_card.md`. Nothing is made up here."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from training.hub.staging import Staged, facts_of, public_name

CARD = "README.md"
GENERATED = "Written by training/hub/card.py. Delete this line to keep what you change below."
TEMPLATE = Path(__file__).with_name("model_card.md")
ENGLISH = ("Tiny Shakespeare", "hello", "next-char", "minigpt")  # of the texts that come along
COMMIT = re.compile(r"[0-9a-f]{40}")
_ROWS = {
    "val_loss": ("validation loss, nats per token", "{:.4f}"),
    "val_bits_per_byte": ("validation bits per byte", "{:.4f}"),
    "train_loss": ("training loss", "{:.4f}"),
    "steps": ("steps", "{:,}"),
    "best_step": ("step of these weights, the best", "{:,}"),
    "tokens": ("tokens seen", "{:,}"),
    "train_seconds": ("training time, seconds", "{:.1f}"),
    "data": ("data", "{}"),
    "recipe": ("recipe", "`{}`"),
    "seed": ("seed", "{}"),
}
_METRICS = {
    "val_loss": ("loss", "loss, nats per token"),
    "val_bits_per_byte": ("bits_per_byte", "bits per byte"),
}


def address(staged: Staged, repo_id: str, revision: str | None) -> None:
    """Writes into a copy where it will be: at a tag, or better at the commit that a tag protects.

    A card that its author took over stays as it is.
    """
    if CARD not in staged.local or GENERATED in staged.local[CARD].path.read_text(encoding="utf-8"):
        staged.write(CARD, render_card(staged.folder, repo_id=repo_id, revision=revision))


def write_card(run_dir: str | Path) -> Path:
    """Writes README.md into a run; `training.publish` adds where on the Hub it is."""
    path = Path(run_dir) / CARD
    path.write_text(render_card(Path(run_dir)), encoding="utf-8", newline="\n")
    return path


def render_card(folder: Path, *, repo_id: str | None = None, revision: str | None = None) -> str:
    from huggingface_hub import ModelCard

    facts = facts_of(folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    name = repo_id.split("/")[1] if repo_id else folder.resolve().name
    ours = config.get("model_type") == "tinygpt"
    sample = facts.get("sample") or {}
    text = str(sample.get("text", ""))
    card = ModelCard.from_template(
        _metadata(name, facts),
        template_path=str(TEMPLATE),
        generated=GENERATED,
        name=name,
        parameters=f"{facts.get('parameters') or _count(folder / 'model.safetensors'):,}",
        recipe=facts.get("recipe"),
        shape=_shape(config),
        init_from=public_name(facts["init_from"]) if "init_from" in facts else None,
        rows=list(_rows(facts)),
        split=facts.get("split"),
        curve=(folder / "loss.png").exists(),
        sample=text,
        sampled=_settings(sample),
        fence="`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0)),
        where=_where(repo_id or ".", revision, ours),
        ask=_ask(sample.get("prompt") or "The", (folder / "chat_template.jinja").exists()),
        pinned=_pinned(revision),
        remote_code=ours,
        elsewhere=_elsewhere(config),
        limits=_limits(config),
    )
    return f"{card}\n"


def _metadata(name: str, facts: dict):
    from huggingface_hub import EvalResult, ModelCardData

    data = str(facts.get("data") or facts.get("recipe") or "text")
    on_hub = data.partition("@")[0] if "/" in data else None  # a file goes by its name alone
    results = [
        EvalResult(
            task_type="text-generation",
            dataset_type=on_hub or "text",
            dataset_name=data,
            dataset_split="validation",
            metric_type=kind,
            metric_name=label,
            metric_value=facts[key],
        )
        for key, (kind, label) in _METRICS.items()
        if key in facts
    ]
    start, _, commit = str(facts.get("init_from")).partition("@")
    measured: dict[str, Any] = {}
    if results:
        measured = {"model_name": name, "eval_results": results}
    return ModelCardData(
        language="en" if data in ENGLISH else None,
        license="apache-2.0",
        datasets=[on_hub] if on_hub else None,
        library_name="transformers",
        pipeline_tag="text-generation",
        tags=["tinygpt-hf", "tinygpt", "safetensors"],
        base_model=start if COMMIT.fullmatch(commit) else None,
        metrics=[result.metric_type for result in results] or None,
        **measured,
    )


def _rows(facts: dict) -> Iterator[tuple[str, str]]:
    """Every fact that is there, as a line of a table."""
    for key, (label, shown) in _ROWS.items():
        if key in facts:
            yield label, shown.format(facts[key])
    yield from (facts.get("versions") or {}).items()


def _shape(config: dict) -> str:
    layers = config.get("num_hidden_layers", config.get("n_layer"))
    width = config.get("hidden_size", config.get("n_embd"))
    kind = config.get("position_embedding", "")
    positions = f", {kind} positions" if kind not in ("", "none") else ""
    return (
        f"{layers} layer{'' if layers == 1 else 's'} of width {width}{positions}, a window of "
        f"{_window(config)} tokens, a vocabulary of {config.get('vocab_size')}."
    )


def _settings(sample: dict) -> str:
    shown = [f"{key} {value}" for key, value in sample.items() if key not in ("text", "prompt")]
    prompt = f"From the prompt `{sample['prompt']}`. " if sample.get("prompt") else ""
    return prompt + (f"Sampled with {', '.join(shown)}." if shown else "")


def _where(name: str, revision: str | None, remote_code: bool) -> str:
    options: dict[str, Any] = {"revision": revision} if revision else {}
    options |= {"trust_remote_code": True} if remote_code else {}
    listed = ", ".join(f'"{key}": {_literal(value)}' for key, value in options.items())
    return f'name = "{name}"\noptions = {{{listed}}}'


def _literal(value: Any) -> str:
    return json.dumps(value) if isinstance(value, str) else repr(value)


def _ask(prompt: str, chats: bool) -> str:
    if not chats:
        return f'ids = tokenizer({_literal(prompt)}, return_tensors="pt")'
    return (
        f'messages = [{{"role": "user", "content": {_literal(prompt)}}}]\n'
        'kind = {"add_generation_prompt": True, "return_tensors": "pt", "return_dict": True}\n'
        "ids = tokenizer.apply_chat_template(messages, **kind)"
    )


def _pinned(revision: str | None) -> str:
    if revision is None:
        return "On the Hub, pin `revision` to a commit: code and weights then never change."
    if COMMIT.fullmatch(revision):
        return "`revision` is a commit: code and weights never change."
    return f"`{revision}` is a tag; the commit that it names can take its place, and never changes."


def _elsewhere(config: dict) -> str:
    if config.get("model_type") != "tinygpt":
        return (
            "This is a plain transformers architecture: no code travels with it, and vLLM, "
            "llama.cpp (as GGUF) and MLX read it too."
        )
    twin = _twin(config)
    if twin is None:
        return (
            "transformers, and TinyGPT-HF's own page. Other engines do not know its architecture."
        )
    return (
        f"In this shape it equals a {twin[0]}: `python -m training.publish DIR --repo-id "
        f"USER/NAME --as {twin[1]}` publishes the same weights without any code, for vLLM, "
        "llama.cpp (as GGUF) and MLX."
    )


def _twin(config: dict) -> tuple[str, str] | None:
    """By the switches that only one of them has; whether it fits is for `--as` to say."""
    if config.get("position_embedding") == "learned" and config.get("hidden_act") == "gelu_new":
        return "GPT-2", "gpt2"
    if config.get("norm_type") == "rms" and config.get("hidden_act") == "swiglu":
        return "Llama", "llama"
    return None


def _limits(config: dict) -> str:
    return (
        "It has read little and knows less: it continues text in the manner of what it was\n"
        "trained on, and says nothing that one should rely on. "
        f"It sees {_window(config)} tokens at a time."
    )


def _window(config: dict) -> int | None:
    return config.get("max_position_embeddings") or config.get("n_positions")


def _count(weights: Path) -> int:
    from safetensors import safe_open

    with safe_open(weights, framework="numpy") as file:
        return sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118
