"""One token a character, as a table: the ids of a whole corpus in a few numpy calls.

`CharTable.of` knows a tokenizer that `train_char` made, also when `AutoTokenizer` loaded it,
and gives the same ids as the library, which walks through a text at a few MB/s.
"""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from tokenizers import Regex, pre_tokenizers
from transformers.convert_slow_tokenizer import bytes_to_unicode

from .byte_level import PRE_TOKENIZER
from .texts import check_string

EACH_CHARACTER = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")


def code_points(text: str, where: str = "the text") -> np.ndarray:
    """A string as numbers, one a character."""
    try:
        if text.isascii():
            return np.frombuffer(text.encode("ascii"), np.uint8)
        return np.frombuffer(text.encode("utf-32-le"), np.dtype("<u4"))
    except (AttributeError, UnicodeEncodeError):
        check_string(text, where)
        raise


@dataclass(frozen=True)
class CharTable:
    """The id of each code point; the last entry, `missing`, is for all that have no token.

    Those are written as their bytes (`spelling`), as the `unknown` token, or not at all.
    """

    characters: str  # in the order of their ids
    ids: np.ndarray
    missing: int
    spelling: "Spelling | None"
    unknown: int | None

    @classmethod
    def of(cls, description: dict[str, Any]) -> "CharTable | None":
        """The table behind a `tokenizer.json` of `train_char`; None for any other."""
        model, pre = description["model"], description["pre_tokenizer"]
        added = {token["content"]: token for token in description["added_tokens"]}
        plain = all(
            token["special"] and not (token["lstrip"] or token["rstrip"] or token["single_word"])
            for token in added.values()
        )
        if description["normalizer"] or not plain:
            return None
        tokens = {token: i for token, i in model["vocab"].items() if token not in added}
        if model["type"] == "WordLevel" and pre == _json(EACH_CHARACTER):
            unknown = tokens.pop(model["unk_token"], None)
            return cls._build(tokens, None, unknown)
        if model["type"] == "BPE" and pre == _json(PRE_TOKENIZER):
            return cls._of_bytes(tokens)
        return None

    @classmethod
    def _of_bytes(cls, tokens: dict[str, int]) -> "CharTable | None":
        """A BPE in which no token is longer than one character."""
        byte = {letter: value for value, letter in bytes_to_unicode().items()}
        raw = {bytes(byte[letter] for letter in token): i for token, i in tokens.items()}
        characters, pieces = {}, {}
        for token, number in raw.items():
            text = token.decode(errors="replace")
            if len(text) != 1:
                return None
            if text != "\ufffd" or token == text.encode():
                characters[text] = number
            else:
                pieces[token] = number
        return cls._build(characters, pieces)

    @classmethod
    def _build(
        cls, tokens: dict[str, int], pieces: dict[bytes, int] | None, unknown: int | None = None
    ) -> "CharTable":
        missing = max([*tokens.values(), *(pieces or {}).values(), unknown or 0]) + 1
        ids = np.full(max(map(ord, tokens), default=0) + 2, missing, np.min_scalar_type(missing))
        ids[[ord(character) for character in tokens]] = list(tokens.values())
        spelling = None if pieces is None else Spelling.of(pieces, missing)
        characters = "".join(sorted(tokens, key=tokens.__getitem__))
        return cls(characters, ids, missing, spelling, unknown)

    def encode(self, text: str, where: str = "the text") -> np.ndarray:
        """The ids of a text; ValueError where a character has none."""
        codes = code_points(text, where)
        ids = self.ids.take(codes, mode="clip")
        strange = ids == self.missing
        if not strange.any():
            return ids
        if self.spelling:
            return self.spelling.put_in(codes, ids, strange)
        if self.unknown is None:
            self._refuse(text, int(strange.argmax()), where)
        ids[strange] = self.unknown
        return ids

    def _refuse(self, text: str, position: int, where: str) -> None:
        raise ValueError(
            f"{where} has {text[position]!r} (U+{ord(text[position]):04X}) at character "
            f"{position + 1}, which is not in this vocabulary of {len(self.characters)}: "
            f"{self.characters!r}"
        )


@dataclass(frozen=True)
class Spelling:
    """How characters without a token are written: the longest beginning that has one, then bytes.

    In UTF-8 every byte but the first holds six bits. So a character without its last byte, its last
    two or three is the code point shifted by 6, 12 or 18, and no two of different length collide.
    """

    beginnings: dict[int, np.ndarray]  # by how far the code point is shifted
    last: np.ndarray  # by the six bits of any later byte
    missing: int

    @classmethod
    def of(cls, pieces: dict[bytes, int], missing: int) -> "Spelling":
        dtype = np.min_scalar_type(missing)
        sizes = {shift: (0x10FFFF >> shift) + 1 for shift in (6, 12, 18)}
        beginnings = {shift: np.full(size, missing, dtype) for shift, size in sizes.items()}
        last = np.zeros(64, dtype)
        for raw, number in pieces.items():
            if raw[0] < 0xC0:
                last[raw[0] & 63] = number
                continue
            whole = 2 + (raw[0] >= 0xE0) + (raw[0] >= 0xF0)
            code = raw[0] & (0x7F >> whole)
            for byte in raw[1:]:
                code = code << 6 | byte & 63
            beginnings[6 * (whole - len(raw))][code] = number
        return cls(beginnings, last, missing)

    def put_in(self, codes: np.ndarray, ids: np.ndarray, strange: np.ndarray) -> np.ndarray:
        """The ids; the one of each unknown character is replaced by two to four."""
        places = np.flatnonzero(strange)
        code = codes[places]
        by_1, by_2, by_3 = (table[code >> shift] for shift, table in self.beginnings.items())
        two = by_1 == self.missing  # and more: what comes before the last byte has no token
        three = two & (by_2 == self.missing)
        size = np.ones(len(codes), np.intp)
        size[places] = 2 + two + three
        end = np.cumsum(size) - 1
        ids[places] = self.last[code & 63]
        out = np.empty(end[-1] + 1, ids.dtype)
        out[end] = ids
        end = end[places]
        out[end - 1] = np.where(two, self.last[code >> 6 & 63], by_1)
        out[end[two] - 2] = np.where(three, self.last[code >> 12 & 63], by_2)[two]
        out[end[three] - 3] = by_3[three]
        return out


def _json(part: pre_tokenizers.PreTokenizer) -> dict[str, Any]:
    return json.loads(part.__getstate__())
