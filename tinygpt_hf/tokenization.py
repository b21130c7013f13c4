"""Train character and byte-level BPE tokenizers, saved as a plain `tokenizer.json` that needs no remote code.

    train_char(texts)                       one token a character; every Unicode string comes back exactly
    train_char(closed="hello")              the seeds' closed vocabularies: `hello`, `next-char`, `minigpt`
    train_bpe(texts, vocab_size)            byte-level BPE with GPT-2's way of cutting words

`texts` is any iterable of strings; `read_texts(paths)` cuts files at line ends without changing the result. The way
from text to ids (`encode_ids`, `encode_many`, `encode_chat`, `check_text`) and back (`TextStream`) is in
`encoding.py`, and importable from here. The same strings, in whatever order, give the same file, byte for byte.

Open tokenizers. `<|endoftext|>` (begin and end, id 0), `<|pad|>` (id 1), with `chat=True` the turn tokens
`<|system|>`, `<|user|>`, `<|assistant|>`; then the 243 bytes that UTF-8 can contain, in GPT-2's byte alphabet;
then what was learned. Whatever the text, its bytes are in the vocabulary, so nothing can be lost or refused.

Closed vocabularies have no bytes to fall back on: an unknown character is `<unk>` (`minigpt`) or an error.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Literal

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from .encoding import (
    TextStream,
    byte_alphabet,
    check_string,
    check_text,
    encode_chat,
    encode_ids,
    encode_many,
    read_texts,
    smallest_dtype,
    utf8_bytes,
)

__all__ = [
    "TextStream",
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

END, PAD = "<|endoftext|>", "<|pad|>"
TURNS = ("<|system|>", "<|user|>", "<|assistant|>")
_ALPHABETS = {"hello": " ehlo", "next-char": " abcdefghijklmnopqrstuvwxyz"}
_MINIGPT = {"pad_token": "<pad>", "unk_token": "<unk>", "bos_token": "<bos>", "eos_token": "<eos>"}
_SMALLEST, _LARGEST = 257, 50_257

# An answer ends with the end token, inside the part that the assistant mask marks: that is how a model learns to stop.
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
) -> PreTrainedTokenizerFast:
    """A tokenizer with one token for each character that occurs at least `min_freq` times in `texts`."""
    if min_freq < 1:
        raise ValueError(f"min_freq is {min_freq}; it must be at least 1")
    if closed and chat:
        raise ValueError(f"the closed vocabulary {closed!r} has no room for chat tokens")
    counts: Counter[str] = Counter()
    for number, text in enumerate(texts):
        check_string(text, f"texts[{number}]")
        counts.update(text)
    characters = sorted(c for c, n in counts.items() if n >= min_freq)
    extras = {"padding_side": padding_side, "model_max_length": model_max_length}
    if closed:
        return _closed(closed, characters, extras)

    names = _special_names(chat)
    alphabet = byte_alphabet()
    tokens = [*names, *(alphabet[b] for b in utf8_bytes())]
    tokens += ["".join(alphabet[b] for b in c.encode()) for c in characters if not c.isascii()]
    # `ignore_merges` looks each character up whole before it falls apart into bytes.
    model = models.BPE(vocab=_numbered(tokens), merges=[], ignore_merges=True)
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    return _open(tokenizer, chat, extras)


def train_bpe(
    texts: Iterable[str],
    vocab_size: int,
    min_freq: int = 2,
    *,
    chat: bool = False,
    padding_side: str = "left",
    model_max_length: int | None = None,
    show_progress: bool = True,
) -> PreTrainedTokenizerFast:
    """A byte-level BPE of at most `vocab_size` tokens; fewer where the text has no more pairs seen `min_freq` times."""
    if not _SMALLEST <= vocab_size <= _LARGEST:
        raise ValueError(f"vocab_size is {vocab_size}; a BPE has {_SMALLEST:,} to {_LARGEST:,}")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = byte_alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=min_freq,
        special_tokens=_added(_special_names(chat)),
        initial_alphabet=[alphabet[b] for b in utf8_bytes()],
        show_progress=show_progress,
    )
    tokenizer.train_from_iterator(_checked(texts), trainer)
    extras = {"padding_side": padding_side, "model_max_length": model_max_length}
    return _open(tokenizer, chat, extras)


def _closed(name: Closed, characters: list[str], extras: dict[str, Any]) -> PreTrainedTokenizerFast:
    """A vocabulary of the listed characters alone: a seed's own, id for id."""
    if name == "minigpt":
        tokens = [*_MINIGPT.values(), *characters]
    elif name in _ALPHABETS:
        tokens = list(_ALPHABETS[name])
        if strangers := set(characters) - set(tokens):
            raise ValueError(
                f"{min(strangers)!r} is not among the {len(tokens)} characters of {name!r}: "
                f"{''.join(tokens)!r}"
            )
    else:
        known = ", ".join([*_ALPHABETS, "minigpt"])
        raise ValueError(f"no closed vocabulary is called {name!r}; there are {known}")
    specials = _MINIGPT if name == "minigpt" else {}
    # Without its unknown token in the vocabulary the model refuses a character instead of dropping it.
    tokenizer = Tokenizer(models.WordLevel(_numbered(tokens), unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    tokenizer.decoder = decoders.Fuse()
    # <unk> is told to the model only: as a special token it would vanish from what is decoded.
    named = {k: v for k, v in specials.items() if k != "unk_token"}
    tokenizer.add_special_tokens(_added(named.values()))
    return _wrap(tokenizer, extras | named)


def _open(tokenizer: Tokenizer, chat: bool, extras: dict[str, Any]) -> PreTrainedTokenizerFast:
    tokenizer.add_special_tokens(_added(_special_names(chat)))
    extras |= {"bos_token": END, "eos_token": END, "pad_token": PAD}
    if chat:
        extras |= {"extra_special_tokens": list(TURNS), "chat_template": CHAT_TEMPLATE}
    return _wrap(tokenizer, extras)


def _wrap(tokenizer: Tokenizer, extras: dict[str, Any]) -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        clean_up_tokenization_spaces=False,
        **{k: v for k, v in extras.items() if v is not None},
    )


def _special_names(chat: bool) -> list[str]:
    return [END, PAD, *(TURNS if chat else ())]


def _added(names: Iterable[str]) -> list[AddedToken]:
    return [AddedToken(name, special=True, normalized=False) for name in names]


def _numbered(tokens: Iterable[str]) -> dict[str, int]:
    return {token: number for number, token in enumerate(tokens)}


def _checked(texts: Iterable[str]) -> Iterable[str]:
    for number, text in enumerate(texts):
        check_string(text, f"texts[{number}]")
        yield text
