"""The inside of a contestant with a script: three layers of four heads, always the same figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from compare.values import (
    Attention,
    HeadLine,
    Heads,
    HeadSteps,
    Layers,
    Odds,
    Opened,
    Path,
    Point,
    Pronoun,
    RefusedError,
    Shares,
    Step,
    Swapped,
    Weighed,
    Without,
)

LAYERS, HEADS, SHOWS = 3, 4, 32
NEXT = [("e", 0.5), ("t", 0.25), (" ", 0.125), ("a", 0.0625)]


def _even(count: int) -> list[list[float]]:
    return [[1 / (y + 1) if x <= y else 0.0 for x in range(count)] for y in range(count)]


class FakeInside:
    def __init__(self, who: Any) -> None:
        self._who = who

    def shown(self, prompt: str) -> list[str]:
        self._who.check(prompt)
        return list(prompt[-SHOWS:])

    def attention(self, prompt: str, layer: int, head: int) -> Attention:
        self._who.check(prompt)
        shown = prompt[-48:]
        return Attention(list(shown), _even(len(shown)), len(prompt) - len(shown))

    def lens(self, prompt: str) -> Layers:
        self._who.check(prompt)
        shown = prompt[-SHOWS:]
        row = [[("e", 0.5), ("t", 0.25)] for _ in shown]
        return Layers(list(shown), [row] * (LAYERS + 1), len(prompt) - len(shown))

    def path(self, prompt: str, back: int = 0, temperature: float = 1.0) -> Path:
        self._who.check(prompt)
        shown = prompt[-SHOWS:]
        at = max(0, len(shown) - 1 - back)
        steps = [Step("embedding", 2.0, 2.0, [0.5, 0.1, 0.0, -0.2], [0.5, -1.0], "t", 0.3)]
        for layer in range(LAYERS):
            for what in ("attention", "mlp"):
                towards = [0.5 + layer, -0.5, 0.2, 0.1]
                part, ends = f"block {layer} {what}", ([1.0, 0.0], "e", 0.5)
                steps.append(Step(part, 1.5, 3.0 + layer, towards, *ends))
        odds = self._who.next_tokens(prompt, temperature, "token").entries
        next_ = [(name, share) for (name, _), (_, share) in zip(NEXT, odds, strict=False)]
        return Path(list(shown), at, len(prompt) - len(shown), 7, next_, steps, HEADS)

    def opened(self, prompt: str, part: str, back: int = 0, temperature: float = 1.0) -> Opened:
        self._who.check(prompt)
        up, down = [("e", 2.0), ("t", 1.0)], [("z", -2.0), ("q", -1.0)]
        if part == "odds":
            return Opened(part, [], [], scores=[("e", 3.0, 0.5)], temperature=temperature)
        if part == "embedding":
            return Opened(part, up, down, vector=[0.5, -1.0, 2.0])
        if part.endswith("mlp"):
            return Opened(part, up, down, neurons=256, active=40)
        if not part.startswith("block"):
            raise RefusedError(f"the model has no part {part!r}.")
        head = int(part.split()[-1]) if "head" in part else 0
        rows = [Weighed(token, 1.0, -0.5, 1 / len(prompt[-8:])) for token in prompt[-8:]]
        four = [0.5, -0.5, 1.0, 0.0]
        worked = HeadSteps(
            int(part.split()[1]), head, 32, prompt[-1], rows, 0, 0.0, 0.5, four, four, four, four,
            prompt[-1],
        )  # fmt: skip
        lines = [HeadLine(number, 1.0 - number, prompt[0], 0.4) for number in range(HEADS)]
        return Opened(part, up, down, heads=lines, head=worked)

    def parts(
        self, prompt: str, token: str | int = "", against: str | int = "", back: int = 0
    ) -> Shares:
        self._who.check(prompt)
        parts = [("embedding", 1.0), ("block 0 head 0", 2.5), ("block 0 mlp", -0.5), ("bias", 0.25)]
        likely = [(number, name, share) for number, (name, share) in enumerate(NEXT)]
        if any(isinstance(each, int) and each > 3 for each in (token, against)):
            raise RefusedError("It has tokens 0 to 3.")
        chosen = likely[token][1] if isinstance(token, int) else token or "e"
        other = likely[against][1] if isinstance(against, int) else against or None
        return Shares(
            chosen, other, 3.25, parts, token if isinstance(token, int) else 0,
            against if isinstance(against, int) else None, likely,
        )  # fmt: skip

    def heads(self, prompt: str) -> Heads:
        self._who.check(prompt)
        shown = list(prompt[-SHOWS:])
        numbers = [shown[1 : at + 1].count(" ") for at in range(len(shown))]
        weights = [[_even(len(shown))] * HEADS] * LAYERS
        return Heads(shown, weights, len(prompt) - len(shown), numbers)

    def pronoun(self) -> Pronoun | None:
        return Pronoun(1, 2, 0.4, 10, 12) if self._who.name == "chat" else None

    def without(
        self, prompt: str, parts: Sequence[str], new_tokens: int = 20, back: int = 0
    ) -> Without:
        odds = self._who.next_tokens(prompt, 1.0, "token")
        other = Odds("token", list(reversed(odds.entries)), odds.sentence)
        return Without(list(parts), odds, other, " that is", " that was")

    def swapped(
        self, prompt: str, back: int, token: str, parts: Sequence[str], new_tokens: int = 20
    ) -> Swapped:
        if not token:
            raise RefusedError("Type the token to put there instead.")
        odds, count = self._who.next_tokens(prompt, 1.0, "token"), 3 if parts else 2
        return Swapped(
            list(parts), prompt[-1 - back], token, [odds] * count, [" a", " b", " c"][:count]
        )

    def embedding_map(self, prompt: str) -> list[Point]:
        self._who.check(prompt)
        return [
            Point(i, c, i / 5 - 1, (i * 7 % 10) / 5 - 1, [("a", 0.9), ("b", 0.5)])
            for i, c in enumerate("abcdefghij")
        ]
