"""From text to batches: tokenized once into a memory-mapped file, then examples by number.

Example `i` of a run depends on `i` and the seed alone. That is all there is to resuming bit for bit,
to any number of loader workers, and to several processes seeing what one would have seen.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch.utils.data import Dataset
from transformers import PreTrainedTokenizerFast

from tinygpt_hf.tokenization import encode_ids, encode_many, smallest_dtype

from .corpus import BadText, Corpus, cache_folder

Batch = dict[str, torch.Tensor]
IGNORED = -100  # the platform's mark for a position that is not trained


@dataclass
class Tokens:
    """A text as token ids, its end held back for validation."""

    train: np.ndarray
    val: np.ndarray

    def check_length(self, window: int, what: str) -> None:
        """At least one window in each part that is used."""
        for part, name in ((self.train, "training"), (self.val, "validation")):
            if part is self.val and not len(part):
                continue
            if len(part) <= window:
                raise BadText(
                    f"{what} is too short: {len(part)} tokens for {name}, and a window of {window} "
                    f"needs {window + 1}; give more text, or a smaller --max_position_embeddings"
                )


def tokenize(corpus: Corpus, tokenizer: PreTrainedTokenizerFast, validation: float) -> Tokens:
    """Read from the cache when this text met this tokenizer before, else written to it."""
    path = token_file(corpus, tokenizer)
    ids: np.ndarray = np.empty(0, smallest_dtype(tokenizer))
    if path.stat().st_size:
        ids = np.memmap(path, smallest_dtype(tokenizer), "r")
    if not len(ids):
        raise BadText(f"{corpus.name} is empty")
    cut = int(len(ids) * (1 - validation))
    return Tokens(ids[:cut], ids[cut:])


def token_file(corpus: Corpus, tokenizer: PreTrainedTokenizerFast) -> Path:
    recipe = tokenizer.backend_tokenizer.to_str() + str(tokenizer.eos_token_id)
    key = hashlib.sha256((corpus.key() + recipe).encode()).hexdigest()[:32]
    folder = cache_folder() / "tokens"
    path = folder / f"{key}.bin"
    if path.is_file():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    handle, partial = tempfile.mkstemp(dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            write_tokens(file, corpus, tokenizer)
        os.replace(partial, path)
    except BaseException:
        os.unlink(partial)
        raise
    return path


def write_tokens(file, corpus: Corpus, tokenizer: PreTrainedTokenizerFast) -> None:
    end = np.array([tokenizer.eos_token_id or 0], smallest_dtype(tokenizer))
    for ids in encode_many(tokenizer, corpus.pieces()):
        file.write(ids if len(ids) else end)


def token_bytes(tokenizer: PreTrainedTokenizerFast) -> np.ndarray:
    """How many bytes of text each token stands for; none for special tokens."""
    byte_level = "ByteLevel" in json.dumps(json.loads(tokenizer.backend_tokenizer.to_str())["decoder"])
    counts = np.zeros(len(tokenizer), np.int64)
    for token, number in tokenizer.get_vocab().items():
        # In the byte alphabet each letter is one byte.
        counts[number] = len(token) if byte_level else len(token.encode())
    counts[tokenizer.all_special_ids] = 0
    return counts


class Source(Protocol):
    """What can be drawn from a text: `order` numbers the examples of one pass, `batch` makes them."""

    per_epoch: int

    def order(self, rng: np.random.Generator) -> np.ndarray: ...

    def batch(self, numbers: np.ndarray) -> Batch: ...


def next_tokens(text: np.ndarray) -> Batch:
    """T inputs and the T tokens that follow them: every position is trained, the last one too."""
    ids = torch.from_numpy(text.astype(np.int64))
    return {"input_ids": ids[:, :-1], "shift_labels": ids[:, 1:].contiguous()}


class RandomWindows:
    """Windows that tile the text from a new offset in each pass: all of it is seen, none of it twice."""

    def __init__(self, ids: np.ndarray, window: int):
        self.ids, self.window = ids, window
        self.starts = len(ids) - window  # a window and the token after it
        self.per_epoch = max(1, self.starts // window)

    def order(self, rng: np.random.Generator) -> np.ndarray:
        offset = rng.integers(self.starts)
        return (rng.permutation(self.per_epoch) * self.starts + offset) // self.per_epoch

    def batch(self, numbers: np.ndarray) -> Batch:
        return next_tokens(self.ids[numbers[:, None] + np.arange(self.window + 1)])


class AllWindows(RandomWindows):
    """Every window, overlapping, in order; with `last_only` each is asked for its next token alone."""

    def __init__(self, ids: np.ndarray, window: int, last_only: bool = False):
        super().__init__(ids, window)
        self.per_epoch, self.last_only = self.starts, last_only

    def order(self, rng: np.random.Generator) -> np.ndarray:
        return np.arange(self.per_epoch)

    def batch(self, numbers: np.ndarray) -> Batch:
        batch = super().batch(numbers)
        if self.last_only:
            batch["shift_labels"][:, :-1] = IGNORED
        return batch


class Sequences:
    """Examples of different lengths, each with a mask of what is to be learned; padded on the right."""

    def __init__(self, sequences: list[tuple[np.ndarray, np.ndarray]], pad: int):
        self.sequences, self.pad = sequences, pad
        self.per_epoch = len(sequences)

    def order(self, rng: np.random.Generator) -> np.ndarray:
        return rng.permutation(self.per_epoch)

    def batch(self, numbers: np.ndarray) -> Batch:
        chosen = [self.sequences[n] for n in numbers]
        length = max(len(ids) for ids, _ in chosen) - 1
        inputs = torch.full((len(chosen), length), self.pad)
        labels = torch.full((len(chosen), length), IGNORED)
        for row, (ids, learned) in enumerate(chosen):
            text = torch.from_numpy(ids.astype(np.int64))
            inputs[row, : len(ids) - 1] = text[:-1]
            labels[row, : len(ids) - 1] = text[1:].where(torch.from_numpy(learned[1:]), IGNORED)
        # The Trainer counts what is trained only where it finds `labels`.
        return {"input_ids": inputs, "shift_labels": labels, "labels": labels}


def read_lines(corpus: Corpus, tokenizer: PreTrainedTokenizerFast, window: int) -> Sequences:
    """One line an example, between <bos> and <eos>."""
    sequences = []
    for line in "".join(corpus.pieces()).splitlines():
        if not line.strip():
            continue
        ids = encode_ids(tokenizer, line)
        ids = np.concatenate(([tokenizer.bos_token_id], ids, [tokenizer.eos_token_id]))
        if len(ids) > window + 1:
            raise BadText(f"a line is {len(line)} characters long, more than the window: {line!r}")
        sequences.append((ids, np.ones(len(ids), bool)))
    if not sequences:
        raise BadText(f"{corpus.name} is empty")
    return Sequences(sequences, tokenizer.pad_token_id)


class Examples(Dataset):
    """The examples of a whole run, pass after pass, by number."""

    def __init__(self, source: Source, total: int, seed: int):
        self.source, self.total, self.seed = source, total, seed
        self._epoch, self._order = -1, np.empty(0, np.int64)

    def __len__(self) -> int:
        return self.total

    def __getitem__(self, number: int) -> Batch:
        return self.__getitems__([number])

    def __getitems__(self, numbers: list[int]) -> Batch:
        return self.source.batch(np.array([self._place(n) for n in numbers]))

    def _place(self, number: int) -> int:
        epoch, index = divmod(number, self.source.per_epoch)
        if epoch != self._epoch:
            self._epoch = epoch
            self._order = self.source.order(np.random.default_rng((self.seed, epoch)))
        return int(self._order[index])


class Cover:
    """Batches of windows that cover a split once, side by side; the last, shorter window comes alone."""

    def __init__(self, ids: np.ndarray, window: int, batch_size: int):
        self.ids, self.window, self.size = ids, window, batch_size
        self.whole = (len(ids) - 1) // window
        self.rest = (len(ids) - 1) % window

    def __len__(self) -> int:
        return -(-self.whole // self.size) + bool(self.rest)

    def __getitem__(self, chosen: slice) -> Iterator[Batch]:
        return map(self.batch, range(len(self))[chosen])

    def batch(self, number: int) -> Batch:
        first = number * self.size
        if first >= self.whole:
            text = self.ids[None, self.whole * self.window :]
        else:
            rows = np.arange(first, min(first + self.size, self.whole))
            text = self.ids[rows[:, None] * self.window + np.arange(self.window + 1)]
        return next_tokens(text)
