"""The table of letter pairs: the simplest predictor, which a model has to beat."""

from __future__ import annotations

import math

import numpy as np

_ADDED = (0.01, 0.03, 0.1, 0.3, 1.0)  # to every count, so that no pair is impossible


def bits_per_byte(seen: np.ndarray, held: np.ndarray, vocabulary: int, sizes: np.ndarray) -> float:
    """Of the held-back tokens by counts from the seen ones; `sizes` are the tokens' bytes.

    The addend is the best one for the held-back part: no other table does better.
    """
    seen, held = seen.astype(np.int64), held.astype(np.int64)
    counts = np.bincount(seen[:-1] * vocabulary + seen[1:], minlength=vocabulary**2)
    counts = counts.reshape(vocabulary, vocabulary)
    before, after = held[:-1], held[1:]
    hits, totals = counts[before, after], counts.sum(1)[before]
    nats = min(-np.log((hits + k) / (totals + k * vocabulary)).sum() for k in _ADDED)
    return float(nats / math.log(2) / sizes[after].sum())
