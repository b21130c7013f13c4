"""Words of the field, explained where they first stand on a screen."""

from __future__ import annotations

from html import escape

TERMS = {
    "parameters": "Numbers inside the model that training sets. They are all that a model has.",
    "bits per byte": "How many bits the model needs for each byte of a text. 8 means that it knows "
    "nothing. Less is better.",
    "nats": "The unit of the loss. A loss of 0.7 nats means that the right token got half of the "
    "probability. Less is better.",
    "temperature": "Below 1 the likeliest tokens win more often. Above 1 the others get a chance.",
    "top-k": "Draw only from the k likeliest tokens. 0 means all of them.",
}


def term(name: str, shown: str = "") -> str:
    """The word with a small sign; a press opens its explanation."""
    said = escape(shown or name)
    return (
        f"<details class='term'><summary>{said} <span class='info' aria-hidden='true'>i</span>"
        f"<span class='unseen'>, explained</span></summary><p>{escape(TERMS[name])}</p></details>"
    )
