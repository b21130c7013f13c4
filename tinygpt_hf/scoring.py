"""How well a model predicts a text, in a unit that compares any two causal models.

    score(model, tokenizer, text)   -> Score(bits_per_byte, nats_per_token, tokens, first)

A token's surprise is -log2 of the probability that the model gave it. All of them together, over
the bytes of the text, do not depend on how a vocabulary cuts it. Text longer than the window is
read in windows that overlap by half, so that every token beyond the first window is predicted from
at least half a window. The first token has nothing before it: a model that knows a token which
begins texts (`bos_token_id` in its config) predicts it from that one; else it costs as much as a
blind guess.
"""

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import torch
from tokenizers import Tokenizer
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from .tokenization import check_text

LONGEST_WINDOW = 1024  # tokens; models that take more are read in windows of this
LOGITS_AT_ONCE = 1 << 24  # numbers


@dataclass(frozen=True)
class Score:
    """`tokens` holds each token's text and surprise in bits; the texts together are the text."""

    bits_per_byte: float
    nats_per_token: float
    tokens: list[tuple[str, float]]
    first: str  # how the first token was treated


def score(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    text: str,
    *,
    window: int | None = None,
    progress: Callable[[int], object] = lambda tokens: None,
) -> Score:
    return scored(model, tokenizer, text, lambda ids: surprise(model, ids, window, progress))


def scored(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    text: str,
    surprise: Callable[[list[int]], list[float]],
) -> Score:
    """`surprise` gives the bits of every token but the first."""
    if not text:
        raise ValueError("there is no text to score")
    ids, pieces = cut(tokenizer, text)
    begin = getattr(model.config, "bos_token_id", None)
    if begin is None:
        blind = math.log2(model.config.vocab_size)
        bits = [blind, *surprise(ids)]
        first = f"the first token costs {blind:.2f} bits, a blind guess among the vocabulary"
    else:
        bits = surprise([begin, *ids])
        first = "the first token is predicted from the token that begins a text"
    total = math.fsum(bits)
    return Score(
        bits_per_byte=total / len(text.encode()),
        nats_per_token=total * math.log(2) / len(ids),
        tokens=list(zip(pieces, bits, strict=True)),
        first=first,
    )


def cut(tokenizer: PreTrainedTokenizerBase, text: str) -> tuple[list[int], list[str]]:
    """Ids and their stretches of the text; the first of those that share a character has it."""
    check_text(tokenizer, text)
    library = reader(tokenizer)
    encoding = library.encode(text, add_special_tokens=False)
    unknown = library.token_to_id(library.model.unk_token or "")
    if unknown in encoding.ids:
        at = encoding.offsets[encoding.ids.index(unknown)][0]
        raise ValueError(
            f"{text[at]!r} at character {at + 1} is not in this vocabulary, "
            "so the model cannot score it"
        )
    ends = [0]
    for _, end in encoding.offsets:
        ends.append(max(end, ends[-1]))
    ends[-1] = len(text)
    return encoding.ids, [text[a:b] for a, b in itertools.pairwise(ends)]


def surprise(
    model: PreTrainedModel,
    ids: list[int],
    window: int | None = None,
    progress: Callable[[int], object] = lambda tokens: None,
) -> list[float]:
    """Bits of every token but the first."""
    window = min(window or LONGEST_WINDOW, window_of(model))
    bits: list[float] = []
    for rows, kept in batches(ids, window, LOGITS_AT_ONCE // model.config.vocab_size):
        text = torch.tensor(rows, device=model.device)
        with torch.no_grad():
            logits = model(input_ids=text[:, :-1], use_cache=False).logits[:, -kept:].float()
        nats = nn.functional.cross_entropy(
            logits.flatten(0, 1), text[:, -kept:].flatten(), reduction="none"
        )
        bits += (nats / math.log(2)).tolist()
        progress(nats.numel())
    return bits


def batches(ids: list[int], window: int, most: int) -> Iterator[tuple[list[list[int]], int]]:
    """Rows of equal length, and how many tokens at the end of each are new."""
    rows: list[list[int]] = []
    kept, done = 0, 1
    while done < len(ids):
        end = min(len(ids), done + (window if done == 1 else max(1, window // 2)))
        row, new = ids[max(0, end - 1 - window) : end], end - done
        fits = (len(rows) + 1) * len(row) <= most
        if rows and (len(row) != len(rows[0]) or new != kept or not fits):
            yield rows, kept
            rows = []
        rows, kept, done = [*rows, row], new, end
    if rows:
        yield rows, kept


def window_of(model: PreTrainedModel) -> int:
    return getattr(model.config, "max_position_embeddings", None) or LONGEST_WINDOW


def reader(tokenizer: PreTrainedTokenizerBase) -> Tokenizer:
    """A copy that reads text which looks like a special token as text, and never cuts any off."""
    copy = _readers.get(tokenizer)
    if copy is None:
        copy = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
        copy.encode_special_tokens = True
        copy.no_truncation()
        copy.no_padding()
        _readers[tokenizer] = copy
    return copy


_readers: WeakKeyDictionary[PreTrainedTokenizerBase, Tokenizer] = WeakKeyDictionary()
