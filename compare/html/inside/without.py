"""Take it away: the parts as switches, and odds and text before and after, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from compare.html.charts import mark, percent, visible
from compare.html.inside.names import chooses, part_name, quoted, token_buttons
from compare.html.panes import Side
from compare.values import Facts, Odds, Swapped, Without

_ROWS = 6


def switches(facts: Facts, parts: Sequence[str], off: Sequence[str], swaps: bool) -> str:
    """Every head, MLP and layer as a button that is pressed while it is off, or restored."""
    if not facts.layers:
        return "<p class='fine'>This model is one table. There is no part to take away.</p>"
    heads = max((int(p.split()[3]) + 1 for p in parts if " head " in p), default=0)
    kinds = [*(f"head {head}" for head in range(heads))]
    kinds += [kind for kind in ("mean", "mlp") if any(p.endswith(kind) for p in parts)]
    names = {"mlp": "MLP", "mean": "mean"}
    columns = "".join(
        f"<th scope='col'>{names.get(kind) or f'head {int(kind.split()[1]) + 1}'}</th>"
        for kind in kinds
    )
    rows = "".join(
        f"<tr><th scope='row'>layer {layer + 1}</th>"
        + "".join(_switch(f"block {layer} {kind}", off, swaps) for kind in kinds)
        + _switch(f"block {layer}", off, swaps)
        + "</tr>"
        for layer in range(facts.layers)
    )
    what = "Parts to restore" if swaps else "Parts to switch off"
    return (
        f"<div class='across' tabindex='0' role='region' aria-label='{what}'><table class='switches"
        f"{' swaps' if swaps else ''}'><caption>{what}</caption><thead><tr><td></td>{columns}"
        f"<th scope='col'>all of it</th></tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _switch(part: str, off: Sequence[str], swaps: bool) -> str:
    on = part in off
    left = [each for each in off if each != part] if on else [*off, part]
    word = ("as before" if swaps else "off") if on else "on"
    return (
        f"<td><button type='button' class='switch' aria-pressed='{str(on).lower()}' "
        f"{chooses(off=','.join(left))} aria-label='{part_name(part)}: {word}'>{word}</button></td>"
    )


def swap_row(tokens: list[str], at: int) -> str:
    """Which token is to be swapped."""
    return token_buttons(tokens, at, "swap_at", "The token to swap")


def removed(found: Without, side: Side) -> str:
    names = ", ".join(part_name(part) for part in found.parts)
    return _beside(
        [found.before, found.after],
        [found.text_before, found.text_after],
        ["As it is", f"Without {names}"],
        side,
    )


def exchanged(found: Swapped, side: Side) -> str:
    titles = ["As it is", f"{quoted(found.old)} swapped for {quoted(found.new)}"]
    if found.parts:
        names = ", ".join(part_name(part) for part in found.parts)
        titles.append(f"Swapped, but {names} as before")
    more = (
        "If the old answer comes back, the parts that were restored made the difference."
        if found.parts
        else "Now restore a part: it then does as it did for the prompt before the swap."
    )
    return _beside(found.odds, found.texts, titles, side) + f"<p class='fine'>{more}</p>"


def nothing_yet() -> str:
    return (
        "<p class='fine'>Press a part to switch it off. Nobody else sees a change: it is off for "
        "your answer only. Or type another token to swap one of the prompt.</p>"
    )


def _beside(odds: Sequence[Odds], texts: Sequence[str], titles: Sequence[str], side: Side) -> str:
    shares = [dict(each.entries) for each in odds]
    best = {
        token: max(share.get(token, 0.0) for share in shares)
        for each in odds
        for token, _ in each.entries[:_ROWS]
    }
    tokens = sorted(best, key=lambda token: -best[token])[:_ROWS]
    columns = "".join(
        _column(title, text, [(token, share.get(token, 0.0)) for token in tokens], side)
        for title, text, share in zip(titles, texts, shares, strict=True)
    )
    return f"<div class='versions'>{columns}</div>"


def _column(title: str, text: str, odds: list[tuple[str, float]], side: Side) -> str:
    rows = "".join(
        f"<tr><th scope='row'>{escape(visible(token))}</th><td><div class='bar {side}'>"
        f"<span class='track'><span class='fill' style='width:{max(share, 0.002):.2%}'></span>"
        f"</span><span class='figure'>{percent(share)}</span></div></td></tr>"
        for token, share in odds
    )
    title = title if title.startswith("“") else escape(title)
    return (
        f"<section><h4>{mark(side)}{title}</h4><p class='take' dir='auto'>"
        f"{escape(text) or '(nothing)'}</p><table class='odds'><caption class='unseen'>{title}"
        f"</caption><tbody>{rows}</tbody></table></section>"
    )
