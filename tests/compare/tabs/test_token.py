"""A tap on a letter of a text: which token it is, and how the text goes on from another."""

from __future__ import annotations

import pytest

from compare.tabs import token
from compare.values import Odds, Piece
from tests.compare.fakes import FakeContestant


class Pieces(FakeContestant):
    """Cuts every text in pieces of two letters, and bytes where a letter has several."""

    def tokens(self, text: str) -> list[Piece]:
        whole = text.encode()
        cut = [whole[at : at + 2] for at in range(0, len(whole), 2)]
        return [Piece(i, b.decode(errors="replace"), b) for i, b in enumerate(cut)]

    def next_tokens(self, prompt, temperature=1.0, unit="letter") -> Odds:
        self.asked = (prompt, unit)
        return Odds(unit, [("cd", 0.5), ("<|end|>", 0.3), ("xy", 0.2)], "")


@pytest.mark.parametrize(("at", "start", "piece"), [(0, 0, "cd"), (1, 0, "cd"), (2, 2, "ef")])
def test_the_token_is_the_one_that_holds_the_letter(at, start, piece):
    assert token._token_at(Pieces("a"), "ab", "cdef", at) == (start, piece)


def test_letters_of_several_bytes_do_not_shift_the_place():
    who = Pieces("a")
    assert token._token_at(who, "\u00e9\u00e9", "cdef", 2) == (2, "ef")


def test_its_odds_are_those_before_it_and_what_else_was_likely_is_offered():
    who = Pieces("a")
    told = token._told(who, token._Tap("left", "ab", "cdef", 1))
    assert who.asked == ("ab", "token")
    assert "cd</b> had 50.0%" in told.replace("\u201c", "").replace("\u201d", "")
    assert "<b>xy</b> 20.0%" in told
    assert "end" not in told  # a special token is nothing to go on from


@pytest.mark.parametrize(
    "sent",
    [
        None,
        [],
        {"side": "middle", "prompt": "a", "text": "b", "at": 0},
        {"side": "left", "prompt": 1, "text": "b", "at": 0},
        {"side": "left", "prompt": "a", "text": "b", "at": -1},
        {"side": "left", "prompt": "a", "text": "b", "at": 99},
        {"side": "left", "prompt": "a" * 30_000, "text": "b", "at": 0},
        {"side": "left", "prompt": "a", "text": "b", "at": 0, "instead": []},
    ],
    ids=str,
)
def test_what_the_page_would_not_send_is_not_heard(sent):
    assert token._sound(sent) is None
