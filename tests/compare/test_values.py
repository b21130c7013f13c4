"""Sampling settings are checked once, where they are made."""

from __future__ import annotations

import pytest

from compare.values import Chunk, RefusedError, Sampling


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": 0},
        {"temperature": float("nan")},
        {"temperature": float("inf")},
        {"temperature": "1"},
        {"temperature": True},
        {"temperature": None},
        {"top_k": -1},
        {"top_k": 2.5},
        {"top_p": 0},
        {"top_p": 1.01},
        {"repetition_penalty": 0},
        {"max_new_tokens": 0},
        {"max_new_tokens": 513},
        {"seed": -1},
        {"seed": 2**31},
        {"seed": [1]},
        {"greedy": "no"},
        {"greedy": 1},
    ],
)
def test_what_cannot_be_sampled_with_is_refused_by_name(wrong):
    name = next(iter(wrong))
    with pytest.raises(RefusedError, match=name):
        Sampling(**wrong)


def test_whole_numbers_may_come_as_floats_as_a_browser_sends_them():
    assert Sampling(top_k=7.0, seed=3.0, temperature=1) == Sampling(1.0, 7, seed=3)


def test_the_rate_leaves_the_first_token_out():
    """The first token pays for reading the prompt."""
    assert Chunk("", 11, 2.0, first=1.0).rate == 10
    assert Chunk("", 1, 2.0, first=1.0).rate is None
    assert Chunk("", 0, 2.0).rate is None
