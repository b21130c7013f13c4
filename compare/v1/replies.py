"""Answers in OpenAI's form, whole and in pieces."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from typing import Any

from compare.values import LogOdds


class Reply:
    """One answer: its id and its names stay the same in all of its pieces."""

    def __init__(self, kind: str, model: str) -> None:
        self.chat = kind == "chat"
        self._fields = {
            "id": ("chatcmpl-" if self.chat else "cmpl-") + secrets.token_hex(12),
            "created": int(time.time()),
            "model": model,
        }

    def whole(self, choices: list[dict], usage: dict) -> dict[str, Any]:
        name = "chat.completion" if self.chat else "text_completion"
        return {**self._fields, "object": name, "choices": choices, "usage": usage}

    def piece(self, choices: list[dict], usage: dict | None = None) -> dict[str, Any]:
        name = "chat.completion.chunk" if self.chat else "text_completion"
        fields = {**self._fields, "object": name, "choices": choices}
        return fields if usage is None else {**fields, "usage": usage}

    def choice(
        self, number: int, text: str, finish: str | None, odds: list[LogOdds] | None
    ) -> dict[str, Any]:
        said: dict[str, Any] = {"text": text}
        if self.chat:
            said = {"message": {"role": "assistant", "content": text, "refusal": None}}
        return self._choice(number, said, finish, odds)

    def delta(
        self, number: int, text: str, finish: str | None, odds: list[LogOdds] | None
    ) -> dict[str, Any]:
        said: dict[str, Any] = {"delta": {"content": text}} if self.chat else {"text": text}
        return self._choice(number, said, finish, odds)

    def opening(self, number: int) -> dict[str, Any]:
        return self._choice(number, {"delta": {"role": "assistant", "content": ""}}, None, None)

    def _choice(
        self, number: int, said: dict, finish: str | None, odds: list[LogOdds] | None
    ) -> dict[str, Any]:
        shown = None
        if odds is not None:
            shown = _chat_odds(odds) if self.chat else _text_odds(odds)
        return {"index": number, **said, "finish_reason": finish, "logprobs": shown}


def _chat_odds(odds: Sequence[LogOdds]) -> dict[str, Any]:
    def named(token: str, value: float | None) -> dict[str, Any]:
        return {"token": token, "logprob": value, "bytes": list(token.encode())}

    content = [
        {
            **named(of.token, of.chosen),
            "top_logprobs": [named(token, value) for token, value in of.best],
        }
        for of in odds
    ]
    return {"content": content, "refusal": None}


def _text_odds(odds: Sequence[LogOdds]) -> dict[str, Any]:
    offsets, at = [], 0
    for of in odds:
        offsets.append(at)
        at += len(of.token)
    return {
        "tokens": [of.token for of in odds],
        "token_logprobs": [of.chosen for of in odds],
        "top_logprobs": [None if of.chosen is None else dict(of.best) for of in odds],
        "text_offset": offsets,
    }
