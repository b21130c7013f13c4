"""What a contestant shows of its inside, in plain values; `causes` computes the steps.

The whole prompt is read as far as it can reach the next token; the last positions are shown.
`back` counts from the end of the prompt: the answer is that of the prompt as if it ended there.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from compare.engine import causes, insight, pronouns
from compare.engine.causes import SHOWS
from compare.values import (
    Attention,
    Heads,
    Layers,
    Odds,
    Opened,
    Path,
    Point,
    Pronoun,
    RefusedError,
    Sampling,
    Shares,
    Swapped,
    Without,
)

if TYPE_CHECKING:
    from compare.engine.contestant import Contestant

_MAP_SHOWS = 240
_NEIGHBOURS = 6
_LIKELY = 4  # next words that a path is measured against
_OFFERED = 8  # next words to ask about


def _legible(text: str) -> bool:
    return "\\x" not in text and (text.isprintable() or text in "\n\t")


class Inside:
    def __init__(self, who: Contestant) -> None:
        self._who = who

    def shown(self, prompt: str) -> list[str]:
        """The last tokens of the prompt, which the pictures show."""
        return [self._name(number) for number in self._in_reach(prompt)[-SHOWS:]]

    def attention(self, prompt: str, layer: int, head: int) -> Attention:
        who = self._who
        ids = who.encode_prompt(prompt)
        with who.turn:
            seen = insight.look(who.model, ids, layer, head, who.window)
        names = [self._name(number) for number in ids[seen.unseen :]]
        return dataclasses.replace(seen, tokens=names)

    def heads(self, prompt: str) -> Heads:
        ids, names = self._in_reach(prompt), self.shown(prompt)
        weights = causes.looks(self._who.model, ids)
        return Heads(names, weights, len(ids) - len(names), causes.words(names))

    def lens(self, prompt: str) -> Layers:
        return causes.layers(self._who.model, self._in_reach(prompt), self._name)

    def path(self, prompt: str, back: int = 0, temperature: float = 1.0) -> Path:
        ids, at = self._cut(prompt, back)
        odds = self._next(ids, temperature)
        best = odds.argsort()[::-1][:_LIKELY].tolist()
        shown = self.shown(prompt)
        return Path(
            tokens=shown,
            at=at,
            unseen=len(self._in_reach(prompt)) - len(shown),
            number=ids[-1],
            next=[(self._name(number), float(odds[number])) for number in best],
            steps=causes.steps(self._who.model, ids, best, self._name),
            heads=causes.heads_of(self._who.model),
        )

    def opened(self, prompt: str, part: str, back: int = 0, temperature: float = 1.0) -> Opened:
        ids, _ = self._cut(prompt, back)
        logits = self._logits(ids)
        if part == "odds":
            odds = insight.softmax(logits, temperature)
            best = odds.argsort()[::-1][:_OFFERED].tolist()
            rows = [(self._name(i), float(logits[i]), float(odds[i])) for i in best]
            return Opened(part, [], [], scores=rows, temperature=temperature)
        return causes.opened(self._who.model, ids, part, int(logits.argmax()), self._name)

    def parts(
        self, prompt: str, token: str | int = "", against: str | int = "", back: int = 0
    ) -> Shares:
        """For the likeliest next token, if none is named; tokens by number, or as text."""
        chosen, other = self._one_token(token, "token"), self._one_token(against, "against")
        ids, _ = self._cut(prompt, back)
        odds = self._next(ids, 1.0)
        likely = [
            (number, self._name(number), float(odds[number]))
            for number in odds.argsort()[::-1][:_OFFERED].tolist()
        ]
        chosen = likely[0][0] if chosen is None else chosen
        return causes.shares(self._who.model, ids, chosen, other, self._name, likely)

    def without(
        self, prompt: str, parts: Sequence[str], new_tokens: int = 20, back: int = 0
    ) -> Without:
        who = self._who
        ids, _ = self._cut(prompt, back)
        most = self._room(new_tokens, ids)

        def odds() -> Odds:  # not cached: the model may be changed
            return self._told(who.logits.run(tuple(ids)))

        def write() -> str:
            return self._text(causes.write(who.model, ids, most))

        return causes.without(who.model, parts, odds, write)

    def swapped(
        self, prompt: str, back: int, token: str, parts: Sequence[str], new_tokens: int = 20
    ) -> Swapped:
        """The prompt with the token at `back` swapped; in the third answer, if there are `parts`,
        these write what they write for the original prompt."""
        who = self._who
        ids = self._in_reach(prompt)
        at = len(ids) - 1 - self._checked(back, ids)
        number = self._instead(token, self._name(ids[at]))
        others = [*ids[:at], number, *ids[at + 1 :]]
        names = causes.named_parts(parts) if parts else []
        asked = [(ids, []), (others, []), *([(others, names)] if names else [])]
        most = self._room(new_tokens, ids)
        found = [causes.continued(who.model, now, ids, given, most) for now, given in asked]
        return Swapped(
            names,
            self._name(ids[at]),
            self._name(number),
            [self._told(logits) for logits, _ in found],
            [self._text(written) for _, written in found],
        )

    def pronoun(self) -> Pronoun | None:
        """The head that finds whom a pronoun means; None for a model of letters."""
        return self._pronoun

    @cached_property
    def _pronoun(self) -> Pronoun | None:
        who = self._who
        return pronouns.best_head(who.model, who.encode_prompt, self._name)

    def embedding_map(self, prompt: str) -> list[Point]:
        """The prompt's tokens first, then the vocabulary in its order, as far as there is room."""
        who = self._who
        with who.turn:
            known = [i for i in self._map_order if i < len(self._plane)]
        shown = list(dict.fromkeys([*who.encode_prompt(prompt), *known]))[:_MAP_SHOWS]
        table = who.model.get_input_embeddings().weight.detach()
        with who.turn:
            near = insight.neighbours(table, shown, _NEIGHBOURS)
        points = []
        for number, others in zip(shown, near, strict=True):
            x, y = map(float, self._plane[number])
            named = [(self._name(other), cosine) for other, cosine in others]
            points.append(Point(number, self._name(number), x, y, named))
        return points

    @cached_property
    def _plane(self) -> np.ndarray:
        return insight.plane(self._who.model.get_input_embeddings().weight.detach())[0]

    @cached_property
    def _map_order(self) -> list[int]:
        """Ids worth a place: readable tokens."""
        known = self._who.letters.bytes
        return [n for n in range(len(known)) if known[n] and _legible(self._name(n))]

    def _in_reach(self, prompt: str) -> list[int]:
        return self._who.encode_prompt(prompt)[-self._who.logits.window :]

    def _cut(self, prompt: str, back: int) -> tuple[list[int], int]:
        """The prompt up to there, and which of the shown positions that is."""
        ids = self._in_reach(prompt)
        back = self._checked(back, ids)
        return ids[: len(ids) - back], min(len(ids), SHOWS) - 1 - back

    def _checked(self, back: int, ids: Sequence[int]) -> int:
        """A prompt may have become shorter since a place in it was chosen."""
        if isinstance(back, bool) or not isinstance(back, int) or back < 0:
            raise RefusedError("back is how many tokens before the last one: 0 or more.")
        return min(back, min(len(ids), SHOWS) - 1)

    def _logits(self, ids: list[int]) -> np.ndarray:
        with self._who.turn:
            return self._who.logits.of(ids)

    def _next(self, ids: list[int], temperature: float) -> np.ndarray:
        temperature = Sampling(temperature=temperature).temperature
        return insight.softmax(self._logits(ids), temperature)

    def _told(self, logits: np.ndarray) -> Odds:
        return self._who.odds(insight.softmax(logits, 1.0), "token")

    def _room(self, new_tokens: int, ids: Sequence[int]) -> int:
        most = Sampling(max_new_tokens=new_tokens).max_new_tokens
        return most if self._who.slides else min(most, self._who.window - len(ids))

    def _text(self, ids: list[int]) -> str:
        return self._who.tokenizer.decode(ids, skip_special_tokens=True)

    def _name(self, number: int) -> str:
        return self._who.piece(number).text

    def _instead(self, token: str, old: str) -> int:
        """A word is swapped for a word, with its space if that is one token."""
        if old[:1] == " " and token[:1] not in ("", " "):
            with suppress(RefusedError):
                spaced = self._one_token(f" {token}", "The other token")
                if spaced is not None:
                    return spaced
        number = self._one_token(token, "The other token")
        if number is None:
            raise RefusedError("Type the token to put there instead.")
        return number

    def _one_token(self, given: str | int, what: str) -> int | None:
        who = self._who
        if isinstance(given, int):
            vocabulary = who.model.get_input_embeddings().weight.shape[0]
            if not 0 <= given < vocabulary:
                raise RefusedError(f"{who.name} has tokens 0 to {vocabulary - 1:,}.")
            return given
        if not given:
            return None
        ids = who.encode(given, what)
        if len(ids) > 1:
            raise RefusedError(
                f"{what} is {given!r}, {len(ids)} tokens for {who.name}; name a single one."
            )
        return ids[0]
