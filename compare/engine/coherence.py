"""Does a story hold together? What the checker of `training.stories` says of it, as values."""

from __future__ import annotations

import logging
import re

from compare.values import Coherence
from training.stories.check import HOLDS, Study, sentences, study
from training.stories.make import is_held_out
from training.stories.telling.story import combination, story

_log = logging.getLogger(__name__)
MOST_READ = 4_000  # letters; three times the longest story
SHORTEST = 40  # words; of an answer, less is no story
SEED = 23  # of the stories whose openings are offered


def warm() -> None:
    """Reads the world's words and acts before anybody waits for a verdict. Their patterns are built
    when a sentence may fit: all of them at once would take seconds."""
    study("Once upon a time there was a fox called Willow.")


def opening(number: int) -> str:
    """Two sentences that begin a story, of a combination that was kept out of training: a story
    for each number."""
    number *= 1000  # one in twenty is kept out: there is always one before the next number's
    while not is_held_out(combination(told := story(SEED, number))):
        number += 1
    start, last = sentences(told.text)[1]
    return told.text[: start + len(last)]


def of_text(prompt: str, text: str) -> Coherence | None:
    """What the checker makes of a prompt and its continuation; None where the prompt is of another
    world, or too long to be a story."""
    whole = prompt + text
    if len(whole) > MOST_READ or not prompt.strip():
        return None
    begun = _read(prompt)
    found = _read(whole) if begun else None
    if not begun or not found or any(problem.foreign for problem in begun.problems):
        return None
    if not begun.sentences and not found.ours:
        # Its first sentence was the model's to finish: was it of this world as far as it went?
        whole_one = _read(prompt.rstrip() + ".")
        if not whole_one or not whole_one.ours or not found.sentences:
            return None
    return _value(found, len(prompt))


def of_answer(text: str) -> Coherence | None:
    """The same of an answer that may be a story; None where it is none."""
    if len(text) > MOST_READ or len(text.split()) < SHORTEST:
        return None
    found = _read(text)
    return _value(found, 0) if found and found.ours else None


def _read(text: str) -> Study | None:
    """No text of a visitor may end a stream: what the checker fails at has no verdict."""
    try:
        return study(text)
    except Exception:
        _log.exception("the checker of stories failed at a text of %s letters", len(text))
        return None


def _value(found: Study, prompt: int) -> Coherence:
    if not found.problems:
        return Coherence("holds" if found.verdict == HOLDS else "so far")
    first = found.problems[0]
    reason = re.sub(r"\s+", " ", first.reason)
    return Coherence("fails", reason, first.start, first.end, asked=first.end <= prompt)
