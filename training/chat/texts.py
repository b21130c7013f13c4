"""What the chat says: its answers by their labels, and the label of an answer.

A label is an idea and a manner (`token.why`), a piece of small talk (`thanks`) or `unknown`. Of
small talk there are several answers, so that none comes twice running.
"""

import re
from difflib import SequenceMatcher
from functools import cache

from .material import UNKNOWN, read

MANNERS = ("what", "more", "why", "example", "short", "simple", "try")
# What is said where somebody asks for what was said just before.
AGAIN = {
    "what": "more",
    "more": "simple",
    "why": "more",
    "example": "try",
    "short": "what",
    "simple": "example",
    "try": "example",
}
UNSAID = "unsaid"  # the story does not tell it
STORY = "story"
LARGEST = 10  # of the numbers that it can add
ALIKE = 0.85  # how near to a taught answer counts as that answer
_SUM = re.compile(r"\d+ plus \d+ is \d+\.")


@cache
def answers() -> dict[str, tuple[str, ...]]:
    """Every answer there is, by its label."""
    found = {
        f"{idea}.{manner}": (manners[manner],)
        for idea, manners in read("answers").items()
        for manner in MANNERS
    }
    return found | {label: tuple(talk["answers"]) for label, talk in read("talk").items()}


def ideas() -> list[str]:
    return list(read("answers"))


@cache
def labels() -> dict[str, str]:
    return {answer: label for label, several in answers().items() for answer in several}


def label_of(text: str) -> str:
    """The label of the taught answer that a text repeats, nearly word for word; "" for none."""
    if text in labels():
        return labels()[text]
    if _SUM.fullmatch(text):
        return "sum"
    best, likeness = "", ALIKE
    matcher = SequenceMatcher(None, autojunk=False)
    matcher.set_seq2(text)
    for answer, label in labels().items():
        matcher.set_seq1(answer)
        if (
            matcher.real_quick_ratio() >= likeness
            and matcher.quick_ratio() >= likeness
            and (ratio := matcher.ratio()) >= likeness
        ):
            best, likeness = label, ratio
    return best


__all__ = ["AGAIN", "LARGEST", "MANNERS", "STORY", "UNKNOWN", "UNSAID", "answers", "ideas"]
