"""What is asked of a model that writes, and what it answers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, Protocol

from .inside import Insights, Odds, Unit

Message = dict[str, str]  # `role` and `content`, as everywhere
LONGEST = 512  # new tokens that one request may ask for
LARGEST_SEED = 2**31 - 1  # what a number field of a browser and `torch.manual_seed` both hold


class RefusedError(Exception):
    """What the visitor asked for is not possible; the message is a sentence with the way out."""


class BusyError(RefusedError):
    """Too many others are being served just now."""


@dataclass(frozen=True)
class Extras:
    """What may be asked for beside a text."""

    stop: tuple[str, ...] = ()  # it ends where one of these appears
    likeliest: int | None = None  # how likely each token was, and so many likeliest ones


@dataclass(frozen=True)
class LogOdds:
    """How likely a token was in its place, before any setting, and what was likelier: in nats."""

    token: str
    chosen: float | None  # None: nothing stands before it
    best: list[tuple[str, float]]


@dataclass(frozen=True)
class Sampling:
    """How the next token is drawn. The defaults are those of the page."""

    temperature: float = 0.8
    top_k: int = 50  # 0 switches it off
    top_p: float = 1.0
    repetition_penalty: float = 1.0
    max_new_tokens: int = 120
    greedy: bool = False
    seed: int = 0

    RANGES: ClassVar[dict[str, tuple[float, float]]] = {
        "temperature": (0.05, 5.0),
        "top_k": (0, 1_000_000),
        "top_p": (0.01, 1.0),
        "repetition_penalty": (0.5, 5.0),
        "max_new_tokens": (1, LONGEST),
        "seed": (0, LARGEST_SEED),
    }

    def __post_init__(self) -> None:
        for name, (least, most) in self.RANGES.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise RefusedError(f"{name} must be a number, not {type(value).__name__}.")
            if not math.isfinite(value) or not least <= value <= most:
                raise RefusedError(
                    f"{name} must be between {least:,} and {most:,}; {value} is not."
                )
            if isinstance(least, float):
                object.__setattr__(self, name, float(value))
            elif value != int(value):
                raise RefusedError(f"{name} must be a whole number; {value} is not.")
            else:
                object.__setattr__(self, name, int(value))
        if not isinstance(self.greedy, bool):
            raise RefusedError("greedy must be true or false.")

    def for_generate(self) -> dict[str, Any]:
        """The same for `generate` of transformers, without the length and the seed."""
        arguments: dict[str, Any] = {"do_sample": not self.greedy}
        if not self.greedy:
            arguments |= {"temperature": self.temperature, "top_k": self.top_k, "top_p": self.top_p}
        if self.repetition_penalty != 1:
            arguments["repetition_penalty"] = self.repetition_penalty
        return arguments

    def with_seed(self, more: int) -> Sampling:
        """The same with another seed, so many further on."""
        return replace(self, seed=(self.seed + more) % (LARGEST_SEED + 1))


@dataclass(frozen=True)
class Chunk:
    """How far a generation has come: the whole continuation up to now and what it took."""

    text: str
    tokens: int
    seconds: float
    first: float | None = None  # seconds until the first token
    stopped: str | None = None  # why it ended, in words; None while it runs

    @property
    def rate(self) -> float | None:
        """Tokens a second after the first one, which also pays for reading the prompt."""
        if self.first is None or self.tokens < 2 or self.seconds <= self.first:
            return None
        return (self.tokens - 1) / (self.seconds - self.first)


@dataclass(frozen=True)
class Facts:
    """What a model is, in figures."""

    name: str
    parameters: int
    layers: int
    width: int
    heads: int
    window: int
    vocabulary: int
    slides: bool = True  # text longer than the window keeps going
    source: str = ""  # what `from_pretrained` takes
    revision: str | None = None
    note: str = ""  # a sentence about what it is, where the name could mislead
    chats: bool = False  # its tokenizer has a chat template
    opening: int | None = None  # the token that its texts begin with


@dataclass(frozen=True)
class Piece:
    """One token of a text."""

    id: int
    text: str
    bytes: bytes


@dataclass(frozen=True)
class Surprise:
    """How well a model predicts a text."""

    bits_per_byte: float
    bytes: int
    tokens: list[tuple[str, float]]  # text and bits
    first: str = ""  # what the first token, with nothing before it, was charged


@dataclass(frozen=True)
class Coherence:
    """Whether a story holds together, or the first thing in it that cannot be."""

    verdict: Literal["holds", "so far", "fails"]
    reason: str = ""  # why it fails, and the letters of the sentence, from the prompt's first on
    start: int = 0
    end: int = 0
    asked: bool = False  # that sentence was in the prompt


@dataclass(frozen=True)
class Adapted:
    """How well a copy of a model predicts a text from which it learns as it reads."""

    learning: Surprise
    plain: float  # bits per byte of the same pieces, without learning

    @property
    def gain(self) -> float:
        """The share of bits that learning saves; below 0 where it costs some."""
        return 1 - self.learning.bits_per_byte / self.plain


Told = Callable[[int, int], object]  # how many parts of a long work are done, and of how many


class Generation(Protocol):
    """A text being written: look at it whenever there is time to show it."""

    notes: list[str]  # what the visitor should know about the prompt

    @property
    def stage(self) -> tuple[int, str | None]:
        """Tokens so far and why it ended: a look that costs nothing."""
        ...

    def chunk(self) -> Chunk: ...
    def cancel(self) -> None: ...


class Answers(Protocol):
    """What the page asks of a contestant: of `engine.Contestant` or, in tests, of a fake."""

    name: str

    @property
    def inside(self) -> Insights: ...
    def facts(self) -> Facts: ...
    def start(self, prompt: str, sampling: Sampling) -> Generation: ...
    def reply(self, talk: Sequence[Message], sampling: Sampling) -> Generation: ...
    def forgets(self, talk: Sequence[Message]) -> int: ...
    def stream(self, prompt: str, sampling: Sampling) -> Iterator[Chunk]: ...
    def next_tokens(self, prompt: str, temperature: float = 1.0, unit: Unit = "letter") -> Odds: ...
    def tokens(self, text: str) -> list[Piece]: ...
    def score(self, text: str) -> Surprise: ...
    def adapt(self, text: str, told: Told) -> Adapted: ...

    @property
    def tells(self) -> bool:
        """It learned stories of the world whose facts are known: what it writes can be checked."""
        ...

    def coherence(self, prompt: str, text: str) -> Coherence | None: ...
    def opening(self, number: int) -> str: ...


def short(number: float | None) -> str:
    """117000000 → 117M."""
    if number is None:
        return "?"
    for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if number >= size * 0.9995:
            digits = 0 if number >= 100 * size or number % size == 0 else 1
            return f"{number / size:.{digits}f}{letter}"
    return f"{number:,.0f}"
