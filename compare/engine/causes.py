"""From odds to causes, in plain values: what each layer would say, which part did it, and the odds
and the text without it. What is worked out is in `tinygpt_hf.inspecting`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from transformers import PreTrainedModel

from compare.values import Layers, RefusedError, Shares, Without
from tinygpt_hf import inspecting

SHOWS = 32  # positions
_GUESSES = 5
_MOST_SWITCHED = 64

Name = Callable[[int], str]


def layers(model: PreTrainedModel, ids: list[int], name: Name) -> Layers:
    found, odds = inspecting.guesses(model, ids, SHOWS, _GUESSES)
    guesses = [
        [
            [(name(token), share) for token, share in zip(*each, strict=True)]
            for each in zip(*layer, strict=True)
        ]
        for layer in zip(found.tolist(), odds.tolist(), strict=True)
    ]
    shown = ids[-SHOWS:]
    return Layers([name(token) for token in shown], guesses, len(ids) - len(shown))


def shares(
    model: PreTrainedModel, ids: list[int], token: int | None, against: int | None, name: Name
) -> Shares:
    """For the likeliest next token, if none is named."""
    if token is None:
        token = int(inspecting.guesses(model, ids, 1)[0][-1, 0, 0])
    found = inspecting.parts(model, ids, -1, token)
    if against is not None:
        others = inspecting.parts(model, ids, -1, against)
        found = {part: share - others[part] for part, share in found.items()}
    other = None if against is None else name(against)
    return Shares(name(token), other, sum(found.values()), list(found.items()))


def without(
    model: PreTrainedModel,
    parts: Sequence[str],
    odds: Callable[[], Any],
    write: Callable[[], str],
) -> Without:
    """What the two functions answer with the model as it is, and with the parts switched off."""
    if isinstance(parts, str) or not all(isinstance(part, str) for part in parts):
        raise RefusedError('parts must be a list of names, such as ["block 0 head 1"].')
    if not 0 < len(parts) <= _MOST_SWITCHED:
        raise RefusedError(f"Name 1 to {_MOST_SWITCHED} parts; there are {len(parts)}.")
    before, text_before = odds(), write()
    try:
        with inspecting.without(model, parts):
            return Without(list(parts), before, odds(), text_before, write())
    except ValueError as error:
        raise RefusedError(f"{error}.") from None


@torch.no_grad()
def write(model: PreTrainedModel, ids: list[int], tokens: int) -> list[int]:
    """The likeliest continuation."""
    asked = torch.tensor([ids], device=model.device)
    mask = torch.ones_like(asked)
    out: Any = model.generate(  # type: ignore[operator]
        asked, attention_mask=mask, max_new_tokens=tokens, do_sample=False
    )
    return out[0, len(ids) :].tolist()
