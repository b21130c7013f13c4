"""The next token of every row, each with its own settings and its own source of chance.

What `generate` does with its logits processors and `torch.multinomial`, for a batch whose rows
differ: the same penalty, temperature, top-k, top-p and draw, in the same order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from compare.values import Sampling


@dataclass
class Chooser:
    """How one row chooses."""

    sampling: Sampling
    chance: torch.Generator
    seen: set[int]  # every token so far, for the repetition penalty


def choose(logits: Tensor, choosers: Sequence[Chooser]) -> list[int]:
    """B V logits in, B tokens out."""
    logits = _penalise(logits.float(), choosers)
    drawn = [row for row, chooser in enumerate(choosers) if not chooser.sampling.greedy]
    if len(drawn) == len(choosers):
        return _draw(logits, choosers)
    tokens = logits.argmax(-1).tolist()
    if drawn:
        for row, token in zip(
            drawn, _draw(logits[drawn], [choosers[r] for r in drawn]), strict=True
        ):
            tokens[row] = token
    return tokens


def _penalise(logits: Tensor, choosers: Sequence[Chooser]) -> Tensor:
    for row, chooser in enumerate(choosers):
        penalty = chooser.sampling.repetition_penalty
        if penalty != 1:
            seen = torch.tensor(list(chooser.seen), device=logits.device)
            score = logits[row, seen]
            logits[row, seen] = torch.where(score < 0, score * penalty, score / penalty)
    return logits


def _draw(logits: Tensor, choosers: Sequence[Chooser]) -> list[int]:
    settings = [chooser.sampling for chooser in choosers]
    logits = logits / logits.new_tensor([s.temperature for s in settings])[:, None]
    logits = _keep_top_k(logits, [s.top_k for s in settings])
    logits = _keep_top_p(logits, [s.top_p for s in settings])
    odds = logits.softmax(-1)
    # The largest of odds / exponential noise: a draw from the odds, and how `multinomial` does it.
    noise = torch.empty_like(odds)
    for row, chooser in enumerate(choosers):
        noise[row].exponential_(1, generator=chooser.chance)
    return (odds / noise).argmax(-1).tolist()


def _keep_top_k(logits: Tensor, tops: list[int]) -> Tensor:
    vocabulary = logits.shape[-1]
    kept = [min(k, vocabulary) if k else vocabulary for k in tops]
    active = [k for k in kept if k < vocabulary]
    if not active:
        return logits
    best = logits.topk(max(active)).values
    # Where top-k is off, nothing lies below the threshold.
    rows = torch.arange(len(kept), device=logits.device)
    column = torch.tensor([k - 1 if k < vocabulary else 0 for k in kept], device=logits.device)
    threshold = best[rows, column]
    off = torch.tensor([k == vocabulary for k in kept], device=logits.device)
    threshold = threshold.masked_fill(off, -torch.inf)
    return logits.masked_fill(logits < threshold[:, None], -torch.inf)


def _keep_top_p(logits: Tensor, tops: list[float]) -> Tensor:
    rows = [row for row, p in enumerate(tops) if p < 1]
    if not rows:
        return logits
    part = logits[rows]
    ascending, order = part.sort(descending=False)
    below = (
        ascending.softmax(-1).cumsum(-1) <= 1 - part.new_tensor([tops[r] for r in rows])[:, None]
    )
    below[:, -1] = False  # the likeliest always stays
    dropped = torch.zeros_like(below).scatter(1, order, below)
    logits = logits.clone()
    logits[rows] = part.masked_fill(dropped, -torch.inf)
    return logits
