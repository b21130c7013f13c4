"""Score: which predicts better?"""

from __future__ import annotations

import gradio as gr

from . import charts
from .panes import Side
from .shared import QUIET, Page, ask, html
from .values import Refusal, Surprise

NAME = "Score"
_TEXT = (
    "Now is the winter of our discontent\n"
    "Made glorious summer by this sun of York;\n"
    "And all the clouds that lour'd upon our house\n"
    "In the deep bosom of the ocean buried."
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
    result = html(elem_id="scores", js_on_load=charts.SCORE_SCRIPT)
    html(_MEANING)

    async def score(text: str, left: str) -> str:
        scores: dict[Side, Surprise | str] = {}
        names: dict[Side, str] = {"left": left, "right": "GPT-2"}
        for side in charts.SIDES:
            try:
                scores[side], names[side] = await ask(
                    page, left, side, lambda who: (who.score(text), who.name)
                )
            except Refusal as refusal:
                scores[side] = str(refusal)
        return charts.score_chart(scores, names)

    options = {**QUIET, "show_progress": "minimal", "concurrency_limit": 2}
    button.click(score, [text, page.left], result, **options)
