"""From odds to causes as pictures: what layers would say, who gave the score, the way, the heads.

Everything from a text or a vocabulary passes through `escape`.
"""

from __future__ import annotations

from html import escape

from compare.html.charts import mark, percent, visible
from compare.html.panes import Side
from compare.values import Heads, Layers, Path, Shares

_PARTS = 12  # bars; the rest is summed


def layer_name(number: int) -> str:
    return f"after layer {number}" if number else "before layer 1"


def part_name(part: str) -> str:
    """As people count: `block 0 head 1` is layer 1, head 2."""
    words = part.split()
    if words[0] != "block":
        return part
    head = [f"head {int(words[3]) + 1}"] if len(words) == 4 else [w.upper() for w in words[2:]]
    head = ["attention" if word == "ATTENTION" else word.replace("MEAN", "mean") for word in head]
    return ", ".join([f"layer {int(words[1]) + 1}", *head])


def lens_grid(seen: Layers, side: Side) -> str:
    """A row for each layer, the last on top; in each square its first guess, darker if surer."""
    columns = "".join(f"<th scope='col'>{escape(visible(token))}</th>" for token in seen.tokens)
    rows = "".join(
        f"<tr><th scope='row'>{layer_name(number)}</th>{''.join(map(_guess, guesses))}</tr>"
        for number, guesses in reversed(list(enumerate(seen.guesses)))
    )
    hidden = f" {seen.unseen:,} earlier tokens are not shown." if seen.unseen else ""
    return (
        f"<div class='lens {side}' tabindex='0' role='region' aria-label='What each layer says'>"
        f"<table><caption>{mark(side)}What each layer would say next, if it had the last word. "
        f"The row on top is the model's own answer.{hidden}</caption>"
        f"<thead><tr><td></td>{columns}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _guess(guesses: list[tuple[str, float]]) -> str:
    token, share = guesses[0]
    others = ", ".join(f"“{visible(name)}” {percent(odds)}" for name, odds in guesses)
    return (
        f"<td style='--sure:{share:.2f}' title='{escape(others, quote=True)}'>"
        f"<b>{escape(visible(token))}</b> <small>{percent(share)}</small></td>"
    )


def share_bars(found: Shares, side: Side) -> str:
    """The parts that did most first, to either side of zero; what is left of them in one bar."""
    ranked = sorted(found.parts, key=lambda pair: -abs(pair[1]))
    shown, rest = ranked[:_PARTS], ranked[_PARTS:]
    rows = [(part_name(part), share) for part, share in shown]
    if rest:
        rows.append((f"{len(rest)} other parts", sum(share for _, share in rest)))
    most = max((abs(share) for _, share in rows), default=0.0) or 1.0
    token = f"“{escape(visible(found.token))}”"
    against = "" if found.against is None else f" and not “{escape(visible(found.against))}”"
    bars = "".join(_share(name, share, most) for name, share in rows)
    return (
        f"<table class='shares {side}'><caption>{mark(side)}Who caused {token}{against}: what each "
        f"part gave to its score of {found.score:.2f}. The bars add up to it; the norms are held "
        f"at their scale for this text.</caption><tbody>{bars}</tbody></table>"
    )


def _share(name: str, share: float, most: float) -> str:
    start = 50 if share >= 0 else 50 - 50 * abs(share) / most
    return (
        f"<tr><th scope='row'>{escape(name)}</th><td><span class='track'><span class='fill' "
        f"style='margin-left:{start:.1f}%;width:{50 * abs(share) / most:.1f}%'></span></span></td>"
        f"<td class='figure'>{share:+.2f}</td></tr>"
    )


def path_picture(way: Path, side: Side) -> str:
    """Step after step: how much was written, and how far it led towards each likely next token."""
    longest = max((step.length for step in way.steps), default=0.0) or 1.0
    columns = "".join(
        f"<th scope='col'>“{escape(visible(token))}” <small>{percent(odds)}</small></th>"
        for token, odds in way.next
    )
    rows = "".join(
        f"<tr><th scope='row'>{escape(part_name(step.part))}</th>"
        f"<td><span class='track'><span class='fill' style='width:{step.length / longest:.1%}'>"
        f"</span></span> {step.length:.1f}</td><td>{step.stream:.1f}</td>"
        f"{''.join(f'<td>{share:+.2f}</td>' for share in step.towards)}</tr>"
        for step in way.steps
    )
    return (
        f"<div class='way {side}' tabindex='0' role='region' aria-label='The path of a token'>"
        f"<table><caption>{mark(side)}The path of “{escape(visible(way.token))}” through the "
        f"model, from its embedding to the odds of the next token.</caption><thead><tr><td></td>"
        f"<th scope='col'>written</th><th scope='col'>vector</th>{columns}</tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
    )


def head_gallery(seen: Heads, side: Side) -> str:
    """Every head as a small triangle: a row for each layer, a column for each head."""
    count = len(seen.weights[0]) if seen.weights else 0
    columns = "".join(f"<th scope='col'>head {head + 1}</th>" for head in range(count))
    rows = "".join(
        f"<tr><th scope='row'>layer {layer + 1}</th>"
        + "".join(f"<td>{_small(layer, head, seen)}</td>" for head in range(count))
        + "</tr>"
        for layer in range(len(seen.weights))
    )
    hidden = f" {seen.unseen:,} earlier tokens are not shown." if seen.unseen else ""
    return (
        f"<div class='gallery {side}' tabindex='0' role='region' aria-label='All heads'>"
        f"<table><caption>{mark(side)}Where each head looks: a row is a token that looks, a column "
        f"one that is looked at.{hidden}</caption><thead><tr><td></td>{columns}</tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
    )


def _small(layer: int, head: int, seen: Heads) -> str:
    weights, names = seen.weights[layer][head], [visible(token) for token in seen.tokens]
    size = len(names)
    cells = "".join(
        f"<rect x='{x}' y='{y}' width='1' height='1' fill-opacity='{weight:.2f}'/>"
        for y, row in enumerate(weights)
        for x, weight in enumerate(row[: y + 1])
        if weight >= 0.05
    )
    strongest = max(range(size), key=lambda x: weights[-1][x])
    label = (
        f"Layer {layer + 1}, head {head + 1}: the last token, “{names[-1]}”, looks most at "
        f"“{names[strongest]}”, {percent(weights[-1][strongest])}"
    )
    return (
        f"<svg class='small' viewBox='0 0 {size} {size}' role='img' data-layer='{layer}' "
        f"data-head='{head}' aria-label='{escape(label, quote=True)}'>"
        f"<path class='grid' d='M0 0V{size}H{size}Z'/>{cells}</svg>"
    )
