"""The first letter of each token: a unit that models of different vocabularies share.

A letter is the first character of a token's text. A token whose bytes are only a part of a
character counts under its first byte, a special token under its own name: every token is in
exactly one group, so the sums of a distribution over the groups are a distribution again.
"""

from __future__ import annotations

import json
import re

import numpy as np
from transformers import PreTrainedTokenizerBase
from transformers.convert_slow_tokenizer import bytes_to_unicode

UNUSED = "(not a token)"  # a row of the model's head that its tokenizer never uses
_BYTE_TOKEN = re.compile(r"<0x([0-9A-F]{2})>")


def token_bytes(tokenizer: PreTrainedTokenizerBase) -> list[bytes | None]:
    """The bytes that each id writes; None for special tokens."""
    alphabet = {letter: byte for byte, letter in bytes_to_unicode().items()}
    description = json.loads(tokenizer.backend_tokenizer.to_str())
    special = {token["id"] for token in description["added_tokens"] if token["special"]}
    decoder = json.dumps(description["decoder"])
    byte_level, fallback = '"ByteLevel"' in decoder, '"ByteFallback"' in decoder
    written: list[bytes | None] = [None] * len(tokenizer)
    for token, number in tokenizer.get_vocab().items():
        if number in special:
            continue
        if fallback and (byte := _BYTE_TOKEN.fullmatch(token)):
            written[number] = bytes([int(byte[1], 16)])
        elif byte_level and set(token) <= alphabet.keys():
            written[number] = bytes(alphabet[letter] for letter in token)
        else:  # sentencepiece writes a space as U+2581
            written[number] = token.replace("\u2581", " ").encode()
    return written


def first_letter(written: bytes) -> str:
    """The first character of some bytes, or `byte XX` where they are only a part of one."""
    for length in (1, 2, 3, 4):
        try:
            return written[:length].decode()
        except UnicodeDecodeError:
            continue
    return f"byte {written[0]:02X}"


class Letters:
    """The groups of one tokenizer, and sums over them."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, rows: int) -> None:
        self.bytes = token_bytes(tokenizer)
        names: dict[str, int] = {}
        groups = [self._name(number, tokenizer) for number in range(rows)]
        self.group = np.array([names.setdefault(name, len(names)) for name in groups])
        self.names = list(names)
        spread = np.bincount(self.group)
        self.one_token_each = bool((spread == 1).all())

    def _name(self, number: int, tokenizer: PreTrainedTokenizerBase) -> str:
        if number >= len(self.bytes):
            return UNUSED
        written = self.bytes[number]
        if written:
            return first_letter(written)
        return tokenizer.convert_ids_to_tokens(number) if written is None else UNUSED

    def sums(self, probabilities: np.ndarray) -> list[tuple[str, float]]:
        """The probability of each letter, likeliest first. `bincount` adds in double precision."""
        total = np.bincount(self.group, probabilities, len(self.names))
        order = np.argsort(-total, kind="stable")
        return [(self.names[i], float(total[i])) for i in order]

    def exactness(self, name: str) -> str:
        """What the sums leave out, for the model of that name."""
        if self.one_token_each:
            return f"{name} has one token a letter: these are its own odds."
        return (
            f"{name} has several letters to a token: each bar sums all of its "
            f"{len(self.group):,} tokens that begin with that letter. Exact for the way "
            "the prompt is cut here; a cut in which its last letters and the next one share a "
            "token is not counted."
        )
