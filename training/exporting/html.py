"""A model as one HTML file: its weights, its tokenizer and the page of `browser/`.

    page(model, against)            the file's bytes
    export(model, output, against)  the same, written

The page opens from a disk without a network. What a stranger wrote (a name, a prompt, a card, a
vocabulary) lies in it as JSON, in a block that no browser runs.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any

from tinygpt_hf.loading import LoadError, resolve

ROOT = Path(__file__).parents[2]
BROWSER = ROOT / "browser"
# The modules in the order in which one needs another: what runs in the page, what in its worker.
PAGE = ("asking", "charts", "players", "tabs", "page")
WORKER = (
    *("weights", "shape", "parts", "numbers", "model"),
    *("letters", "tokenizer", "sampling", "worker"),
)
PIECE = 600_000  # bytes of weights in one block of the file, so that none is long to handle
MOST = 100_000_000  # bytes of weights in one file
POINTS, MOMENTS, LONGEST = 200, 60, 1000  # of a curve, of what it wrote, and letters of each
_PROMPTS = {True: "What is a token?", False: "The"}  # where a run has none of its own
_LICENSE = re.compile(r"^license:\s*(\S+)", re.MULTILINE)


def export(model: str, output: Path | None = None, against: str | None = None) -> Path:
    """Writes the page; `output` is NAME.html where it is not given."""
    path = output or Path(f"{_name(model).replace('/', '-')}.html")
    path.write_bytes(page(model, against))
    return path


def page(model: str, against: str | None = None) -> bytes:
    """One self-contained file. `model` is a folder, a shipped name or a Hub repo[@revision]."""
    sides = {"left": carry(model)}
    if against is not None:
        sides["right"] = carry(against)
    weights = "\n".join(
        _block("text/plain", f"{side}-weights", base64.b64encode(raw[at : at + PIECE]).decode())
        for side, (_, raw) in sides.items()
        for at in range(0, len(raw), PIECE)
    )
    total = sum(len(raw) for _, raw in sides.values())
    held = "the model" if len(sides) == 1 else "two models"
    parts = (
        f"It holds {held} ({total / 1e6:.1f} MB of weights, 16 bits a number), the vocabulary and "
        "this page. It asks for nothing from any network and sends nothing anywhere, so it works "
        "wherever a browser does, for as long as there are browsers."
    )
    manifests = {side: manifest for side, (manifest, _) in sides.items()}
    return fill(manifests, parts, weights=weights).encode()


def fill(manifests: dict[str, dict[str, Any]], parts: str, weights: str = "") -> str:
    """The page around what the models say of themselves."""
    style = _read("style.css")
    script, worker = join(PAGE), join(WORKER)
    blocks = [_block("text/plain", "worker", worker)]
    for side, manifest in manifests.items():
        text = json.dumps(manifest, allow_nan=False, separators=(",", ":"))
        blocks.append(_block("application/json", side, text.replace("<", "\\u003c")))
    names = [manifest["name"] for manifest in manifests.values()]
    heading = " ".join(
        f'<span><span class="mark {side}" aria-hidden="true"></span>{escape(name)}</span>'
        for side, name in zip(manifests, names, strict=True)
    )
    return _read("index.html").format(
        policy=policy(script, style),
        title=escape(" and ".join(names)),
        style=style,
        heading=heading,
        opening=escape(_opening(list(manifests.values()))),
        parts=escape(parts),
        license=escape((ROOT / "LICENSE").read_text(encoding="utf-8")),
        blocks="\n".join(blocks),
        script=script,
        weights=weights,
    )


def policy(script: str, style: str, connect: str = "") -> str:
    """Only this script and this style, a worker made here, and no request to anybody."""
    rules = {
        "default-src": "'none'",
        "script-src": _hash(script),
        "style-src": _hash(style),
        "worker-src": "blob:",
        "img-src": "data:",
        "connect-src": connect or "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{rule} {value}" for rule, value in rules.items())


def join(names: Iterable[str]) -> str:
    """Modules as one classic script: a page from a disk may not import any."""
    text = ""
    for name in names:
        code = re.sub(r"^import .*\n", "", _read(f"{name}.js"), flags=re.MULTILINE)
        text += re.sub(r"^export ", "", code, flags=re.MULTILINE) + "\n"
    if re.search(r"</script|<!--", text, re.IGNORECASE):
        raise AssertionError("the page's own code would end its script element")
    return f'(() => {{\n"use strict";\n{text}}})();\n'


def carry(name: str) -> tuple[dict[str, Any], bytes]:
    """What the page knows of a model, and the weights as safetensors of 16 bits a number."""
    from training.loop.models import start_from

    model, tokenizer, _ = start_from(name)
    try:
        folder = resolve(name)
    except (
        LoadError
    ):  # GPT-2 by its name: it is in the library's cache, with nothing of ours beside
        folder = None
    config = model.config
    ours = folder is not None and _json(folder / "config.json").get("model_type") == "tinygpt"
    chats = bool(tokenizer.chat_template) and "<|assistant|>" in tokenizer.get_vocab()
    begins = ours and not chats and config.bos_token_id is not None
    ends = model.generation_config.eos_token_id
    metrics = _json(folder / "metrics.json") if folder else {}
    sample = metrics.get("sample") or {}
    parameters = model.num_parameters()
    manifest = {
        "name": _name(name),
        "size": f"{parameters:,} parameters",
        "parameters": parameters,
        "prompt": str(sample.get("prompt") or _PROMPTS[chats]),
        "sample": str(sample.get("text") or ""),
        "config": {field: getattr(config, field) for field in type(config).__annotations__}
        | {"model_type": config.model_type},
        "tokenizer": read_tokenizer(tokenizer, name),
        "begin": config.bos_token_id if begins else None,
        "ends": ends if isinstance(ends, list) else [] if ends is None else [ends],
        "chat": chats,
        "curve": _curve(_rows(folder, "metrics.jsonl")),
        "samples": _moments(_rows(folder, "samples.jsonl")),
        "card": _card(folder),
    }
    weights = pack(model, name)
    manifest["bytes"] = len(weights)
    manifest["facts"] = list(_facts(config, parameters, metrics, manifest["card"]))
    return manifest, weights


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
            raise LoadError(f"{name}: {key} holds numbers that are none (NaN or infinity)")
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


def _opening(manifests: list[dict[str, Any]]) -> str:
    sizes = [f"{manifest['parameters']:,}" for manifest in manifests]
    if len(sizes) == 1:
        return f"A tiny GPT with {sizes[0]} parameters. It runs in this page, without a network."
    return (
        f"Two tiny GPTs, with {sizes[0]} and {sizes[1]} parameters. They run in this page, "
        "without a network."
    )


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
    """Losses over steps; of a noisy one the mean of each few, as more would not be seen."""
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
    """What it wrote as it learned: the first and last moments, and evenly of those between."""
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


def _name(name: str) -> str:
    path = Path(name).expanduser()
    return path.resolve().name if path.is_dir() else name


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except ValueError as error:
        raise LoadError(f"{path} is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise LoadError(f"{path} is not an object of JSON")
    return found


def _read(name: str) -> str:
    return (BROWSER / name).read_text(encoding="utf-8")


def _block(kind: str, name: str, text: str) -> str:
    return f'<script type="{kind}" class="{name}">{text}</script>'


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
