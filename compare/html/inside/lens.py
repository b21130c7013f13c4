"""What each layer would say: a grid of positions and layers."""

from __future__ import annotations

import json
from html import escape

from compare.html.charts import mark, percent, visible
from compare.html.inside.names import chooses, layer_name, quoted, unseen
from compare.html.panes import Side
from compare.values import Layers


def lens_grid(seen: Layers, side: Side, at: int | None = None) -> str:
    """A row for each layer, the last on top; in each square its first guess, darker if surer.

    What then really came has a frame. `at` is the token that the visitor has chosen."""
    last = len(seen.tokens) - 1
    at = last if at is None else at
    columns = "".join(
        f"<th scope='col'{_chosen(i, at)}><button type='button' "
        f"aria-pressed='{str(i == at).lower()}' {chooses(back=last - i)}>"
        f"{escape(visible(token))}</button></th>"
        for i, token in enumerate(seen.tokens)
    )
    rows = "".join(
        f"<tr><th scope='row'>{layer_name(number)}</th>"
        + "".join(_guess(each, i, at, seen.tokens) for i, each in enumerate(guesses))
        + "</tr>"
        for number, guesses in reversed(list(enumerate(seen.guesses)))
    )
    return (
        f"<figure class='lens {side}'><div class='across' tabindex='0' role='region' "
        f"aria-label='What each layer would say next'><table><caption class='unseen'>What each "
        f"layer would say next</caption><thead><tr><th scope='row'>after the token</th>{columns}"
        f"</tr></thead><tbody>{rows}</tbody></table></div>"
        f"<figcaption aria-live='polite'>{mark(side)} {_told(seen, at)}</figcaption>"
        "<p class='fine'>Each square is the first guess of one layer, if that layer had the last "
        "word. Darker means surer. A frame means that the guess came true. The row on top is the "
        f"model's own answer. Tap a square for its other guesses.{unseen(seen.unseen)}</p></figure>"
    )


def _chosen(i: int, at: int) -> str:
    return " class='chosen'" if i == at else ""


def _guess(guesses: list[tuple[str, float]], i: int, at: int, tokens: list[str]) -> str:
    token, share = guesses[0]
    true = i + 1 < len(tokens) and tokens[i + 1] == token
    kinds = " ".join(word for word, yes in (("true", true), ("chosen", i == at)) if yes)
    named = [[visible(name), percent(odds)] for name, odds in guesses]
    return (
        f"<td style='--sure:{share:.2f}' class='{kinds}' "
        f"data-guesses='{escape(json.dumps(named), quote=True)}'>"
        f"<b>{escape(visible(token))}</b><small>{share:.0%}</small></td>"
    )


def _told(seen: Layers, at: int) -> str:
    """The chosen column in words: when the answer was there."""
    column = [guesses[at][0] for guesses in seen.guesses]
    answer, share = column[-1]
    first = next(i for i in range(len(column)) if all(name == answer for name, _ in column[i:]))
    when = "already before layer 1" if first == 0 else f"from layer {first} on"
    if len(column) == 1:
        return f"After {quoted(seen.tokens[at])} it says {quoted(answer)}, {percent(share)}."
    return (
        f"After {quoted(seen.tokens[at])} it says {quoted(answer)}, {percent(share)}. That is its "
        f"first guess {when}."
    )
