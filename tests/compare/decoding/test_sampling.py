"""Choosing the next token: transformers' own processors, for rows that differ."""

from __future__ import annotations

import torch
from transformers import (
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from compare.decoding.sampling import Chooser, Crowd, choose
from compare.values import Sampling

SETTINGS = [
    Sampling(temperature=t, top_k=k, top_p=p, repetition_penalty=r, greedy=greedy, seed=seed)
    for seed, (t, k, p, r, greedy) in enumerate(
        [
            (1.0, 0, 1.0, 1.0, False),
            (0.3, 7, 1.0, 1.0, False),
            (1.5, 0, 0.6, 1.4, False),
            (0.9, 3, 0.9, 1.0, False),
            (1.0, 10_000, 0.05, 1.0, False),
            (0.7, 50, 0.9, 2.0, True),
            (5.0, 1, 1.0, 1.0, False),
        ]
    )
]


def theirs(logits: torch.Tensor, sampling: Sampling, seen: list[int]) -> int:
    scores = logits[None].clone()
    ids = torch.tensor([seen])
    if sampling.repetition_penalty != 1:
        scores = RepetitionPenaltyLogitsProcessor(sampling.repetition_penalty)(ids, scores)
    if sampling.greedy:
        return int(scores.argmax())
    scores = TemperatureLogitsWarper(sampling.temperature)(ids, scores)
    if sampling.top_k:
        scores = TopKLogitsWarper(sampling.top_k)(ids, scores)
    if sampling.top_p < 1:
        scores = TopPLogitsWarper(sampling.top_p)(ids, scores)
    torch.manual_seed(sampling.seed)
    return int(torch.multinomial(scores.softmax(-1), 1))


def test_every_row_chooses_as_transformers_would():
    torch.manual_seed(0)
    for vocabulary in (5, 40, 700):
        for _ in range(40):
            logits = 3 * torch.randn(len(SETTINGS), vocabulary)
            seen = [torch.randint(vocabulary, (9,)).tolist() for _ in SETTINGS]
            expected = [theirs(*row) for row in zip(logits, SETTINGS, seen, strict=True)]
            choosers = [
                Chooser(s, torch.Generator().manual_seed(s.seed), set(ids))
                for s, ids in zip(SETTINGS, seen, strict=True)
            ]
            assert choose(logits, Crowd(choosers, vocabulary, logits.device)) == expected
