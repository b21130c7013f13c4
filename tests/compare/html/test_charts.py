"""Charts are text from strangers in HTML: escaped, and right in their figures."""

from __future__ import annotations

import html
import re

from compare.html import charts
from compare.html.panes import SIDES
from compare.values import Odds, Piece, Point

EVIL = "<img src=x onerror=alert(1)>'\"${1}{{2}}"
NAMES = {"left": EVIL, "right": "GPT-2"}


def escaped(markup: str) -> bool:
    return "<img" not in markup


def test_letters_of_both_models_share_rows_and_scale():
    odds = {
        "left": Odds("letter", [("a", 0.7), (" ", 0.2), (EVIL, 0.1)], EVIL),
        "right": Odds("letter", [("b", 0.9), ("a", 0.05)], "exact"),
    }
    markup = charts.letter_chart(odds, NAMES, EVIL)
    assert escaped(markup)
    letters = re.findall(r"<th scope='row'>(.*?)</th>", markup)
    assert [html.unescape(letter) for letter in letters] == ["b", "a", "␣", EVIL.replace(" ", "␣")]
    assert re.findall(r"figure'>(.*?)<", markup)[:4] == ["0%", "90.0%", "70.0%", "5.0%"]


def test_tokens_stay_in_two_lists():
    odds = {side: Odds("token", [(EVIL, 1.0)], EVIL) for side in SIDES}
    markup = charts.token_chart(odds, NAMES, "x" * 99)
    assert escaped(markup)
    assert markup.count("<table") == 2


def test_a_cut_shows_text_number_and_bytes():
    pieces = {"left": [Piece(7, "é", "é".encode()), Piece(8, EVIL, EVIL.encode())]}
    markup = charts.token_rows(pieces, NAMES)
    assert escaped(markup)
    assert "<b>é</b><span>7</span><code>c3 a9</code>" in markup
    many = charts.token_rows({"left": [Piece(0, "a", b"a")] * 1000}, NAMES)
    assert many.count("<li>") == 400
    assert "1,000 tokens, the last 400 shown" in many


def test_a_map_has_a_point_and_an_option_for_each_token():
    points = [Point(i, EVIL, 0, 0, [(EVIL, 0.5)]) for i in range(3)]
    markup = charts.token_map(points, "right")
    assert escaped(markup)
    assert markup.count("<text") == markup.count("<option") == 3


def test_what_cannot_be_seen_gets_a_sign():
    assert charts.visible(" a\n\t\x00\u202e") == "␣a↵⇥\\u0000\\u202e"


def test_small_shares_are_not_rounded_to_nothing():
    assert [charts.percent(p) for p in (1, 0.5, 0.0123, 0.00004, 0)] == [
        "100%",
        "50.0%",
        "1.2%",
        "0.004%",
        "0%",
    ]
