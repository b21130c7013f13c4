"""Letter pairs: what a model has to beat, worked out another way."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import numpy as np
import pytest

from compare.lessons.pairs import bits_per_byte


def by_counting(seen: str, held: str, letters: str, added: float) -> float:
    pairs, singles = Counter(itertools.pairwise(seen)), Counter(seen[:-1])
    bits = [
        -math.log2((pairs[a, b] + added) / (singles[a] + added * len(letters)))
        for a, b in itertools.pairwise(held)
    ]
    return sum(bits) / (len(held) - 1)


def test_it_is_the_best_of_a_few_tables_on_the_part_held_back():
    letters = "abcd "
    chance = np.random.default_rng(0)
    text = "".join(chance.choice(list(letters), 900, p=[0.4, 0.3, 0.1, 0.1, 0.1]))
    ids = np.array([letters.index(c) for c in text], dtype=np.uint16)
    found = bits_per_byte(ids[:800], ids[800:], len(letters), np.ones(len(letters)))
    tables = [by_counting(text[:800], text[800:], letters, k) for k in (0.01, 0.03, 0.1, 0.3, 1.0)]
    assert found == pytest.approx(min(tables))
    assert found < math.log2(len(letters))


def test_a_letter_of_two_bytes_counts_twice():
    ids = np.array([0, 1] * 50)
    one = bits_per_byte(ids, ids[:20], 2, np.array([1, 1]))
    assert bits_per_byte(ids, ids[:20], 2, np.array([2, 2])) == pytest.approx(one / 2)
