"""A conversation is cut where the window ends: whole turns, the oldest first."""

from __future__ import annotations

import pytest

from compare.engine.chatting import ROOM, remembered
from tinygpt_hf.tokenization import encode_chat, train_char


@pytest.fixture(scope="module")
def tokenizer():
    return train_char(["abc "], chat=True)


def talk(turns: int, letters: int = 10) -> list[dict[str, str]]:
    said = [
        {"role": role, "content": "a" * letters}
        for _ in range(turns)
        for role in ("user", "assistant")
    ]
    return said[:-1]  # the last answer is to come


def test_a_talk_that_fits_is_remembered_whole(tokenizer):
    messages = talk(3)
    ids, forgotten = remembered(tokenizer, messages, 200)
    assert forgotten == 0
    assert ids == encode_chat(tokenizer, messages, add_generation_prompt=True)[0].tolist()


@pytest.mark.parametrize("turns", [4, 5, 9])
def test_the_oldest_turns_go_first_and_whole_and_room_is_left_for_the_answer(tokenizer, turns):
    messages = talk(turns)
    ids, forgotten = remembered(tokenizer, messages, ROOM + 60)
    assert forgotten > 0
    assert messages[forgotten]["role"] == "user"
    assert len(ids) + ROOM <= ROOM + 60
    one_more = encode_chat(tokenizer, messages[forgotten - 2 :], add_generation_prompt=True)[0]
    assert len(one_more) + ROOM > ROOM + 60


def test_the_last_question_stays_however_long_it_is(tokenizer):
    messages = [*talk(2), {"role": "assistant", "content": "b"}, *talk(1, letters=500)]
    ids, forgotten = remembered(tokenizer, messages, 100)
    assert forgotten == len(messages) - 1
    assert len(ids) > 500
