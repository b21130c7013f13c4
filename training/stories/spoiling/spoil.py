"""Spoils stories, in each of the ways of kinds.py.

`spoilt(kind, seed, number)` tells a whole story and spoils it once, or gives None where this story
has nothing that can be spoilt in this way.
"""

import random

from training.stories.plots import plots
from training.stories.telling.story import LONGEST, SHORTEST, story

from . import events, words
from .inserting import INSERTED, Inserter
from .words import Told


def spoilt(kind: str, seed: int, number: int) -> str | None:
    rng = random.Random(f"spoil {kind} {seed} {number}")
    if kind in INSERTED:
        return inserted(kind, seed, number)
    teller = story(seed, number)
    function = getattr(words, kind, None) or getattr(events, kind)
    told = function(teller, list(teller.told), rng)
    return None if told is None else text_of(told)


def inserted(kind: str, seed: int, number: int) -> str | None:
    """The story is told by someone who once says what is not so."""
    for attempt in range(20):
        teller = Inserter(random.Random(f"{seed} {number} {attempt}"), kind)
        teller.plot = teller.rng.choice(sorted(plots()))
        plots()[teller.plot](teller)
        if SHORTEST <= len(teller.text.split()) <= LONGEST + 20:
            return teller.text if teller.done else None
    return None


def text_of(told: Told) -> str:
    return " ".join(sentence.text for sentence in told)
