"""What the models' insides look like, as HTML and SVG.

Everything from a text or a vocabulary passes through `escape`.
"""

from __future__ import annotations

import json
from html import escape

from compare.html.panes import Side
from compare.values import Odds, Piece, Point

_ROWS = 10
_TOKENS_SHOWN = 400
_ENDING = 30  # letters of a prompt that say which one it is
_NAMES = {" ": "␣", "\n": "↵", "\t": "⇥", "\r": "␍"}


def visible(text: str) -> str:
    """A token as one can see it: white space and what cannot be printed get a sign."""
    return "".join(_NAMES.get(c, c if c.isprintable() else f"\\u{ord(c):04x}") for c in text)


def mark(side: Side) -> str:
    return f"<span class='mark {side}' aria-hidden='true'></span>"


def percent(share: float) -> str:
    if share >= 0.9995:
        return "100%"
    if share >= 0.001:
        return f"{share:.1%}"
    return f"{100 * share:.1g}%" if share >= 1e-6 else "0%"


def problem(sentence: str, side: Side) -> str:
    return f"<p class='problem' role='status'>{mark(side)}{escape(sentence)}</p>"


# Next-letter odds


def letter_chart(odds: dict[Side, Odds], names: dict[Side, str], prompt: str) -> str:
    """Both models' odds, letter by letter, on one scale."""
    shares = {side: dict(given.entries) for side, given in odds.items()}
    best = {
        letter: max(share.get(letter, 0.0) for share in shares.values())
        for given in odds.values()
        for letter, _ in given.entries[:_ROWS]
    }
    letters = sorted(best, key=lambda letter: -best[letter])[:_ROWS]
    rows = "".join(
        f"<tr><th scope='row'>{escape(visible(letter))}</th><td>"
        + "".join(_bar(side, share.get(letter, 0.0)) for side, share in shares.items())
        + "</td></tr>"
        for letter in letters
    )
    sentences = "".join(f"<p class='fine'>{escape(given.sentence)}</p>" for given in odds.values())
    return (
        f"{legend(names)}<table class='odds'><caption>The next letter {_after(prompt)}</caption>"
        f"<tbody>{rows}</tbody></table>{sentences}"
    )


def token_chart(odds: dict[Side, Odds], names: dict[Side, str], prompt: str) -> str:
    """Each model's own tokens, side by side: the units differ, so the lists stay apart."""
    lists = ""
    for side, given in odds.items():
        rows = "".join(
            f"<tr><th scope='row'>{escape(visible(token))}</th><td>{_bar(side, share)}</td></tr>"
            for token, share in given.entries[:_ROWS]
        )
        lists += (
            f"<div><h4>{mark(side)}{escape(names[side])}</h4><table class='odds'>"
            f"<caption>The next token {_after(prompt)}</caption><tbody>{rows}</tbody></table>"
            f"<p class='fine'>{escape(given.sentence)}</p></div>"
        )
    return f"<div class='twin'>{lists}</div>"


def _after(prompt: str) -> str:
    """What was asked about, by its end."""
    short = prompt if len(prompt) <= _ENDING else f"...{prompt[-_ENDING:]}"
    return f"after “{escape(visible(short))}”"


def _bar(side: Side, share: float) -> str:
    return (
        f"<div class='bar {side}'>{mark(side)}<span class='track'>"
        f"<span class='fill' style='width:{max(share, 0.002):.2%}'></span></span>"
        f"<span class='figure'>{percent(share)}</span></div>"
    )


def legend(names: dict[Side, str]) -> str:
    items = "".join(f"<li>{mark(side)}{escape(name)}</li>" for side, name in names.items())
    return f"<ul class='legend'>{items}</ul>"


# Tokens


def token_rows(pieces: dict[Side, list[Piece]], names: dict[Side, str]) -> str:
    """How each model cuts the same text: the token, its number, its bytes."""
    return "".join(_token_row(side, pieces[side], names[side]) for side in pieces)


def _token_row(side: Side, pieces: list[Piece], name: str) -> str:
    shown = "".join(
        f"<li><b>{escape(visible(piece.text))}</b><span>{piece.id}</span>"
        f"<code>{piece.bytes.hex(' ')}</code></li>"
        for piece in pieces[-_TOKENS_SHOWN:]
    )
    earlier = len(pieces) - _TOKENS_SHOWN
    note = f", the last {_TOKENS_SHOWN} shown" if earlier > 0 else ""
    return (
        f"<div class='cut {side}'><h4>{mark(side)}{escape(name)} "
        f"<small>{len(pieces):,} tokens{note}</small></h4>"
        f"<ol class='tokens' tabindex='0' aria-label='Tokens of {escape(name)}'>{shown}</ol></div>"
    )


# Embedding map


def token_map(points: list[Point], side: Side, name: str = "") -> str:
    """Tokens on two axes; a tap or the list shows a token's neighbours. `TOKEN_SCRIPT` does it."""
    dots = "".join(
        f"<text x='{p.x * 100:.1f}' y='{-p.y * 100:.1f}' data-at='{i}'>"
        f"{escape(visible(p.label))}</text>"
        for i, p in enumerate(points)
    )
    near = [
        [visible(p.label), [[visible(label), round(cosine, 2)] for label, cosine in p.near]]
        for p in points
    ]
    options = "".join(
        f"<option value='{i}'>{escape(visible(p.label))}</option>" for i, p in enumerate(points)
    )
    return (
        f"<figure class='sky {side}' data-near='{escape(json.dumps(near))}'>"
        f"{f'<h4>{escape(name)}</h4>' if name else ''}"
        f"<svg viewBox='-112 -108 224 216' role='img' aria-label='Map of {len(points)} tokens'>"
        f"{dots}</svg><figcaption aria-live='polite'>Tap a token, or pick one.</figcaption>"
        f"<label>Token <select>{options}</select></label>"
        "<p class='fine'>Each token is a list of numbers. The map shows the two directions in "
        "which the lists differ most. Two tokens may be close here and far apart in the others. "
        "The neighbours listed are close in all of them (by cosine).</p></figure>"
    )


TOKEN_SCRIPT = """
const show = (figure, at) => {
    const near = JSON.parse(figure.dataset.near);
    const names = near[at][1].map((pair) => pair[0]);
    figure.querySelectorAll("svg text").forEach((text) => {
        const own = text.dataset.at === String(at);
        text.setAttribute("class", own ? "own" : names.includes(text.textContent) ? "near" : "");
    });
    const list = near[at][1].map(([name, cosine]) => `“${name}” ${cosine.toFixed(2)}`).join(", ");
    figure.querySelector("figcaption").textContent = `Nearest to “${near[at][0]}”: ${list}`;
    figure.querySelector("select").value = String(at);
};
element.addEventListener("click", (event) => {
    const svg = event.target.closest("figure.sky svg");
    if (!svg) return;
    const nearest = [...svg.querySelectorAll("text")].map((text) => {
        const box = text.getBoundingClientRect();
        return [Math.hypot(box.x + box.width / 2 - event.clientX,
                           box.y + box.height / 2 - event.clientY), text.dataset.at];
    }).sort((a, b) => a[0] - b[0])[0];
    if (nearest) show(svg.closest("figure"), Number(nearest[1]));
});
element.addEventListener("change", (event) => {
    const figure = event.target.closest("figure.sky");
    if (figure) show(figure, Number(event.target.value));
});
"""
