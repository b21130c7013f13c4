"""The guide as HTML: ideas with their tries, code and notes; milestones; two charts."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from html import escape
from pathlib import Path

from . import guide
from .guide import Idea, Try

SCALING = Path(__file__).parents[1] / "docs" / "scaling.json"
# What ticks a milestone: the guide itself, or something on the page that this selector finds.
MILESTONES = {
    "ideas": ("Try all nineteen ideas", ""),
    "tokenizer": ("Build a tokenizer: train on a text of your own", "[data-done='tokenizer']"),
    "mask": ("See what the causal mask is for: train without it", "[data-done='mask']"),
    "model": ("Train a first model until it knows its text", "[data-done='model']"),
    "text": ("Let a model write", ".pane.left .caret"),
    "chat": ("Hold a chat of three turns", "[data-done='chat']"),
}
# Runs when the page opens: what has been done is noted in the visitor's own browser.
WATCH = f"const done = {json.dumps({name: find for name, (_, find) in MILESTONES.items()})};"
WATCH += """
const read = () => JSON.parse(localStorage.getItem("tinygpt-guide") ?? "{}");
let soon = 0;
new MutationObserver(() => {
    clearTimeout(soon);
    soon = setTimeout(() => {
        const kept = read();
        kept.done ??= {};
        for (const [name, selector] of Object.entries(done))
            if (!kept.done[name] && selector && document.querySelector(selector)) {
                kept.done[name] = new Date().toISOString();
                localStorage.setItem("tinygpt-guide", JSON.stringify(kept));
                window.dispatchEvent(new Event("guide"));
            }
    }, 300);
}).observe(document.body, {subtree: true, childList: true});
"""


def guide_html() -> str:
    ideas = guide.ideas()
    first = "".join(_idea(idea) for idea in ideas[: guide.NINETEEN])
    more = "".join(_idea(idea) for idea in ideas[guide.NINETEEN :])
    return (
        f"<section class='milestones'><h3>Milestones</h3><ul>{_milestones()}</ul>"
        "<p class='fine'>They tick themselves. Ticks and notes stay in this browser. "
        "<button type='button' class='plain' data-export>Export them</button></p></section>"
        f"<h3>Nineteen ideas</h3>{first}<h3>Six more that carry the nineteen</h3>{more}"
    )


def _milestones() -> str:
    return "".join(
        f"<li data-milestone='{name}'><span class='tick' aria-hidden='true'></span>"
        f"<span>{escape(text)}</span><span class='unseen'></span></li>"
        for name, (text, _) in MILESTONES.items()
    )


def _idea(idea: Idea) -> str:
    line, code = guide.source(idea.path, idea.symbol)
    buttons = [_button(attempt) for attempt in idea.tries]
    return (
        f"<details class='idea' id='idea-{idea.slug}' data-idea='{idea.slug}' "
        f"data-number='{idea.number}'><summary><b>{idea.number}</b> {escape(idea.title)}</summary>"
        f"<p>{inline(idea.text)}</p><p class='try'>{inline(idea.hint).format(*buttons)}</p>"
        f"<details class='code'><summary>In the code: <code>{escape(idea.symbol)}</code>, "
        f"{escape(idea.path)} line {line}</summary>"
        f"<pre tabindex='0' aria-label='{escape(idea.symbol)}'>{escape(code)}</pre></details>"
        f"<label class='note'>Your notes<textarea data-note='{idea.slug}' rows='2'></textarea>"
        "</label></details>"
    )


def _button(attempt: Try) -> str:
    asks, label = escape(json.dumps(attempt.asks)), escape(attempt.label)
    return f"<button type='button' class='attempt' data-asks='{asks}'>{label}</button>"


def inline(markdown: str) -> str:
    """The little Markdown that the guide uses: emphasis and code."""
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(markdown, quote=False))
    return re.sub(r"\*([^*]+)\*", r"<em>\1</em>", text)


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
    points = _scaling()
    if not points:
        return "<p class='state'>Not measured here yet: `python -m benchmarks.scaling` does.</p>"
    sizes = [math.log10(size) for size, _ in points]
    losses = [loss for _, loss in points]
    low, high = min(losses), max(losses)

    def place(size: float, loss: float) -> tuple[float, float]:
        across = (size - sizes[0]) / max(sizes[-1] - sizes[0], 1e-9)
        return 40 + 900 * across, 360 - 300 * (loss - low) / max(high - low, 1e-9)

    dots = [place(math.log10(size), loss) for size, loss in points]
    line = " ".join(f"{x:.0f},{y:.0f}" for x, y in dots)
    marks = "".join(
        f"<li><b>{size:,}</b> parameters: loss <b>{loss:.3f}</b></li>" for size, loss in points
    )
    return (
        "<figure class='curve scaling'><div class='plot'><svg viewBox='0 0 1000 400' "
        "preserveAspectRatio='none' role='img' aria-label='Loss falls as models grow'>"
        f"<polyline class='main' points='{line}'/>"
        + "".join(f"<circle cx='{x:.0f}' cy='{y:.0f}' r='6'/>" for x, y in dots)
        + f"</svg></div><figcaption><ul class='sizes-list'>{marks}</ul></figcaption></figure>"
    )


def _scaling() -> list[tuple[int, float]]:
    """Parameters and validation loss of each size, smallest first."""
    if not SCALING.exists():
        return []
    rows = json.loads(SCALING.read_text(encoding="utf-8"))
    return sorted((row["parameters"], row["val_loss"]) for row in rows)
