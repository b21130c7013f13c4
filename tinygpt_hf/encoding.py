"""Text to ids and back: fast enough for a corpus, clear about what has no id.

    check_text(tokenizer, text)       ValueError with the character, its position and the vocabulary
    encode_ids(tokenizer, text)       the ids of one text, in the smallest unsigned dtype
    encode_many(tokenizer, texts)     the same for an iterable, an array a text, on all cores
    encode_chat(tokenizer, messages)  ids and the mask of the answers

Text that looks like a special token stays text: the ids are those of
`tokenizer(text, add_special_tokens=False, split_special_tokens=True)`. With `specials=True` it is
read as the token.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from weakref import WeakKeyDictionary

import numpy as np
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerBase

from .char_table import CharTable
from .texts import check_string

_BATCH = 1 << 21  # characters that go to all cores at once: about 100 MB in the library


def check_text(tokenizer: PreTrainedTokenizerBase, text: str, where: str = "the text") -> None:
    """Raises a ValueError that says why, if the tokenizer cannot write the text."""
    table = _encoder(tokenizer).table
    if table is None:
        check_string(text, where)
    else:
        table.encode(text, where)


def encode_ids(
    tokenizer: PreTrainedTokenizerBase, text: str, *, specials: bool = False
) -> np.ndarray:
    """The ids of a text, nothing added."""
    encoder = _encoder(tokenizer)
    if encoder.table:
        return encoder.look_up(text, specials, "the text")
    check_string(text)
    return encoder.ask_library([text], specials)[0]


def encode_many(
    tokenizer: PreTrainedTokenizerBase, texts: Iterable[str], *, specials: bool = False
) -> Iterator[np.ndarray]:
    """The ids of each text, in order; memory does not grow with their number."""
    encoder = _encoder(tokenizer)
    batch: list[str] = []
    waiting = 0
    for number, text in enumerate(texts):
        if encoder.table:
            yield encoder.look_up(text, specials, f"texts[{number}]")
            continue
        batch.append(check_string(text, f"texts[{number}]"))
        waiting += len(text) + 1
        if waiting >= _BATCH:
            yield from encoder.ask_library(batch, specials)
            batch, waiting = [], 0
    if batch:
        yield from encoder.ask_library(batch, specials)


def encode_chat(
    tokenizer: PreTrainedTokenizerBase,
    messages: Sequence[Mapping[str, str]],
    *,
    add_generation_prompt: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """The ids that our chat template gives, and which of them an assistant wrote.

    Unlike `apply_chat_template` it never reads markup out of what somebody typed.
    """
    parts: list[tuple[np.ndarray, bool]] = []
    for number, message in enumerate(messages):
        if missing := {"role", "content"} - message.keys():
            raise ValueError(f"messages[{number}] has no {min(missing)!r}")
        answer = message["role"] == "assistant"
        parts.append((_turn(tokenizer, message["role"]), False))
        parts.append((encode_ids(tokenizer, message["content"]), answer))
        if answer:
            parts.append((np.array([tokenizer.eos_token_id]), True))
    if add_generation_prompt:
        parts.append((_turn(tokenizer, "assistant"), False))
    empty = np.array([], smallest_dtype(tokenizer))
    ids = np.concatenate([empty, *(part for part, _ in parts)]).astype(empty.dtype)
    mask = [np.full(len(part), answer) for part, answer in parts]
    return ids, np.concatenate([np.array([], bool), *mask])


def smallest_dtype(tokenizer: PreTrainedTokenizerBase) -> np.dtype:
    """The smallest unsigned integer type that holds every id of the tokenizer."""
    return np.min_scalar_type(max(len(tokenizer) - 1, 0))


def _turn(tokenizer: PreTrainedTokenizerBase, role: str) -> np.ndarray:
    number = _encoder(tokenizer).specials.get(f"<|{role}|>")
    if number is None:
        raise ValueError(f"this tokenizer has no turn token for the role {role!r}")
    return np.array([number])


class _Encoder:
    """How one tokenizer is run: by table where it has one token a character, else by the library.

    The library's tokenizer is copied, since a call with other options changes the state of the
    original for every thread.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase):
        written = tokenizer.backend_tokenizer.to_str()
        description = json.loads(written)
        self.size = len(tokenizer)
        self.dtype = smallest_dtype(tokenizer)
        self.table = CharTable.of(description)
        self.specials = {t["content"]: t["id"] for t in description["added_tokens"]}
        longest_first = sorted(self.specials, key=len, reverse=True)
        self.markup = re.compile(f"({'|'.join(map(re.escape, longest_first))})")
        self._written = written
        self._backends: dict[bool, Tokenizer] = {}

    def look_up(self, text: str, specials: bool, where: str) -> np.ndarray:
        """Ids by table."""
        assert self.table
        if not (specials and self.specials):
            return self.table.encode(text, where).astype(self.dtype, copy=False)
        pieces = self.markup.split(check_string(text, where))  # every second one is a special token
        parts = [
            np.array([self.specials[piece]]) if number % 2 else self.table.encode(piece, where)
            for number, piece in enumerate(pieces)
        ]
        return np.concatenate(parts).astype(self.dtype)

    def ask_library(self, texts: list[str], specials: bool) -> list[np.ndarray]:
        """Ids by the library, on all cores."""
        if (backend := self._backends.get(specials)) is None:
            backend = self._backends[specials] = _copy(self._written, specials)
        try:
            encodings = backend.encode_batch_fast(texts, add_special_tokens=False)
        except BaseException as error:
            if type(error).__name__ != "PanicException":  # which is not an Exception
                raise
            raise ValueError(f"this tokenizer cannot cut the text into tokens: {error}") from None
        return [np.array(encoding.ids, self.dtype) for encoding in encodings]


def _copy(written: str, specials: bool) -> Tokenizer:
    backend = Tokenizer.from_str(written)
    backend.no_truncation()
    backend.no_padding()
    backend.encode_special_tokens = not specials
    return backend


_encoders: WeakKeyDictionary[PreTrainedTokenizerBase, _Encoder] = WeakKeyDictionary()


def _encoder(tokenizer: PreTrainedTokenizerBase) -> _Encoder:
    encoder = _encoders.get(tokenizer)
    if encoder is None or encoder.size != len(tokenizer):  # tokens may have been added since
        encoder = _encoders[tokenizer] = _Encoder(tokenizer)
    return encoder
