"""Pictures of a model's inside: escaped, in words, and right in their figures."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from dataclasses import replace
from html import unescape
from io import BytesIO

import pytest

from compare.html.inside import attention, lens, names, path, shares, without
from compare.values import (
    Facts,
    HeadLine,
    Heads,
    HeadSteps,
    Layers,
    Odds,
    Opened,
    Path,
    Pronoun,
    Shares,
    Step,
    Swapped,
    Weighed,
    Without,
)

EVIL = "<img src=x onerror=alert(1)>'\""
STEPS = [
    Step("embedding", 2.0, 2.0, [0.5, -0.25], [1.0, -2.0], EVIL, 0.5),
    Step("block 0 attention", 1.0, 2.5, [1, 0], [0.5, 0.5], "b", 0.25),
    Step("block 0 mlp", 1.0, 2.5, [1, 0], [0.5, 0.5], "b", 0.75),
]
WAY = Path(["a", EVIL], 1, 3, 7, [(EVIL, 0.75), ("b", 0.1)], STEPS, 2)
ROWS = [Weighed(EVIL, 1.0, -0.5, 0.75), Weighed("b", 0.0, -0.6, 0.25)]
FOUR = [1.0, -0.5, 0.0, 0.25]
WORKED = HeadSteps(0, 1, 32, EVIL, ROWS, 2, 0.0, 0.5, FOUR, FOUR, FOUR, FOUR, EVIL)
LINES = [HeadLine(0, 0.5, EVIL, 0.9), HeadLine(1, -1.0, "b", 0.5)]
OPENED = Opened("block 0 head 1", [(EVIL, 2.0)], [("b", -1.0)], heads=LINES, head=WORKED)
SEEN = Heads(["a", EVIL], [[[[1, 0], [0.25, 0.75]]] * 2] * 3, 4, [0, 1])
SHARES = Shares(
    EVIL,
    EVIL,
    1.5,
    [("embedding", 1.0), ("block 1 head 0", -2.0), ("bias", 2.5)],
    3,
    4,
    [(3, EVIL, 0.5), (4, "b", 0.25)],
)
ODDS = Odds("token", [(EVIL, 0.75), ("b", 0.25)], EVIL)
PICTURES = {
    "lens": lens.lens_grid(
        Layers(["a", EVIL], [[[("x", 0.5)], [(EVIL, 0.25)]], [[(EVIL, 1.0)], [("z", 0.9)]]], 3),
        "left",
    ),
    "shares": shares.share_bars(SHARES, "right"),
    "path": path.path_picture(WAY, "left", OPENED),
    "gallery": attention.gallery(SEEN, "left", 0, 1),
    "large": attention.large(SEEN, "left", 0, 1, words=False, title=EVIL),
    "removed": without.removed(Without(["block 0"], ODDS, ODDS, EVIL, ""), "left"),
    "exchanged": without.exchanged(
        Swapped(["block 0 mlp"], EVIL, EVIL, [ODDS] * 3, [EVIL] * 3), "left"
    ),
    "swaps": without.swap_row(["a", EVIL], 0),
}


@pytest.mark.parametrize("name", PICTURES)
def test_it_is_escaped(name):
    markup = PICTURES[name]
    assert "<img" not in markup
    for attribute in re.findall(r"='([^']*)'", markup):
        assert "<" not in attribute


def chosen(markup: str) -> list[dict[str, str]]:
    return [json.loads(unescape(found)) for found in re.findall(r"data-choose='(.*?)'", markup)]


def test_the_answer_of_the_model_is_on_top_and_what_came_true_has_a_frame():
    markup = PICTURES["lens"]
    assert re.findall(r"<tr><th scope='row'>([^<]*)</th><td", markup) == [
        "after layer 1",
        "before layer 1",
    ]
    assert re.findall(r"class='(true)?[^']*' data-guesses", markup) == ["true", "", "", ""]
    assert "3 earlier tokens" in markup
    assert "it says “z”, 90.0%. That is its first guess from layer 1 on." in markup
    assert chosen(markup) == [{"back": 1}, {"back": 0}]


def test_the_part_that_did_most_comes_first_and_nothing_is_lost():
    markup = PICTURES["shares"]
    assert re.findall(r"<tr><th scope='row'>(.*?)<", markup) == [
        "bias",
        "layer 2, head 1",
        "embedding",
    ]
    assert re.findall(r"figure'>(.*?)<", markup) == ["+2.50", "-2.00", "+1.00", "+1.50"]
    assert "width:40.0%" in markup  # 2 of 2.5, of half the track
    many = Shares("a", None, 20.0, [(f"block {i} mlp", 1.0) for i in range(20)])
    figures = re.findall(r"figure'>(.*?)<", shares.share_bars(many, "left"))
    assert sum(map(float, figures[:-1])) == float(figures[-1]) == 20
    assert "10 other parts" in shares.share_bars(many, "left")


def test_a_share_can_be_looked_at_taken_away_and_compared():
    asked = chosen(PICTURES["shares"])
    assert {"layer": "2", "head": "1", "see": "heat"} in asked
    assert {"only": "block 1 head 0", "see": "without"} in asked
    assert {"word": "3"} in asked
    assert {"against": "4"} in asked
    assert {"against": "3"} not in asked  # not with itself


def test_a_stop_tells_what_it_wrote_and_what_would_come_next():
    rows = re.findall(r"<tr class='stop (.*?)</tr>", PICTURES["path"])
    assert [row.split("'")[0] for row in rows] == ["embedding", "attention open", "mlp", "end"]
    assert re.findall(r"<small>([+-].*?)</small>", rows[0]) == ["+0.5", "-0.2"]
    assert "width:50.0%" in rows[1]
    assert re.search(r"says'><b>b</b> <small>25.0%", rows[1])
    assert "75.0%" in rows[3]
    asked = chosen(PICTURES["path"])
    assert {"part": "embedding"} in asked
    assert {"part": "block 0 mlp"} in asked
    assert {"part": "odds"} in asked
    assert {"part": "block 0 attention"} not in asked  # it is open: a press shuts it
    assert {"part": "block 0 head 0"} in asked


def test_a_head_is_worked_through_in_figures():
    markup = PICTURES["path"]
    assert "divided by √32: <b>1.00</b>. For its distance -0.50 is added: 0.50." in markup
    rows = re.findall(r"<tr class='(?:best)?'>(.*?)</tr>", markup)
    assert re.findall(r"<td>(.*?)</td>", rows[0]) == ["1.00", "-0.50", "1.000"]
    assert re.findall(r"<td>(.*?)</td>", rows[1]) == ["0.00", "-0.60", "0.333"]
    assert "2 others" in markup
    plain = replace(WORKED, rows=[replace(row, bias=None) for row in ROWS])
    shown = path.path_picture(WAY, "left", replace(OPENED, head=plain))
    assert "bias" not in shown


@pytest.mark.parametrize(
    ("told", "says"),
    [
        (Opened("embedding", [("a", 1.0)], [("b", -1.0)], vector=FOUR), "row of a table"),
        (Opened("block 0 mlp", [("a", 1.0)], [], neurons=256, active=40), "40 of them"),
        (Opened("block 0 mean", [("a", 1.0)], [], reach=4), "each of the 4 gets 25.0%"),
        (Opened("odds", [], [], scores=[("a", 3.0, 0.5)], temperature=2.0), "1.50"),
    ],
)
def test_every_kind_of_part_opens_under_its_stop(told, says):
    shown = path.path_picture(WAY, "left", told)
    assert shown.count("class='opened'") == 1
    assert says in shown


def test_every_head_has_a_picture_that_says_what_it_shows():
    markup = PICTURES["gallery"]
    assert markup.count("class='small'") == 6
    assert {"layer": "3", "head": "2"} in chosen(markup)
    assert "Layer 3, head 2: the last token looks most at" in markup
    assert markup.count("aria-pressed='true'") == 1


def test_a_small_picture_is_the_weights():
    image = pytest.importorskip("PIL.Image")
    data = re.search(r"base64,(.*?)\)", PICTURES["gallery"])[1]
    found = image.open(BytesIO(b64decode(data)))
    assert found.size == (2, 2)
    alpha = [found.getpixel((x, y))[1] for y in range(2) for x in range(2)]
    assert alpha[:2] == [255, 0]
    assert alpha[2] < alpha[3] < 255


def test_the_large_picture_names_rows_and_columns_and_what_the_last_looks_at():
    markup = PICTURES["large"]
    assert markup.count("<text") == 4
    assert markup.count("data-word=") == 2
    figures = json.loads(unescape(re.search(r"data-figures='(.*?)'", markup)[1]))
    assert figures["weights"] == [[1, 0], [0.25, 0.75]]
    assert "4 earlier tokens" in markup


def test_the_pieces_of_a_word_are_summed_and_what_looks_is_the_mean():
    seen = Heads(["T", "o", " b"], [], 0, [0, 0, 1])
    weights = [[1.0, 0, 0], [0.5, 0.5, 0], [0.25, 0.5, 0.25]]
    assert attention.by_word(seen, weights) == (["To", " b"], [[1.0, 0.0], [0.75, 0.25]])


def test_what_a_head_does_is_said_where_it_does_one_thing():
    count = 9
    before = [[float(x == max(0, y - 1)) for x in range(count)] for y in range(count)]
    copies = [[float(x == (y - 3 if y > 3 else 0)) for x in range(count)] for y in range(count)]
    even = [[1 / (y + 1)] * (y + 1) + [0.0] * (count - y - 1) for y in range(count)]
    tokens = list("abcd" * 2 + "a")
    said = [
        attention.large(
            Heads(tokens, [[each]], 0, [0] * count), "left", 0, 0, words=False, title="a"
        )
        for each in (before, copies, even)
    ]
    assert "100% of its weight goes to the token before" in said[0]
    assert "It copies: 100%" in said[1]
    assert "does not look at one place only" in said[2]
    assert "no head here looks" in attention.nobody_copies(Heads(tokens, [[before]], 0))
    assert attention.nobody_copies(Heads(tokens, [[before], [copies]], 0)) == ""
    assert attention.nobody_copies(Heads(list("abcdefghi"), [[before]], 0)) == ""


def test_who_a_pronoun_means_is_said_with_its_score_also_where_it_is_weak():
    strong = attention.whom(Pronoun(1, 2, 0.6, 11, 12), "EXAMPLE")
    assert "layer 2, head 3" in strong
    assert "+0.60" in strong
    assert "11 of 12" in strong
    assert "weak" not in strong
    assert "EXAMPLE" in strong
    assert "That is weak." in attention.whom(Pronoun(1, 2, 0.1, 7, 12), "")
    assert "cuts a name into letters" in attention.whom(None, "")


def test_every_part_has_a_switch_that_adds_it_or_takes_it_back():
    facts = Facts("m", 1, 2, 8, 2, 8, 8)
    parts = ["embedding", *(f"block {b} {p}" for b in (0, 1) for p in ("head 0", "head 1", "mlp"))]
    markup = without.switches(facts, parts, ["block 0 head 1"], swaps=False)
    assert markup.count("class='switch'") == 8
    assert {"off": ""} in chosen(markup)  # back on
    assert {"off": "block 0 head 1,block 1"} in chosen(markup)
    assert "layer 1, head 2: off" in markup
    assert "layer 2, MLP: on" in markup
    mean = without.switches(facts, ["block 0 mean", "block 1 mean"], [], swaps=False)
    assert mean.count("class='switch'") == 4
    assert "one table" in without.switches(Facts("b", 1, 0, 8, 1, 8, 8), [], [], swaps=False)


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
    assert names.part_name(part) == name
