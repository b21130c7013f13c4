"""The chart of stories that hold together says what was measured, and nothing where nothing was."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree

import pytest

from compare.html import guide, guide_html
from compare.html.stories import held

SMALL = {"spelling": 0.5, "sentence": 0.3, "names": 0.1, "questions": 0.1}
LARGE = {"who has what": 0.05, "things": 0.05, "where they are": 0.05, "names": 0.1}


def row(of: str, parameters: int, steps: int, holds: float, wrong: dict[str, float]) -> dict:
    shares = {"holds": holds, "so_far": 0.0, "first_wrong": wrong}
    return {"of": of, "parameters": parameters, "steps": steps, "seconds": 600} | shares


ROWS = [
    row("size", 4_600_000, 2500, 0.75, LARGE),
    row("size", 400_000, 2500, 0.0, SMALL),
    row("moment", 4_600_000, 10_000, 0.75, LARGE),
    row("moment", 4_600_000, 1000, 0.0, SMALL),
]


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setattr(held, "MEASURED", tmp_path / "coherence.jsonl")
    return held.MEASURED


def test_the_guide_shows_the_chart_under_its_idea_once_it_was_measured(file):
    idea = next(one for one in guide.written() if one.slug == "coherence")
    assert held.figure() == ""
    assert "<figure" not in guide_html._idea(idea)
    file.write_text("".join(json.dumps(one) + "\n" for one in ROWS), encoding="utf-8")
    assert guide_html._idea(idea).count("<figure class='held'>") == 1
    others = [one for one in guide.written() if one.slug != "coherence"]
    assert not any("<figure" in guide_html._idea(one) for one in others)


def test_what_is_called_the_same_is_added_up_and_nothing_is_lost():
    assert held.faults(ROWS[0])["who has what"] == pytest.approx(0.15)
    assert held.faults(ROWS[1])["other facts"] == pytest.approx(0.1)
    unheard_of = row("size", 1, 1, 0.5, {"a new sort": 0.5})
    assert held.faults(unheard_of)["other facts"] == 0.5
    for one in ROWS:
        assert sum(held.faults(one).values()) + one["holds"] == pytest.approx(1)


def test_the_bars_are_as_long_as_the_shares_from_the_weakest_model():
    root = ElementTree.fromstring(held.picture(ROWS))
    shapes = [one for one in root if one.tag.endswith("rect")]
    bars = [float(one.get("width", 0)) for one in shapes if one.get("height") == "16"]
    whole = [at for at, wide in enumerate(bars) if wide == held._WIDE]
    assert len(whole) == len(ROWS)  # the ground of each row
    first, second = bars[whole[0] + 1 : whole[1]], bars[whole[1] + 1 : whole[2]]
    assert first == pytest.approx([340 * share - 1 for share in (0.5, 0.3, 0.1, 0.1)], abs=0.1)
    assert second == pytest.approx([340 * share - 1 for share in (0.75, 0.1, 0.15)], abs=0.1)
    shares = re.findall(r">(\d+%) hold<", held.picture(ROWS))
    assert shares == ["0%", "75%", "0%", "75%"]


def test_all_of_it_is_said_in_words():
    words = held.in_words(ROWS)
    assert "400k parameters, 10 min: 0% hold together" in words
    assert "step 10,000, 10 min: 75% hold together, 0% so far, names 10%, who has what 15%" in words
    assert "smallest model 0% of the stories" in held.summary(ROWS)
    assert "“spelling”. Of the largest it is 75%, and “who has what”" in held.summary(ROWS)
    assert f"aria-label='{words}'" in held.picture(ROWS)


def test_as_a_file_it_brings_the_colours_of_the_page_for_light_and_dark():
    style = re.findall(r"<style>(.*?)</style>", held.picture(ROWS))[0]
    assert "prefers-color-scheme:dark" in style
    css = (guide.FILE.parent / "style.css").read_text(encoding="utf-8")
    for name, pair in held._COLOURS.items():
        assert tuple(re.findall(rf"--{name}: (#\w+);", css))[:2] == pair
    assert "<style>" not in held._svg(ROWS)  # on the page it would be everybody's
