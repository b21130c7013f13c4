"""The table of sizes, checked against the arithmetic of the GPT architecture."""

from __future__ import annotations

import pytest

from compare.html.sizes import KNOWN, size_table, times
from compare.values import Facts, short

X = " \N{MULTIPLICATION SIGN}"
OURS = Facts("mine <b>", 653_312, 3, 128, 4, 64, 245)


def gpt_parameters(layers: int, width: int, vocabulary: int, window: int) -> int:
    block = 12 * width**2 + 13 * width
    return layers * block + (vocabulary + window) * width + 2 * width


@pytest.mark.parametrize(
    ("name", "vocabulary", "window"),
    [
        ("GPT-1", 40_478, 512),
        ("GPT-2 small", 50_257, 1024),
        ("GPT-2 XL", 50_257, 1024),
        ("GPT-3", 50_257, 2048),
    ],
)
def test_published_sizes_follow_from_their_shapes(name, vocabulary, window):
    row = next(row for row in KNOWN if row[0] == name)
    _, parameters, layers, width, heads, _ = row
    assert gpt_parameters(layers, width, vocabulary, window) == pytest.approx(parameters, rel=0.04)
    assert width % heads == 0


def test_yours_is_on_top_and_the_rest_in_times_of_it():
    html = size_table(OURS)
    rows = html.split("<tr")[2:]
    assert "mine &lt;b&gt;" in rows[0]
    assert "653,312" in rows[0]
    assert f">1{X}<" in rows[0]
    assert f"190{X}" in next(row for row in rows if "GPT-2 small" in row)
    assert f"1/270{X}" in next(row for row in rows if "hello" in row)
    assert next(row for row in rows if "GPT-4" in row).count("<td>?</td>") == 5


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (2_453, "2.5k"),
        (812_345, "812k"),
        (117_000_000, "117M"),
        (1_500_000_000, "1.5B"),
        (175_000_000_000, "175B"),
        (1_000_000, "1M"),
        (12, "12"),
        (None, "?"),
    ],
)
def test_numbers_are_short(number, text):
    assert short(number) == text


def test_times_have_two_digits():
    assert times(124_000_000, 653_312) == f"190{X}"
    assert times(None, 1) == "?"
    assert times(3, 2) == f"1.5{X}"
