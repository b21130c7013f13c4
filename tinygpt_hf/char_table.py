"""One token a character, as a table: the ids of a whole corpus in a few numpy calls.

`CharTable.of` knows a tokenizer that `train_char` made, also when `AutoTokenizer` loaded it,
and gives the same ids as the library, which walks through a text at a few MB/s.
"""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from tokenizers import Regex, pre_tokenizers

from .byte_level import PRE_TOKENIZER, byte_alphabet
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
    """The id of each code point; the last entry, `missing`, stands for all that have no token.

    Those are written as their bytes (`pieces`), as the `unknown` token, or not at all.
    """

    characters: str  # in the order of their ids
    ids: np.ndarray
    missing: int
    pieces: dict[bytes, int]  # bytes, and how the longer characters begin
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
            return cls._build(tokens, {}, unknown)
        if model["type"] == "BPE" and pre == _json(PRE_TOKENIZER):
            return cls._of_bytes(tokens)
        return None

    @classmethod
    def _of_bytes(cls, tokens: dict[str, int]) -> "CharTable | None":
        """A BPE none of whose tokens reaches past one character."""
        byte = {letter: value for value, letter in byte_alphabet().items()}
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
        return cls._build(characters, pieces, None)

    @classmethod
    def _build(
        cls, tokens: dict[str, int], pieces: dict[bytes, int], unknown: int | None
    ) -> "CharTable":
        missing = max([*tokens.values(), *pieces.values(), unknown or 0]) + 1
        ids = np.full(max(map(ord, tokens)) + 2, missing, np.min_scalar_type(missing))
        ids[[ord(character) for character in tokens]] = list(tokens.values())
        return cls("".join(sorted(tokens, key=tokens.__getitem__)), ids, missing, pieces, unknown)

    def encode(self, text: str, where: str = "the text") -> np.ndarray:
        """The ids of a text; ValueError where a character has none."""
        codes = code_points(text, where)
        ids = self.ids.take(codes, mode="clip")
        strange = ids == self.missing
        if not strange.any():
            return ids
        if self.pieces:
            return self._with_bytes(codes, ids, strange)
        if self.unknown is None:
            self._refuse(text, int(strange.argmax()), where)
        ids[strange] = self.unknown
        return ids

    def _with_bytes(self, codes: np.ndarray, ids: np.ndarray, strange: np.ndarray) -> np.ndarray:
        """The ids, with each `strange` one replaced by the two to four of its character's bytes."""
        kinds, which = np.unique(codes[strange], return_inverse=True)
        spelt = [self._spell(chr(code)) for code in kinds]
        padded = np.array([ids + [0] * (4 - len(ids)) for ids in spelt], self.ids.dtype)
        lengths = np.array([len(ids) for ids in spelt])
        times = np.ones(len(codes), np.intp)
        times[strange] = lengths[which]
        out = np.repeat(ids, times)
        out[np.repeat(strange, times)] = padded[which][np.arange(4) < lengths[which, None]]
        return out

    def _spell(self, character: str) -> list[int]:
        """The longest beginning of the character that has a token, then byte for byte."""
        raw = character.encode()
        cut = next(n for n in range(len(raw) - 1, 0, -1) if raw[:n] in self.pieces)
        return [
            self.pieces[raw[:cut]],
            *(self.pieces[raw[i : i + 1]] for i in range(cut, len(raw))),
        ]

    def _refuse(self, text: str, position: int, where: str) -> None:
        raise ValueError(
            f"{where} has {text[position]!r} (U+{ord(text[position]):04X}) at character "
            f"{position + 1}, which is not in this vocabulary of {len(self.characters)}: "
            f"{self.characters!r}"
        )


def _json(part: pre_tokenizers.PreTokenizer) -> dict[str, Any]:
    return json.loads(part.__getstate__())
