"""What a page knows of a model: its shape, its vocabulary, how it was made and what it wrote."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tinygpt_hf.loading import LoadError, resolve

MOST = 100_000_000  # bytes of weights in one file
POINTS, MOMENTS, LONGEST = 200, 60, 1000  # of a curve, of what it wrote, and letters of each
_PROMPTS = {True: "What is a token?", False: "The"}  # where a run has none of its own
_LICENSE = re.compile(r"^license:\s*(\S+)", re.MULTILINE)


def describe(name: str) -> tuple[dict[str, Any], Any]:
    """What the page knows of a model, and the model, as a TinyGPT or the twin of another."""
    from training.loop.models import start_from

    model, tokenizer, _ = start_from(name)
    folder = folder_of(name)
    config = model.config
    ours = folder is not None and read_json(folder / "config.json").get("model_type") == "tinygpt"
    chats = bool(tokenizer.chat_template) and "<|assistant|>" in tokenizer.get_vocab()
    begins = ours and not chats and config.bos_token_id is not None
    ends = model.generation_config.eos_token_id
    metrics = read_json(folder / "metrics.json") if folder else {}
    sample, card = metrics.get("sample") or {}, _card(folder)
    parameters = model.num_parameters()
    fields = {field: getattr(config, field) for field in type(config).__annotations__}
    manifest = {
        "name": name_of(name),
        "size": f"{parameters:,} parameters",
        "parameters": parameters,
        "prompt": str(sample.get("prompt") or _PROMPTS[chats]),
        "sample": str(sample.get("text") or ""),
        "config": fields | {"model_type": config.model_type},
        "tokenizer": read_tokenizer(tokenizer, name),
        "begin": config.bos_token_id if begins else None,
        "ends": ends if isinstance(ends, list) else [] if ends is None else [ends],
        "chat": chats,
        "curve": _curve(_rows(folder, "metrics.jsonl")),
        "samples": _moments(_rows(folder, "samples.jsonl")),
        "facts": list(_facts(config, parameters, metrics, card)),
        "card": card,
    }
    return manifest, model


def folder_of(name: str) -> Path | None:
    try:
        return resolve(name)
    except LoadError:  # GPT-2 by its name: in the library's cache, without files of ours
        return None


def pack(model: Any, name: str) -> bytes:
    """The weights in 16 bits; a tensor that these cannot hold stays as it is."""
    import torch
    from safetensors.torch import save

    tied = set(model.all_tied_weights_keys)
    packed = {}
    for key, tensor in model.state_dict().items():
        if key in tied:
            continue
        if not torch.isfinite(tensor).all():
            raise LoadError(f"{name}: {key} holds NaN or infinity")
        half = tensor.half()
        packed[key] = (half if torch.isfinite(half).all() else tensor).contiguous()
    size = sum(tensor.nbytes for tensor in packed.values())
    if size > MOST:
        raise LoadError(
            f"{name} has {size / 1e6:,.0f} MB of weights in 16 bits, and one file holds at most "
            f"{MOST / 1e6:,.0f} MB: choose a smaller model"
        )
    return save(packed)


def read_tokenizer(tokenizer: Any, name: str) -> dict[str, Any]:
    """Its tokenizer.json, if it is of a kind that browser/tokenizer.js reads."""
    file = json.loads(tokenizer.backend_tokenizer.to_str())
    file |= {"truncation": None, "padding": None, "post_processor": None}
    model, pre = file["model"], file["pre_tokenizer"] or {}
    cuts = pre.get("pretokenizers", [pre])
    known = model["type"] == "WordLevel" or (
        model["type"] == "BPE"
        and cuts[-1].get("type") == "ByteLevel"
        and not model["byte_fallback"]
    )
    if not known or file["normalizer"]:
        raise LoadError(
            f"{name} has a tokenizer ({model['type']}) that the page cannot read; it reads those "
            "of `python -m training.tokenizer` and GPT-2's"
        )
    return file


def _facts(config: Any, parameters: int, metrics: dict, card: str) -> Iterable[tuple[str, str]]:
    """What it is and how it was made, as far as it is known."""
    yield "Parameters", f"{parameters:,}"
    yield "Blocks", f"{config.num_hidden_layers} of width {config.hidden_size}"
    yield "Heads", f"{config.num_attention_heads} a block"
    yield "Positions", config.position_embedding
    yield "Window", f"{config.max_position_embeddings:,} tokens"
    yield "Vocabulary", f"{config.vocab_size:,} tokens"
    for key, label, form in (
        ("recipe", "Recipe", "{}"),
        ("data", "Learned from", "{}"),
        ("steps", "Steps", "{:,}"),
        ("tokens", "Tokens seen", "{:,}"),
        ("train_seconds", "Training took", "{:,.0f} s"),
        ("val_loss", "Loss on held-out text", "{:.4f} nats a token"),
        ("val_bits_per_byte", "The same in bits", "{:.4f} bits a byte"),
        ("train_loss", "Loss in training", "{:.4f} nats a token"),
        ("seed", "Seed", "{}"),
    ):
        value = metrics.get(key)
        if _is_number(value):
            yield label, form.format(value)
        elif isinstance(value, str):
            yield label, value
    if found := _LICENSE.search(card):
        yield "Licence", found[1]


def _curve(rows: list[dict[str, Any]]) -> dict[str, list[tuple[int, float]]]:
    """Losses over steps. A noisy curve becomes means of a few steps: more would not be seen."""
    curve = {}
    for name, key in (("train", "train_loss"), ("held", "val_loss")):
        points = [(row["step"], row[key]) for row in rows if _is_number(row.get(key))]
        every = max(1, -(-len(points) // POINTS))
        groups = [points[i : i + every] for i in range(0, len(points), every)]
        curve[name] = [
            (group[-1][0], round(sum(loss for _, loss in group) / len(group), 4))
            for group in groups
        ]
    return curve


def _moments(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What it wrote as it learned: the first and last moments, and evenly spaced ones between."""
    every = max(1, -(-len(rows) // MOMENTS))
    kept = [row for i, row in enumerate(rows) if i % every == 0 or i == len(rows) - 1]
    return [{"step": int(row["step"]), "text": str(row["text"])[:LONGEST]} for row in kept]


def _card(folder: Path | None) -> str:
    path = folder / "README.md" if folder else None
    if path is None or not path.is_file():
        return ""
    return path.read_text(encoding="utf-8", errors="replace")


def _rows(folder: Path | None, name: str) -> list[dict[str, Any]]:
    from training.loop.callbacks import read_rows

    return read_rows(folder / name) if folder else []


def name_of(name: str) -> str:
    path = Path(name).expanduser()
    return path.resolve().name if path.is_dir() else name


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def read_json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except ValueError as error:
        raise LoadError(f"{path} is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise LoadError(f"{path} is not an object of JSON")
    return found
