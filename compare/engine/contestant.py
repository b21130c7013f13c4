"""A contestant: one model and its tokenizer, answering many visitors with plain values."""

from __future__ import annotations

import copy
import logging
import threading
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase

from compare.decoding.loop import DecodeLoop
from compare.decoding.progress import Live, Wishes, said_one_of
from compare.decoding.weights import UnknownShapeError, take_apart
from compare.engine import coherence, insight
from compare.engine.chatting import remembered
from compare.engine.generate import PlainWriter
from compare.engine.inside import Inside
from compare.engine.letters import Letters
from compare.values import (
    Adapted,
    Chunk,
    Coherence,
    Extras,
    Facts,
    LogOdds,
    Message,
    Odds,
    Piece,
    RefusedError,
    Sampling,
    Surprise,
    Told,
    Unit,
)
from tinygpt_hf.encoding import check_text, encode_ids

_log = logging.getLogger(__name__)
MOST_CHARACTERS = 20_000  # of one text, before it is tokenized
_TOKENS_SHOWN = 60


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
        tells: bool = False,
    ) -> None:
        self.name, self.model, self.tokenizer = name, model.eval(), tokenizer
        self.source, self.revision, self.note = source, revision, note
        self.tells = tells
        model.set_attn_implementation("eager")  # the only one that says where it looks
        # A repo's generation_config could ask for 10,000 beams: only its end token is taken.
        ends = model.generation_config.eos_token_id
        model.generation_config = GenerationConfig(
            eos_token_id=ends, pad_token_id=ends[0] if isinstance(ends, list) else ends
        )
        config: Any = model.config.get_text_config()
        self.window = getattr(config, "max_position_embeddings", None) or 1024
        self.slides = config.model_type == "tinygpt"
        # Texts of ours begin with this token where the recipe says so; GPT-2 knows no such habit.
        self._opening = (
            [config.bos_token_id] if self.slides and config.bos_token_id is not None else []
        )
        backend = tokenizer.backend_tokenizer
        unknown = backend.token_to_id(getattr(backend.model, "unk_token", None) or "")
        self._unknown = -1 if unknown == tokenizer.eos_token_id else unknown
        self.turn = threading.Lock()  # one at a time through the model itself
        self._writer = self._make_writer(ends)
        self.logits = insight.NextLogits(model, self._reach(config))

    def _make_writer(self, ends: int | list[int] | None) -> DecodeLoop | PlainWriter:
        """Many at once where the architecture is known, else one by one."""
        ids = {end for end in (ends if isinstance(ends, list) else [ends]) if end is not None}
        window = None if self.slides else self.window
        try:
            return DecodeLoop(take_apart(self.model), ids, window)
        except UnknownShapeError as error:
            _log.info("%s is run by `generate`, one text at a time: %s", self.name, error)
        return PlainWriter(self.model, ids, window)

    def _reach(self, config: Any) -> int:
        """How many tokens back anything can still change the next one."""
        if not self.slides or config.slides_by_recomputing:
            return self.window
        return max(self.window, min(self.window * config.num_hidden_layers, insight.MOST_READ))

    def facts(self) -> Facts:
        config: Any = self.model.config.get_text_config()
        return Facts(
            name=self.name,
            parameters=self.model.num_parameters(),
            layers=config.num_hidden_layers,
            width=config.hidden_size,
            heads=config.num_attention_heads,
            window=self.window,
            vocabulary=config.vocab_size,
            slides=self.slides,
            source=self.source,
            revision=self.revision,
            note=self.note,
            chats=bool(self.tokenizer.chat_template),
            opening=next(iter(self._opening), None),
        )

    # Writing

    def encode(self, text: str, what: str = "The prompt") -> list[int]:
        """The ids of a text that this model can read, or a sentence about what is wrong with it."""
        if not isinstance(text, str):
            raise RefusedError(f"{what} must be text.")
        if not text:
            raise RefusedError(f"{what} is empty: type a few letters first.")
        if len(text) > MOST_CHARACTERS:
            raise RefusedError(
                f"{what} has {len(text):,} characters; at most {MOST_CHARACTERS:,} fit."
            )
        try:
            check_text(self.tokenizer, text, what)
        except ValueError as error:
            raise RefusedError(f"{self.name} cannot read it: {error}.") from None
        return encode_ids(self.tokenizer, text).tolist()

    def encode_prompt(self, prompt: str) -> list[int]:
        ids = self._opening + self.encode(prompt)
        if not self.slides and len(ids) >= self.window:
            raise RefusedError(
                f"The prompt is {len(ids):,} tokens for {self.name} and {self.window - 1:,} fit: "
                "shorten it."
            )
        return ids

    def start(
        self, prompt: str | Sequence[int], sampling: Sampling, extras: Extras | None = None
    ) -> Live:
        """`prompt` is text, or tokens of this model."""
        ids = self.encode_prompt(prompt) if isinstance(prompt, str) else self._checked(prompt)
        return self._begin(ids, sampling, extras, self._notes(ids))

    def _begin(
        self, ids: list[int], sampling: Sampling, extras: Extras | None, notes: list[str]
    ) -> Live:
        extras = extras or Extras()
        enough = said_one_of(extras.stop, self.tokenizer) if extras.stop else None
        progress = self._writer.start(ids, sampling, Wishes(enough, extras.likeliest))
        return Live(progress, self.tokenizer, notes, len(ids), self._token_text)

    def _checked(self, ids: Sequence[int]) -> list[int]:
        """Tokens that somebody else has counted out."""
        if not isinstance(ids, (list, tuple)) or not all(isinstance(n, int) for n in ids):
            raise RefusedError("The prompt must be text, or a list of token numbers.")
        if not ids:
            raise RefusedError("The prompt is empty: it needs at least one token.")
        vocabulary = self.model.get_input_embeddings().weight.shape[0]
        if any(not 0 <= number < vocabulary for number in ids):
            raise RefusedError(
                f"{self.name} has tokens 0 to {vocabulary - 1:,}; the prompt has others."
            )
        if len(ids) > MOST_CHARACTERS or (not self.slides and len(ids) >= self.window):
            raise RefusedError(f"The prompt is {len(ids):,} tokens, too many for {self.name}.")
        return list(ids)

    def _token_text(self, number: int) -> str:
        return self.tokenizer.decode([number])

    def read(self, prompt: str | Sequence[int], likeliest: int) -> list[LogOdds]:
        """How likely each token of a text is after those before it."""
        ids = self.encode_prompt(prompt) if isinstance(prompt, str) else self._checked(prompt)
        if len(ids) > self.window:
            raise RefusedError(
                f"The text is {len(ids):,} tokens; {self.name} sees {self.window:,} at a time."
            )
        with self.turn:
            return insight.log_odds(self.model, ids, likeliest, self._token_text)

    def reply(
        self, talk: Sequence[Message], sampling: Sampling, extras: Extras | None = None
    ) -> Live:
        """The next answer in a conversation, as far back as the window holds it."""
        if not self.tokenizer.chat_template:
            raise RefusedError(f"{self.name} was never tuned to answer.")
        for message in talk:
            self.encode(message["content"], "The message")
        try:
            ids, _ = remembered(self.tokenizer, talk, self.window)
        except ValueError as error:  # a template that is not ours
            raise RefusedError(f"{self.name} cannot be talked to here: {error}.") from None
        return self._begin(ids, sampling, extras, [])

    def forgets(self, talk: Sequence[Message]) -> int:
        """How many of the first messages are out of its sight."""
        return remembered(self.tokenizer, talk, self.window)[1]

    def _notes(self, ids: list[int]) -> list[str]:
        notes = []
        if len(ids) > self.window:
            notes.append(f"the prompt is {len(ids):,} tokens: it sees the last {self.window:,}")
        if unknown := ids.count(self._unknown):
            notes.append(f"{unknown} characters of the prompt are unknown to it")
        return notes

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

    # Stories whose facts are known

    def coherence(self, prompt: str, text: str) -> Coherence | None:
        """Whether its story holds together; of an answer, where there is no prompt."""
        if not self.tells:
            return None
        return coherence.of_text(prompt, text) if prompt else coherence.of_answer(text)

    def opening(self, number: int) -> str:
        """The beginning of a story that it was not trained on."""
        return coherence.opening(number)

    # Looking inside

    def next_tokens(self, prompt: str, temperature: float = 1.0, unit: Unit = "letter") -> Odds:
        temperature = Sampling(temperature=temperature).temperature
        ids = self.encode_prompt(prompt)
        with self.turn:
            odds = insight.softmax(self.logits.of(ids), temperature)
        return self.odds(odds, unit)

    def odds(self, odds: np.ndarray, unit: Unit) -> Odds:
        if unit == "letter":
            return Odds(unit, self.letters.sums(odds), self.letters.exactness(self.name))
        best = odds.argsort()[::-1][:_TOKENS_SHOWN].tolist()
        named = [(self.piece(i).text, float(odds[i])) for i in best]
        return Odds(unit, named, f"{self.name}'s own tokens, {len(odds):,} of them.")

    def tokens(self, text: str) -> list[Piece]:
        return [self.piece(number) for number in self.encode(text, "The text")]

    def piece(self, number: int) -> Piece:
        known = self.letters.bytes
        written = known[number] if number < len(known) else b""
        if written is None:
            return Piece(number, self.tokenizer.convert_ids_to_tokens(number), b"")
        try:
            return Piece(number, written.decode(), written)
        except UnicodeDecodeError:
            return Piece(number, "".join(f"\\x{byte:02x}" for byte in written), written)

    @cached_property
    def inside(self) -> Inside:
        return Inside(self)

    @cached_property
    def letters(self) -> Letters:
        return Letters(self.tokenizer, self.model.get_output_embeddings().weight.shape[0])

    def score(self, text: str) -> Surprise:
        from tinygpt_hf.scoring import score

        self.encode(text, "The text")
        try:
            with self.turn, torch.inference_mode():
                result = score(self.model, self.tokenizer, text)
        except ValueError as error:
            raise RefusedError(f"{self.name} cannot score it: {error}.") from None
        return Surprise(result.bits_per_byte, len(text.encode()), result.tokens, result.first)

    def adapt(self, text: str, told: Told) -> Adapted:
        """The score of a copy that learns from the text as it reads; nothing here changes, and
        nobody waits. What `told` raises ends it."""
        from tinygpt_hf.adapting import LARGEST, score_adapting

        tokens = len(self.encode(text, "The text"))
        if not self.slides or self.model.num_parameters() > LARGEST:
            raise RefusedError(f"{self.name} only reads: learning takes a TinyGPT of ours.")
        with self.turn:
            model = copy.deepcopy(self.model)
        done = 0

        def progress(new: int) -> None:
            nonlocal done
            done += new
            told(done, 2 * tokens)  # it is read with and without

        try:
            found = score_adapting(model, self.tokenizer, text, progress=progress)
        except ValueError as error:
            raise RefusedError(f"{self.name} cannot score it: {error}.") from None
        read = found.score
        surprise = Surprise(read.bits_per_byte, len(text.encode()), read.tokens, read.first)
        return Adapted(surprise, found.plain.bits_per_byte)
