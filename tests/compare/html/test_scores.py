"""Scores: the figures of both, every token, and what learning while reading has changed."""

from __future__ import annotations

from compare.html import scores
from compare.values import Adapted, Surprise

EVIL = "<img src=x onerror=alert(1)>'\"${1}{{2}}"
NAMES = {"left": EVIL, "right": "GPT-2"}


def test_scores_name_the_better_and_keep_every_token():
    left = Surprise(2.0, 10, [(EVIL, 3.0), ("\n", 0.5)], "")
    markup = scores.score_chart({"left": left, "right": Surprise(3.0, 10, [], "")}, NAMES)
    assert "<img" not in markup
    assert markup.count("predicts it better") == 1
    assert markup.index("predicts it better") < markup.index("GPT-2")
    assert "data-bits='3.00'" in markup
    alone = scores.score_chart({"left": left, "right": EVIL}, NAMES)
    assert "<img" not in alone
    assert "predicts it better" not in alone


def test_learning_shows_both_figures_and_which_way_it_went():
    left = Adapted(Surprise(1.8, 10, [(EVIL, 3.0)], ""), plain=2.0)
    right = Adapted(Surprise(2.2, 10, [], ""), plain=2.0)
    shown = scores.score_chart({"left": left, "right": right}, NAMES)
    assert "<img" not in shown
    assert "<b>1.800</b>" in shown
    assert "Without that: 2.000. So learning took 10.0% fewer bits." in shown
    assert "10.0% more bits" in shown
    nothing = Adapted(Surprise(2.0, 10, [], ""), plain=2.0)
    assert "changed nothing" in scores.score_chart({"left": nothing}, NAMES)
    assert shown.count("predicts it better") == 1
