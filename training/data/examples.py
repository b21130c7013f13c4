"""Examples by number. Example `i` of a run depends on `i` and the seed alone.

So a run resumes bit for bit after a stop, any number of loader workers gives the same batches, and
several processes together see what one would have seen.
"""

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import torch
from torch.utils.data import Dataset

Batch = dict[str, torch.Tensor]
IGNORED = -100  # the platform's mark for a position that is not trained
SORTED, TOGETHER = 2048, 32  # sequences: sorted by length at a time, and kept together
ROUND = 16  # tokens: every new batch width is compiled again, so there should be few


class Source(Protocol):
    """What examples are drawn from: `order` numbers those of one pass, `batch` makes them."""

    per_epoch: int
    tokens_per_example: float

    def order(self, rng: np.random.Generator) -> np.ndarray: ...

    def batch(self, numbers: np.ndarray) -> Batch: ...


def next_tokens(text: np.ndarray) -> Batch:
    """T inputs and the T tokens that follow them: every position is trained, the last one too."""
    ids = torch.from_numpy(text.astype(np.int64))  # B T+1
    return {"input_ids": ids[:, :-1], "shift_labels": ids[:, 1:].contiguous()}


class RandomWindows:
    """Windows that tile the text, shifted in each pass, so that each sees nearly all of it."""

    def __init__(self, ids: np.ndarray, window: int):
        self.ids, self.window = ids, window
        self.tokens_per_example: float = window
        self.starts = len(ids) - window  # a start leaves room for the window and the token after it
        self.per_epoch = max(1, self.starts // window)

    def order(self, rng: np.random.Generator) -> np.ndarray:
        order = rng.permutation(self.per_epoch)  # in place: of a large text it is long
        order *= self.starts
        order += rng.integers(self.starts)
        order //= self.per_epoch
        return order

    def batch(self, numbers: np.ndarray) -> Batch:
        return next_tokens(self.ids[numbers[:, None] + np.arange(self.window + 1)])


class AllWindows(RandomWindows):
    """Every window, overlapping, in order; with `last_only` trained on its next token alone."""

    def __init__(self, ids: np.ndarray, window: int, last_only: bool = False):
        super().__init__(ids, window)
        self.per_epoch, self.last_only = self.starts, last_only

    def order(self, rng: np.random.Generator) -> np.ndarray:
        return np.arange(self.per_epoch)

    def batch(self, numbers: np.ndarray) -> Batch:
        batch = super().batch(numbers)
        if self.last_only:
            labels = torch.full_like(batch["shift_labels"], IGNORED)
            labels[:, -1] = batch["shift_labels"][:, -1]
            batch["shift_labels"] = labels
        return batch


class Sequences:
    """Separate texts, each with a mask of the tokens to learn; padded on the right.

    If there are many, those of similar length share a batch, or most of it would be padding.
    """

    def __init__(self, sequences: list[tuple[np.ndarray, np.ndarray]], pad: int):
        self.sequences, self.pad = sequences, pad
        self.lengths = np.array([len(ids) for ids, _ in sequences])
        self.widest = int(self.lengths.max()) - 1
        self.per_epoch = len(sequences)
        self.tokens_per_example = sum(len(ids) - 1 for ids, _ in sequences) / len(sequences)

    def order(self, rng: np.random.Generator) -> np.ndarray:
        order = rng.permutation(self.per_epoch)
        whole = self.per_epoch // SORTED * SORTED
        drawn = order[:whole].reshape(-1, SORTED)
        alike = np.take_along_axis(drawn, self.lengths[drawn].argsort(axis=1, kind="stable"), 1)
        order[:whole] = rng.permutation(alike.reshape(-1, TOGETHER)).ravel()
        return order

    def batch(self, numbers: np.ndarray) -> Batch:
        chosen = [self.sequences[n] for n in numbers]
        longest = max(len(ids) for ids, _ in chosen) - 1
        shape = len(chosen), min(-(-longest // ROUND) * ROUND, self.widest)
        inputs, labels = torch.full(shape, self.pad), torch.full(shape, IGNORED)
        for row, (ids, learned) in enumerate(chosen):
            text = torch.from_numpy(ids.astype(np.int64))
            inputs[row, : len(ids) - 1] = text[:-1]
            labels[row, : len(ids) - 1] = text[1:].where(torch.from_numpy(learned[1:]), IGNORED)
        # The Trainer weights batches by their trained tokens only if it finds `labels`.
        return {"input_ids": inputs, "shift_labels": labels, "labels": labels}


class Examples(Dataset):
    """The examples of a whole run, pass after pass."""

    def __init__(self, source: Source, total: int, seed: int):
        self.source, self.total, self.seed = source, total, seed
        self._epoch, self._order = -1, np.empty(0, np.int64)

    def __len__(self) -> int:
        return self.total

    def __getitem__(self, number: int) -> Batch:
        return self.__getitems__([number])

    def __getitems__(self, numbers: list[int]) -> Batch:
        """The loader asks for a whole batch: it is made in one piece, not collated from rows."""
        return self.source.batch(np.array([self._place(n) for n in numbers]))

    def _place(self, number: int) -> int:
        epoch, index = divmod(number, self.source.per_epoch)
        if epoch != self._epoch:
            self._epoch = epoch
            self._order = self.source.order(np.random.default_rng((self.seed, epoch)))
        return int(self._order[index])


class Split(Protocol):
    """Batches that cover a split exactly once, for evaluation."""

    sentence: str

    def __len__(self) -> int: ...

    def batch(self, number: int) -> Batch: ...


class SideBySide:
    """Windows one after the other; the last, shorter one comes alone."""

    def __init__(self, ids: np.ndarray, window: int, batch_size: int):
        self.ids, self.window, self.size = ids, window, batch_size
        self.whole, self.rest = divmod(len(ids) - 1, window)
        self.sentence = f"the last {len(ids):,} tokens, all of them, in windows of {window}"

    def __len__(self) -> int:
        return -(-self.whole // self.size) + bool(self.rest)

    def batch(self, number: int) -> Batch:
        first = number * self.size
        if first >= self.whole:
            return next_tokens(self.ids[None, self.whole * self.window :])
        rows = np.arange(first, min(first + self.size, self.whole))
        return next_tokens(self.ids[rows[:, None] * self.window + np.arange(self.window + 1)])


class InOrder:
    """All examples of a source, one batch after the other."""

    def __init__(self, source: Source, batch_size: int):
        self.source, self.size = source, batch_size
        self.sentence = f"{source.per_epoch:,} examples that were held back"

    def __len__(self) -> int:
        return -(-self.source.per_epoch // self.size)

    def batch(self, number: int) -> Batch:
        first = number * self.size
        return self.source.batch(np.arange(first, min(first + self.size, self.source.per_epoch)))


def share(split: Split, rank: int, ranks: int) -> Iterator[tuple[Batch, bool]]:
    """One process's batches of a split, and whether each counts.

    Every process gets the same number, since all may have to take part in each (FSDP). If there are
    too few, some read a batch that another has counted.
    """
    for number in range(rank, -(-len(split) // ranks) * ranks, ranks):
        yield split.batch(min(number, len(split) - 1)), number < len(split)
