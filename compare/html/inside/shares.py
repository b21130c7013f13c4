"""Who caused this word: the score of a next token, split into what each part gave to it."""

from __future__ import annotations

from html import escape

from compare.html.charts import mark, percent, visible
from compare.html.inside.names import chooses, diverging, part_name, quoted
from compare.html.panes import Side
from compare.values import Shares

_PARTS = 10  # bars; the rest is summed


def share_bars(found: Shares, side: Side) -> str:
    """The parts that did most first, to either side of zero; what is left of them in one bar."""
    ranked = sorted(found.parts, key=lambda pair: -abs(pair[1]))
    rows = [_row(part, share, ranked) for part, share in ranked[:_PARTS]]
    if rest := ranked[_PARTS:]:
        left = sum(share for _, share in rest)
        rows.append(_line(f"{len(rest)} other parts", left, ranked, ""))
    against = "" if found.against is None else f" and not {quoted(found.against)}"
    return (
        f"<div class='{side} causes'>{_choices(found)}"
        f"<table class='shares'><caption>{mark(side)} Who caused {quoted(found.token)}{against}"
        f"</caption><tbody>{''.join(rows)}<tr class='sum'><th scope='row'>together</th><td></td>"
        f"<td class='figure'>{found.score:+.2f}</td><td></td></tr></tbody></table>"
        "<p class='fine'>The score of a word is a sum, and each part of the model adds to it or "
        "takes from it. Each norm's scale is held at its value for this prompt. Biases do not "
        "depend on the text and stand apart.</p></div>"
    )


def _choices(found: Shares) -> str:
    why = "".join(
        _chip(name, share, number == found.number, word=str(number))
        for number, name, share in found.likely
    )
    nothing = _chip("nothing", None, found.other is None, against="")
    other = nothing + "".join(
        _chip(name, None, number == found.other, against=str(number))
        for number, name, _ in found.likely
        if number != found.number
    )
    return (
        f"<p class='pick' role='group' aria-label='The word'><span>Why</span>{why}</p>"
        f"<p class='pick' role='group' aria-label='Compared with'><span>rather than</span>"
        f"{other}</p>"
    )


def _chip(name: str, share: float | None, on: bool, **values: str) -> str:
    odds = "" if share is None else f" <small>{percent(share)}</small>"
    return (
        f"<button type='button' class='tok' aria-pressed='{str(on).lower()}' {chooses(**values)}>"
        f"{escape(visible(name))}{odds}</button>"
    )


def _row(part: str, share: float, ranked: list[tuple[str, float]]) -> str:
    words = part.split()
    acts = ""
    if words[0] == "block":
        name = part_name(part)
        if "head" in words:
            at = chooses(layer=str(int(words[1]) + 1), head=str(int(words[3]) + 1), see="heat")
            acts += (
                f"<button type='button' class='act' {at} aria-label='Where does {name} look?'>"
                "look</button>"
            )
        acts += (
            f"<button type='button' class='act' {chooses(only=part, see='without')} "
            f"aria-label='Switch off {name}'>off</button>"
        )
    return _line(part_name(part), share, ranked, acts)


def _line(name: str, share: float, ranked: list[tuple[str, float]], acts: str) -> str:
    most = max((abs(each) for _, each in ranked), default=0.0)
    return (
        f"<tr><th scope='row'>{escape(name)}</th><td class='wide'>{diverging(share, most)}</td>"
        f"<td class='figure'>{share:+.2f}</td><td class='acts'>{acts}</td></tr>"
    )
