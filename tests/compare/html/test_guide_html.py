"""The guide and its charts as HTML."""

from __future__ import annotations

import json
import re
from html import unescape
from urllib.parse import parse_qsl

from compare.html import guide, guide_html
from compare.html.guide_html import MILESTONES


def test_every_idea_has_its_tries_its_code_and_a_box_for_notes():
    page = guide_html.guide_html()
    for idea in guide.ideas():
        (part,) = re.findall(rf"<details class='idea' id='idea-{idea.slug}'.*?</label>", page, re.S)
        links = re.findall(r"data-go href='\?([^']*)'", part)
        asks = [dict(parse_qsl(unescape(link))) for link in links]
        assert asks == [{**attempt.asks, "idea": idea.slug} for attempt in idea.tries]
        assert f"<code>{idea.symbol}</code>, {idea.path} line " in part
        assert f"data-note='{idea.slug}'" in part
        assert "http" not in re.sub(r"<pre.*?</pre>", "", part, flags=re.S)


def test_six_milestones_and_a_way_to_each():
    assert len(MILESTONES) == 6
    assert all(one.asks and one.where for name, one in MILESTONES.items() if name != "ideas")


def test_the_guides_markdown_is_escaped_before_it_is_read():
    shown = guide.inline("a *b* `c<d>` <script> & so on")
    assert shown == "a <em>b</em> <code>c&lt;d&gt;</code> &lt;script&gt; &amp; so on"


def test_the_cost_is_told_as_it_was_measured():
    table = guide_html.cost_html([(64, 0.001, 0.002), (128, 0.002, 0.004), (1024, 0.1, 0.03)])
    assert "16 times the tokens took 100 times as long" in table
    assert table.count("<tr><th scope='row'>") == 3
    assert "width:1.00%" in table
    assert "width:100.00%" in table


SIZES = [
    {"parameters": 400_000, "val_loss": 1.70, "tokens": 2_000_000},
    {"parameters": 50_000, "val_loss": 2.10, "tokens": 2_000_000},
    {"parameters": 1_600_000, "val_loss": 1.65, "tokens": 2_000_000},
]


def test_the_scaling_chart_has_a_point_for_each_size_from_small_to_large(tmp_path, monkeypatch):
    monkeypatch.setattr(guide_html, "SCALING", tmp_path / "scaling.json")
    assert "benchmarks.scaling" in guide_html.scaling_html()  # nothing measured: how to
    guide_html.SCALING.write_text(json.dumps(SIZES), encoding="utf-8")
    page = guide_html.scaling_html()
    assert re.findall(r"<b>([\d.]+)</b>", page) == ["2.100", "1.700", "1.650"]
    assert re.findall(r"%'>([\d.]+[kM])<", page) == ["50k", "400k", "1.6M"]
    lefts = [float(x) for x in re.findall(r"dot' style='left:([\d.]+)%", page)]
    bottoms = [float(y) for y in re.findall(r"bottom:([\d.]+)%", page)]
    assert lefts == sorted(lefts)
    assert bottoms == sorted(bottoms, reverse=True)
    assert "first step: 8.0 times the parameters, 0.400 off the loss" in page
    assert "last: 4.0 times the parameters, 0.050 off" in page
