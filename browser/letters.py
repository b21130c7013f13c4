"""Writes letters.js: which characters are letters, numbers and white space for our tokenizers.

    python browser/letters.py

Browsers have tables of their own, each another: U+0085 is white space for the tokenizers library
and none in JavaScript. So the library is asked about every character there is.
"""

from pathlib import Path

from tokenizers import Regex, pre_tokenizers

TABLE = Path(__file__).with_name("letters.js")
CLASSES = {"LETTERS": r"\p{L}", "NUMBERS": r"\p{N}", "SPACES": r"\s"}
EVERY = "".join(chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000)
HEAD = """\
// Written by letters.py: the letters, numbers and white space of the tokenizers library.
// Pairs in base 36: how far the next range begins behind the last one, and how many it holds.
"""


def ranges(pattern: str) -> list[tuple[int, int]]:
    """First and last code point of each stretch of characters that the pattern matches."""
    split = pre_tokenizers.Split(Regex(f"{pattern}+"), "removed")
    found, start = [], 0
    for _, (begin, end) in [*split.pre_tokenize_str(EVERY), ("", (len(EVERY), 0))]:
        if begin > start:
            found.append((ord(EVERY[start]), ord(EVERY[begin - 1])))
        start = end
    return found


def base36(number: int) -> str:
    digit = "0123456789abcdefghijklmnopqrstuvwxyz"[number % 36]
    return (base36(number // 36) if number >= 36 else "") + digit


def write() -> str:
    """The text of letters.js."""
    text = HEAD
    for name, pattern in CLASSES.items():
        lines, line, behind = [], "", 0
        for first, last in ranges(pattern):
            pair = f"{base36(first - behind)} {base36(last - first + 1)} "
            behind = last + 1
            if len(line) + len(pair) > 90:
                lines, line = [*lines, line], ""
            line += pair
        body = '" +\n    "'.join([*lines, line.rstrip()])
        text += f'\nexport const {name} =\n    "{body}";\n'
    return text


if __name__ == "__main__":
    TABLE.write_text(write(), encoding="utf-8", newline="\n")
