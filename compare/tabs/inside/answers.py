"""What each section of Inside shows, as HTML: questions to the models, answers as pictures."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any, TypeVar
from urllib.parse import urlencode

from compare.html import charts
from compare.html.inside import attention, lens, path, shares, without
from compare.html.panes import SIDES, Side
from compare.tabs.address import NAMES
from compare.tabs.inside.choices import PIECES, UNITS, Asked
from compare.tabs.shared import Page, ask, ask_all
from compare.values import Answers, Heads, Opened, RefusedError, Shares

NEW_TOKENS = 16  # of the texts before and after
EXAMPLE = "Ada met Otto at the mill. She"  # two people, and a word that means one of them
T = TypeVar("T")


async def odds(page: Page, asked: Asked) -> list[str]:
    kind = UNITS.get(asked.given["unit"], "letter")
    found, names, refusals = await ask_all(
        page,
        asked.keys,
        lambda who: who.next_tokens(asked.prompt, asked.temperature, kind),
    )
    chart = charts.letter_chart if kind == "letter" else charts.token_chart
    return [refusals + (chart(found, names, asked.prompt) if found else "")]


async def cuts(page: Page, asked: Asked) -> list[str]:
    found, names, refusals = await ask_all(page, asked.keys, lambda who: who.tokens(asked.prompt))
    return [refusals + charts.token_rows(found, names)]


async def way(page: Page, asked: Asked) -> list[str]:
    def question(who: Answers) -> str:
        back, heat = asked.number("back"), asked.temperature
        found = who.inside.path(asked.prompt, back, heat)
        opened: Opened | None = None
        if part := asked.given["part"]:
            opened = _or_none(lambda: who.inside.opened(asked.prompt, part, back, heat))
        return path.path_picture(found, asked.side, opened)

    return [await _one(page, asked, question)]


async def layers(page: Page, asked: Asked) -> list[str]:
    def question(who: Answers) -> str:
        seen = who.inside.lens(asked.prompt)
        at = max(0, len(seen.tokens) - 1 - asked.number("back"))
        return lens.lens_grid(seen, asked.side, at)

    return [await _one(page, asked, question)]


async def causes(page: Page, asked: Asked) -> list[str]:
    def question(who: Answers) -> str:
        return shares.share_bars(_shares(who, asked), asked.side)

    return [await _one(page, asked, question)]


async def taken(page: Page, asked: Asked) -> list[str]:
    """The row of tokens to swap, the switches, and what came of it."""

    def question(who: Answers) -> tuple[str, str, str]:
        back, swaps = asked.number("back"), bool(asked.given["swap"])
        parts = [part for part, _ in who.inside.parts(asked.prompt, back=back).parts]
        whole = {f"block {part.split()[1]}" for part in parts if part.startswith("block")}
        off = [part for part in asked.off if part in whole or part in parts]
        board = without.switches(who.facts(), parts, off, swaps)
        shown = who.inside.shown(asked.prompt)
        at = max(0, len(shown) - 1 - asked.number("swap_at"))
        return without.swap_row(shown, at), board, _changed(who, asked, off)

    try:
        return list(await ask(page, asked.key, question, asked.keys.values()))
    except RefusedError as refusal:
        return ["", "", charts.problem(str(refusal), asked.side)]


def _changed(who: Answers, asked: Asked, off: list[str]) -> str:
    token = str(asked.given["swap"] or "")
    try:
        if token:
            at = asked.number("swap_at")
            swapped = who.inside.swapped(asked.prompt, at, token, off, NEW_TOKENS)
            return without.exchanged(swapped, asked.side)
        if off:
            found = who.inside.without(asked.prompt, off, NEW_TOKENS, asked.number("back"))
            return without.removed(found, asked.side)
    except RefusedError as refusal:
        return charts.problem(str(refusal), asked.side)
    return without.nothing_yet()


async def looks(page: Page, asked: Asked) -> list[str]:
    """All heads small, and one of them large: the chosen one, or the one that did most."""

    def question(who: Answers) -> tuple[str, str]:
        seen, facts = who.inside.heads(asked.prompt), who.facts()
        if not seen.weights:
            return "", charts.problem(
                f"{facts.name} has no attention to show: it looks at one token only.", asked.side
            )
        layer, head = _which(who, asked, seen)
        title = (
            f"{facts.name}, layer {layer + 1} of {facts.layers}, head {head + 1} of {facts.heads}"
        )
        large = attention.large(
            seen, asked.side, layer, head, words=asked.given["pieces"] == PIECES[0], title=title
        )
        whom = attention.whom(who.inside.pronoun(), _example(asked))
        small = attention.gallery(seen, asked.side, layer, head)
        return small + attention.nobody_copies(seen) + whom, large

    try:
        return list(await ask(page, asked.key, question, asked.keys.values()))
    except RefusedError as refusal:
        return ["", charts.problem(str(refusal), asked.side)]


def _which(who: Answers, asked: Asked, seen: Heads) -> tuple[int, int]:
    if not asked.given["layer"] and not asked.given["head"]:
        shares_ = who.inside.parts(asked.prompt, back=asked.number("back")).parts
        heads = [(abs(share), part.split()) for part, share in shares_ if " head " in part]
        if heads:
            _, words = max(heads, key=lambda pair: pair[0])
            return int(words[1]), int(words[3])
    layer = min(max(1, asked.number("layer", 1)), len(seen.weights)) - 1
    return layer, min(max(1, asked.number("head", 1)), len(seen.weights[0])) - 1


def _example(asked: Asked) -> str:
    models = {NAMES[side]: key for side, key in asked.keys.items() if side == SIDES[0]}
    where = urlencode({"tab": "inside", **models, "prompt": EXAMPLE, "see": "heat"})
    return f"<a data-go href='{escape('?' + where)}'>Try it: {escape(EXAMPLE)}</a>"


async def sky(page: Page, asked: Asked) -> list[str]:
    def question(who: Answers) -> str:
        return charts.token_map(who.inside.embedding_map(asked.prompt), asked.side, who.name)

    return [await _one(page, asked, question)]


def _shares(who: Answers, asked: Asked) -> Shares:
    """Of the chosen words where this model has them, else of the likeliest."""
    word, against = (asked.given[name] and asked.number(name) for name in ("word", "against"))
    back = asked.number("back")
    found = _or_none(lambda: who.inside.parts(asked.prompt, word, against, back))
    return found or who.inside.parts(asked.prompt, back=back)


def _or_none(question: Callable[[], T]) -> T | None:
    try:
        return question()
    except RefusedError:
        return None


async def _one(page: Page, asked: Asked, question: Callable[[Answers], Any]) -> str:
    try:
        return await ask(page, asked.key, question, asked.keys.values())
    except RefusedError as refusal:
        side: Side = asked.side
        return charts.problem(str(refusal), side)
