"""Score: which predicts better?"""

from __future__ import annotations

import asyncio

import gradio as gr

from compare.engine import zerogpu
from compare.html import charts
from compare.html.panes import Side
from compare.tabs.shared import QUIET, Page, ask, html
from compare.values import Refusal, Surprise

NAME = "Score"
_TEXT = (
    "Now is the winter of our discontent\n"
    "Made glorious summer by this sun of York;\n"
    "And all the clouds that lour'd upon our house\n"
    "In the deep bosom of the ocean buried."
)
_GPU = "Score on a GPU"
_LENT = (
    "<p class='fine'>Either button gives the same figures. On a GPU a long text goes through GPT-2 "
    "sooner; its seconds are taken from your own daily quota.</p>"
)
_MEANING = """<details class='meaning'><summary>What the number means</summary>
<p>A model that predicts a text well could pack it into few bits. Both models are charged for the
same bytes, so the number does not depend on how each cuts the text into tokens. 8 is no idea at
all; the best models of today need less than 1 for English. Less is better.</p>
<p>Where it misleads: a text that a model has seen in training costs it almost nothing, and GPT-2
has read much of the web, ours one book. A model with a short window forgets the beginning of a
long text. And a text of a few words says little about either.</p></details>"""


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

    async def score(text: str, left: str) -> str:
        return await _scores(page, text, left)

    async def score_on_gpu(text: str, left: str) -> str:
        return await _scores(page, text, left, on_gpu=True)

    options = {**QUIET, "show_progress": "minimal", "concurrency_limit": 2}
    button.click(score, [text, page.left], result, **options)
    lent.click(score_on_gpu, [text, page.left], result, **options)


async def _scores(page: Page, text: str, left: str, on_gpu: bool = False) -> str:
    scores: dict[Side, Surprise | str] = {}
    names: dict[Side, str] = {"left": left, "right": "GPT-2"}
    for side in charts.SIDES:
        try:
            if on_gpu and side == "right" and not (right := await page.roster.right()).sentence:
                names[side] = right.contestant.name
                scores[side] = await asyncio.to_thread(_borrowed, page, text)
            else:
                scores[side], names[side] = await ask(
                    page, left, side, lambda who: (who.score(text), who.name)
                )
        except Refusal as refusal:
            scores[side] = str(refusal)
    return charts.score_chart(scores, names)


def _borrowed(page: Page, text: str) -> Surprise:
    """GPT-2's score, from a GPU lent to this visitor. A tiny model needs none, nor a stand-in."""
    roster = page.roster
    (score,) = zerogpu.borrow(zerogpu.score, roster.load_baseline, roster.baseline, text)
    return score
