"""From odds to causes: what each layer would say, which part did it, and what happens without it.

`tinygpt_hf.inspecting` computes; this module turns the results into plain values with the tokens'
names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from compare.values import (
    HeadLine,
    HeadSteps,
    Layers,
    Opened,
    RefusedError,
    Shares,
    Step,
    Weighed,
    Without,
)
from tinygpt_hf import inspecting

SHOWS = 32  # positions
_GUESSES = 5
_MOST_SWITCHED = 64
_ROWS = 8  # tokens that a head is shown to look at, and tokens that a part raises
_SEEN = 0.0005  # least weight for which a token gets a row
_STRIP = 24  # numbers shown with each step of a path
_VECTOR = 64  # numbers of a vector that are shown

Name = Callable[[int], str]


def heads_of(model: PreTrainedModel) -> int:
    """How many heads a layer has; none if all tokens weigh the same."""
    config: Any = model.config.get_text_config()
    mean = getattr(config, "mixer", "") == "mean"
    return 0 if mean or not config.num_hidden_layers else int(config.num_attention_heads)


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


def looks(model: PreTrainedModel, ids: list[int]) -> list[list[list[list[float]]]]:
    """Where every head looks, from and to the last tokens."""
    found = inspecting.weights(model, ids, last=SHOWS)[..., -SHOWS:]
    return [[head.tolist() for head in block] for block in found.cpu()]


def words(tokens: Sequence[str]) -> list[int]:
    """The number of each token's word: a space or a sign begins a new one."""
    numbers: list[int] = []
    before = ""
    for token in tokens:
        starts = not numbers or _kind(token[:1]) != _kind(before[-1:])
        starts = starts or (token[:1].isspace() and not before.isspace())
        if before.isspace() and not token[:1].isspace():
            starts = False  # a space belongs to the word after it
        numbers.append(0 if not numbers else numbers[-1] + starts)
        before = token
    return numbers


def _kind(letter: str) -> str:
    if letter.isspace():
        return "space"
    return "word" if letter.isalnum() or letter in "'\u2019\\" else "sign"


def steps(model: PreTrainedModel, ids: list[int], tokens: list[int], name: Name) -> list[Step]:
    return [
        Step(
            each.part,
            each.length,
            each.stream,
            each.towards,
            each.vector[:_STRIP],
            name(each.guess),
            each.sure,
        )
        for each in inspecting.path(model, ids, -1, tokens)
    ]


def shares(
    model: PreTrainedModel,
    ids: list[int],
    token: int,
    against: int | None,
    name: Name,
    likely: list[tuple[int, str, float]],
) -> Shares:
    found = inspecting.parts(model, ids, -1, token)
    if against is not None:
        others = inspecting.parts(model, ids, -1, against)
        found = {part: share - others[part] for part, share in found.items()}
    other = None if against is None else name(against)
    return Shares(
        name(token), other, sum(found.values()), list(found.items()), token, against, likely
    )


@torch.no_grad()
def opened(model: PreTrainedModel, ids: list[int], part: str, likeliest: int, name: Name) -> Opened:
    """One part of the way: what it wrote, what that raised, and how it came to it."""
    named = part.split()
    place = f"block {named[1]} attention" if "head" in named and len(named) > 1 else part
    try:
        pushed = inspecting.pushes(model, ids, -1, part)
    except ValueError as error:
        raise RefusedError(f"{error}.") from None
    down = [(token, -push) for token, push in _highest(-pushed, name)]
    told = Opened(part, _highest(pushed, name), down)
    if place == "embedding":
        row = model.get_input_embeddings().weight[ids[-1]]
        return replace(told, vector=row[:_VECTOR].float().tolist())
    if named[0] != "block":
        return told
    block = int(named[1])
    if named[2:] == ["mlp"]:
        active = inspecting.neurons(model, ids, -1, block)
        return replace(told, neurons=len(active), active=int((active > 0).sum()))
    if not heads_of(model):
        return replace(told, reach=_in_view(model, len(ids)))
    lines = _lines(model, ids, block, likeliest, name)
    chosen = int(named[3]) if len(named) == 4 else max(lines, key=lambda line: abs(line.share)).head
    return replace(told, heads=lines, head=_steps(model, ids, block, chosen, name))


def _highest(pushed: Tensor, name: Name) -> list[tuple[str, float]]:
    """The tokens that got most, except single bytes, which cannot be read."""
    best = pushed.topk(min(8 * _ROWS, len(pushed)))
    pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
    named = [(name(number), push) for number, push in pairs]
    legible = [pair for pair in named if pair[0] and "\\x" not in pair[0]]
    return (legible or named)[:_ROWS]


def _in_view(model: PreTrainedModel, tokens: int) -> int:
    config: Any = model.config.get_text_config()
    return min(tokens, int(config.max_position_embeddings))


def _lines(
    model: PreTrainedModel, ids: list[int], block: int, likeliest: int, name: Name
) -> list[HeadLine]:
    given = inspecting.parts(model, ids, -1, likeliest)
    weights = inspecting.weights(model, ids, last=1)[block, :, 0]
    lines = []
    for head, row in enumerate(weights):
        at = int(row.argmax())
        share = given[f"block {block} head {head}"]
        lines.append(HeadLine(head, share, name(ids[at]), float(row[at])))
    return lines


def _steps(model: PreTrainedModel, ids: list[int], block: int, head: int, name: Name) -> HeadSteps:
    seen = inspecting.look(model, ids, block, head)
    weights, scores = seen.weights[-1], seen.scores[-1]
    bias = None if seen.bias is None else seen.bias[-1]
    added = scores if bias is None else scores + bias
    reach = weights > 0  # what is out of reach has no weight at all
    highest = float(added[reach].max())
    best = weights.topk(min(_ROWS, int(reach.sum()))).indices.tolist()
    shown = sorted(at for rank, at in enumerate(best) if rank < 2 or weights[at] >= _SEEN)
    rows = [
        Weighed(
            name(ids[at]),
            float(scores[at]),
            None if bias is None else float(bias[at]),
            float(weights[at]),
        )
        for at in shown
    ]
    most = int(weights.argmax())

    def some(vector: Tensor) -> list[float]:
        return vector[:_VECTOR].tolist()

    return HeadSteps(
        block,
        head,
        seen.query.shape[-1],
        name(ids[-1]),
        rows,
        int(reach.sum()) - len(rows),
        max(0.0, 1.0 - sum(row.weight for row in rows)),
        highest,
        some(seen.query[-1]),
        some(seen.key[most]),
        some(seen.value[most]),
        some(seen.mixed[-1]),
        name(ids[most]),
    )


def named_parts(parts: Sequence[str]) -> list[str]:
    if isinstance(parts, str) or not all(isinstance(part, str) for part in parts):
        raise RefusedError('parts must be a list of names, such as ["block 0 head 1"].')
    if not 0 < len(parts) <= _MOST_SWITCHED:
        raise RefusedError(f"Name 1 to {_MOST_SWITCHED} parts; there are {len(parts)}.")
    return list(parts)


def without(
    model: PreTrainedModel,
    parts: Sequence[str],
    odds: Callable[[], Any],
    write: Callable[[], str],
) -> Without:
    """What the two functions answer with the model as it is, and with the parts switched off."""
    names = named_parts(parts)
    before, text_before = odds(), write()
    try:
        with inspecting.without(model, names):
            return Without(names, before, odds(), text_before, write())
    except ValueError as error:
        raise RefusedError(f"{error}.") from None


@torch.no_grad()
def write(model: PreTrainedModel, ids: list[int], tokens: int) -> list[int]:
    """The likeliest continuation."""
    asked = torch.tensor([ids], device=model.device)
    mask = torch.ones_like(asked)
    out: Any = model.generate(asked, attention_mask=mask, max_new_tokens=tokens, do_sample=False)
    return out[0, len(ids) :].tolist()


@torch.no_grad()
def continued(
    model: PreTrainedModel, ids: list[int], others: list[int], parts: list[str], tokens: int
) -> tuple[np.ndarray, list[int]]:
    """The scores after a text and its likeliest continuation, while `parts` write what they would
    in the other text, continued in the same way."""
    if not parts:
        asked = torch.tensor([ids], device=model.device)
        logits = model(asked, logits_to_keep=1).logits[0, -1]
        return logits.float().cpu().numpy(), write(model, ids, tokens)
    ends = model.generation_config.eos_token_id
    stop = set(ends if isinstance(ends, list) else [ends])
    first: Tensor | None = None
    written: list[int] = []
    for _ in range(tokens):
        try:
            logits = inspecting.patch(model, ids + written, others + written, parts)[-1]
        except ValueError as error:
            raise RefusedError(f"{error}.") from None
        first = logits if first is None else first
        written.append(int(logits.argmax()))
        if written[-1] in stop:
            break
    assert first is not None
    return first.cpu().numpy(), written
