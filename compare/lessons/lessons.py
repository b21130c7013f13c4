"""What can be trained in the page, as values: what is trained, and what is shown meanwhile."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from compare.values import RefusedError

MODEL = "your-text"  # the folder of what was trained, and its name in the card
MOST_BYTES = 1_000_000  # of a visitor's own text
LEAST_LETTERS = 200
SHORT = 12.0  # seconds; one process takes only lessons that are expected to take no longer
FINISH = 4.0  # seconds that a kept model takes after its last step


@dataclass(frozen=True)
class Lesson:
    """One training. `recipe` and `flags` are those of `python -m training.train`."""

    name: str
    recipe: str
    flags: Mapping[str, Any] = field(default_factory=dict)
    text: str | None = None  # a visitor's own
    seconds: float = 5.0  # that it is expected to take
    clock: float | None = None  # seconds of training, where a clock ends it
    most: int | None = None  # steps after which it ends before the clock
    pace: float = 0.0  # seconds that it takes at least, so that eyes can follow
    prompt: str = ""
    length: int = 48  # tokens that are written at each look
    greedy: bool = True
    every: float = 0.15  # seconds from look to look
    sees_future: bool = False  # without the causal mask
    kept: bool = False  # as a whole folder, to be used after the lesson


@dataclass(frozen=True)
class Look:
    """The model during its training, asked the same question each time."""

    step: int
    text: str  # what it writes after the prompt
    odds: list[tuple[str, float]]  # what may come right after the prompt, likeliest first


@dataclass
class News:
    """What has happened since the last news."""

    losses: list[tuple[int, float]] = field(default_factory=list)
    validation: list[tuple[int, float]] = field(default_factory=list)
    steps: int = 0  # of the whole training
    look: Look | None = None


@dataclass(frozen=True)
class Over:
    """How it ended: measured values, or one sentence."""

    metrics: dict[str, Any] = field(default_factory=dict)
    problem: str = ""


# The systems of the first lesson


@dataclass(frozen=True)
class System:
    """A model small enough to be trained while you watch."""

    text: str
    prompt: str
    window: int
    width: int
    rate: float
    flags: Mapping[str, Any]
    steps: int
    pace: float
    remark: str  # where it cannot write its text


SYSTEMS = {
    "hello": System("hello hello", "hell", 4, 16, 0.01, {}, 200, 4.0, ""),
    "next-char": System(
        "the cat sat on the mat",
        "the c",
        5,
        32,
        0.05,
        {},
        1700,
        4.0,
        "it takes the mean of the letters it sees, and a mean does not know their order",
    ),
    "bigram": System(
        "the cat sat on the mat",
        "the c",
        5,
        32,
        0.03,
        {
            "corpus": "next-char",
            "tokenizer": "next-char",
            "examples": "all",
            "validation": 0,
            "per_device_train_batch_size": 17,
            "max_steps": 200,
        },
        200,
        4.0,
        "it sees one letter, and after a t may come an h or a space",
    ),
}
HEADS = {16: 2, 32: 2, 64: 2}
WIDTHS, WINDOWS = tuple(HEADS), (3, 4, 5, 10)
RATES = (0.001, 0.003, 0.01, 0.03, 0.05, 0.1, 0.5)


def live(name: str, rate: float, width: int, window: int) -> Lesson:
    """One of the systems, with the settings that a visitor may play with."""
    if name not in SYSTEMS:
        raise RefusedError(f"There is no system {name!r}; there are {', '.join(SYSTEMS)}.")
    if width not in WIDTHS or not isinstance(rate, (int, float)) or not 0 < rate <= 10:
        raise RefusedError("The width is 16, 32 or 64, and the rate above 0 and at most 10.")
    system = SYSTEMS[name]
    if not 2 <= window < len(system.text):
        raise RefusedError(
            f"The window is {window} and the text has {len(system.text)} letters: "
            f"choose a window from 2 to {len(system.text) - 1}."
        )
    chosen = {
        "learning_rate": float(rate),
        "hidden_size": width,
        "max_position_embeddings": window,
    }
    return Lesson(
        name,
        name,
        {**system.flags, **chosen},
        seconds=system.pace + 1,
        pace=system.pace,
        prompt=system.prompt,
        length=3 * len(system.text),
    )


def floor(name: str, window: int) -> float:
    """The lowest loss that a system can reach: what its text leaves open, given what it sees."""
    text = SYSTEMS[name].text
    follows: dict[Hashable, Counter[str]] = defaultdict(Counter)
    for seen, after in _questions(name, text, window):
        follows[seen][after] += 1
    asked = sum(count.total() for count in follows.values())
    nats = sum(
        -times * math.log(times / count.total())
        for count in follows.values()
        for times in count.values()
    )
    return nats / asked


def _questions(name: str, text: str, window: int) -> Iterator[tuple[Hashable, str]]:
    """All that is asked in one pass: what the model can tell apart, and the letter that follows."""
    for start in range(len(text) - window):
        seen = text[start : start + window]
        if name == "next-char":  # one question a window, and its letters in no order
            yield tuple(sorted(seen)), text[start + window]
        elif name == "bigram":
            yield from zip(seen, text[start + 1 : start + window + 1], strict=True)
        else:
            yield from ((seen[: i + 1], text[start + i + 1]) for i in range(window))


def memorised(name: str, written: str) -> bool:
    """Whether what follows the prompt is its text to the end."""
    system = SYSTEMS[name]
    return (system.prompt + written).startswith(system.text)


# Your own text


# Muon as high as in `shakespeare-fast`: in so few steps a text is hardly read twice, let alone
# learned by heart. The head and the tables are slower, since there are ten times as many steps.
_QUICK = {
    "muon_learning_rate": 0.05,
    "muon_momentum": 0.9,
    "embedding_learning_rate": 0.01,
    "learning_rate": 0.01,
    "adam_beta1": 0.7,
    "embedding_range": 1.0,
}
_LONG = 100_000  # letters that are not learned by heart in a minute


def own(text: str, seconds: int, prompt: str) -> Lesson:
    """The `modern` model on a visitor's text, for that many seconds."""
    check_text(text)
    if seconds not in (10, 30, 60):
        raise RefusedError("Choose 10, 30 or 60 seconds.")
    flags = _QUICK | ({"dropout": 0.0} if len(text) >= _LONG else {})
    return Lesson(
        "your text",
        "modern",
        flags,
        text=text,
        seconds=seconds + FINISH,
        clock=seconds,
        prompt=prompt or text[:20],
        length=80,
        greedy=False,
        every=1.0,
        kept=True,
    )


def check_text(text: str) -> None:
    """A sentence about a text that nothing can be learned from."""
    if not text.strip():
        raise RefusedError("There is no text yet: paste some, or drop a file.")
    size = len(text.encode("utf-8", errors="surrogatepass"))
    if size > MOST_BYTES:
        raise RefusedError(
            f"The text has {size / 1e6:.1f} MB and 1 MB fits here. Paste a part of it; the whole "
            "goes with `python -m training.train FILE`."
        )
    if "\0" in text:
        raise RefusedError(
            "This is not text: it has bytes that no text has. Drop a .txt or .md file."
        )
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise RefusedError("The text has half a character (a lone surrogate): paste it again.")
    if len(set(text)) == 1:
        raise RefusedError(
            f"The text is {text[0]!r} again and again: there is nothing to learn in that."
        )
    if len(text) < LEAST_LETTERS:
        raise RefusedError(
            f"The text has {len(text)} letters; at least {LEAST_LETTERS} are needed to learn from "
            "some and be tested on others."
        )
