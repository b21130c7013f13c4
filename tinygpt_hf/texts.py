"""Text from files of any size, as strings of many lines, and a clear error for what is not text."""

import codecs
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

SIZE = 1 << 16  # bytes a string: large enough to be fast, and 256 of them take little memory


def read_texts(paths: str | Path | Iterable[str | Path], size: int = SIZE) -> Iterator[str]:
    """The text of the files, newlines untouched, in strings of about `size` bytes. A byte-order
    mark at the beginning of a file belongs to the file and not to its text.

    A file is cut between a word and the white space behind it, which no token of ours crosses: the
    cuts change neither what is learned nor how it is encoded.
    """
    for path in [paths] if isinstance(paths, (str, Path)) else paths:
        held: list[str] = []
        for block in filter(None, _blocks(path, size)):
            if held and (cut := _behind_a_word(held[-1])):  # there is more: what is held may go
                yield "".join([*held[:-1], held[-1][:cut]])
                held = [held[-1][cut:]]
            held.append(block)
        if rest := "".join(held):
            yield rest


def check_string(text: object, where: str = "the text") -> str:
    """The text, if it is a string that UTF-8 can write; else a ValueError that says where."""
    if not isinstance(text, str):
        raise ValueError(f"{where} is {text!r}, not a string")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{where} holds a lone surrogate, U+{ord(text[error.start]):04X}, at character "
            f"{error.start + 1}: half a character, which nothing can write"
        ) from None
    return text


def _blocks(path: str | Path, size: int) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")()
    with open(path, "rb") as file:
        if file.read(len(codecs.BOM_UTF8)) != codecs.BOM_UTF8:
            file.seek(0)
        while True:
            raw = file.read(size)
            before = file.tell() - len(raw) - len(decoder.getstate()[0])
            try:
                block = decoder.decode(raw, final=not raw)
            except UnicodeDecodeError as error:
                byte, offset = error.object[error.start], before + error.start
                raise ValueError(
                    f"{os.fspath(path)} is not UTF-8: byte 0x{byte:02X} at offset {offset}; "
                    "save it as UTF-8 first"
                ) from None
            if not raw:
                return
            yield block


def _behind_a_word(text: str) -> int:
    """The last position with a word before it and white space behind it; 0 for none.

    Only what every pattern and Python take for white space: on U+001C they differ.
    """
    places = range(len(text) - 1, 0, -1)
    return next((i for i in places if text[i] in " \t\r\n" and not text[i - 1].isspace()), 0)
