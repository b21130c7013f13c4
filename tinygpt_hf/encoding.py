"""From text to ids and back: fast enough for a corpus, exact for a stream, and clear about what cannot be written.

    check_text(tokenizer, text)             ValueError naming the character, its position and the vocabulary
    encode_ids(tokenizer, text)             ids of one text in the smallest unsigned dtype
    encode_many(tokenizer, texts)           the same for an iterable, one array a text, on all cores
    encode_chat(tokenizer, messages)        ids and the mask of the answers; nothing typed becomes a turn token
    TextStream(tokenizer)                   ids in, finished characters out
    read_texts(paths)                       files as strings of about 64 KB, cut where no token can span

All of these give the ids of `tokenizer(text, add_special_tokens=False, split_special_tokens=True)`: text that
looks like a special token stays text. With `specials=True` it becomes the token.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from tokenizers import Tokenizer
from tokenizers.decoders import DecodeStream
from transformers import PreTrainedTokenizerBase

_CHUNK = (
    1 << 16
)  # characters a text: many enough to be fast, few enough that 256 of them are nothing
_BATCH = 1 << 22  # characters that go to all cores at once


def check_string(text: object, where: str = "the text") -> None:
    """A string that UTF-8 can write, or a ValueError that says where it is not."""
    if not isinstance(text, str):
        raise ValueError(f"{where} is {text!r}, not a string")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{where} holds a lone surrogate, U+{ord(text[error.start]):04X}, at character "
            f"{error.start + 1}: it is half a character and no tokenizer can write it"
        ) from None


def check_text(tokenizer: PreTrainedTokenizerBase, text: str, where: str = "the text") -> None:
    """Nothing where the tokenizer can write the text, else a ValueError: character, position, vocabulary."""
    check_string(text, where)
    table = _plan(tokenizer).table
    if table is None or table.byte_ids is not None or table.unknown is not None:
        return
    for position, character in enumerate(text):
        if character not in table.characters:
            raise ValueError(
                f"{where} has {character!r} (U+{ord(character):04X}) at character {position + 1}, which is not "
                f"among the {len(table.characters)} of this vocabulary: {''.join(table.characters)!r}"
            )


def encode_ids(
    tokenizer: PreTrainedTokenizerBase, text: str, *, specials: bool = False
) -> np.ndarray:
    """The ids of a text, nothing added, in the smallest unsigned dtype that holds the vocabulary."""
    return next(iter(encode_many(tokenizer, [text], specials=specials)))


def encode_many(
    tokenizer: PreTrainedTokenizerBase, texts: Iterable[str], *, specials: bool = False
) -> Iterator[np.ndarray]:
    """One array of ids for each text, in order; memory does not grow with their number."""
    plan = _plan(tokenizer)
    if plan.table is None:
        yield from plan.library(texts, specials)
        return
    for text in texts:
        check_text(tokenizer, text)
        yield plan.lookup(text, specials)


def encode_chat(
    tokenizer: PreTrainedTokenizerBase,
    messages: Sequence[Mapping[str, str]],
    *,
    add_generation_prompt: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """The ids of `apply_chat_template` and the mask of the answers, for contents that are never read as markup."""
    ids: list[np.ndarray] = []
    mask: list[np.ndarray] = []

    def write(part: np.ndarray, answer: bool) -> None:
        ids.append(part)
        mask.append(np.full(len(part), answer))

    dtype = smallest_dtype(tokenizer)
    for message in messages:
        write(np.array([_turn(tokenizer, message["role"])], dtype), False)
        answer = message["role"] == "assistant"
        write(encode_ids(tokenizer, message["content"]), answer)
        if answer:
            write(np.array([tokenizer.eos_token_id], dtype), True)
    if add_generation_prompt:
        write(np.array([_turn(tokenizer, "assistant")], dtype), False)
    return np.concatenate(ids), np.concatenate(mask)


class TextStream:
    """Token ids in, text out as soon as it is final: no half character is shown and taken back.

    The pieces and what `end` returns are together `tokenizer.decode(ids)`, whatever the ids.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        *,
        prompt_ids: Sequence[int] = (),
        skip_special_tokens: bool = True,
    ):
        self._tokenizer = tokenizer.backend_tokenizer
        self._skip = skip_special_tokens
        self._stream = DecodeStream(ids=list(prompt_ids), skip_special_tokens=skip_special_tokens)
        self._ids: list[int] = []  # since the last piece

    def put(self, token: int) -> str:
        """The text that this token finishes, often its own, sometimes none."""
        piece = self._stream.step(self._tokenizer, token)
        self._ids.append(token)
        if piece:
            self._ids.clear()
        return piece or ""

    def end(self) -> str:
        """What was held back at the end: a character that was never finished, as U+FFFD."""
        rest = self._tokenizer.decode(self._ids, skip_special_tokens=self._skip)
        self._ids.clear()
        return rest


def read_texts(paths: Iterable[str | Path], size: int = _CHUNK) -> Iterator[str]:
    """The files' text, newlines untouched, in strings of about `size` characters.

    Cut only after a line end that is followed by no white space: there GPT-2's word pattern ends a word in any
    context, so neither training nor encoding can tell where the cuts were.
    """
    for path in paths:
        rest = ""
        with open(path, encoding="utf-8", newline="") as file:
            while block := file.read(size):
                rest += block
                if end := _last_cut(rest):
                    yield rest[:end]
                    rest = rest[end:]
        if rest:
            yield rest


def smallest_dtype(tokenizer: PreTrainedTokenizerBase) -> np.dtype:
    """The smallest unsigned integer type that holds every id of the tokenizer."""
    return np.min_scalar_type(max(len(tokenizer) - 1, 0))


def utf8_bytes() -> list[int]:
    """The 243 byte values that valid UTF-8 can contain: 0xC0, 0xC1 and 0xF5 to 0xFF never occur."""
    return [b for b in range(0xF5) if b not in (0xC0, 0xC1)]


def byte_alphabet() -> dict[int, str]:
    """GPT-2's printable letter for each byte: itself where it is printable, else the next letter from U+0100."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    hidden = [b for b in range(256) if b not in printable]
    return {b: chr(b) if b in printable else chr(256 + hidden.index(b)) for b in range(256)}


def _last_cut(text: str) -> int:
    """The position behind the last line end that is followed by something other than white space; 0 for none."""
    end = len(text)
    while end := max(text.rfind("\n", 0, end), text.rfind("\r", 0, end)) + 1:
        if end < len(text) and not text[end].isspace():
            return end
        end -= 1
    return 0


def _turn(tokenizer: PreTrainedTokenizerBase, role: str) -> int:
    token = tokenizer.get_vocab().get(f"<|{role}|>")
    if token is None:
        raise ValueError(f"this tokenizer has no turn token for the role {role!r}")
    return token


@dataclass(frozen=True)
class _Table:
    """A character tokenizer as arrays: `ids[code point]`, with the last entry standing for every unknown one."""

    ids: np.ndarray
    missing: int
    byte_ids: np.ndarray | None
    unknown: int | None
    characters: dict[str, int]

    def encode(self, text: str, dtype: np.dtype) -> np.ndarray:
        if text.isascii():
            codes = np.frombuffer(text.encode(), np.uint8)
        else:
            codes = np.frombuffer(text.encode("utf-32-le"), np.uint32)
        ids = self.ids[np.minimum(codes, len(self.ids) - 1)]
        unknown = ids == self.missing
        if unknown.any():
            if self.byte_ids is not None:
                return self._with_bytes(codes, ids, unknown).astype(dtype, copy=False)
            ids[unknown] = self.unknown
        return ids.astype(dtype, copy=False)

    def _with_bytes(self, codes: np.ndarray, ids: np.ndarray, unknown: np.ndarray) -> np.ndarray:
        assert self.byte_ids is not None
        strange = codes[unknown]
        lengths = np.ones(len(codes), np.intp)
        lengths[unknown] = 1 + (strange > 0x7F) + (strange > 0x7FF) + (strange > 0xFFFF)
        raw = np.frombuffer(strange.astype("<u4").tobytes().decode("utf-32-le").encode(), np.uint8)
        spread = np.repeat(unknown, lengths)
        out = np.repeat(ids, lengths)
        out[spread] = self.byte_ids[raw]
        return out


class _Plan:
    """How one tokenizer is run: by table where it is one token a character, else by the library.

    The library's copies are our own: a call with other options to the tokenizer itself changes its state for
    every thread that uses it.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase):
        backend = tokenizer.backend_tokenizer
        self.size = len(tokenizer)
        self.dtype = smallest_dtype(tokenizer)
        description = json.loads(backend.to_str())
        self.specials = {t["content"]: t["id"] for t in description["added_tokens"] if t["special"]}
        self.table = _table(description)
        self._backends: dict[bool, Tokenizer] = {}
        if self.table is None:
            for specials in (False, True):
                copy = Tokenizer.from_str(backend.to_str())
                copy.no_truncation()
                copy.no_padding()
                copy.encode_special_tokens = not specials
                self._backends[specials] = copy

    def lookup(self, text: str, specials: bool) -> np.ndarray:
        assert self.table is not None
        if not (specials and self.specials):
            return self.table.encode(text, self.dtype)
        longest_first = sorted(self.specials, key=len, reverse=True)
        pieces = re.split(f"({'|'.join(map(re.escape, longest_first))})", text)
        parts = [
            np.array([self.specials[piece]], self.dtype)
            if odd
            else self.table.encode(piece, self.dtype)
            for odd, piece in ((i % 2, piece) for i, piece in enumerate(pieces))
        ]
        return np.concatenate(parts)

    def library(self, texts: Iterable[str], specials: bool) -> Iterator[np.ndarray]:
        backend = self._backends[specials]
        batch: list[str] = []
        waiting = 0
        for text in chain(texts, (None,)):
            if text is not None:
                check_string(text)
                batch.append(text)
                waiting += len(text)
            if batch and (text is None or waiting >= _BATCH):
                for encoding in backend.encode_batch_fast(batch, add_special_tokens=False):
                    yield np.array(encoding.ids, self.dtype)
                batch, waiting = [], 0


_plans: WeakKeyDictionary[PreTrainedTokenizerBase, _Plan] = WeakKeyDictionary()


def _plan(tokenizer: PreTrainedTokenizerBase) -> _Plan:
    plan = _plans.get(tokenizer)
    if plan is None or plan.size != len(tokenizer):
        plan = _plans[tokenizer] = _Plan(tokenizer)
    return plan


def _table(description: dict[str, Any]) -> _Table | None:
    """The arrays of a tokenizer that writes one token a character, as `train_char` makes them; None for others."""
    model, pre = description["model"], description["pre_tokenizer"]
    specials = {t["content"] for t in description["added_tokens"]}
    if description["normalizer"] or not all(t["special"] for t in description["added_tokens"]):
        return None
    if model["type"] == "WordLevel" and pre and pre["type"] == "Split":
        unknown = model["vocab"].get(model["unk_token"])
        characters = {c: i for c, i in model["vocab"].items() if len(c) == 1 and c not in specials}
        return _build(characters, None, unknown)
    if model["type"] == "BPE" and not model["merges"] and model.get("ignore_merges"):
        letters = {letter: byte for byte, letter in byte_alphabet().items()}
        characters, byte_ids = {}, np.zeros(256, np.int64)
        for token, number in model["vocab"].items():
            if token in specials:
                continue
            raw = bytes(letters[letter] for letter in token)
            if len(raw) == 1:
                byte_ids[raw[0]] = number
            if len(raw) > 1 or raw[0] < 0x80:
                characters[raw.decode()] = number
        return _build(characters, byte_ids, None)
    return None


def _build(characters: dict[str, int], byte_ids: np.ndarray | None, unknown: int | None) -> _Table:
    missing = max(characters.values(), default=0) + 1
    dtype = np.min_scalar_type(missing)
    ids = np.full(max(map(ord, characters), default=0) + 2, missing, dtype)
    for character, number in characters.items():
        ids[ord(character)] = number
    if byte_ids is not None:
        missing_bytes = byte_ids.astype(dtype)
        return _Table(ids, missing, missing_bytes, unknown, characters)
    return _Table(ids, missing, None, unknown, characters)
