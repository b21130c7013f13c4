"""One token a character, as a table: the ids of a whole corpus in a few numpy calls.

`CharTable.of` knows a tokenizer that `train_char` made, also when `AutoTokenizer` loaded it,
and gives the same ids as the library, which walks through a text at about 1 MB/s.
"""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from tokenizers import Regex, pre_tokenizers

from .texts import check_string

EACH_CHARACTER = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
EACH_CHARACTERS_BYTES = pre_tokenizers.Sequence(
    [EACH_CHARACTER, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
)


def utf8_bytes() -> list[int]:
    """The 243 byte values that UTF-8 can contain: 0xC0, 0xC1 and 0xF5 to 0xFF never occur."""
    return [b for b in range(0xF5) if b not in (0xC0, 0xC1)]


def byte_alphabet() -> dict[int, str]:
    """GPT-2's letter for each byte: itself where that is printable, else one from U+0100 on."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = [b for b in range(256) if b not in printable]
    return {b: chr(b) if b in printable else chr(256 + others.index(b)) for b in range(256)}


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

    Those are written as their UTF-8 bytes (`byte_ids`), as the `unknown` token, or not at all.
    """

    characters: str  # in the order of their ids
    ids: np.ndarray
    missing: int
    byte_ids: np.ndarray | None
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
        if model["type"] == "BPE" and pre == _json(EACH_CHARACTERS_BYTES) and not model["merges"]:
            letters = {letter: byte for byte, letter in byte_alphabet().items()}
            raw = {bytes(letters[x] for x in token): i for token, i in tokens.items()}
            byte_ids = np.zeros(256, np.int64)
            for byte in utf8_bytes():
                byte_ids[byte] = raw[bytes([byte])]
            return cls._build({_character(r): i for r, i in raw.items() if _character(r)}, byte_ids)
        return None

    @classmethod
    def _build(
        cls, tokens: dict[str, int], byte_ids: np.ndarray | None, unknown: int | None = None
    ) -> "CharTable":
        largest = max([*tokens.values(), -1 if byte_ids is None else int(byte_ids.max())])
        dtype = np.min_scalar_type(largest + 1)
        ids = np.full(max(map(ord, tokens), default=0) + 2, largest + 1, dtype)
        for character, number in tokens.items():
            ids[ord(character)] = number
        bytes_ = None if byte_ids is None else byte_ids.astype(dtype)
        return cls(
            "".join(sorted(tokens, key=tokens.__getitem__)), ids, largest + 1, bytes_, unknown
        )

    def encode(self, text: str, where: str = "the text") -> np.ndarray:
        """The ids of a text; ValueError where a character has none."""
        codes = code_points(text, where)
        ids = self.ids[np.minimum(codes, len(self.ids) - 1)]
        strange = ids == self.missing
        if not strange.any():
            return ids
        if self.byte_ids is not None:
            return self._with_bytes(codes, ids, strange)
        if self.unknown is None:
            self._refuse(text, int(strange.argmax()), where)
        ids[strange] = self.unknown
        return ids

    def _with_bytes(self, codes: np.ndarray, ids: np.ndarray, strange: np.ndarray) -> np.ndarray:
        assert self.byte_ids is not None
        code = codes[strange]
        lengths = np.ones(len(codes), np.intp)
        lengths[strange] = 1 + (code > 0x7F) + (code > 0x7FF) + (code > 0xFFFF)
        utf8 = code.tobytes().decode("utf-32-le").encode()
        out = np.repeat(ids, lengths)
        out[np.repeat(strange, lengths)] = self.byte_ids[np.frombuffer(utf8, np.uint8)]
        return out

    def _refuse(self, text: str, position: int, where: str) -> None:
        raise ValueError(
            f"{where} has {text[position]!r} (U+{ord(text[position]):04X}) at character "
            f"{position + 1}, which is not in this vocabulary of {len(self.characters)}: "
            f"{self.characters!r}"
        )


def _character(raw: bytes) -> str:
    """The one character that these bytes are; '' where they are a part of one."""
    return raw.decode(errors="ignore")


def _json(part: pre_tokenizers.PreTokenizer) -> dict[str, Any]:
    return json.loads(part.__getstate__())
