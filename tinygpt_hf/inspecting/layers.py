"""What each layer would say: its stream, read by the model's own norm and head (logit lens)."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from transformers import PreTrainedModel

from .anatomy import anatomy
from .watching import Ids, Look, one_text, run

SHOWN = 32  # positions that a page shows


@torch.no_grad()
def lens(model: PreTrainedModel, input_ids: Ids) -> Tensor:
    """Logits [blocks + 1, T, vocabulary]: of the stream before the first block and after each.

    The last row is the model's own answer. `guesses` holds one layer's logits at a time, for
    where the vocabulary is large.
    """
    return torch.stack(list(_layers(model, input_ids, slice(None))))


@torch.no_grad()
def guesses(
    model: PreTrainedModel, input_ids: Ids, last: int = SHOWN, count: int = 1
) -> tuple[Tensor, Tensor]:
    """Each layer's likeliest tokens at the last positions, and how likely it finds them.

    Both are [blocks + 1, last, count], or fewer where the text or the vocabulary is smaller.
    """
    if last < 1 or count < 1:
        raise ValueError(f"last is {last} and count is {count}; both must be at least 1")
    tokens, odds = [], []
    for logits in _layers(model, input_ids, slice(-last, None)):
        best = logits.topk(min(count, logits.shape[-1]))
        tokens.append(best.indices)
        odds.append((best.values - logits.logsumexp(-1, keepdim=True)).exp())
    return torch.stack(tokens), torch.stack(odds)


def _layers(model: PreTrainedModel, input_ids: Ids, where: slice) -> Iterator[Tensor]:
    """The logits of one layer after the other, at these positions."""
    made = anatomy(model)
    ids = one_text(model, input_ids)
    streams = [made.start(ids)[where]]

    def keep(stream: Tensor) -> None:
        streams.append(stream[0, where].clone())

    run(made, ids, [Look(block.module, "output", keep) for block in made.blocks])
    for stream in streams:
        yield made.head(made.norm(stream)).float()
