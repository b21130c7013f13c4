"""What can be read off a model without letting it write: odds, attention, the token map."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel

from compare.values import Attention, LogOdds, RefusedError
from tinygpt_hf import inspecting

ATTENTION_READS = 256  # tokens; every layer keeps a square of numbers a head
ATTENTION_SHOWS = 48
MOST_READ = 1536  # tokens read at once; longer prompts count by their end
_KEPT = 32  # prompts whose logits are remembered


class NextLogits:
    """The scores of the next token, remembered, so that a change of temperature costs no model."""

    def __init__(self, model: PreTrainedModel, window: int) -> None:
        self.model, self.window = model, window
        self._kept: OrderedDict[tuple[int, ...], np.ndarray] = OrderedDict()
        self.runs = 0

    def of(self, ids: list[int]) -> np.ndarray:
        key = tuple(ids[-self.window :])
        logits = self._kept.pop(key, None)
        if logits is None:
            logits = self.run(key)
        self._kept[key] = logits
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return logits

    @torch.inference_mode()
    def run(self, ids: tuple[int, ...]) -> np.ndarray:
        self.runs += 1
        output = self.model(torch.tensor([ids], device=self.model.device), logits_to_keep=1)
        return output.logits[0, -1].float().cpu().numpy()


def softmax(logits: np.ndarray, temperature: float) -> np.ndarray:
    scaled = logits.astype(np.float64) / temperature
    odds = np.exp(scaled - scaled.max())
    return odds / odds.sum()


@torch.inference_mode()
def log_odds(
    model: PreTrainedModel, ids: list[int], likeliest: int, name: Callable[[int], str]
) -> list[LogOdds]:
    """How likely each token of a text is after those before it; the first has none before it."""
    logits = model(torch.tensor([ids], device=model.device)).logits[0, :-1]
    odds = logits.float().log_softmax(-1)
    best = odds.topk(min(likeliest, odds.shape[-1]))
    read = [LogOdds(name(ids[0]), None, [])]
    for at, number in enumerate(ids[1:]):
        pairs = zip(best.indices[at].tolist(), best.values[at].tolist(), strict=True)
        named = [(name(other), value) for other, value in pairs]
        read.append(LogOdds(name(number), float(odds[at, number]), named))
    return read


def look(model: PreTrainedModel, ids: list[int], layer: int, head: int, window: int) -> Attention:
    """The weights of one head over the last tokens; the tokens' names are left to the caller."""
    config: Any = model.config.get_text_config()
    layers, heads = config.num_hidden_layers, config.num_attention_heads
    if not layers:
        raise RefusedError("This model has no attention to show: it looks at one token only.")
    if not 0 <= layer < layers or not 0 <= head < heads:
        raise RefusedError(f"It has layers 1 to {layers} and heads 1 to {heads}.")
    seen = inspecting.look(model, ids[-min(window, ATTENTION_READS) :], layer, head)
    shown = seen.weights[-ATTENTION_SHOWS:, -ATTENTION_SHOWS:].cpu()
    return Attention([], shown.tolist(), len(ids) - len(shown))


def plane(table: torch.Tensor) -> tuple[np.ndarray, float]:
    """The rows on their two principal axes, in -1 .. 1, and the share of the variance shown."""
    centred = table.float() - table.float().mean(0)
    values, axes = torch.linalg.eigh(centred.T @ centred)
    seen = centred @ axes[:, -2:].flip(1)
    # An axis has no sign of its own: fix it, so that a map drawn twice is the same map.
    seen = seen * seen[seen.abs().argmax(0), torch.arange(seen.shape[1])].sign()
    spread = seen.abs().max().clamp(min=1e-9)
    share = values[-2:].sum() / values.sum().clamp(min=1e-9)
    return (seen / spread).cpu().numpy(), float(share)


def neighbours(table: torch.Tensor, rows: list[int], count: int) -> list[list[tuple[int, float]]]:
    """For each row the most similar other rows, by cosine."""
    unit = torch.nn.functional.normalize(table.float(), dim=1)
    near = []
    for part in torch.tensor(rows).split(64):
        cosine = unit[part] @ unit.T
        cosine[torch.arange(len(part)), part] = -2
        best = cosine.topk(min(count, len(table) - 1))
        near += [
            list(zip(i.tolist(), v.tolist(), strict=True))
            for i, v in zip(best.indices, best.values, strict=True)
        ]
    return near
