"""The next token of every row, each with its own settings and its own random source.

What `generate` does with its logits processors and `torch.multinomial`, for a batch whose rows
differ: the same penalty, temperature, top-k, top-p and draw, in the same order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from compare.values import Sampling


@dataclass(eq=False)
class Chooser:
    """How one row chooses."""

    sampling: Sampling
    chance: torch.Generator
    seen: set[int] | None  # every token so far, where it counts: for the repetition penalty


class Crowd:
    """The settings of rows that choose together, as tensors: made once, for many steps."""

    def __init__(self, choosers: Sequence[Chooser], vocabulary: int, device) -> None:
        self.choosers = list(choosers)
        settings = [chooser.sampling for chooser in choosers]
        self.penalised = [r for r, s in enumerate(settings) if s.repetition_penalty != 1]
        self.drawn = [r for r, s in enumerate(settings) if not s.greedy]
        drawn = [settings[row] for row in self.drawn]
        self.chances = [choosers[row].chance for row in self.drawn]
        self.temperature = torch.tensor([s.temperature for s in drawn], device=device)[:, None]
        # Where top-k is off, all are kept.
        kept = [min(s.top_k, vocabulary) if s.top_k else vocabulary for s in drawn]
        self.most_kept = max((k for k in kept if k < vocabulary), default=0)
        self.kept = torch.tensor(kept, device=device)
        self.cut = [row for row, s in enumerate(drawn) if s.top_p < 1]
        self.share = torch.tensor([drawn[row].top_p for row in self.cut], device=device)[:, None]


def choose(logits: Tensor, crowd: Crowd) -> list[int]:
    """B V logits in, B tokens out."""
    logits = _penalise(logits.float(), crowd)
    if len(crowd.drawn) == len(crowd.choosers):
        return _draw(logits, crowd)
    tokens = logits.argmax(-1).tolist()
    if crowd.drawn:
        for row, token in zip(crowd.drawn, _draw(logits[crowd.drawn], crowd), strict=True):
            tokens[row] = token
    return tokens


def _penalise(logits: Tensor, crowd: Crowd) -> Tensor:
    for row in crowd.penalised:
        chooser = crowd.choosers[row]
        penalty = chooser.sampling.repetition_penalty
        seen = torch.tensor(list(chooser.seen or ()), device=logits.device)
        score = logits[row, seen]
        logits[row, seen] = torch.where(score < 0, score * penalty, score / penalty)
    return logits


def _draw(logits: Tensor, crowd: Crowd) -> list[int]:
    logits = logits / crowd.temperature
    # The largest of odds / exponential noise: a draw from the odds, and how `multinomial` does it.
    if crowd.cut:
        logits = _keep_top_p(_keep_top_k(logits, crowd), crowd)
    noise = _noise(logits, crowd)
    lots = logits.softmax(-1).div_(noise)
    if crowd.cut or not crowd.most_kept:
        return lots.argmax(-1).tolist()
    return _first_within(lots, logits, crowd.kept).tolist()


def _first_within(lots: Tensor, logits: Tensor, kept: Tensor) -> Tensor:
    """The largest lot of each row among its `kept` likeliest tokens.

    Finding the k likeliest of every row takes longer than all else here. So the largest lot of all
    is taken and those before it are counted; if they are too many, everything from it down is
    excluded, and the next one is looked at. Usually one or two looks are enough.
    """
    chosen = lots.argmax(-1)
    rows = torch.arange(len(lots), device=lots.device)  # still to be decided
    while True:
        best = chosen[rows, None]
        of_best = logits.gather(1, best)
        outside = (logits > of_best).sum(-1) >= kept
        if not outside.any():
            return chosen
        rows, logits, kept = rows[outside], logits[outside], kept[outside]
        lots = lots[outside].masked_fill_(logits <= of_best[outside], -1.0)
        chosen[rows] = lots.argmax(-1)


def _keep_top_k(logits: Tensor, crowd: Crowd) -> Tensor:
    if not crowd.most_kept:
        return logits
    best = logits.topk(crowd.most_kept).values
    kept = crowd.kept[:, None]
    threshold = best.gather(1, (kept - 1).clamp(max=crowd.most_kept - 1))
    threshold = threshold.masked_fill(kept == logits.shape[-1], -torch.inf)
    return logits.masked_fill_(logits < threshold, -torch.inf)


def _keep_top_p(logits: Tensor, crowd: Crowd) -> Tensor:
    if not crowd.cut:
        return logits
    part = logits[crowd.cut]
    ascending, order = part.sort(descending=False)
    below = ascending.softmax(-1).cumsum(-1) <= 1 - crowd.share
    below[:, -1] = False  # the likeliest always stays
    dropped = torch.zeros_like(below).scatter(1, order, below)
    logits[crowd.cut] = part.masked_fill(dropped, -torch.inf)
    return logits


def _noise(like: Tensor, crowd: Crowd) -> Tensor:
    """A row of exponential noise from each source: the numbers of `exponential_`."""
    if like.device.type == "cpu" and _by_logarithm():
        uniform = torch.empty(like.shape, dtype=torch.double)
        for row, chance in zip(uniform.unbind(), crowd.chances, strict=True):
            row.uniform_(generator=chance)
        return uniform.neg_().log1p_().neg_().to(like.dtype)
    noise = torch.empty_like(like)
    for row, chance in zip(noise.unbind(), crowd.chances, strict=True):
        row.exponential_(1, generator=chance)
    return noise


@cache
def _by_logarithm() -> bool:
    """Whether `exponential_` is -log(1 - u) of the numbers that `uniform_` draws, as in torch's
    builds for Linux: then all rows take their logarithm together, in less than half the time."""
    ours, theirs = (torch.Generator().manual_seed(0) for _ in range(2))
    uniform = torch.empty(99, dtype=torch.double).uniform_(generator=ours)
    noise = torch.empty(99).exponential_(1, generator=theirs)
    same_state = torch.equal(ours.get_state(), theirs.get_state())
    return same_state and torch.equal(-torch.log1p(-uniform).float(), noise)
