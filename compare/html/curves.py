"""How a training goes, as HTML and SVG: curves of losses, odds, what is written.

Everything from a text passes through `escape`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from compare.html.charts import percent, visible
from compare.html.terms import term

Points = Sequence[tuple[int, float]]
_MOST = 200  # points of a curve; more would not be seen
_WIDE, _HIGH = 1000, 400
_UNSEEN = "\N{REPLACEMENT CHARACTER}"  # for what cannot be printed


@dataclass(frozen=True)
class Curve:
    name: str
    points: Points
    kind: str = "main"  # the class that the style sheet draws: main, held, broken


def chart(curves: Sequence[Curve], steps: int, floor: float | None = None) -> str:
    """Losses over steps. Labels are HTML over the drawing, which may be stretched."""
    finite = [y for curve in curves for _, y in curve.points if math.isfinite(y)]
    top = _round_up(max(_high(finite), floor or 0.0, 0.1))
    lines = "".join(_line(curve, steps, top) for curve in curves)
    marks = _mark(top, top) + _mark(0, top)
    if floor is not None:
        lines += _level(floor, top)
        marks += _mark(floor, top, f"lowest possible {floor:.4f}")
    legend = "".join(
        f"<li class='{curve.kind}'>{escape(curve.name)}{_last(curve)}</li>" for curve in curves
    )
    return (
        f"<figure class='curve'><div class='plot'><svg viewBox='0 0 {_WIDE} {_HIGH}' "
        f"preserveAspectRatio='none' role='img' aria-label='{escape(_in_words(curves, floor))}'>"
        f"{lines}</svg>{marks}</div>"
        f"<figcaption><ul class='legend'>{legend}</ul>"
        f"<span class='fine'>{term('nats', f'loss in nats, over {steps:,} steps')}</span>"
        "</figcaption></figure>"
    )


def _high(values: Sequence[float]) -> float:
    """The top of the chart: a loss that leaps up leaves it."""
    return min(max(values), 3 * max(values[:5])) if values else 1.0


def _round_up(value: float) -> float:
    unit = 10 ** math.floor(math.log10(value))
    return next(n * unit for n in (1, 2, 3, 4, 5, 6, 8, 10) if n * unit >= value * 0.999)


def _line(curve: Curve, steps: int, top: float) -> str:
    places = " ".join(
        f"{_WIDE * step / max(steps, 1):.0f},{_HIGH * (1 - min(y, 1.2 * top) / top):.1f}"
        for step, y in _thinned(curve.points)
        if math.isfinite(y)
    )
    return f"<polyline class='{curve.kind}' points='{places}'/>"


def _thinned(points: Points) -> Points:
    """The mean of each few: of a noisy loss one sees where it goes."""
    every = -(-len(points) // _MOST)
    groups = [points[i : i + every] for i in range(0, len(points), every or 1)]
    return [(group[-1][0], sum(y for _, y in group) / len(group)) for group in groups]


def _level(value: float, top: float) -> str:
    y = _HIGH * (1 - value / top)
    return f"<line class='floor' x1='0' x2='{_WIDE}' y1='{y:.1f}' y2='{y:.1f}'/>"


def _mark(value: float, top: float, text: str = "") -> str:
    side = "right" if text else "left"
    return (
        f"<span class='tick {side}' style='bottom:{100 * value / top:.1f}%' aria-hidden='true'>"
        f"{text or f'{value:g}'}</span>"
    )


def _last(curve: Curve) -> str:
    return f" <b>{curve.points[-1][1]:.4f}</b>" if curve.points else ""


def _in_words(curves: Sequence[Curve], floor: float | None) -> str:
    parts = [
        f"{curve.name}: from {curve.points[0][1]:.2f} at step {curve.points[0][0]} "
        f"to {curve.points[-1][1]:.4f} at step {curve.points[-1][0]}"
        for curve in curves
        if curve.points
    ]
    if floor is not None:
        parts.append(f"lowest possible: {floor:.4f}")
    return "; ".join(parts) or "no loss yet"


def odds_bars(odds: Sequence[tuple[str, float]], after: str) -> str:
    """What may come next; letters stay in their places while the bars move."""
    shown = sorted(odds[:6])
    rows = "".join(
        f"<tr><th scope='row'>{escape(visible(letter))}</th><td><div class='bar left'>"
        f"<span class='track'><span class='fill' style='width:{max(share, 0.002):.2%}'></span>"
        f"</span><span class='figure'>{percent(share)}</span></div></td></tr>"
        for letter, share in shown
    )
    caption = f"<caption>After “{escape(after)}”</caption>"
    return f"<table class='odds'>{caption}<tbody>{rows}</tbody></table>"


def writing(prompt: str, text: str, title: str = "It writes") -> str:
    return f"<h4>{escape(title)}</h4>{written(prompt, text)}"


def written(prompt: str, text: str) -> str:
    """A text and how a model went on with it."""
    text = "".join(c if c.isprintable() or c in "\n\t" else _UNSEEN for c in text)
    return (
        "<p class='take written' dir='auto' tabindex='0'>"
        f"<span class='prompt'>{escape(prompt)}</span>{escape(text)}</p>"
    )


def say(sentence: str, kind: str = "", done: str = "") -> str:
    """One line about where things stand; read out only where it is the last word.

    `done` names what the visitor has just achieved, for the milestones of the guide.
    """
    role = " role='status'" if kind else ""
    mark = f" data-done='{done}'" if done else ""
    return f"<p class='state {kind}'{role}{mark}>{escape(sentence)}</p>" if sentence else ""


def progress(losses: Points, steps: int, seconds: float = 0.0) -> str:
    """How far it is after so many seconds, and how long the rest takes at that pace."""
    if not steps:
        return "Getting ready ..."
    step = losses[-1][0] if losses else 0
    left = seconds / step * (steps - step) if step else 0.0
    return f"Step {step:,} of {steps:,}{_left(left)}"


def _left(seconds: float) -> str:
    if seconds < 1:
        return ""
    if seconds < 100:
        return f", about {seconds:.0f} s left"
    return f", about {seconds / 60:.0f} min left"
