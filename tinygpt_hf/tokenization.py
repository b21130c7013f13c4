"""Train character and byte-level BPE tokenizers: a plain `tokenizer.json`, no remote code.

    train_char(texts)               one token a character
    train_char(closed="hello")      the seeds' closed vocabularies: `hello`, `next-char`, `minigpt`
    train_bpe(texts, vocab_size)    byte-level BPE; `cut="gpt2"` for one that llama.cpp knows

`texts` is any iterable of strings; `read_texts(paths)` makes one of files of any size. The same
strings, in any order, give the same files, byte for byte. The way from text to ids and back is
in `encoding.py`; its functions can be imported from here too.

Open tokenizers lose nothing and refuse nothing, since every byte of UTF-8 is a token. Their ids:
`<|endoftext|>` 0 (begin and end of a text), `<|pad|>` 1; with `chat=True` `<|system|>` 2,
`<|user|>` 3, `<|assistant|>` 4; the 243 bytes, in GPT-2's byte alphabet; then what was learned. A
closed vocabulary has characters and no bytes: an unknown one is `<unk>` (`minigpt`) or an error.
"""

import sys
from collections.abc import Iterable, Iterator
from typing import Any, Literal, get_args

import numpy as np
from huggingface_hub.utils import tqdm
from tokenizers import AddedToken, Tokenizer, decoders, models, trainers
from transformers import PreTrainedTokenizerFast
from transformers.convert_slow_tokenizer import bytes_to_unicode

from .byte_level import CUTS, utf8_bytes
from .char_table import EACH_CHARACTER, code_points
from .encoding import (
    check_text,
    encode_chat,
    encode_ids,
    encode_many,
    smallest_dtype,
)
from .texts import check_string, read_texts

__all__ = [
    "check_text",
    "encode_chat",
    "encode_ids",
    "encode_many",
    "read_texts",
    "smallest_dtype",
    "train_bpe",
    "train_char",
]

Closed = Literal["hello", "next-char", "minigpt"]
Cut = Literal["lines", "gpt2"]  # of `byte_level.CUTS`

END, PAD = "<|endoftext|>", "<|pad|>"
TURNS = ["<|system|>", "<|user|>", "<|assistant|>"]
SMALLEST, LARGEST = 257, 50_257  # sizes of a BPE
_ALPHABETS = {"hello": " ehlo", "next-char": " abcdefghijklmnopqrstuvwxyz"}
_MINIGPT = {"pad_token": "<pad>", "unk_token": "<unk>", "bos_token": "<bos>", "eos_token": "<eos>"}

# An answer's end token is in the part that the assistant mask marks: so a model learns to stop.
CHAT_TEMPLATE = """\
{%- for message in messages -%}
{%- if message.role not in ['system', 'user', 'assistant'] -%}
{{- raise_exception('role ' ~ message.role ~ ' is not one of system, user, assistant') -}}
{%- endif -%}
{{- '<|' ~ message.role ~ '|>' -}}
{%- if message.role == 'assistant' -%}
{%- generation -%}{{- message.content ~ eos_token -}}{%- endgeneration -%}
{%- else -%}
{{- message.content -}}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}
"""


def train_char(
    texts: Iterable[str] = (),
    min_freq: int = 1,
    *,
    closed: Closed | None = None,
    chat: bool = False,
    padding_side: str = "left",
    model_max_length: int | None = None,
    show_progress: bool | None = None,
) -> PreTrainedTokenizerFast:
    """A token for each character that is at least `min_freq` times in the texts.

    In an open tokenizer the rarer ones are written as their bytes. `closed` names a seed's
    vocabulary: `hello` and `next-char` are fixed, and the texts may hold nothing else; `minigpt`
    learns its characters. `show_progress` is on by default where a terminal shows it.
    """
    if min_freq < 1:
        raise ValueError(f"min_freq is {min_freq}; it must be at least 1")
    if closed is not None and closed not in get_args(Closed):
        known = ", ".join(get_args(Closed))
        raise ValueError(f"no closed vocabulary is called {closed!r}; there are {known}")
    if closed and chat:
        raise ValueError(f"the closed vocabulary {closed!r} has no room for the tokens of a chat")
    characters = _characters(texts, min_freq, _visible(show_progress))
    options = {"padding_side": padding_side, "model_max_length": model_max_length}
    if closed:
        return _closed(closed, characters, options)

    tokens, merges = _spelling(characters)
    vocabulary = [*_specials(chat), *tokens]
    model = models.BPE(vocab={token: i for i, token in enumerate(vocabulary)}, merges=merges)
    tokenizer = Tokenizer(model)
    return _open(tokenizer, "lines", chat, options)


def train_bpe(
    texts: Iterable[str],
    vocab_size: int,
    min_freq: int = 2,
    *,
    cut: Cut = "lines",
    chat: bool = False,
    padding_side: str = "left",
    model_max_length: int | None = None,
    show_progress: bool | None = None,
) -> PreTrainedTokenizerFast:
    """A byte-level BPE of `vocab_size` tokens; of fewer where no pair is left `min_freq` times.

    `cut` is how text is cut into words, which no token crosses: see `byte_level.py`.
    """
    if cut not in CUTS:
        raise ValueError(f"no cut is called {cut!r}; there are {', '.join(CUTS)}")
    if min_freq < 1:
        raise ValueError(f"min_freq is {min_freq}; it must be at least 1")
    if not SMALLEST <= vocab_size <= LARGEST:
        raise ValueError(
            f"vocab_size is {vocab_size:,}; a BPE has {SMALLEST:,} to {LARGEST:,} tokens"
        )
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = CUTS[cut]  # cuts the words to learn from
    letter = bytes_to_unicode()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=min_freq,
        special_tokens=_added(_specials(chat)),
        initial_alphabet=[letter[byte] for byte in utf8_bytes()],
        show_progress=_visible(show_progress),
    )
    tokenizer.train_from_iterator(_checked(texts), trainer)
    options = {"padding_side": padding_side, "model_max_length": model_max_length}
    return _open(tokenizer, cut, chat, options)


def _characters(texts: Iterable[str], min_freq: int, show_progress: bool) -> list[str]:
    """The characters that are often enough in the texts, in the order of their code points."""
    counts = np.zeros(sys.maxunicode + 1, np.int64)
    hidden = not show_progress
    for text in tqdm(
        _checked(texts), "Counting characters", unit=" texts", disable=hidden, delay=1
    ):
        found = np.bincount(code_points(text))
        counts[: len(found)] += found
    return [chr(code) for code in np.flatnonzero(counts >= min_freq)]


def _closed(
    name: Closed, characters: list[str], options: dict[str, Any]
) -> PreTrainedTokenizerFast:
    """A vocabulary of characters alone: the seed's own, id for id."""
    if name == "minigpt":
        if not characters:
            raise ValueError("'minigpt' learns its characters from texts, and there are none")
        special, tokens = _MINIGPT, [*_MINIGPT.values(), *characters]
    else:
        special, tokens = {}, list(_ALPHABETS[name])
        if strange := set(characters) - set(tokens):
            raise ValueError(
                f"the texts have {min(strange)!r} (U+{ord(min(strange)):04X}), which is not in the "
                f"closed vocabulary {name!r}: {_ALPHABETS[name]!r}"
            )
    # Without its unknown token the model refuses a character. With one that is not special, the
    # token stays in sight when special tokens are left out of a decoded text.
    special = {role: token for role, token in special.items() if role != "unk_token"}
    tokenizer = Tokenizer(
        models.WordLevel({token: i for i, token in enumerate(tokens)}, unk_token="<unk>")
    )
    tokenizer.pre_tokenizer = EACH_CHARACTER
    tokenizer.decoder = decoders.Fuse()
    tokenizer.add_special_tokens(_added(special.values()))
    return _wrap(tokenizer, options | special)


def _spelling(characters: Iterable[str]) -> tuple[list[str], list[tuple[str, str]]]:
    """Tokens and merges of a BPE that puts the bytes of a character together, and no more.

    ASCII is a byte a character anyway. A merge takes one byte, so the characters of three and four
    bytes also need tokens for how they begin, which 64 of them share.
    """
    letter = bytes_to_unicode()
    beginnings = {
        raw[:end] for raw in (c.encode() for c in characters) for end in range(2, len(raw) + 1)
    }
    spell = {raw: "".join(letter[byte] for byte in raw) for raw in sorted(beginnings)}
    tokens = [*(letter[byte] for byte in utf8_bytes()), *spell.values()]
    return tokens, [(token[:-1], token[-1]) for token in spell.values()]


def _open(
    tokenizer: Tokenizer, cut: Cut, chat: bool, options: dict[str, Any]
) -> PreTrainedTokenizerFast:
    tokenizer.pre_tokenizer = CUTS[cut]
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(_added(_specials(chat)))
    options = options | {"bos_token": END, "eos_token": END, "pad_token": PAD}
    if chat:
        options |= {"extra_special_tokens": TURNS, "chat_template": CHAT_TEMPLATE}
    return _wrap(tokenizer, options)


def _wrap(tokenizer: Tokenizer, options: dict[str, Any]) -> PreTrainedTokenizerFast:
    given = {name: value for name, value in options.items() if value is not None}
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, clean_up_tokenization_spaces=False, **given
    )


def _specials(chat: bool) -> list[str]:
    return [END, PAD, *(TURNS if chat else [])]


def _added(names: Iterable[str]) -> list[AddedToken]:
    return [AddedToken(name, special=True, normalized=False) for name in names]


def _checked(texts: Iterable[str]) -> Iterator[str]:
    for number, text in enumerate([texts] if isinstance(texts, str) else texts):
        yield check_string(text, f"texts[{number}]")


def _visible(show_progress: bool | None) -> bool:
    return sys.stderr.isatty() if show_progress is None else show_progress
