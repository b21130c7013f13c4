"""What a client may ask for, and what it is told when it may not."""

from __future__ import annotations

import pytest

from compare.v1.asked import read
from compare.v1.errors import ApiError
from compare.values import LARGEST_SEED

PLAIN = {"model": "m", "prompt": "To be"}
TALK = [{"role": "user", "content": "Hello"}]


def test_the_fields_become_the_engines_values():
    body = {"temperature": 0.5, "top_p": 0.9, "seed": 7, "max_tokens": 9, "stop": "\n", "n": 2}
    want = read({**PLAIN, **body, "logprobs": 3, "user": "ada"}, "completions")
    assert want.prompts == ["To be"]
    assert (want.sampling.temperature, want.sampling.top_p, want.sampling.top_k) == (0.5, 0.9, 0)
    assert (want.sampling.seed, want.sampling.max_new_tokens, want.n) == (7, 9, 2)
    assert want.extras.stop == ("\n",)
    assert want.extras.likeliest == 3


def test_temperature_zero_is_greedy_and_a_chat_has_its_own_names():
    want = read(
        {
            "model": "m",
            "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
            "temperature": 0,
            "max_completion_tokens": 5,
            "logprobs": True,
            "top_logprobs": 2,
        },
        "chat",
    )
    assert want.sampling.greedy
    assert want.sampling.max_new_tokens == 5
    assert want.talk == [{"role": "user", "content": "Hi"}]
    assert want.extras.likeliest == 2


def test_without_a_seed_two_requests_differ():
    seeds = {read(PLAIN, "completions").sampling.seed for _ in range(5)}
    assert len(seeds) == 5
    assert all(0 <= seed <= LARGEST_SEED for seed in seeds)


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"model": None}, "model"),
        ({"prompt": []}, "prompt"),
        ({"prompt": [1, "a"]}, "prompt"),
        ({"temperature": 9}, "temperature"),
        ({"temperature": "warm"}, "temperature"),
        ({"top_p": 0}, "top_p"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": 10_000}, "max_tokens"),
        ({"stop": ["a", "b", "c", "d", "e"]}, "stop"),
        ({"stop": [""]}, "stop"),
        ({"n": 33}, "n"),
        ({"stream": "yes"}, "stream"),
        ({"echo": True, "stream": True}, "echo"),
        ({"presence_penalty": 1}, "presence_penalty"),
        ({"best_of": 3}, "best_of"),
        ({"colour": "red"}, "colour"),
        ({"messages": TALK}, "messages"),
    ],
)
def test_what_cannot_be_is_refused_by_its_name(wrong, param):
    with pytest.raises(ApiError) as refused:
        read({**PLAIN, **wrong}, "completions")
    assert refused.value.param == param
    assert refused.value.status == 400


@pytest.mark.parametrize(
    "messages", [None, [], ["hello"], [{"role": "tool", "content": "x"}], [{"role": "user"}]]
)
def test_a_conversation_that_is_none_is_refused(messages):
    with pytest.raises(ApiError, match="message"):
        read({"model": "m", "messages": messages}, "chat")
