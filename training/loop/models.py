"""Opening any causal model: ours the safe way, others without any code of theirs."""

import copy
import re
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, HTTPError, OfflineModeIsEnabled
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from tinygpt_hf import TinyGPTForCausalLM
from tinygpt_hf.loading import LoadError, load, resolve
from tinygpt_hf.twins import from_gpt2, from_llama

SECONDS = 5  # that the Hub has to answer
TWINS = {"gpt2": from_gpt2, "llama": from_llama}

Opened = tuple[PreTrainedModel, PreTrainedTokenizerBase, str | None]


def open_any(name: str) -> Opened:
    """The model, its tokenizer, and its commit where it came from the Hub."""
    try:
        model, tokenizer = load(name)
        commit = re.search(r"snapshots/([0-9a-f]{40})", resolve(name).as_posix())
        return model, tokenizer, commit[1] if commit else None
    except LoadError as error:
        try:
            return open_foreign(name)
        except (ValueError, OSError, HTTPError, HfHubHTTPError, OfflineModeIsEnabled):
            raise error from None  # it says more


def open_foreign(name: str) -> Opened:
    """GPT-2 and its like: from a folder or the cache, else from the Hub if that answers at once."""
    repo, _, revision = name.partition("@")
    where: dict[str, Any] = {"revision": revision or None, "trust_remote_code": False}
    where["local_files_only"] = True
    try:
        tokenizer = AutoTokenizer.from_pretrained(repo, **where)
    except (ValueError, OSError):
        if Path(repo).exists():
            raise
        HfApi().model_info(repo, revision=revision or None, timeout=SECONDS)
        where["local_files_only"] = False
        tokenizer = AutoTokenizer.from_pretrained(repo, **where)
    model = AutoModelForCausalLM.from_pretrained(
        repo, use_safetensors=True, dtype="float32", **where
    )
    return model.eval(), tokenizer, getattr(model.config, "_commit_hash", None)


def with_dropout(model: TinyGPTForCausalLM, dropout: float) -> TinyGPTForCausalLM:
    config = copy.deepcopy(model.config)
    config.dropout = dropout
    changed = TinyGPTForCausalLM(config)
    changed.load_state_dict(model.state_dict())
    changed.generation_config = model.generation_config
    return changed


def start_from(name: str) -> tuple[TinyGPTForCausalLM, PreTrainedTokenizerBase, str | None]:
    """A model to fine-tune: ours, or the twin of a GPT-2 or Llama."""
    model, tokenizer, commit = open_any(name)
    if isinstance(model, TinyGPTForCausalLM):
        return model, tokenizer, commit
    kind = model.config.model_type
    if kind not in TWINS:
        known = ", ".join(TWINS)
        raise LoadError(f"{name} is a {kind!r}; training starts from a tinygpt, or from {known}")
    return TWINS[kind](model), tokenizer, commit
