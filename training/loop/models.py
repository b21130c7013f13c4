"""Models by name: opened the safe way, as a start for training, and asked to continue a text."""

import copy
import re
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, HTTPError, OfflineModeIsEnabled
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from tinygpt_hf import TinyGPTForCausalLM
from tinygpt_hf.encoding import encode_chat, encode_ids
from tinygpt_hf.loading import LoadError, load, resolve
from tinygpt_hf.twins import FROM_TWIN

SECONDS = 5  # within which the Hub must answer

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
    """GPT-2 and similar models: from a folder or the cache, else from the Hub if that answers at
    once."""
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
    if kind not in FROM_TWIN:
        known = ", ".join(FROM_TWIN)
        raise LoadError(f"{name} is a {kind!r}; training starts from a tinygpt, or from {known}")
    return FROM_TWIN[kind](model), tokenizer, commit


def check_same_tokens(ours: PreTrainedTokenizerBase, theirs: PreTrainedTokenizerBase) -> None:
    """A model's ids are those of its own tokenizer: any other is refused."""
    mine, other = (t.convert_ids_to_tokens(range(len(t))) for t in (ours, theirs))
    for number, (a, b) in enumerate(zip(mine, other, strict=False)):
        if a != b:
            raise LoadError(
                f"--tokenizer does not fit --init_from: token {number} is {b!r} there, "
                f"and {a!r} in the model's own"
            )
    if len(mine) != len(other):
        raise LoadError(
            f"--tokenizer does not fit --init_from: it has {len(other)} tokens, "
            f"and the model's own {len(mine)}"
        )


def continuation(model, tokenizer, prompt: str, max_new_tokens: int, settings: dict) -> str:
    """The prompt, untouched, and what follows."""
    ids = encode_ids(tokenizer, prompt).tolist()
    if tokenizer.chat_template:  # trained on answers: the prompt is a question, the answer follows
        question = [{"role": "user", "content": prompt}]
        ids = encode_chat(tokenizer, question, add_generation_prompt=True)[0].tolist()
        prompt += "\n"
    elif model.config.bos_token_id is not None:  # trained on texts that begin with it
        ids = [model.config.bos_token_id, *ids]
    if not ids:
        raise ValueError("the prompt is empty, and this model has no token that begins a text")
    inputs = torch.tensor([ids], device=model.device)
    out = model.generate(
        inputs,
        attention_mask=torch.ones_like(inputs),
        max_new_tokens=max_new_tokens,
        **settings,
    )
    return prompt + tokenizer.decode(out[0, len(ids) :], skip_special_tokens=True)
