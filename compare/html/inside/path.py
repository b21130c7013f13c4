"""The path of a token: one picture from the text to the odds, each part of which can be opened."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from compare.html.charts import mark, percent, visible
from compare.html.inside.names import (
    chooses,
    diverging,
    part_name,
    quoted,
    strip,
    token_buttons,
    unseen,
)
from compare.html.inside.opened import opened_part
from compare.html.panes import Side
from compare.values import Opened, Path, Step

_WORDS = 4


def path_picture(way: Path, side: Side, opened: Opened | str | None = None) -> str:
    """A stop for each part: how much it wrote, which words that helped, and what would come next
    if the model ended there. `opened` stands under its stop; a sentence if it cannot be."""
    next_ = way.next[:_WORDS]
    most = max((abs(v) for step in way.steps for v in step.towards[:_WORDS]), default=0.0)
    longest = max((step.length for step in way.steps), default=0.0) or 1.0
    columns = "".join(
        f"<th scope='col' class='{'more' if i else ''}'>{quoted(token)}</th>"
        for i, (token, _) in enumerate(next_)
    )
    rows = "".join(
        _stop(step, longest, most, len(next_), _is_open(step.part, opened))
        + _below(step.part, opened, side, len(next_))
        for step in way.steps
    )
    return (
        f"<figure class='way {side}'>"
        f"{token_buttons(way.tokens, way.at, 'back', 'The token whose path is shown')}"
        f"<p class='fine'>{mark(side)} The path of {quoted(way.token)}, token number "
        f"{way.number:,} of the vocabulary. Tap another token to follow that one."
        f"{unseen(way.unseen)}</p>"
        f"<table><caption class='unseen'>The path of {quoted(way.token)}</caption>"
        "<thead><tr><th scope='col'>part</th><th scope='col' class='wrote'>how much it writes"
        "</th><th scope='col' class='vector'>the vector now</th>"
        f"{columns}<th scope='col'>it would now say</th></tr></thead>"
        f"<tbody>{rows}{_end(way, next_, opened, side)}</tbody></table>"
        "<p class='fine'>The vector starts as the embedding of the token. Each part adds what it "
        "found. The bars show which next words that helped or hurt. Tap a part to open it.</p>"
        "</figure>"
    )


def _is_open(part: str, opened: Opened | str | None) -> bool:
    return isinstance(opened, Opened) and _place(opened.part) == part


def _place(part: str) -> str:
    """The stop at which a part is found: a head is in the attention of its layer."""
    words = part.split()
    heads = len(words) == 4 or words[2:] == ["mean"]
    return f"block {words[1]} attention" if heads else part


def _stop(step: Step, longest: float, most: float, count: int, is_open: bool) -> str:
    pushes = "".join(
        f"<td class='{'more' if i else ''}'>{diverging(share, most)}"
        f"<small>{share:+.1f}</small></td>"
        for i, share in enumerate(step.towards[:count])
    )
    kind = step.part.split()[-1]
    return (
        f"<tr class='stop {kind}{' open' if is_open else ''}'><th scope='row'>"
        f"{_opener(step.part, part_name(step.part), is_open)}</th>"
        f"<td class='wrote'><span class='track'><span class='fill' "
        f"style='width:{step.length / longest:.1%}'></span></span>"
        f"<small>{step.length:.1f}</small></td>"
        f"<td class='vector'>{strip(step.vector)}</td>{pushes}"
        f"<td class='says'><b>{escape(visible(step.guess))}</b> <small>{percent(step.sure)}</small>"
        "</td></tr>"
    )


def _opener(part: str, name: str, is_open: bool) -> str:
    return (
        f"<button type='button' aria-expanded='{str(is_open).lower()}' "
        f"{chooses(part='' if is_open else part)}><span class='dot' aria-hidden='true'></span>"
        f"{escape(name)}</button>"
    )


def _below(part: str, opened: Opened | str | None, side: Side, count: int) -> str:
    if not isinstance(opened, Opened) or _place(opened.part) != part:
        return ""
    return f"<tr class='opened'><td colspan='{count + 4}'>{opened_part(opened, side)}</td></tr>"


def _end(
    way: Path, next_: Sequence[tuple[str, float]], opened: Opened | str | None, side: Side
) -> str:
    """The odds, at the end of the way."""
    cells = "".join(
        f"<td class='odd {'more' if i else ''}'><span class='track'><span class='fill' "
        f"style='width:{share:.1%}'></span></span><b>{percent(share)}</b></td>"
        for i, (_, share) in enumerate(next_)
    )
    is_open = _is_open("odds", opened)
    best, share = next_[0]
    problem = (
        f"<p class='problem' role='status'>{escape(opened)}</p>"
        if opened and isinstance(opened, str)
        else ""
    )
    told = f"<tr class='opened'><td colspan='{len(next_) + 4}'>{problem}</td></tr>"
    return (
        f"<tr class='stop end{' open' if is_open else ''}'><th scope='row'>"
        f"{_opener('odds', 'softmax: the odds', is_open)}</th><td class='wrote'></td>"
        f"<td class='vector'></td>{cells}"
        f"<td class='says'><b>{escape(visible(best))}</b> <small>{percent(share)}</small></td></tr>"
        f"{_below('odds', opened, side, len(next_))}{told if problem else ''}"
    )
