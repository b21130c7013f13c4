"""How a head decides where to look: softmax(QKᵀ/√d + bias)·V, step by step; and what heads do.

Computed from the queries, keys and values of a forward pass, so that it does not matter which
attention kernel the model uses.

Shapes in comments: T tokens, H heads, G groups of heads that share keys and values, D width of a
head.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedModel

from tinygpt_hf.modeling_tinygpt import rotate

from .anatomy import Anatomy, Block, anatomy
from .watching import Ids, Look, one_text, run


@dataclass(frozen=True)
class Head:
    """One head over a text; a row is the token that looks."""

    query: Tensor  # T D, after the rotation where positions rotate
    key: Tensor  # T D, likewise
    value: Tensor  # T D
    scores: Tensor  # T T, QKᵀ/√d
    bias: Tensor | None  # T T, added for the distance
    weights: Tensor  # T T, their softmax over what is in reach
    mixed: Tensor  # T D, the values by these weights: what goes into the output projection


@torch.no_grad()
def look(model: PreTrainedModel, input_ids: Ids, block: int, head: int) -> Head:
    """Every step of one head; both count from 0."""
    made = anatomy(model)
    check(made, block, head)
    read: list[Tensor] = []
    run(made, one_text(model, input_ids), _reading(made.blocks[block], read))
    return _head(made, made.blocks[block], read, head)


@torch.no_grad()
def weights(model: PreTrainedModel, input_ids: Ids, last: int | None = None) -> Tensor:
    """Where every head looks: [blocks, heads, T, T], or with the rows of the last tokens only.

    One block after the other, as the model runs, so that no more than one is held."""
    made = anatomy(model)
    ids = one_text(model, input_ids)
    length = ids.shape[1]
    if last is not None and last < 1:
        raise ValueError(f"last is {last}; it must be at least 1")
    first = 0 if last is None else max(0, length - last)
    found: list[Tensor] = []
    looks = []
    for block in made.blocks:
        read: list[Tensor] = []

        def weigh(value: Tensor, block: Block = block, read: list[Tensor] = read) -> None:
            heads = [_head(made, block, read, head, first) for head in range(made.heads)]
            found.append(torch.stack([each.weights for each in heads]))
            read.clear()

        looks += [*_reading(block, read), Look(block.attn, "output", weigh)]
    run(made, ids, looks)
    if not found:
        return torch.zeros(0, made.heads, length - first, length, device=model.device)
    return torch.stack(found)


def check(made: Anatomy, block: int, head: int) -> None:
    if not made.blocks:
        raise ValueError("the model has no block, and so no attention")
    if not 0 <= block < len(made.blocks):
        raise ValueError(f"block is {block}; the model has 0 to {len(made.blocks) - 1}")
    if not 0 <= head < made.heads:
        raise ValueError(f"head is {head}; a block has 0 to {made.heads - 1}")


def _reading(block: Block, into: list[Tensor]) -> list[Look]:
    """Keeps the outputs of the block's readers; for a mean, the input that is averaged."""

    def keep(value: Tensor) -> None:
        into.append(value[0].float())

    if block.readers:
        return [Look(module, "output", keep) for module in block.readers]
    return [Look(block.attn, "input", keep)]


def _head(made: Anatomy, block: Block, read: list[Tensor], head: int, first: int = 0) -> Head:
    """The rows from `first` on."""
    query, key, value = _split(made, block, read, head)
    length = len(query)
    rotation = made.rotations(length)
    if rotation is not None:
        query, key = rotate(query, *rotation), rotate(key, *rotation)
    query = query[first:]
    scores = query @ key.T * block.scaling
    here = torch.arange(length, device=query.device)
    distance = here[first:, None] - here  # T T
    unseen = distance < 0
    if made.reach is not None:
        unseen |= distance >= made.reach
    bias = None
    if block.bias is not None:
        table = block.bias[:, head].float()
        bias = table[distance.clamp(0, len(table) - 1)].masked_fill(unseen, 0.0)
    added = scores if bias is None else scores + bias
    weights = added.masked_fill(unseen, -torch.inf).softmax(-1)
    return Head(query, key, value, scores, bias, weights, weights @ value)


def _split(made: Anatomy, block: Block, read: list[Tensor], head: int) -> tuple[Tensor, ...]:
    """This head's queries, keys and values, T D."""
    if not block.readers:
        return torch.zeros_like(read[0]), read[0], read[0]
    sizes = [count * made.head_dim for count in (made.heads, made.groups, made.groups)]
    group = head * made.groups // made.heads
    three = torch.cat(read, dim=-1).split(sizes, dim=-1)
    cut = [
        x.view(len(x), -1, made.head_dim)[:, number]
        for x, number in zip(three, (head, group, group), strict=True)
    ]
    return tuple(cut)


# What heads do


def previous_scores(weights: Tensor) -> Tensor:
    """How much of its weight each head gives to the token before: [blocks, heads], 0 to 1."""
    return weights.diagonal(-1, -2, -1).mean(-1)


def induction_scores(weights: Tensor, length: int) -> Tensor:
    """How much of its weight each head gives, in the second of two equal texts of `length` tokens,
    to what followed the same token the first time: [blocks, heads], 0 to 1.

    `weights` are those of a text that ends with the two, of random tokens, so that nothing else
    says what comes next.
    """
    tokens = weights.shape[-1]
    if not 1 < length <= tokens // 2:
        raise ValueError(
            f"length is {length}; a text of {tokens} tokens ends with two equal ones of 2 to "
            f"{tokens // 2}"
        )
    followed = weights.diagonal(1 - length, -2, -1)  # from each token, what is length - 1 back
    return followed[..., -length:].mean(-1)
