"""Runs a model without a part, or with its output for another text (ablation and patching)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from .anatomy import Anatomy, anatomy
from .watching import Ids, Look, one_text, run, watched

_NAME = re.compile(r"block (\d+)(?: (mlp|mean|head (\d+)))?")


@dataclass(frozen=True)
class _Site:
    """Where a part's output is: a slice of a module's input or output."""

    module: nn.Module
    side: Literal["input", "output"]
    numbers: slice

    def replaced(self, value: Tensor | float) -> Look:
        def see(found: Tensor) -> Tensor:
            changed = found.clone()
            changed[..., self.numbers] = value
            return changed

        return Look(self.module, self.side, see)


@contextmanager
def without(model: PreTrainedModel, names: Iterable[str]) -> Iterator[PreTrainedModel]:
    """The model while the named parts write nothing: a head's slice of the output projection's
    input is zero, an MLP or a mean returns zeros, and for a block both hold.

    Only in this thread: other users of the model see no change. Afterwards nothing is left.
    """
    sites = _sites(anatomy(model), names)
    with watched([site.replaced(0.0) for site in sites]):
        yield model


@torch.no_grad()
def patch(model: PreTrainedModel, input_ids: Ids, other_ids: Ids, parts: Iterable[str]) -> Tensor:
    """The logits [T, vocabulary] of `input_ids` when the named parts write, at every position, what
    they write for `other_ids`; the texts have the same number of tokens.

    If `input_ids` is `other_ids` with one token changed, a part that brings the old answer back
    made the difference.
    """
    made = anatomy(model)
    ids, others = one_text(model, input_ids), one_text(model, other_ids)
    if ids.shape != others.shape:
        raise ValueError(
            f"input_ids has {ids.shape[1]} tokens and other_ids has {others.shape[1]}; "
            "they must have the same number"
        )
    sites = _sites(made, parts)
    found: dict[int, Tensor] = {}
    run(made, others, [_kept(site, number, found) for number, site in enumerate(sites)])
    with watched([site.replaced(found[number]) for number, site in enumerate(sites)]):
        return model(ids, use_cache=False).logits[0].float()


def _kept(site: _Site, number: int, found: dict[int, Tensor]) -> Look:
    def see(value: Tensor) -> None:
        found[number] = value[..., site.numbers].clone()

    return Look(site.module, site.side, see)


def _sites(made: Anatomy, names: Iterable[str]) -> list[_Site]:
    if isinstance(names, str):
        raise ValueError(f"the parts are {names!r}; give a list of names")
    return [site for name in names for site in _sites_of(made, name)]


def _sites_of(made: Anatomy, name: str) -> list[_Site]:
    match = _NAME.fullmatch(name)
    if match is None:
        raise ValueError(
            f"{name!r} is not a part; parts are called 'block 0', 'block 0 head 1' or 'block 0 mlp'"
        )
    number, what, head = int(match[1]), match[2], match[3]
    if number >= len(made.blocks):
        there = f"0 to {len(made.blocks) - 1}" if made.blocks else "none"
        raise ValueError(f"there is no {name!r}: the model's blocks are {there}")
    block = made.blocks[number]
    attention = _Site(block.attn, "output", slice(None))
    mlp = [] if block.mlp is None else [_Site(block.mlp, "output", slice(None))]
    if what is None:
        return [attention, *mlp]
    if what == "mlp" and mlp:
        return mlp
    if what == "mean" and block.out is None:
        return [attention]
    if head is not None and block.out is not None and int(head) < made.heads:
        first = int(head) * made.head_dim
        return [_Site(block.out, "input", slice(first, first + made.head_dim))]
    mixer = "mean" if block.out is None else f"head 0 to head {made.heads - 1}"
    known = f"{mixer} and mlp" if mlp else mixer
    raise ValueError(f"there is no {name!r}: block {number} has {known}")
