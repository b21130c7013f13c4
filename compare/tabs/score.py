"""Score: which predicts better?"""

from __future__ import annotations

import asyncio

import gradio as gr

from compare.engine import zerogpu
from compare.html import charts
from compare.html.panes import SIDES, Side
from compare.roster import SEAT
from compare.tabs import address
from compare.tabs.shared import QUIET, Page, html
from compare.values import RefusedError, Surprise

NAME = "Score"
_TEXT = (
    "Now is the winter of our discontent\n"
    "Made glorious summer by this sun of York;\n"
    "And all the clouds that lour'd upon our house\n"
    "In the deep bosom of the ocean buried."
)
_GPU = "Score on a GPU"
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
And a text of a few words says little about either.</p></details>"""


def build(page: Page, tab: gr.Tab) -> None:
    text = gr.Textbox(_TEXT, label="A text", lines=4, max_lines=8, elem_id="scored")
    with gr.Row(elem_classes="actions"):
        button = gr.Button(
            "Score", variant="primary", min_width=90, elem_id="score", elem_classes="go"
        )
        lent = gr.Button(_GPU, min_width=90, elem_id="score-gpu", visible=zerogpu.LENDS)
    html(_LENT, visible=zerogpu.LENDS)
    result = html(elem_id="scores", js_on_load=charts.SCORE_SCRIPT)
    html(_MEANING)

    async def score(text: str, *keys: str) -> str:
        return await _scores(page, text, dict(zip(SIDES, keys, strict=True)))

    async def score_on_gpu(text: str, *keys: str) -> str:
        return await _scores(page, text, dict(zip(SIDES, keys, strict=True)), on_gpu=True)

    options = {**QUIET, "show_progress": "minimal", "concurrency_limit": 2}
    button.click(score, [text, *page.keys], result, **options)
    lent.click(score_on_gpu, [text, *page.keys], result, **options)
    page.settings.accept("text", text, address.prompt, tabs=("score",), default=_TEXT)


async def _scores(page: Page, text: str, keys: dict[Side, str], on_gpu: bool = False) -> str:
    scores: dict[Side, Surprise | str] = {}
    names: dict[Side, str] = dict(keys)
    for side, key in keys.items():
        try:
            seat = await page.roster.seat(key)
            names[side] = seat.contestant.name
            if on_gpu and key == SEAT and not seat.sentence:
                scores[side] = await asyncio.to_thread(_borrowed, page, text)
            else:
                scores[side] = await asyncio.to_thread(seat.contestant.score, text)
        except RefusedError as refusal:
            scores[side] = str(refusal)
    return charts.score_chart(scores, names)


def _borrowed(page: Page, text: str) -> Surprise:
    """GPT-2's score, from a GPU lent to this visitor. A tiny model needs none, nor a stand-in."""
    roster = page.roster
    (score,) = zerogpu.borrow(zerogpu.score, roster.load_baseline, roster.baseline, text)
    return score
