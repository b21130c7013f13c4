"""Curves: what leaps stays in its frame, and text from strangers is only text."""

from __future__ import annotations

import math
import re

from compare.html import curves
from compare.html.curves import Curve

EVIL = "<img src=x onerror=alert(1)>"


def points(markup: str) -> list[tuple[float, float]]:
    found = re.search(r"points='([^']*)'", markup)
    assert found
    return [tuple(map(float, pair.split(","))) for pair in found[1].split()]  # type: ignore[misc]


def test_a_curve_falls_from_left_to_right_in_its_frame():
    markup = curves.chart([Curve("loss", [(1, 4.0), (50, 2.0), (100, 1.0)])], 100, 0.5)
    assert points(markup) == [(10, 0), (500, 200), (1000, 300)]
    assert "lowest possible 0.5000" in markup
    assert "<b>1.0000</b>" in markup
    assert "loss: from 4.00 at step 1 to 1.0000 at step 100" in markup


def test_a_loss_that_leaps_or_is_no_number_does_not_flatten_the_others():
    losses = [(step, 5.0) for step in range(10)] + [(10, 4e7), (11, math.nan), (12, math.inf)]
    markup = curves.chart([Curve("broken", losses, "broken"), Curve("whole", [(1, 5.0)])], 12)
    assert "nan" not in markup.split("</svg>")[0].split("points=")[1]
    assert max(y for _, y in points(markup)) <= 400
    assert min(y for _, y in points(markup)) < 0  # off the top
    assert next(y for x, y in points(markup) if x < 700) > 200  # and the rest still visible


def test_a_long_run_is_thinned_to_what_can_be_seen():
    losses = [(step, 1.0) for step in range(5000)]
    assert len(points(curves.chart([Curve("loss", losses)], 5000))) <= 200


def test_nothing_to_draw_is_drawn():
    markup = curves.chart([Curve("loss", [])], 0)
    assert "no loss yet" in markup


def test_text_of_strangers_is_only_text():
    for markup in (
        curves.writing(EVIL, EVIL, EVIL),
        curves.say(EVIL, "problem"),
        curves.odds_bars([(EVIL, 0.5)], EVIL),
        curves.chart([Curve(EVIL, [(1, 1.0)])], 1),
    ):
        assert "<img" not in markup


def test_what_cannot_be_printed_is_shown_as_such():
    assert "a\ufffdb\nc" in curves.writing("", "a\x13b\nc")


def test_letters_stay_in_their_places_while_their_odds_change():
    rows = re.compile(r"<th scope='row'>(.)</th>")
    before = rows.findall(curves.odds_bars([("o", 0.6), ("l", 0.3), ("e", 0.1)], "hell"))
    after = rows.findall(curves.odds_bars([("e", 0.9), ("o", 0.05), ("l", 0.05)], "hell"))
    assert before == after == ["e", "l", "o"]
