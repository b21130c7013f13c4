"""The page's questions as named endpoints, for `gradio_client` and as MCP tools.

Each answers with plain JSON. What cannot be answered is an error whose text says the way out.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict
from typing import Any

import gradio as gr

from .roster import Roster
from .values import Answers, RefusedError, Sampling, Unit
from .values.players import SEAT

BASELINE = SEAT  # as in an address
_LOOK = 0.05  # seconds
_SHOW = 0.25


class Api:
    """The endpoints. A method's name is the tool's name, its docstring the tool's description."""

    def __init__(self, roster: Roster) -> None:
        self._roster = roster

    async def _contestant(self, model: str) -> Answers:
        if not isinstance(model, str):
            raise RefusedError("model must be a name.")
        if model == BASELINE:
            return (await self._roster.seat(SEAT)).contestant
        return await self._roster.arrive(model or self._roster.left)

    async def _ask(self, model: str, question: Callable[[Answers], Any]) -> Any:
        try:
            return await asyncio.to_thread(question, await self._contestant(model))
        except RefusedError as refusal:
            raise _error(refusal) from None

    async def models(self) -> dict[str, Any]:
        """Which models are on offer: the names of the tiny ones, and who stands for the baseline
        (GPT-2, or its stand-in while GPT-2 is not there)."""
        try:
            right = await self._roster.seat(SEAT)
        except RefusedError as refusal:
            raise _error(refusal) from None
        return {
            "tiny": list(self._roster.names),
            "default": self._roster.left,
            BASELINE: {"name": right.contestant.name, "note": right.sentence},
        }

    async def facts(self, model: str = "") -> dict[str, Any]:
        """A model in figures: parameters, layers, width, heads, window, vocabulary, revision.

        Args:
            model: a tiny model's name, USER/NAME@REVISION on the Hub, or "baseline".
        """
        return await self._ask(model, lambda who: asdict(who.facts()))

    async def generate(
        self,
        prompt: str,
        model: str = "",
        temperature: float = 0.8,
        top_k: int = 50,
        top_p: float = 1.0,
        repetition_penalty: float = 1.0,
        max_new_tokens: int = 120,
        greedy: bool = False,
        seed: int = 0,
    ) -> AsyncIterator[dict[str, Any]]:
        """Continues a text. Streams what there is so far; the last message says why it stopped.

        Args:
            prompt: the beginning of the text.
            model: a tiny model's name, USER/NAME@REVISION on the Hub, or "baseline".
            temperature: 0.05 to 5; lower is safer, higher is wilder.
            top_k: draw from the k likeliest tokens only; 0 for all.
            top_p: draw from the likeliest tokens that have this share together; 1 for all.
            repetition_penalty: above 1, tokens already in the text become less likely.
            max_new_tokens: at most this many, up to 512.
            greedy: always the likeliest token.
            seed: the same seed and settings give the same text.
        """
        try:
            sampling = Sampling(
                temperature, top_k, top_p, repetition_penalty, max_new_tokens, greedy, seed
            )
            live = (await self._contestant(model)).start(prompt, sampling)
        except RefusedError as refusal:
            raise _error(refusal) from None
        waited = _SHOW  # the first text is sent as soon as there is one
        try:
            while (chunk := live.chunk()).stopped is None:
                if chunk.tokens and waited >= _SHOW:
                    waited = 0.0
                    yield asdict(chunk)
                await asyncio.sleep(_LOOK)
                waited += _LOOK
            yield {**asdict(chunk), "notes": live.notes}
        finally:
            live.cancel()

    async def next_tokens(
        self, prompt: str, model: str = "", temperature: float = 1.0, unit: str = "letter"
    ) -> dict[str, Any]:
        """How likely each continuation of a text is, likeliest first.

        Args:
            prompt: the text so far.
            model: a tiny model's name, USER/NAME@REVISION on the Hub, or "baseline".
            temperature: 0.05 to 5.
            unit: "letter", the same for every model, or "token", the model's own.
        """
        if unit not in ("letter", "token"):
            raise _error(RefusedError('unit is "letter" or "token".'))
        kind: Unit = "letter" if unit == "letter" else "token"
        return await self._ask(
            model, lambda who: asdict(who.next_tokens(prompt, temperature, kind))
        )

    async def tokens(self, text: str, model: str = "") -> list[dict[str, Any]]:
        """How a model cuts a text: each token's text, number and bytes (hexadecimal).

        Args:
            text: any text.
            model: a tiny model's name, USER/NAME@REVISION on the Hub, or "baseline".
        """
        return await self._ask(
            model,
            lambda who: [
                {"text": piece.text, "id": piece.id, "bytes": piece.bytes.hex()}
                for piece in who.tokens(text)
            ],
        )

    async def attention(
        self, prompt: str, model: str = "", layer: int = 1, head: int = 1
    ) -> dict[str, Any]:
        """Where one head of a model looks from each of the last 48 tokens of a text.

        Args:
            prompt: the text.
            model: a tiny model's name, USER/NAME@REVISION on the Hub, or "baseline".
            layer: from 1.
            head: from 1.
        """
        if not all(isinstance(number, int) for number in (layer, head)):
            raise _error(RefusedError("layer and head must be whole numbers."))
        return await self._ask(
            model, lambda who: asdict(who.inside.attention(prompt, layer - 1, head - 1))
        )

    async def lens(self, prompt: str, model: str = "") -> dict[str, Any]:
        """What each layer of a model would say next after each of the last 32 tokens of a text, if
        it had the last word: before the first layer and after each, the likeliest tokens.

        Args:
            prompt: the text.
            model: a tiny model's name, USER/NAME@REVISION on the Hub, or "baseline".
        """
        return await self._ask(model, lambda who: asdict(who.inside.lens(prompt)))

    async def parts(
        self, prompt: str, model: str = "", token: str = "", against: str = ""
    ) -> dict[str, Any]:
        """Which parts of a model (embedding, heads, MLPs, biases) gave a next token its score.

        Args:
            prompt: the text.
            model: a tiny model's name, USER/NAME@REVISION on the Hub, or "baseline".
            token: the next token; empty for the likeliest.
            against: a second token, whose shares are subtracted; empty for none.
        """
        return await self._ask(model, lambda who: asdict(who.inside.parts(prompt, token, against)))

    async def without(
        self, prompt: str, parts: list[str], model: str = "", max_new_tokens: int = 20
    ) -> dict[str, Any]:
        """The odds of the next token and the likeliest text, before and after parts of a model are
        switched off; nobody else's answers change.

        Args:
            prompt: the text.
            parts: names as `parts` gives them, "block 0 head 1" or "block 0 mlp"; or "block 0".
            model: a tiny model's name, USER/NAME@REVISION on the Hub, or "baseline".
            max_new_tokens: of the text, at most this many.
        """
        return await self._ask(
            model, lambda who: asdict(who.inside.without(prompt, parts, max_new_tokens))
        )

    async def score(self, text: str, model: str = "") -> dict[str, Any]:
        """How well a model predicts a text, in bits per byte (less is better), token by token.

        Args:
            text: any text, at most 20,000 characters.
            model: a tiny model's name, USER/NAME@REVISION on the Hub, or "baseline".
        """
        return await self._ask(model, lambda who: asdict(who.score(text)))


def _error(refusal: RefusedError) -> gr.Error:
    return gr.Error(str(refusal), print_exception=False)


def offer(roster: Roster) -> None:
    """Adds the endpoints to the page that is being built."""
    api = Api(roster)
    quick: list[Callable[..., Awaitable[Any]]] = [
        api.models,
        api.facts,
        api.next_tokens,
        api.tokens,
        api.attention,
        api.lens,
        api.parts,
    ]
    for endpoint in quick:
        gr.api(endpoint, api_name=endpoint.__name__, concurrency_limit=8, concurrency_id="ask")
    gr.api(api.without, api_name="without", concurrency_limit=2)
    gr.api(api.score, api_name="score", concurrency_limit=2)
    gr.api(api.generate, api_name="generate", concurrency_limit=None)
