"""A contestant: one model and its tokenizer, answering many visitors with plain values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from .plain import PlainWriter, Progress
from .values import Chunk, Facts, Refusal, Sampling

MOST_CHARACTERS = 20_000  # of a prompt, before it is even tokenized


class Live:
    """A generation under way: look at it whenever there is time to show it."""

    def __init__(self, progress: Progress, tokenizer: PreTrainedTokenizerBase) -> None:
        self._progress, self._tokenizer = progress, tokenizer

    def chunk(self) -> Chunk:
        progress = self._progress
        stopped, ids = progress.stopped, list(progress.ids)
        text = self._tokenizer.decode(ids, skip_special_tokens=True)
        if stopped is None:
            text = text.rstrip("\N{REPLACEMENT CHARACTER}")  # a character whose bytes are coming
        return Chunk(text, len(ids), progress.seconds, progress.first, stopped)

    def cancel(self) -> None:
        self._progress.cancel()

    def wait(self, seconds: float) -> None:
        self._progress.wait(seconds)


class Contestant:
    def __init__(
        self,
        name: str,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        *,
        source: str = "",
        revision: str | None = None,
        note: str = "",
    ) -> None:
        self.name, self.model, self.tokenizer = name, model.eval(), tokenizer
        self.source, self.revision, self.note = source, revision, note
        self.slides = model.config.model_type == "tinygpt"
        self._writer = PlainWriter(self.model)

    def facts(self) -> Facts:
        config: Any = self.model.config
        return Facts(
            name=self.name,
            parameters=self.model.num_parameters(),
            layers=config.num_hidden_layers,
            width=config.hidden_size,
            heads=config.num_attention_heads,
            window=config.max_position_embeddings,
            vocabulary=config.vocab_size,
            source=self.source,
            revision=self.revision,
            note=self.note,
        )

    def encode(self, prompt: str) -> list[int]:
        if not prompt:
            raise Refusal("The prompt is empty: type a few letters first.")
        if len(prompt) > MOST_CHARACTERS:
            raise Refusal(
                f"The prompt has {len(prompt):,} characters; at most {MOST_CHARACTERS:,} fit."
            )
        ids = self.tokenizer.encode(prompt, add_special_tokens=False)
        window = self.model.config.max_position_embeddings
        if not self.slides and len(ids) >= window:
            raise Refusal(
                f"The prompt is {len(ids):,} tokens for {self.name}; {window - 1:,} fit. Shorten it."
            )
        return ids

    def start(self, prompt: str, sampling: Sampling) -> Live:
        ids = self.encode(prompt)
        window = None if self.slides else self.model.config.max_position_embeddings
        return Live(self._writer.start(ids, sampling, window), self.tokenizer)

    def stream(self, prompt: str, sampling: Sampling) -> Iterator[Chunk]:
        live = self.start(prompt, sampling)
        try:
            while True:
                live.wait(0.2)
                yield (chunk := live.chunk())
                if chunk.stopped:
                    return
        finally:
            live.cancel()
