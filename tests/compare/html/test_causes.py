"""Pictures of causes: escaped, in words, and right in their figures."""

from __future__ import annotations

import re

import pytest

from compare.html import causes
from compare.values import Heads, Layers, Path, Shares, Step

EVIL = "<img src=x onerror=alert(1)>'\""
WAYS = [Step("embedding", 2.0, 2.0, [0.5, -0.25]), Step("block 0 attention", 1.0, 2.5, [1, 0])]
PICTURES = {
    "lens": causes.lens_grid(
        Layers(["a", EVIL], [[[("x", 0.5)], [(EVIL, 0.25)]], [[("y", 1.0)], [("z", 0.9)]]], 3),
        "left",
    ),
    "shares": causes.share_bars(
        Shares(EVIL, EVIL, 1.5, [("embedding", 1.0), ("block 1 head 0", -2.0), ("bias", 2.5)]),
        "right",
    ),
    "path": causes.path_picture(Path(EVIL, [(EVIL, 0.75), ("b", 0.1)], WAYS), "left"),
    "heads": causes.head_gallery(Heads(["a", EVIL], [[[[1, 0], [0.25, 0.75]]] * 2] * 3, 0), "left"),
}


@pytest.mark.parametrize("name", PICTURES)
def test_it_is_escaped_and_labelled(name):
    markup = PICTURES[name]
    assert "<img" not in markup
    assert "<caption>" in markup
    assert "<th scope='row'>" in markup
    for attribute in re.findall(r"='([^']*)'", markup):
        assert "<" not in attribute


def test_the_answer_of_the_model_is_on_top():
    rows = re.findall(r"<th scope='row'>(.*?)</th>", PICTURES["lens"])
    assert rows == ["after layer 1", "before layer 1"]
    first = PICTURES["lens"].split("<tbody>")[1]
    assert re.search(r"<b>(.*?)</b> <small>(.*?)<", first).groups() == ("y", "100%")
    assert "3 earlier tokens" in PICTURES["lens"]


def test_the_part_that_did_most_comes_first_and_nothing_is_lost():
    markup = PICTURES["shares"]
    assert re.findall(r"scope='row'>(.*?)<", markup) == ["bias", "layer 2, head 1", "embedding"]
    assert re.findall(r"figure'>(.*?)<", markup) == ["+2.50", "-2.00", "+1.00"]
    assert "width:40.0%" in markup  # 2 of 2.5, of half the track
    many = Shares("a", None, 20.0, [(f"block {i} mlp", 1.0) for i in range(20)])
    figures = re.findall(r"figure'>(.*?)<", causes.share_bars(many, "left"))
    assert sum(map(float, figures)) == 20
    assert "8 other parts" in causes.share_bars(many, "left")


def test_a_step_tells_its_length_and_where_it_led():
    rows = re.findall(r"<tr><th scope='row'>(.*?)</tr>", PICTURES["path"])
    assert "layer 1, attention" in rows[1]
    assert re.findall(r"<td>([+-].*?)</td>", rows[0]) == ["+0.50", "-0.25"]
    assert "width:50.0%" in rows[1]


def test_every_head_has_a_picture_that_says_what_it_shows():
    assert PICTURES["heads"].count("<svg") == 6
    assert "data-layer='2' data-head='1'" in PICTURES["heads"]
    assert "Layer 3, head 2: the last token" in PICTURES["heads"]


@pytest.mark.parametrize(
    ("part", "name"),
    [
        ("embedding", "embedding"),
        ("block 0 head 11", "layer 1, head 12"),
        ("block 3 mlp", "layer 4, MLP"),
        ("block 0 mean", "layer 1, mean"),
        ("block 1 attention", "layer 2, attention"),
        ("block 1", "layer 2"),
    ],
)
def test_parts_are_named_as_people_count(part, name):
    assert causes.part_name(part) == name
