"""Strings to break tokenizers with: every plane of Unicode, and what looks like markup or bytes."""

import functools

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

MARKUP = ["<|endoftext|>", "<|pad|>", "<|user|>", "<0x41>", "<unk>", "<eos>", "<|endof", "\\u0041"]
SPACES = ["\r\n", "\n\n", "\r", "  ", "\t \n", "\u3000", "\xa0", "\u2028", "\x85", "\x1c", "\x00"]
MARKS = [
    "e\u0301",
    "\u0301",
    "é",
    "ﬁ",
    "İ",
    "ß",
    "👩\u200d👩\u200d👧",
    "\ufeff",
    "\ufffd",
    "Ġ",
    "Ċ",
]
WORDS = ["don't", " the", "'ll", "x86", "生活", "ปี", "---", "12"]

anywhere = (
    st.builds(lambda plane, low: plane << 16 | low, st.integers(0, 16), st.integers(0, 0xFFFF))
    .filter(lambda code: not 0xD800 <= code < 0xE000)
    .map(chr)
)
pieces = st.one_of(
    st.characters(codec="utf-8"), anywhere, st.sampled_from([*MARKUP, *SPACES, *MARKS, *WORDS])
)
strings = st.lists(pieces, max_size=24).map("".join)


@functools.cache
def collect(count: int) -> list[str]:
    """So many of them, the same in every run."""
    found: list[str] = []

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(strings)
    def keep(text: str) -> None:
        found.append(text)

    keep()
    return found
