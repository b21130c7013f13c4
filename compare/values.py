"""The plain values that pass between the engine and the page: no tensor and no widget here."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

LONGEST = 512  # new tokens that one request may ask for


class Refusal(Exception):
    """Something that the visitor asked for cannot be had; the message is a sentence that says the way out."""


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

    _RANGES: ClassVar[dict[str, tuple[float, float]]] = {
        "temperature": (0.05, 5.0),
        "top_k": (0, 1_000_000),
        "top_p": (0.01, 1.0),
        "repetition_penalty": (0.5, 5.0),
        "max_new_tokens": (1, LONGEST),
        "seed": (0, 2**63 - 1),
    }

    def __post_init__(self) -> None:
        for name, (least, most) in self._RANGES.items():
            value = getattr(self, name)
            whole = name in ("top_k", "max_new_tokens", "seed")
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise Refusal(f"{name} must be a number, not {type(value).__name__}.")
            if not math.isfinite(value) or not least <= value <= most:
                raise Refusal(f"{name} must be between {least} and {most}; {value} is not.")
            if whole and value != int(value):
                raise Refusal(f"{name} must be a whole number; {value} is not.")
            object.__setattr__(self, name, int(value) if whole else float(value))
        if not isinstance(self.greedy, bool):
            raise Refusal("greedy must be true or false.")


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
    source: str = ""  # what `from_pretrained` takes
    revision: str | None = None
    note: str = ""  # a sentence about what it is, where the name could mislead
