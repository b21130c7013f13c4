"""Runs a model while recording or replacing its inner values, for the caller alone.

Other threads may use the same model at the same time: a watch acts only in the context that set it,
and is removed afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from .anatomy import Anatomy

Ids = Tensor | Sequence[int]


class Look(NamedTuple):
    """Something to do with the first tensor that goes into a module, or comes out of it."""

    module: nn.Module
    side: Literal["input", "output"]
    see: Callable[[Tensor], Tensor | None]  # a returned tensor replaces the one seen


_mine: ContextVar[frozenset[object]] = ContextVar("_mine", default=frozenset())


@contextmanager
def watched(looks: Iterable[Look]) -> Iterator[None]:
    me, handles = object(), []
    try:
        for look in looks:
            handles.append(_place(me, look))
        _mine.set(_mine.get() | {me})
        yield
    finally:
        _mine.set(_mine.get() - {me})
        for handle in handles:
            handle.remove()


def _place(me: object, look: Look) -> Any:
    def first(values: Any) -> Any:
        if me not in _mine.get():
            return None
        if isinstance(values, Tensor):
            return look.see(values)
        changed = look.see(values[0])
        return None if changed is None else (changed, *values[1:])

    if look.side == "input":
        return look.module.register_forward_pre_hook(lambda module, args: first(args))
    return look.module.register_forward_hook(lambda module, args, output: first(output))


def run(made: Anatomy, ids: Tensor, looks: Iterable[Look]) -> None:
    """One pass below the head."""
    with watched(looks):
        made.base(ids, use_cache=False)


def one_text(model: PreTrainedModel, input_ids: Ids) -> Tensor:
    """Ids as the model takes them, 1 T."""
    ids = torch.as_tensor(input_ids, device=model.device)
    ids = ids[None] if ids.ndim == 1 else ids
    if ids.ndim != 2 or ids.shape[0] != 1 or not ids.shape[1]:
        raise ValueError(f"input_ids has the shape {tuple(ids.shape)}; one text has (tokens,)")
    if ids.is_floating_point():
        raise ValueError(f"input_ids holds {ids.dtype}; ids are whole numbers")
    size = model.get_input_embeddings().weight.shape[0]
    wrong = ids[(ids < 0) | (ids >= size)]
    if len(wrong):
        raise ValueError(f"input_ids holds {int(wrong[0])}; the vocabulary has ids 0 to {size - 1}")
    return ids
