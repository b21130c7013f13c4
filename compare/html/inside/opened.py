"""One part of the path, opened: what it raised, and how it came to it, in figures."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import exp

from compare.html.charts import percent, visible
from compare.html.inside.names import chooses, diverging, part_name, quoted, strip
from compare.html.panes import Side
from compare.values import HeadLine, HeadSteps, Opened, Weighed


def opened_part(told: Opened, side: Side) -> str:
    body = ""
    if told.scores:
        body = _softmax(told)
    if told.vector:
        body = (
            "<p>The embedding is the row of a table: a list of numbers for this token, the same "
            f"wherever it stands. Its first {len(told.vector)}:</p>{strip(told.vector)}"
        )
    if told.part == "position":
        body = "<p>A list of numbers that says where in the text the token stands.</p>"
    if told.heads:
        body = _heads(told.heads, told.head) + (_worked(told.head) if told.head else "")
    if told.neurons:
        body = (
            f"<p>The MLP works on this token alone. It has {told.neurons:,} neurons. For this "
            f"token {told.active:,} of them are above zero, and each of those adds its own "
            "direction to the vector.</p>"
        )
    if told.reach:
        body = (
            "<p>There is no query and no key here. All tokens in reach weigh the same: each of "
            f"the {told.reach} gets {percent(1 / told.reach)}. So their order is lost.</p>"
        )
    return f"<div class='inner {side}'>{body}{_raised(told)}</div>"


def _raised(told: Opened) -> str:
    if not told.up:
        return ""
    most = max(abs(push) for _, push in [*told.up, *told.down]) or 1.0

    def rows(pushes: Sequence[tuple[str, float]]) -> str:
        return "".join(
            f"<li><b>{escape(visible(token))}</b>{diverging(push, most)}<small>{push:+.2f}</small>"
            "</li>"
            for token, push in pushes[:5]
        )

    who = part_name(told.part)
    return (
        f"<div class='raised'><div><h5>Words that {who} makes likelier</h5><ol>{rows(told.up)}</ol>"
        f"</div><div><h5>and less likely</h5><ol>{rows(told.down)}</ol></div></div>"
    )


def _heads(lines: Sequence[HeadLine], chosen: HeadSteps | None) -> str:
    if chosen is None:
        return ""
    most = max(abs(line.share) for line in lines)
    items = "".join(
        f"<li><button type='button' class='head' "
        f"aria-pressed='{str(line.head == chosen.head).lower()}' "
        f"{chooses(part=f'block {chosen.layer} head {line.head}')}>"
        f"<b>head {line.head + 1}</b>{diverging(line.share, most)}"
        f"<small>looks at {quoted(line.looks_at)} {line.weight:.0%}</small></button></li>"
        for line in lines
    )
    return (
        "<p>Each head looks back in its own way. The bars say how much each gave to the "
        f"likeliest next word. Tap a head to open it.</p><ol class='heads'>{items}</ol>"
    )


def _worked(head: HeadSteps) -> str:
    """The steps of softmax(QKᵀ/√d + bias)·V for one token."""
    best = max(head.rows, key=lambda row: row.weight)
    bias = best.bias is not None
    added = best.score + (best.bias or 0.0)
    plus = f" For its distance {best.bias:+.2f} is added: {added:.2f}." if bias else ""
    rest = (
        f"<tr><th scope='row'>{head.others} others</th><td></td>{'<td></td>' * bias}<td></td>"
        f"<td class='figure'>{percent(head.rest)}</td></tr>"
        if head.others
        else ""
    )
    rows = "".join(_weighed(row, head.highest, row is best) for row in head.rows)
    return (
        f"<h5>Head {head.head + 1}, step by step</h5>"
        "<ol class='steps'>"
        f"<li><p>{quoted(head.asks)} asks with its <b>query</b>. {quoted(head.most)} answers with "
        f"its <b>key</b>.</p>{strip(head.query)}{strip(head.key)}</li>"
        f"<li><p>Query times key, number by number, summed and divided by √{head.width}: "
        f"<b>{best.score:.2f}</b>.{plus} The same for each token in reach.</p></li>"
        "<li><p><b>Softmax</b>: the highest of these is taken off, e is raised to the power of "
        "what is left, and each is divided by the sum of all.</p>"
        "<table class='weighed'><thead><tr><th scope='col'>token</th><th scope='col'>score</th>"
        f"{'<th scope=col>+ bias</th>' if bias else ''}<th scope='col'>e to the power</th>"
        f"<th scope='col'>weight</th></tr></thead><tbody>{rows}{rest}</tbody></table></li>"
        f"<li><p>Each token hands over its <b>value</b>, by its weight. Of {quoted(head.most)} "
        f"alone, then of all together:</p>{strip(head.value)}{strip(head.mixed)}</li></ol>"
    )


def _weighed(row: Weighed, highest: float, best: bool) -> str:
    added = row.score + (row.bias or 0.0)
    bias = "" if row.bias is None else f"<td>{row.bias:+.2f}</td>"
    return (
        f"<tr class='{'best' if best else ''}'><th scope='row'>{escape(visible(row.token))}</th>"
        f"<td>{row.score:.2f}</td>{bias}<td>{exp(added - highest):.3f}</td>"
        f"<td class='figure'><span class='track'><span class='fill' "
        f"style='width:{row.weight:.1%}'></span></span>{percent(row.weight)}</td></tr>"
    )


def _softmax(told: Opened) -> str:
    highest = told.scores[0][1]
    heat = told.temperature
    rows = "".join(
        f"<tr><th scope='row'>{escape(visible(token))}</th><td>{score:.2f}</td>"
        f"<td>{score / heat:.2f}</td><td>{exp((score - highest) / heat):.3f}</td>"
        f"<td class='figure'><span class='track'><span class='fill' style='width:{share:.1%}'>"
        f"</span></span>{percent(share)}</td></tr>"
        for token, score, share in told.scores
    )
    return (
        "<p>The last vector is compared with the row of every token in the head of the model. "
        "That gives a score each. Softmax turns the scores into odds that add up to one.</p>"
        "<table class='weighed'><thead><tr><th scope='col'>token</th><th scope='col'>score</th>"
        f"<th scope='col'>/ temperature {heat:g}</th><th scope='col'>e to the power</th>"
        f"<th scope='col'>odds</th></tr></thead><tbody>{rows}</tbody></table>"
    )
