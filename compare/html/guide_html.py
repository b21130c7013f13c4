"""The guide as HTML: ideas with their tries, code and notes; milestones; two charts."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from html import escape
from itertools import groupby
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

from compare.html import guide
from compare.html.guide import Idea, inline
from compare.html.stories import held
from compare.html.strip import link
from compare.values import short

CHARTS = {"coherence": held.figure}  # what an idea shows below its text, where it is measured
SCALING = Path(__file__).parents[1] / "recorded" / "scaling.json"


class Milestone(NamedTuple):
    text: str
    where: str  # what on the page, as a selector, shows that it is reached; or the guide knows
    asks: dict[str, str]  # where to go for it, as a link of the guide says it
    says: str = ""  # what must stand there


MILESTONES = {
    "ideas": Milestone("Try all the ideas of the first part", "", {}),
    "tokenizer": Milestone(
        "Build a tokenizer: train on a text of your own",
        "[data-done='tokenizer']",
        {"tab": "train", "lesson": "own"},
    ),
    "mask": Milestone(
        "See what the causal mask is for: train without it",
        "[data-done='mask']",
        {"tab": "train", "lesson": "break", "broken": "future"},
    ),
    "model": Milestone(
        "Train a first model until it knows its text",
        "[data-done='model']",
        {"tab": "train", "lesson": "live", "system": "hello"},
    ),
    "text": Milestone("Let a model write", ".pane.left .figures", {"tab": "compare"}, "tokens/s"),
    "chat": Milestone(
        "Hold a chat of three turns", "[data-done='chat']", {"tab": "chat", "model": "chat"}
    ),
}
# Runs when the page opens: what has been done is noted in the visitor's own browser.
WATCH = (
    f"const milestones = {json.dumps({name: one._asdict() for name, one in MILESTONES.items()})};"
)
WATCH += """
const KEY = "tinygpt-guide";
const read = () => {
    try {
        return JSON.parse(localStorage.getItem(KEY)) ?? {};
    } catch {
        return {};
    }
};
const look = () => {
    waits = false;
    const kept = read();
    kept.done ??= {};
    for (const [name, {where, says}] of Object.entries(milestones)) {
        if (!where || kept.done[name]) continue;
        if (!document.querySelector(where)?.textContent.includes(says)) continue;
        kept.done[name] = new Date().toISOString();
        localStorage.setItem(KEY, JSON.stringify(kept));
        window.dispatchEvent(new Event("guide"));
    }
};
let waits = false;
new MutationObserver(() => {
    if (waits) return;
    waits = true;
    setTimeout(look, 200);
}).observe(document.body, {subtree: true, childList: true});
"""


def guide_html() -> str:
    parts = "".join(
        f"<h3>{escape(part)}</h3>{''.join(map(_idea, ideas))}"
        for part, ideas in groupby(guide.ideas(), key=lambda idea: idea.part)
    )
    return (
        f"<section class='milestones'><h3>Milestones</h3><ul>{_milestones()}</ul>"
        "<p class='fine'>They tick themselves. Ticks and notes stay in this browser. "
        "<button type='button' class='plain' data-export>Export them</button></p></section>"
        f"{parts}"
    )


def _milestones() -> str:
    return "".join(
        f"<li data-milestone='{name}'><span class='tick' aria-hidden='true'></span>"
        f"<span class='what'>{_go(one)}</span><span class='unseen'></span></li>"
        for name, one in MILESTONES.items()
    )


def _go(milestone: Milestone) -> str:
    if not milestone.asks:
        return escape(milestone.text)
    where = escape("?" + urlencode(milestone.asks))
    return f"<a data-go href='{where}'>{milestone.text}</a>"


def _idea(idea: Idea) -> str:
    line, code = guide.source(idea.path, idea.symbol)
    links = [link(attempt, idea) for attempt in idea.tries]
    chart = CHARTS.get(idea.slug, str)()
    return (
        f"<details class='idea' id='idea-{idea.slug}' data-idea='{idea.slug}' "
        f"data-number='{idea.number}'><summary><b>{idea.number}</b> {escape(idea.title)}</summary>"
        f"<p>{inline(idea.text)}</p><p class='try'>{inline(idea.hint).format(*links)}</p>{chart}"
        f"<details class='code'><summary>In the code: <code>{escape(idea.symbol)}</code>, "
        f"{escape(idea.path)} line {line}</summary>"
        f"<pre tabindex='0' aria-label='{escape(idea.symbol)}'>{escape(code)}</pre></details>"
        f"<label class='note'>Your notes<textarea data-note='{idea.slug}' rows='2'></textarea>"
        "</label></details>"
    )


# Charts


def cost_html(measured: Sequence[tuple[int, float, float]]) -> str:
    most = max(attention for _, attention, _ in measured)
    rows = "".join(
        f"<tr><th scope='row'>{length:,}</th><td><div class='bar left'><span class='track'>"
        f"<span class='fill' style='width:{attention / most:.2%}'></span></span>"
        f"<span class='figure'>{1000 * attention:.2f} ms</span></div></td>"
        f"<td class='beside'>{1000 * mlp:.2f} ms</td></tr>"
        for length, attention, mlp in measured
    )
    (first, one, _), (last, other, _) = measured[0], measured[-1]
    return (
        "<table class='odds cost'><caption>One layer over so many tokens</caption><thead><tr>"
        "<th scope='col'>tokens</th><th scope='col'>attention</th><th scope='col'>MLP</th></tr>"
        f"</thead><tbody>{rows}</tbody></table><p class='fine'>{last // first} times the tokens "
        f"took {other / one:.0f} times as long, just now on this machine. The MLP looks at each "
        "token alone, so it only grows with their number.</p>"
    )


def scaling_html() -> str:
    """Each size that was trained as a point: parameters to the right, loss upwards."""
    rows = _scaling()
    if len(rows) < 2:
        command = "<code>python -m benchmarks.scaling --data FILE --write</code>"
        return f"<p class='state'>Not measured here yet: {command} does.</p>"
    sizes, losses = [row["parameters"] for row in rows], [row["val_loss"] for row in rows]
    across = _between(6, 94, [math.log(size) for size in sizes])
    up = _between(10, 82, losses)
    line = " ".join(f"{10 * x:.0f},{400 - 4 * y:.0f}" for x, y in zip(across, up, strict=True))
    dots = "".join(
        f"<span class='dot' style='left:{x:.1f}%;bottom:{y:.1f}%'><b>{loss:.3f}</b></span>"
        f"<span class='below' style='left:{x:.1f}%'>{short(size)}</span>"
        for x, y, size, loss in zip(across, up, sizes, losses, strict=True)
    )
    words = "; ".join(f"{n:,} parameters: {y:.3f}" for n, y in zip(sizes, losses, strict=True))
    return (
        "<figure class='curve scaling'><div class='plot'><svg viewBox='0 0 1000 400' "
        f"preserveAspectRatio='none' role='img' aria-label='Loss by size. {words}'>"
        f"<polyline class='main' points='{line}'/></svg><div aria-hidden='true'>{dots}</div></div>"
        f"<figcaption class='fine'>Validation loss over parameters. {_steps(rows)}</figcaption>"
        "</figure>"
    )


def _steps(rows: list[dict[str, float]]) -> str:
    def step(one: dict[str, float], other: dict[str, float]) -> str:
        times = other["parameters"] / one["parameters"]
        return f"{times:.1f} times the parameters, {one['val_loss'] - other['val_loss']:.3f} off"

    return (
        f"Each of these models read the same {rows[0]['tokens'] / 1e6:.1f} million letters. The "
        f"first step: {step(rows[0], rows[1])} the loss. The last: {step(rows[-2], rows[-1])}."
    )


def _between(low: float, high: float, values: Sequence[float]) -> list[float]:
    least, most = min(values), max(values)
    return [low + (high - low) * (value - least) / ((most - least) or 1) for value in values]


def _scaling() -> list[dict[str, float]]:
    """What `benchmarks.scaling` measured, smallest first."""
    if not SCALING.exists():
        return []
    rows = json.loads(SCALING.read_text(encoding="utf-8"))
    return sorted(rows, key=lambda row: row["parameters"])
