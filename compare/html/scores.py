"""How well two models predict a text: figures, and the text itself, coloured by surprise.

Everything from a text passes through `escape`.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from compare.html.charts import mark
from compare.html.panes import Side
from compare.html.terms import term
from compare.values import Adapted, Surprise

_SHADES = 6  # steps of surprise, the last at eight bits a byte: as much as knowing nothing
_NOTICED = 0.0005  # a smaller gain is shown as none
Scored = Surprise | Adapted | str  # or the sentence that stands in its place


def score_chart(scores: Mapping[Side, Scored], names: dict[Side, str]) -> str:
    """Bits per byte of both over the same bytes, then the text of each, coloured by surprise."""
    found = [_read(score).bits_per_byte for score in scores.values() if not isinstance(score, str)]
    most = max(found, default=1.0)
    panes = "".join(_pane(side, scores[side], names[side], most, len(found) > 1) for side in scores)
    return f"<div class='twin'>{panes}</div>"


def reading(done: Mapping[Side, tuple[int, int]], names: dict[Side, str]) -> str:
    """How far a long reading is."""
    parts = [
        f"{names[side]} has read {so_far:,} of {whole:,} tokens"
        for side, (so_far, whole) in done.items()
    ]
    return f"<p class='state'>{escape(', '.join(parts) or 'Reading')} ...</p>"


def _read(score: Surprise | Adapted) -> Surprise:
    return score.learning if isinstance(score, Adapted) else score


def _pane(side: Side, score: Scored, name: str, most: float, both: bool) -> str:
    head = f"<header>{mark(side)}<h3>{escape(name)}</h3></header>"
    if isinstance(score, str):
        body = f"<p class='problem' role='status'>{escape(score)}</p>"
        return f"<section class='pane {side}'>{head}{body}</section>"
    read = _read(score)
    better = both and read.bits_per_byte < most
    body = (
        f"<div class='bits'><b>{read.bits_per_byte:.3f}</b> {term('bits per byte')}"
        f"{' · <em>predicts it better</em>' if better else ''}</div>"
        f"<div class='bar {side}'><span class='track'><span class='fill' "
        f"style='width:{read.bits_per_byte / max(most, 1e-9):.2%}'></span></span></div>"
        f"{_learning(score) if isinstance(score, Adapted) else ''}"
        f"<p class='fine'>{read.bytes:,} bytes, {len(read.tokens):,} tokens; "
        f"{escape(read.first)}</p>"
        f"<p class='surprise' data-tokens>{''.join(map(_shaded, read.tokens))}</p>"
        f"{_STEPS}"
    )
    return f"<section class='pane {side} scored'>{head}{body}</section>"


def _learning(score: Adapted) -> str:
    """What learning while reading has changed."""
    if abs(score.gain) < _NOTICED:
        return (
            "<p class='state'>Learning changed nothing: what it takes from 64 tokens can help only "
            "with those that follow.</p>"
        )
    change = f"{abs(score.gain):.1%} {'fewer' if score.gain >= 0 else 'more'}"
    return (
        f"<p class='state'>It learned while it read. Without that: {score.plain:.3f}. "
        f"So learning took {change} bits.</p>"
    )


_STEPS = (
    "<div class='stepped'>"
    "<button type='button' class='step' data-by='-1' aria-label='The token before'>&lsaquo;"
    "</button><p class='tapped' aria-live='polite'>Stronger colour: more bits for each byte. "
    "Tap a token.</p>"
    "<button type='button' class='step' data-by='1' aria-label='The token after'>&rsaquo;</button>"
    "</div>"
)


def _shaded(token: tuple[str, float]) -> str:
    text, bits = token
    shade = min(_SHADES, int(bits / max(1, len(text.encode())) / 8 * _SHADES))
    return f"<span class='s{shade}' data-bits='{bits:.2f}'>{escape(text)}</span>"


# A tap takes the nearest token: letters are narrower than a finger.
SCORE_SCRIPT = """
const tell = (token) => {
    element.querySelectorAll(".picked").forEach((other) => other.classList.remove("picked"));
    token.classList.add("picked");
    token.scrollIntoView({block: "nearest"});
    const bits = Number(token.dataset.bits);
    const times = Math.round(2 ** bits).toLocaleString("en");
    const likely = bits < 1 ? `${(100 / 2 ** bits).toFixed(1)}%` : `1 in ${times}`;
    const odds = bits > 30 ? "almost no chance" : likely;
    token.closest("section").querySelector(".tapped").textContent =
        `“${token.textContent}” cost ${bits.toFixed(2)} bits: the model gave it ${odds}.`;
};
const away = (box, event) => Math.hypot(
    Math.max(box.left - event.clientX, 0, event.clientX - box.right),
    Math.max(box.top - event.clientY, 0, event.clientY - box.bottom));
const nearest = (tokens, event) => {
    let [best, least] = [null, Infinity];
    for (const token of tokens) {
        for (const box of token.getClientRects()) {
            if (away(box, event) < least) [best, least] = [token, away(box, event)];
        }
    }
    return best;
};
element.addEventListener("click", (event) => {
    const step = event.target.closest("[data-by]");
    const text = event.target.closest("[data-tokens]");
    if (step) {
        const tokens = [...step.closest("section").querySelectorAll("[data-bits]")];
        const at = tokens.findIndex((token) => token.classList.contains("picked"));
        const by = Number(step.dataset.by);
        const next = tokens[at < 0 ? (by > 0 ? 0 : tokens.length - 1) : at + by];
        if (next) tell(next);
    } else if (text) {
        const token = event.target.closest("[data-bits]") ?? nearest(text.children, event);
        if (token) tell(token);
    }
});
"""
