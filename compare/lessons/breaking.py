"""A model with one part missing, on a text whose lowest possible loss is known.

The switches are for this lesson only: no recipe needs a model that sees the future.
"""

from __future__ import annotations

import math
import random
from functools import cache
from typing import Any

from compare.lessons.lessons import SHORT, Lesson
from compare.values import RefusedError

BROKEN = {
    "future": "see the future",
    "positions": "no positions",
    "residual": "no residual",
    "norm": "no norm",
    "rate": "rate times 100",
}
SIGNS = {
    "future": "The loss falls below what is possible, but the text is nonsense. The model learned "
    "to copy the next letter. When it writes, there is none to copy.",
    "positions": "The loss stays above the other. The model knows which letters came, but not in "
    "which order. So the words come out with their letters mixed.",
    "residual": "It hardly learns. Each layer writes over what the one before had found. Little of "
    "the error finds its way back to the first layer.",
    "norm": "Nothing keeps the numbers in range. The curve starts like the other and then leaps "
    "off the chart. With a smaller learning rate it might not.",
    "rate": "Each step jumps over the valley. The loss leaps up and stays high.",
}
_WITHOUT: dict[str, dict[str, Any]] = {
    "future": {},
    "positions": {"position_embedding": "none"},
    "residual": {"residual": False},
    "norm": {"norm_position": "none"},
    "rate": {"learning_rate": 2.0},
}
_INTACT: dict[str, Any] = {
    "max_position_embeddings": 32,
    "hidden_size": 48,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "zero_init": False,  # without the residual, what starts at zero would stay at zero
    "per_device_train_batch_size": 16,
    "learning_rate": 0.02,
    "muon_learning_rate": None,  # plain AdamW for both
    "embedding_learning_rate": None,
    "validation": 0,
    "fit": False,
}

# The text: four free choices of eight in every sentence, and everything else is certain

_ADJECTIVES = ("old", "red", "small", "quiet", "brave", "lazy", "proud", "wise")
_NOUNS = ("fox", "baker", "king", "river", "clock", "teacher", "owl", "sailor")
_VERBS = ("sees", "follows", "paints", "forgets", "answers", "hides", "helps", "finds")
_CHOICES = (_ADJECTIVES, _NOUNS, _VERBS, _NOUNS)
_SENTENCES = 2000
STEPS = 250  # enough to show it; a slow or busy machine makes fewer
SECONDS = 40.0  # for them; with getting ready, three quarters of a minute


@cache
def game() -> str:
    chance = random.Random(7)
    return "".join(
        "the {} {} {} the {}. ".format(*map(chance.choice, _CHOICES)) for _ in range(_SENTENCES)
    )


@cache
def floor() -> float:
    """The lowest loss of any model, in nats a letter, unless it sees what it has to guess."""
    nats = sum(math.log(len(words)) for words in _CHOICES)
    return _SENTENCES * nats / len(game())


def share_of_words(text: str) -> float:
    """The share of its letters that are in words of the text; the last word may be cut off."""
    known = {"the", *(word for choice in _CHOICES for word in choice)}
    *whole, last = text.replace(".", " ").split() or [""]
    right = sum(len(word) for word in whole if word in known)
    right += len(last) * any(word.startswith(last) for word in known)
    return right / max(1, sum(map(len, (*whole, last))))


def pair(broken: str) -> tuple[Lesson, Lesson]:
    """The same training twice: whole, and with one part missing."""
    if broken not in BROKEN:
        raise RefusedError(f"Choose what to break: {', '.join(BROKEN.values())}.")

    def lesson(name: str, flags: dict[str, Any], sees_future: bool = False) -> Lesson:
        return Lesson(
            name,
            "modern",
            {**_INTACT, **flags},
            text=game(),
            seconds=SHORT,  # so that both train at the same time
            clock=SECONDS,
            most=STEPS,
            prompt="the ",
            length=80,
            every=1.0,
            greedy=False,
            sees_future=sees_future,
        )

    return lesson("intact", {}), lesson(BROKEN[broken], _WITHOUT[broken], broken == "future")
