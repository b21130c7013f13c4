"""A model as one HTML file: its weights, its tokenizer and the page of `browser/`.

    page(model, against)            the file's bytes
    export(model, output, against)  the same, written
    fetched(manifest, ...)          a page that fetches its weights, for a static Space

The page opens from a disk without a network. What a stranger wrote (a name, a prompt, a card, a
vocabulary) is stored as JSON, in a block that no browser runs.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any

from .manifest import describe, name_of, pack

ROOT = Path(__file__).parents[2]
BROWSER = ROOT / "browser"
# The modules in the order in which one needs another: what runs in the page, what in its worker.
PAGE = ("asking", "charts", "header", "halving", "fetching", "players", "tabs", "page")
WORKER = (
    *("header", "weights", "shape", "simd", "parts", "numbers", "model"),
    *("letters", "tokenizer", "sampling", "worker"),
)
PIECE = 600_000  # bytes of weights in one block of the file, so that none takes long to handle

Manifest = dict[str, Any]


def export(model: str, output: Path | None = None, against: str | None = None) -> Path:
    """Writes the page; `output` is NAME.html where it is not given."""
    path = output or Path(f"{name_of(model).replace('/', '-')}.html")
    path.write_bytes(page(model, against))
    return path


def page(model: str, against: str | None = None) -> bytes:
    """One self-contained file. `model` is a folder, a shipped name or a Hub repo[@revision]."""
    manifests: dict[str, Manifest] = {}
    weights, total = [], 0
    for side, name in (("left", model), ("right", against)):
        if name is None:
            continue
        manifest, loaded = describe(name)
        raw = pack(loaded, name)
        total += len(raw)
        manifests[side] = manifest | {"bytes": len(raw)}
        pieces = (raw[at : at + PIECE] for at in range(0, len(raw), PIECE))
        weights += [_block("text/plain", f"{side}-weights", _base64(piece)) for piece in pieces]
    held = "the model" if len(manifests) == 1 else "two models"
    parts = (
        f"It holds {held} ({total / 1e6:.1f} MB of weights, 16 bits a number), the vocabulary and "
        "this page. It asks for nothing from any network and sends nothing anywhere, so it works "
        "wherever a browser does, for as long as there are browsers."
    )
    return _fill(manifests, parts, "without a network", weights=weights).encode()


def fetched(manifest: Manifest, home: str, size: int, offer: Manifest | None, connect: str) -> str:
    """The same page without the weights: it fetches them, `size` bytes, from the folder `home`.

    `offer` is a larger model that it fetches only when asked; `connect` the hosts that it may ask.
    """
    parts = (
        "It fetches the model from its repository, at one commit, and the browser keeps it: the "
        "next visit asks for nothing. What you write stays on your device."
    )
    manifests = {"left": manifest | {"home": home, "bytes": size}}
    if offer:
        manifests["offer"] = offer
    return _fill(manifests, parts, "on your own device", connect=connect)


def _fill(
    manifests: dict[str, Manifest],
    parts: str,
    where: str,
    *,
    weights: Iterable[str] = (),
    connect: str = "'none'",
) -> str:
    """The page around what the models say of themselves."""
    style = _read("style.css")
    script, worker = join(PAGE), join(WORKER)
    blocks = [_block("text/plain", "worker", worker)]
    for side, manifest in manifests.items():
        text = json.dumps(manifest, allow_nan=False, separators=(",", ":"))
        blocks.append(_block("application/json", side, text.replace("<", "\\u003c")))
    shown = {side: manifest for side, manifest in manifests.items() if side != "offer"}
    heading = " ".join(
        f'<span><span class="mark {side}" aria-hidden="true"></span>{escape(has["name"])}</span>'
        for side, has in shown.items()
    )
    return _read("index.html").format(
        policy=policy(script, style, connect),
        title=escape(" and ".join(has["name"] for has in shown.values())),
        style=style,
        heading=heading,
        opening=escape(_opening(list(shown.values()), where)),
        parts=escape(parts),
        license=escape((ROOT / "LICENSE").read_text(encoding="utf-8")),
        blocks="\n".join(blocks),
        script=script,
        weights="\n".join(weights),
    )


def policy(script: str, style: str, connect: str = "'none'") -> str:
    """Only this script and this style, a worker made here, and no request to anybody else."""
    rules = {
        "default-src": "'none'",
        "script-src": f"{_hash(script)} 'wasm-unsafe-eval'",  # for the loop in simd.js
        "style-src": _hash(style),
        "worker-src": "blob:",
        "img-src": "data:",
        "connect-src": connect,
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


def _opening(manifests: list[Manifest], where: str) -> str:
    sizes = [f"{manifest['parameters']:,}" for manifest in manifests]
    if len(sizes) == 1:
        return f"A tiny GPT with {sizes[0]} parameters. It runs in this page, {where}."
    return f"Two tiny GPTs, with {' and '.join(sizes)} parameters. They run in this page, {where}."


def _read(name: str) -> str:
    return (BROWSER / name).read_text(encoding="utf-8")


def _block(kind: str, name: str, text: str) -> str:
    return f'<script type="{kind}" class="{name}">{text}</script>'


def _hash(text: str) -> str:
    return f"'sha256-{_base64(hashlib.sha256(text.encode()).digest())}'"


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
