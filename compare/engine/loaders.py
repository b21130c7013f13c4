"""Contestants from disk and from the Hub. Takes seconds to import: only when one is needed."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from compare.engine import coherence
from compare.engine.contestant import Contestant
from compare.roster import shown
from compare.values import RefusedError
from compare.values.players import BASELINE, BASELINE_REVISION, TELLERS
from tinygpt_hf.loading import SHIPPED, load


def load_tiny(name: str) -> Contestant:
    """One of ours: a folder, a shipped name or a repo of the Hub."""
    model, tokenizer = load(name)
    folder = Path(model.config._name_or_path)
    if folder.parent.name == "snapshots":  # the Hub's cache: the folder is named after the commit
        return Contestant(name, model, tokenizer, source=name.split("@")[0], revision=folder.name)
    source = f"checkpoints/{name}" if folder.parent == SHIPPED else name
    tells = _recipe(folder) in TELLERS
    if tells:
        coherence.warm()
    return Contestant(shown(name), model, tokenizer, source=source, tells=tells)


def _recipe(folder: Path) -> str:
    """What a model of this machine was trained by, as its own facts say."""
    facts = folder / "metrics.json"
    try:
        return str(json.loads(facts.read_text(encoding="utf-8")).get("recipe", ""))
    except (OSError, ValueError, AttributeError):
        return ""  # an unfinished run, or a folder of somebody else


def load_stranger(name: str) -> Contestant:
    """A repo of the Hub that a visitor named: never a folder of this machine."""
    if Path(name).exists() or (SHIPPED / name).exists():
        raise RefusedError(f"{name} is not on the Hub.")
    return load_tiny(name)


def load_baseline(name: str) -> Contestant:
    """Any causal LM in safetensors; from the cache if it is there, so that a slow Hub does not
    delay it."""
    revision = BASELINE_REVISION if name == BASELINE else None
    if "@" in name and not Path(name).exists():
        name, revision = name.rsplit("@", 1)
    try:
        return _from_pretrained(name, revision, local_files_only=True)
    except OSError:
        return _from_pretrained(name, revision, local_files_only=False)


def _from_pretrained(name: str, revision: str | None, *, local_files_only: bool) -> Contestant:
    where = {"revision": revision, "local_files_only": local_files_only}
    tokenizer = AutoTokenizer.from_pretrained(name, **where)
    model = AutoModelForCausalLM.from_pretrained(
        name, use_safetensors=True, dtype=torch.float32, **where
    )
    title = "GPT-2" if name == BASELINE else shown(name)
    commit = getattr(model.config, "_commit_hash", None) or revision
    return Contestant(title, model, tokenizer, source=name, revision=commit)
