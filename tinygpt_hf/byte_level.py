"""How an open tokenizer sees text: cut into words, each written in GPT-2's alphabet of bytes.

lines   white space ends with its line: text may be cut behind any line end
gpt2    GPT-2's own cut, the one that other programs know (llama.cpp calls it `gpt-2`)
"""

from tokenizers import Regex, pre_tokenizers

# GPT-2's words, but white space ends with its line.
WORDS = (
    r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+"
    r"|[^\S\n]*\n|[^\S\n]+(?!\S)|[^\S\n]+"
)
PRE_TOKENIZER = pre_tokenizers.Sequence(
    [
        pre_tokenizers.Split(Regex(WORDS), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ]
)
GPT2_PRE_TOKENIZER = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
CUTS = {"lines": PRE_TOKENIZER, "gpt2": GPT2_PRE_TOKENIZER}


def utf8_bytes() -> list[int]:
    """The 243 byte values that UTF-8 can contain: 0xC0, 0xC1 and 0xF5 to 0xFF never occur."""
    return [b for b in range(0xF5) if b not in (0xC0, 0xC1)]
