"""Contestants from disk and from the Hub. Takes seconds to import: only when one is asked for."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from tinygpt_hf.loading import load

from .engine import Contestant
from .roster import BASELINE, BASELINE_REVISION


def load_tiny(name: str) -> Contestant:
    """One of ours: a folder, a shipped name or a repo of the Hub."""
    model, tokenizer = load(name)
    return Contestant(name, model, tokenizer, source=name, revision=_commit(model))


def load_baseline(name: str) -> Contestant:
    """Any causal LM in safetensors; from the cache if it is there, so that no Hub holds it up."""
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
    title = "GPT-2" if name == BASELINE else name
    return Contestant(title, model, tokenizer, source=name, revision=_commit(model) or revision)


def _commit(model) -> str | None:
    return getattr(model.config, "_commit_hash", None)
