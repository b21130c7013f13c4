"""Score: which predicts better?"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from typing import Any

import gradio as gr

from compare.engine import zerogpu
from compare.html import scores
from compare.html.panes import SIDES, Side
from compare.html.scores import Scored
from compare.tabs import address
from compare.tabs.shared import QUIET, Page, html
from compare.values import RefusedError, Surprise
from compare.values.players import SEAT

NAME = "Score"
_TEXT = (
    "Now is the winter of our discontent\n"
    "Made glorious summer by this sun of York;\n"
    "And all the clouds that lour'd upon our house\n"
    "In the deep bosom of the ocean buried."
)
_GPU = "Score on a GPU"
_LONGEST = 8_000  # letters of a text from which models learn: half a minute on a slow machine
_LOOK = 0.5  # seconds between messages about how far they are
_TOO_LONG = (
    f"A text to learn from may have {_LONGEST:,} letters here. A longer one goes with "
    "`python -m training.evaluate MODEL --text FILE --adapt`."
)
_ONLY_READS = "it only reads, for learning takes a TinyGPT"
_LENT = (
    "<p class='fine'>Both buttons give the same figures. On a GPU, GPT-2 reads a long text sooner. "
    "Its seconds count against your own daily quota.</p>"
)
_MEANING = """<details class='meaning'><summary>What the number means</summary>
<p>A model that predicts a text well could store it in few bits. The score says how many bits it
needs for each byte of the text. Both models get the same bytes, so it does not matter how each cuts
the text into tokens. 8 means no idea at all. The best models of today need less than 1 for English.
Less is better.</p>
<p>The number can mislead. A text that a model saw in training costs it almost nothing. GPT-2 read
much of the web, and ours one book. A model with a short window forgets the start of a long text.
And a text of a few words says little about either.</p>
<p><b>Learn while reading</b>: a copy of the model is scored on 64 tokens. Then it learns from them,
and reads the next 64. So a name or a habit of the text costs less the second time. It never learns
from what it has not been scored on. After the text the copy is thrown away, and the model is what
it was.</p></details>"""


def build(page: Page, tab: gr.Tab) -> None:
    text = gr.Textbox(_TEXT, label="A text", lines=4, max_lines=8, elem_id="scored")
    with gr.Row(elem_classes="actions"):
        button = gr.Button(
            "Score", variant="primary", min_width=90, elem_id="score", elem_classes="go"
        )
        lent = gr.Button(_GPU, min_width=90, elem_id="score-gpu", visible=zerogpu.LENDS)
        learn = gr.Checkbox(False, label="Learn while reading", elem_id="adapt", min_width=100)
    html(_LENT, visible=zerogpu.LENDS)
    result = html(elem_id="scores", js_on_load=scores.SCORE_SCRIPT)
    html(_MEANING)

    async def score(text: str, learn: bool, *keys: str) -> AsyncIterator[str]:
        seats: dict[Side, str] = dict(zip(SIDES, keys, strict=True))
        if learn:
            async for shown in _learned(page, text, seats):
                yield shown
        else:
            yield await _scores(page, text, seats)

    async def score_on_gpu(text: str, *keys: str) -> str:
        return await _scores(page, text, dict(zip(SIDES, keys, strict=True)), on_gpu=True)

    options: dict[str, Any] = {**QUIET, "show_progress": "minimal", "concurrency_limit": 2}
    button.click(score, [text, learn, *page.keys], result, **options)
    lent.click(score_on_gpu, [text, *page.keys], result, **options)
    page.settings.accept("text", text, address.prompt, tabs=("score",), default=_TEXT)
    page.settings.accept("learn", learn, address.like(False), tabs=("score",), default=False)


async def _scores(page: Page, text: str, keys: dict[Side, str], on_gpu: bool = False) -> str:
    found: dict[Side, Scored] = {}
    names: dict[Side, str] = dict(keys)
    for side, key in keys.items():
        try:
            seat = await page.roster.seat(key, keys.values())
            names[side] = seat.contestant.name
            if on_gpu and key == SEAT and not seat.sentence:
                found[side] = await asyncio.to_thread(_borrowed, page, text)
            else:
                found[side] = await asyncio.to_thread(seat.contestant.score, text)
        except RefusedError as refusal:
            found[side] = str(refusal)
    return scores.score_chart(found, names)


class _GoneError(Exception):
    """Nobody waits for it any more."""


class _Reader:
    """Both models read a text and learn from it, one after the other; how far they are."""

    def __init__(self, page: Page, text: str, keys: dict[Side, str]) -> None:
        self.page, self.text, self.keys = page, text, keys
        self.far: dict[Side, tuple[int, int]] = {}
        self.names: dict[Side, str] = {}
        self.gone = threading.Event()

    def told(self, side: Side, done: int, whole: int) -> None:
        if self.gone.is_set():
            raise _GoneError
        self.far[side] = done, whole

    async def read(self, side: Side, key: str) -> Scored:
        """What it scored, or why not; a model that cannot learn is scored as it is."""
        self.names[side] = key
        try:
            who = (await self.page.roster.seat(key, self.keys.values())).contestant
            self.names[side] = who.name
            if len(self.text) > _LONGEST:
                raise RefusedError(_TOO_LONG)
            if who.facts().slides:
                return await asyncio.to_thread(who.adapt, self.text, partial(self.told, side))
            plain = await asyncio.to_thread(who.score, self.text)
            return replace(plain, first=f"{plain.first}; {_ONLY_READS}")
        except RefusedError as refusal:
            return str(refusal)


async def _learned(page: Page, text: str, keys: dict[Side, str]) -> AsyncIterator[str]:
    """The scores of models that learn while they read, and until then how far they are."""
    reader, found = _Reader(page, text, keys), dict[Side, Scored]()
    try:
        for side, key in keys.items():
            work = asyncio.ensure_future(reader.read(side, key))
            while not (await asyncio.wait({work}, timeout=_LOOK))[0]:
                yield scores.reading(reader.far, reader.names)
            found[side] = work.result()
        yield scores.score_chart(found, reader.names)
    finally:
        reader.gone.set()


def _borrowed(page: Page, text: str) -> Surprise:
    """GPT-2's score, from a GPU lent to this visitor. A tiny model needs none, nor a stand-in."""
    roster = page.roster
    (score,) = zerogpu.borrow(zerogpu.score, roster.load_baseline, roster.baseline, text)
    return score
