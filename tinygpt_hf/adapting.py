"""Learning while reading: a model that adapts to a text while it is scored on it.

    score_adapting(model, tokenizer, text)   -> Adapted(score, plain)

The text is read in pieces. The model first predicts a piece from the tokens before it in the
window, then learns from it: one step along its gradient, with each entry divided by its usual size.
So a prediction depends on the text before it and never on what follows. `plain` is the score over
the same windows without any step; the gain is measured against it.

The given model is not changed: a copy learns and is then discarded. The method is from Mikolov et
al. (2010) and Krause et al. (2018, "Dynamic evaluation").
"""

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from .scoring import LONGEST_WINDOW, Score, scored, window_of

PIECE = 64  # tokens that are predicted, and then learned from
RATE = 1e-4  # learning rate of each step; chosen on the first half of a held-out text
REMEMBERED = 0.99  # decay, per piece, of the running mean square of each gradient entry
LARGEST = (
    20_000_000  # parameters: the copy, its gradient and their mean square take 4 times 4 bytes
)


@dataclass(frozen=True)
class Adapted:
    score: Score
    plain: Score  # on the same pieces and windows, without adapting

    @property
    def gain(self) -> float:
        """The share of bits that adapting saves; below 0 where it costs some."""
        return 1 - self.score.bits_per_byte / self.plain.bits_per_byte


def score_adapting(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    text: str,
    *,
    rate: float = RATE,
    window: int | None = None,
    progress: Callable[[int], object] = lambda tokens: None,
) -> Adapted:
    """`progress` counts each token twice: it is predicted with and without adapting."""
    if model.num_parameters() > LARGEST:
        raise ValueError(
            f"the model has {model.num_parameters():,} parameters; learning while reading takes at "
            f"most {LARGEST:,}"
        )

    def read(rate: float) -> Score:
        def surprise(ids: list[int]) -> list[float]:
            return surprise_adapting(model, ids, rate, window, progress)

        return scored(model, tokenizer, text, surprise)

    return Adapted(score=read(rate), plain=read(0.0))


def surprise_adapting(
    model: PreTrainedModel,
    ids: list[int],
    rate: float,
    window: int | None = None,
    progress: Callable[[int], object] = lambda tokens: None,
) -> list[float]:
    """Bits of every token but the first."""
    window = min(window or LONGEST_WINDOW, window_of(model))
    learner = Learner(model, rate) if rate else None
    reader = model if learner is None else learner.model
    bits: list[float] = []
    for row, new in pieces(ids, min(PIECE, window), window):
        text = torch.tensor([row], device=model.device)
        with torch.set_grad_enabled(learner is not None):
            logits = reader(input_ids=text[:, :-1], use_cache=False).logits[0, -new:].float()
            nats = nn.functional.cross_entropy(logits, text[0, -new:], reduction="none")
        bits += (nats.detach() / math.log(2)).tolist()
        if learner is not None:
            learner.step(nats.mean())
        progress(new)
    return bits


def pieces(ids: list[int], piece: int, window: int) -> Iterator[tuple[list[int], int]]:
    """Rows of a window and the token after it, and how many tokens at the end of each are new."""
    for done in range(1, len(ids), piece):
        end = min(len(ids), done + piece)
        yield ids[max(0, end - 1 - window) : end], end - done


class Learner:
    """A copy of a model that takes a step after each piece."""

    def __init__(self, model: PreTrainedModel, rate: float) -> None:
        self.model, self.rate = copy.deepcopy(model).eval(), rate
        self.model.requires_grad_(True)
        self.weights = list(self.model.parameters())
        self.squares = [torch.zeros_like(weight) for weight in self.weights]
        self.steps = 0

    def step(self, loss: torch.Tensor) -> None:
        gradients = torch.autograd.grad(loss, self.weights, allow_unused=True)
        self.steps += 1
        seen = 1 - REMEMBERED**self.steps  # corrects the running mean, which begins at zero
        with torch.no_grad():
            for weight, square, gradient in zip(self.weights, self.squares, gradients, strict=True):
                if gradient is None:
                    continue
                square.lerp_(gradient.square(), 1 - REMEMBERED)
                weight.addcdiv_(gradient, (square / seen).sqrt_().add_(1e-8), value=-self.rate)
