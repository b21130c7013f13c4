"""Examples depend on their number and the seed alone, and splits are covered exactly once."""

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from training.data.examples import (
    IGNORED,
    AllWindows,
    Examples,
    InOrder,
    RandomWindows,
    Sequences,
    SideBySide,
    share,
)
from training.loop.trainer import as_is

IDS = np.arange(1000, dtype=np.uint16)


@pytest.mark.parametrize("length", [65, 66, 127, 128, 129, 1000])
def test_a_pass_of_windows_stays_inside_and_sees_nearly_everything(length):
    source = RandomWindows(IDS[:length], 64)
    starts = source.order(np.random.default_rng(0))
    assert len(set(starts.tolist())) == source.per_epoch == max(1, (length - 64) // 64)
    assert starts.min() >= 0
    assert starts.max() + 64 < length  # the token after the window is there too
    assert (np.diff(np.sort(starts)) >= 64).all() or source.per_epoch == 1  # none seen twice


def test_every_position_is_trained_on_the_token_after_it():
    batch = RandomWindows(IDS, 8).batch(np.array([3, 900]))
    assert batch["input_ids"].tolist() == [list(range(3, 11)), list(range(900, 908))]
    assert batch["shift_labels"].tolist() == [list(range(4, 12)), list(range(901, 909))]


def test_all_windows_come_in_order_and_may_ask_for_the_next_token_alone():
    source = AllWindows(np.arange(11), 4, last_only=True)
    assert source.order(np.random.default_rng(0)).tolist() == list(range(7))
    batch = source.batch(np.array([0]))  # one row: its labels must not share memory with its inputs
    assert batch["input_ids"].tolist() == [[0, 1, 2, 3]]
    assert batch["shift_labels"].tolist() == [[IGNORED, IGNORED, IGNORED, 4]]


def test_sequences_learn_what_the_mask_says_and_no_padding():
    short = np.array([7, 8, 9]), np.array([False, False, True])
    long = np.array([1, 2, 3, 4, 5]), np.array([True] * 5)
    batch = Sequences([short, long], pad=0).batch(np.array([0, 1]))
    assert batch["input_ids"].tolist() == [[7, 8, 0, 0], [1, 2, 3, 4]]
    assert batch["shift_labels"].tolist() == [[IGNORED, 9, IGNORED, IGNORED], [2, 3, 4, 5]]


def run_of(seed: int, workers: int, size: int = 4) -> list[torch.Tensor]:
    examples = Examples(RandomWindows(IDS, 16), 160, seed)
    loader = DataLoader(
        examples,
        batch_size=size,
        num_workers=workers,
        collate_fn=as_is,
        multiprocessing_context="spawn" if workers else None,
    )
    return [batch["input_ids"] for batch in loader]


def test_workers_change_nothing_and_the_seed_everything():
    alone, helped, other = run_of(1, 0), run_of(1, 2), run_of(2, 0)
    assert all(torch.equal(a, b) for a, b in zip(alone, helped, strict=True))
    assert not torch.equal(alone[0], other[0])


def test_the_size_of_a_batch_does_not_change_which_examples_come():
    assert torch.equal(torch.cat(run_of(1, 0, size=4)), torch.cat(run_of(1, 0, size=8)))


def test_an_example_does_not_depend_on_what_was_asked_before():
    examples = Examples(RandomWindows(IDS, 16), 10_000, seed=3)
    last = examples[9_999]["input_ids"]
    _ = examples[5]
    assert torch.equal(examples[9_999]["input_ids"], last)


@pytest.mark.parametrize("length", [65, 100, 129, 1000])
@pytest.mark.parametrize("ranks", [1, 3])
def test_a_split_is_covered_exactly_once(length, ranks):
    split = SideBySide(IDS[:length], 64, batch_size=4)
    seen = [
        token
        for rank in range(ranks)
        for batch, counts in share(split, rank, ranks)
        if counts
        for token in batch["shift_labels"].flatten().tolist()
    ]
    assert sorted(seen) == list(range(1, length))
    assert len({len(list(share(split, rank, ranks))) for rank in range(ranks)}) == 1


def test_held_back_examples_are_covered_exactly_once():
    rows = [(np.array([0, n]), np.array([True, True])) for n in range(10)]
    split = InOrder(Sequences(rows, pad=0), batch_size=4)
    seen = [n for batch, _ in share(split, 0, 1) for n in batch["shift_labels"].flatten().tolist()]
    assert seen == list(range(10))


def test_many_sequences_come_with_those_of_like_length_and_each_once():
    """Most of a batch would be padding otherwise; which ones come together changes each pass."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(2, 300, 5000)
    source = Sequences([(np.zeros(n, np.int64), np.ones(n, bool)) for n in lengths], pad=0)
    one, two = (source.order(np.random.default_rng(epoch)) for epoch in (0, 1))
    assert sorted(one) == sorted(two) == list(range(5000))
    assert one.tolist() != two.tolist()
    sorted_part = lengths[one[:4096]].reshape(-1, 32)
    padded, whole = sorted_part.max(axis=1).sum() * 32, sorted_part.sum()
    assert padded < 1.1 * whole
    assert padded * 1.5 < lengths[rng.permutation(4096)].reshape(-1, 32).max(axis=1).sum() * 32
