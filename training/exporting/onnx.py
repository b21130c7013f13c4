"""ONNX, for ONNX Runtime and what is built on it: one file without a cache, one with.

    model.onnx             input_ids, attention_mask -> logits
    model_with_past.onnx   the same, with past_key_values.N.key and .value as inputs, for the start
                           of a text of length 0, and present.N.key and .value as outputs

Both take any batch size and length. Both are compared with the model before they are kept.
"""

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedTokenizerBase
from transformers.cache_utils import DynamicCache

from tinygpt_hf import TinyGPTForCausalLM
from training.exporting.errors import ExportError, needed
from training.exporting.folder import whole

PLAIN, WITH_PAST = "model.onnx", "model_with_past.onnx"
TOLERANCE = 1e-4
ROWS, LENGTH, PAST = 2, 3, 4  # of the example that is traced; any other number does as well
NAMES = ["input_ids", "attention_mask"]


def write_onnx(
    model: TinyGPTForCausalLM, tokenizer: PreTrainedTokenizerBase, target: Path
) -> list[str]:
    """The files, and what to say about them."""
    for package in ("onnx", "onnxscript", "onnxruntime"):
        needed(package, "onnx")
    model.set_attn_implementation("sdpa")
    lines = []
    with whole(target) as folder:
        trace(model, folder / PLAIN)
        checks = [(PLAIN, check_plain(model, folder / PLAIN))]
        if model.config.num_hidden_layers:  # without attention there is nothing to keep
            trace_with_past(model, folder / WITH_PAST)
            checks.append((WITH_PAST, check_with_past(model, folder / WITH_PAST)))
        model.generation_config.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        for name, apart in checks:
            size = (folder / name).stat().st_size
            lines.append(f"{target / name}: {size:,} bytes, {apart:.0e} from the model's logits")
    return lines


class Plain(nn.Module):
    positions: torch.Tensor

    def __init__(self, model: TinyGPTForCausalLM):
        super().__init__()
        self.model = model
        # A look-up that fails past the window, which the model refuses too.
        table = torch.arange(model.config.max_position_embeddings)
        self.register_buffer("positions", table, persistent=False)
        self.eval()

    def places(self, attention_mask: torch.Tensor, length: int) -> dict[str, torch.Tensor]:
        """Positions from the mask, where they end with the window."""
        if not self.model.config.slides_by_recomputing:
            return {}
        counted = (attention_mask.cumsum(-1) - 1).clamp(min=0)[:, -length:]
        return {"position_ids": self.positions[counted]}

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        places = self.places(attention_mask, input_ids.shape[1])
        inputs = {"input_ids": input_ids, "attention_mask": attention_mask, **places}
        return self.model(**inputs, use_cache=False).logits


class WithPast(Plain):
    def forward(  # type: ignore[override]  # it takes what came before as well
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, past: Sequence[torch.Tensor]
    ) -> tuple[torch.Tensor, ...]:
        cache = DynamicCache()  # keeps all: the mask slides
        for layer in range(len(past) // 2):
            cache.update(past[2 * layer], past[2 * layer + 1], layer)
        places = self.places(attention_mask, input_ids.shape[1])
        inputs = {"input_ids": input_ids, "attention_mask": attention_mask, **places}
        logits = self.model(**inputs, past_key_values=cache, use_cache=True).logits
        return logits, *(part for layer in cache.layers for part in (layer.keys, layer.values))


def trace(model: TinyGPTForCausalLM, file: Path) -> None:
    ids = torch.zeros(ROWS, LENGTH, dtype=torch.long)
    axes = {0: "rows", 1: "length"}
    save(Plain(model), (ids, torch.ones_like(ids)), dict.fromkeys(NAMES, axes), NAMES, [], file)


def trace_with_past(model: TinyGPTForCausalLM, file: Path) -> None:
    names = past_names(model)
    ids = torch.zeros(ROWS, LENGTH, dtype=torch.long)
    mask = torch.ones(ROWS, PAST + LENGTH, dtype=torch.long)
    past = [torch.from_numpy(part) for part in empty_past(model, ROWS, PAST)]
    axes: dict[str, Any] = dict(
        zip(NAMES, ({0: "rows", 1: "length"}, {0: "rows", 1: "total"}), strict=True)
    )
    axes["past"] = [{0: "rows", 2: "past"}] * len(names)
    present = [name.replace("past_key_values", "present") for name in names]
    save(WithPast(model), (ids, mask, past), axes, [*NAMES, *names], present, file)


@torch.no_grad()
def save(
    module: nn.Module,
    example: tuple,
    axes: dict[str, Any],
    inputs: list[str],
    present: list[str],
    file: Path,
) -> None:
    loud = logging.getLogger("torch.onnx")
    level = loud.level
    # It warns of packages that are not needed, of itself, and that two inputs share an axis.
    loud.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                module,
                example,
                dynamo=True,
                dynamic_shapes=axes,
                input_names=inputs,
                output_names=["logits", *present],
                verbose=False,
            )
            assert program is not None
            program.save(file)
    finally:
        loud.setLevel(level)


def past_names(model: TinyGPTForCausalLM) -> list[str]:
    layers = range(model.config.num_hidden_layers)
    return [f"past_key_values.{layer}.{part}" for layer in layers for part in ("key", "value")]


def empty_past(model: TinyGPTForCausalLM, rows: int, length: int = 0) -> list[np.ndarray]:
    config = model.config
    heads = config.num_key_value_heads or config.num_attention_heads
    shape = (rows, heads, length, config.head_dim)
    return [np.zeros(shape, np.float32) for _ in past_names(model)]


def examples(model: TinyGPTForCausalLM) -> list[tuple[np.ndarray, np.ndarray]]:
    """Ids and masks of other shapes than were traced, one of them padded on the left."""
    window, chance = model.config.max_position_embeddings, np.random.default_rng(0)
    found = []
    for rows, length in ((1, 1), (3, min(5, window)), (2, window)):
        ids = chance.integers(0, model.config.vocab_size, (rows, length))
        mask = np.ones_like(ids)
        mask[0, : length // 2] = 0
        found.append((ids, mask))
    return found


@torch.no_grad()
def theirs(model: TinyGPTForCausalLM, ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
    inputs = {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}
    return model(**inputs, use_cache=False).logits.numpy()


def check_plain(model: TinyGPTForCausalLM, file: Path) -> float:
    """The largest difference of the logits; an error if it is too large."""
    session = needed("onnxruntime", "onnx").InferenceSession(file)
    worst = 0.0
    for ids, mask in examples(model):
        (ours,) = session.run(None, dict(zip(NAMES, (ids, mask), strict=True)))
        worst = max(worst, apart(ours, theirs(model, ids, mask), mask))
    return within_bounds(worst, file)


def check_with_past(model: TinyGPTForCausalLM, file: Path) -> float:
    """The same, for texts that are read in three pieces, the first after an empty cache."""
    session = needed("onnxruntime", "onnx").InferenceSession(file)
    worst = 0.0
    for ids, mask in examples(model):
        past, pieces = empty_past(model, len(ids)), []
        ends = sorted({1, ids.shape[1] // 2, ids.shape[1]} - {0})
        for begin, end in zip([0, *ends], ends, strict=False):
            given = dict(zip(NAMES, (ids[:, begin:end], mask[:, :end]), strict=True))
            given |= dict(zip(past_names(model), past, strict=True))
            logits, *past = session.run(None, given)
            pieces.append(logits)
        ours = np.concatenate(pieces, axis=1)
        worst = max(worst, apart(ours, theirs(model, ids, mask), mask))
    return within_bounds(worst, file)


def apart(ours: np.ndarray, model: np.ndarray, mask: np.ndarray) -> float:
    seen = mask.astype(bool)
    return float(np.abs(ours - model)[seen].max() / max(1.0, np.abs(model[seen]).max()))


def within_bounds(worst: float, file: Path) -> float:
    if not worst <= TOLERANCE:  # also fails for NaN
        raise ExportError(f"{file.name}: ONNX Runtime's logits are {worst:.1e} from the model's")
    return worst
