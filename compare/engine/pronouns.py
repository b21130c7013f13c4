"""Which head finds whom a pronoun means: two people, and a word that means one of them.

The sentences are of the world of `training.stories`, whose rule is the one of plain English: `he`
and `she` are told apart by who is which. Each pair is asked both ways round, so that a head that
always looks at the nearer name, or at the first, scores nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from transformers import PreTrainedModel

from compare.values import Pronoun, RefusedError
from tinygpt_hf import inspecting

_HE, _SHE = ("Otto", "Emil", "Leo"), ("Ada", "Clara", "Ida")
_SAID = "{one} met {other} at the mill. {who}"
EXAMPLE = "Ada met Otto at the mill. She"  # two candidates, for the page


def sentences() -> Iterator[tuple[str, str, str]]:
    """A text that ends with a pronoun, the name that it means, and the other name."""
    for he, she in zip(_HE, _SHE, strict=True):
        for one, other in ((he, she), (she, he)):
            for who, right, wrong in (("He", he, she), ("She", she, he)):
                yield _SAID.format(one=one, other=other, who=who), right, wrong


@torch.no_grad()
def best_head(
    model: PreTrainedModel, encode: Callable[[str], list[int]], name: Callable[[int], str]
) -> Pronoun | None:
    """The head that puts most of its weight on the right name and least on the wrong one; None if a
    name has one token a letter, or there are no heads."""
    try:
        asked = [(encode(text), right, wrong) for text, right, wrong in sentences()]
    except RefusedError:
        return None  # it cannot even read them
    if any(not _has_pieces(ids, right, name) for ids, right, _ in asked):
        return None
    found = []
    for ids, right, wrong in asked:
        row = inspecting.weights(model, ids, last=1)[:, :, 0]
        on = [row[..., slice(*_pieces(ids, who, name))].sum(-1) for who in (right, wrong)]
        found.append(on[0] - on[1])
    if not found[0].numel():
        return None
    each = torch.stack(found)  # sentences, blocks, heads
    scores = each.mean(0)
    block, head = divmod(int(scores.argmax()), scores.shape[1])
    times = int((each[:, block, head] > 0).sum())
    return Pronoun(block, head, float(scores.max()), times, len(found))


def _has_pieces(ids: list[int], who: str, name: Callable[[int], str]) -> bool:
    """Whether a name is in the text, in tokens longer than a letter."""
    if who not in "".join(map(name, ids)):
        return False
    first, end = _pieces(ids, who, name)
    return end - first < len(who)


def _pieces(ids: list[int], who: str, name: Callable[[int], str]) -> tuple[int, int]:
    """The first token of a name in the text, and the one after its last."""
    ends, text = [], ""
    for number in ids:
        text += name(number)
        ends.append(len(text))
    start = text.index(who)
    first = next(at for at, end in enumerate(ends) if end > start)
    last = next(at for at, end in enumerate(ends) if end >= start + len(who))
    return first, last + 1
