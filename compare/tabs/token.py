"""A tap on what a model wrote: how likely that token was, what else was, and another way on."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from compare.html.charts import mark, percent, visible
from compare.html.panes import SIDES, Side, notice
from compare.tabs.shared import FREE, QUIET, Page, html
from compare.values import Answers, RefusedError

_OTHERS = 8  # tokens that are offered instead
_MOST = 20_000  # letters of prompt and text together
# A press on a letter of a text: where in the text it is, and whose text. A tap beside the letters
# takes the nearest one.
_TAPPED = """
document.addEventListener("click", (event) => {
    const take = event.target.closest?.(".pane .take");
    const written = take?.querySelector("[data-written]");
    if (!written || String(window.getSelection())) return;
    const at = document.caretPositionFromPoint?.(event.clientX, event.clientY)
        ?? document.caretRangeFromPoint?.(event.clientX, event.clientY);
    const node = at?.offsetNode ?? at?.startContainer;
    if (!node || !written.contains(node)) return;
    const before = document.createRange();  // a marked sentence cuts the text into several nodes
    before.setStart(written, 0);
    before.setEnd(node, at.offset ?? at.startOffset);
    const pane = take.closest(".pane");
    if (!pane.dataset.key) return; // of a blind test: who wrote it need not be who sits there
    trigger("click", {
        side: pane.classList[1],
        prompt: [...take.querySelectorAll(":scope > details .prompt, :scope > .prompt")][0]
            ?.textContent ?? "",
        text: written.textContent,
        at: before.toString().length,
    });
});
element.addEventListener("click", (event) => {
    const step = event.target.closest("[data-step]");
    const other = event.target.closest("[data-other]");
    if (step) trigger("click", JSON.parse(step.dataset.step));
    else if (other) trigger("click", JSON.parse(other.dataset.other));
    else if (event.target.closest("[data-shut]")) element.querySelector(".tapped-token")?.remove();
});
"""


def build(page: Page) -> None:
    shown = html(elem_id="token", js_on_load=_TAPPED)
    onwards = gr.Textbox(visible=False)  # "yes" where the text is to go on from another token

    async def tapped(event: gr.EventData, *keys: str) -> tuple[Any, ...]:
        tap = _sound(event._data)
        if tap is None:
            return gr.skip(), gr.skip(), "", gr.skip()
        if tap.instead is not None:
            return "", tap.prompt + tap.text[: tap.at] + tap.instead, "yes", ""
        try:
            seat = await page.roster.seat(keys[SIDES.index(tap.side)], keys)
            told = await asyncio.to_thread(_told, seat.contestant, tap)
            return told, gr.skip(), "", ""
        except RefusedError as refusal:
            return "", gr.skip(), "", notice(str(refusal))

    shown.click(tapped, page.keys, [shown, page.prompt, onwards, page.notice], **FREE).then(
        None, onwards, js="(on) => { if (on) journey.press('compare'); }", **QUIET
    )


@dataclass(frozen=True)
class _Tap:
    """A letter of a text, and what is to stand there instead."""

    side: Side
    prompt: str
    text: str  # what was written after it
    at: int
    instead: str | None = None


def _sound(sent: Any) -> _Tap | None:
    """What a client sends, if it is what the page sends."""
    if not isinstance(sent, dict):
        return None
    side, at, instead = sent.get("side"), sent.get("at"), sent.get("instead")
    prompt, text = sent.get("prompt"), sent.get("text")
    if not isinstance(prompt, str) or not isinstance(text, str) or not isinstance(at, int):
        return None
    if side not in SIDES or not 0 <= at <= len(text):
        return None
    if len(prompt) + len(text) > _MOST or not isinstance(instead, (str, type(None))):
        return None
    return _Tap(side, prompt, text, at, instead)


def _told(who: Answers, tap: _Tap) -> str:
    """The token at that letter, its odds there, and the tokens that were likelier or nearly so."""
    prompt, text = tap.prompt, tap.text
    start, token = _token_at(who, prompt, text, tap.at)
    before = prompt + text[:start]
    odds = who.next_tokens(before, unit="token")
    share = dict(odds.entries).get(token)
    likely = (
        "was less likely here than those below" if share is None else f"had {percent(share)} here"
    )
    place = {"side": tap.side, "prompt": prompt, "text": text}
    others = "".join(
        f"<li><button type='button' data-other='{_json({**place, 'at': start, 'instead': name})}'>"
        f"<b>{escape(visible(name))}</b> {percent(each)}</button></li>"
        for name, each in odds.entries[:_OTHERS]
        if name != token and "\\x" not in name and not name.startswith("<")
    )
    return (
        f"<section class='tapped-token' role='status'><p>{mark(tap.side)}"
        f"<b>“{escape(visible(token))}”</b> {likely}. "
        f"{_steps(place, start, start + len(token), len(text))}</p>"
        f"<p class='fine'>Choose another token, and the text goes on from there:</p>"
        f"<ol class='others'>{others}</ol></section>"
    )


def _steps(place: dict[str, Any], start: int, end: int, most: int) -> str:
    back, on = max(0, start - 1), min(end, most - 1)
    return (
        f"<button type='button' class='step' aria-label='The token before' "
        f"data-step='{_json({**place, 'at': back})}'>&lsaquo;</button>"
        f"<button type='button' class='step' aria-label='The token after' "
        f"data-step='{_json({**place, 'at': on})}'>&rsaquo;</button>"
        "<button type='button' class='step' aria-label='Close' data-shut>&times;</button>"
    )


def _json(value: Any) -> str:
    return escape(json.dumps(value))


def _token_at(who: Answers, prompt: str, text: str, at: int) -> tuple[int, str]:
    """Where in the text the token begins that holds that letter, and the token.

    The whole is cut again as the model would cut it; what it drew may have been cut otherwise."""
    whole = (prompt + text).encode()
    wanted, there = len((prompt + text[:at]).encode()), 0
    for piece in who.tokens(prompt + text):
        end = there + len(piece.bytes)
        if end > wanted:
            start = len(whole[:there].decode(errors="ignore")) - len(prompt)
            return max(0, start), piece.text
        there = end
    return max(0, len(text) - 1), text[-1:]
