"""Where it looks: all heads as small pictures, one of them large with its names, and a text whose
words show by a touch what they look at."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Sequence
from html import escape
from struct import pack
from zlib import compress, crc32

from compare.html.charts import mark, percent, visible
from compare.html.inside.names import chooses, unseen
from compare.html.panes import Side
from compare.values import Heads, Pronoun

Weights = Sequence[Sequence[float]]
_HABIT = 0.4  # of its weight, on average, before a head is said to have a habit
_FEW = 3  # words
_LABEL = 14  # letters
_REPEATS = 3  # tokens that stood there before, before copying can be told


def gallery(seen: Heads, side: Side, layer: int, head: int) -> str:
    """Every head as a small triangle: a row for each layer, a column for each head."""
    count = len(seen.weights[0]) if seen.weights else 0
    columns = "".join(f"<th scope='col'>{number + 1}</th>" for number in range(count))
    rows = "".join(
        f"<tr><th scope='row'>layer {at + 1}</th>"
        + "".join(
            f"<td>{_small(seen, at, number, (at, number) == (layer, head))}</td>"
            for number in range(count)
        )
        + "</tr>"
        for at in range(len(seen.weights))
    )
    return (
        f"<div class='across gallery {side}' tabindex='0' role='region' aria-label='All heads'>"
        f"<table><caption>All heads: press one to see it large</caption><thead><tr>"
        f"<th scope='row'>head</th>{columns}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _small(seen: Heads, layer: int, head: int, on: bool) -> str:
    weights = seen.weights[layer][head]
    strongest = max(range(len(seen.tokens)), key=lambda x: weights[-1][x])
    label = (
        f"Layer {layer + 1}, head {head + 1}: the last token looks most at "
        f"“{visible(seen.tokens[strongest])}”, {percent(weights[-1][strongest])}"
    )
    return (
        f"<button type='button' class='small' aria-pressed='{str(on).lower()}' "
        f"{chooses(layer=str(layer + 1), head=str(head + 1))} "
        f"aria-label='{escape(label, quote=True)}'>"
        f"<span style='--picture:url(data:image/png;base64,{_png(weights)})'></span></button>"
    )


def _png(weights: Weights) -> str:
    """The weights as the opacity of a picture, which the style sheet gives its colour."""
    size = len(weights)
    rows = b"".join(
        b"\0" + b"".join(bytes((0, min(255, round(255 * max(w, 0.0) ** 0.6)))) for w in row)
        for row in weights
    )

    def chunk(kind: bytes, data: bytes) -> bytes:
        return pack(">I", len(data)) + kind + data + pack(">I", crc32(kind + data))

    head = chunk(b"IHDR", pack(">IIBBBBB", size, size, 8, 4, 0, 0, 0))
    body = chunk(b"IDAT", compress(rows, 9)) + chunk(b"IEND", b"")
    return b64encode(b"\x89PNG\r\n\x1a\n" + head + body).decode()


def by_word(seen: Heads, weights: Weights) -> tuple[list[str], list[list[float]]]:
    """Names and weights of words: what its pieces look at, on average, summed over the pieces
    of what is looked at."""
    count = seen.words[-1] + 1 if seen.words else 0
    names = [""] * count
    sums = [[0.0] * count for _ in range(count)]
    sizes = [0] * count
    for y, row in enumerate(weights):
        names[seen.words[y]] += seen.tokens[y]
        sizes[seen.words[y]] += 1
        for x, weight in enumerate(row):
            sums[seen.words[y]][seen.words[x]] += weight
    means = [[each / size for each in row] for row, size in zip(sums, sizes, strict=True)]
    return names, means


def large(seen: Heads, side: Side, layer: int, head: int, *, words: bool, title: str) -> str:
    """One head: the text, which answers to a touch, and the triangle with its names."""
    weights: Weights = seen.weights[layer][head]
    tokens = list(seen.tokens)
    words = words and len(set(seen.words)) >= _FEW  # of few words the pieces say more
    if words:
        tokens, weights = by_word(seen, weights)
    names = [_label(token) for token in tokens]
    figures = {"names": names, "weights": [[round(w, 3) for w in row] for row in weights]}
    text = "".join(
        f"<button type='button' class='word' data-word='{i}'>{escape(name)}</button>"
        for i, name in enumerate(names)
    )
    strongest = _strongest(names, weights)
    return (
        f"<figure class='heat {side}' data-figures='{escape(json.dumps(figures), quote=True)}'>"
        f"<h4>{mark(side)}{escape(title)}</h4>"
        f"<div class='reading'><svg aria-hidden='true'></svg>{text}</div>"
        f"<figcaption aria-live='polite'>{escape(strongest)}</figcaption>"
        f"{_triangle(names, weights, strongest)}"
        f"<p class='fine'>{escape(_habit(seen, seen.weights[layer][head]))} Each row is a "
        f"{'word' if words else 'token'} that looks. Each column is one that is looked at. Touch "
        f"a word of the text, or a square.{unseen(seen.unseen)}</p></figure>"
    )


def _label(token: str) -> str:
    """Short enough for a row of the picture."""
    name = visible(token.strip(" ")) or visible(token)
    return name if len(name) <= _LABEL else f"{name[: _LABEL - 1]}…"


def _triangle(names: Sequence[str], weights: Weights, label: str) -> str:
    count = len(names)
    longest = max(map(len, names), default=1)
    size = min(0.78, 0.027 * (count + 3))  # of a letter, in squares
    room = max(1.2, longest * size * 0.62 + 0.5)
    cells = "".join(
        f"<rect x='{x}' y='{y}' width='1' height='1' fill-opacity='{weight:.2f}'/>"
        for y, row in enumerate(weights)
        for x, weight in enumerate(row[: y + 1])
        if weight >= 0.005
    )
    rows = "".join(
        f"<text x='-.3' y='{i + 0.5}' text-anchor='end' dominant-baseline='central'>"
        f"{escape(name)}</text>"
        for i, name in enumerate(names)
    )
    columns = "".join(
        f"<text transform='translate({i + 0.5} -.3) rotate(-90)' dominant-baseline='central'>"
        f"{escape(name)}</text>"
        for i, name in enumerate(names)
    )
    total = count + room + 0.1
    stairs = "".join(f"H{i + 1}V{i + 1}" for i in range(count))
    return (
        f"<div class='across' tabindex='0' role='region' aria-label='The picture of this head'>"
        f"<svg class='map' viewBox='{-room:.2f} {-room:.2f} {total:.2f} {total:.2f}' role='img' "
        f"data-room='{room:.2f}' style='--cells:{total:.0f}' aria-label='{escape(label)}'>"
        f"<path class='grid' d='M0 0{stairs}H0Z'/>{cells}"
        f"<g font-size='{size:.2f}'>{rows}{columns}</g></svg></div>"
    )


def _strongest(names: Sequence[str], weights: Weights) -> str:
    """The last row in words: what the model looks at before it writes."""
    best = sorted(enumerate(weights[-1]), key=lambda pair: -pair[1])[:3]
    targets = ", ".join(f"“{names[i]}” {percent(weight)}" for i, weight in best if weight > 0)
    return f"The last one, “{names[-1]}”, looks at {targets}."


def _habit(seen: Heads, weights: Weights) -> str:
    """What this head does over this text, where it does one thing mostly."""
    rows = range(1, len(weights))
    if not rows:
        return ""
    habits = {
        "the token before": sum(weights[y][y - 1] for y in rows) / len(rows),
        "the token itself": sum(weights[y][y] for y in rows) / len(rows),
        "the first token": sum(weights[y][0] for y in rows) / len(rows),
    }
    name, share = max(habits.items(), key=lambda pair: pair[1])
    copied, times = copying(seen.tokens, weights)
    if times >= _REPEATS and copied >= _HABIT:
        return (
            f"It copies: {percent(copied)} of its weight goes to what followed the same token "
            "last time. This is called an induction head."
        )
    if share >= _HABIT:
        return f"Over this text {percent(share)} of its weight goes to {name}."
    return "Over this text it does not look at one place only."


def copying(tokens: Sequence[str], weights: Weights) -> tuple[float, int]:
    """How much weight goes to what followed the same token last time, and in how many places
    the same token stood before. The token just before does not count: others look there too."""
    found = []
    for y, token in enumerate(tokens):
        before = [x for x in range(y) if tokens[x] == token and x + 2 < y]
        if before:
            found.append(sum(weights[y][x + 1] for x in before))
    return (sum(found) / len(found) if found else 0.0), len(found)


def nobody_copies(seen: Heads) -> str:
    """A word about a text that repeats itself, where no head looks at what followed last time."""
    best, times = 0.0, 0
    for layer in seen.weights:
        for weights in layer:
            copied, times = copying(seen.tokens, weights)
            best = max(best, copied)
    if times < _REPEATS or best >= _HABIT:
        return ""
    return (
        "<p class='fine'>This text repeats itself, but no head here looks at what followed last "
        f"time: the best one does so with {percent(best)} of its weight.</p>"
    )


def whom(found: Pronoun | None, example: str) -> str:
    """How well the best head finds whom a pronoun means, or why it cannot be asked."""
    if found is None:
        return (
            "<p class='fine'>This model cuts a name into letters. So no token stands for a person, "
            "and no head of it can be asked whom “she” means. A model with longer tokens can.</p>"
        )
    strength = "That is weak. " if found.score < 0.3 else ""
    return (
        f"<p class='fine'>Whom does “she” mean? We asked every head, with {found.asked} sentences "
        f"about two people. Best is layer {found.layer + 1}, head {found.head + 1}: the right one "
        f"gets {found.score:+.2f} more of its weight than the wrong one, and most of the two in "
        f"{found.right} of {found.asked}. {strength}{example}</p>"
    )
