"""The guide: every idea can be tried and names code that exists."""

from __future__ import annotations

import ast
import re

import pytest

from compare.html import guide, guide_html
from training.recipes import reader

SEED = [
    "model",
    "token",
    "vocabulary",
    "embedding",
    "sequence-length",
    "autoregression",
    "decoder-only-transformer",
    "self-attention",
    "causal-mask",
    "transformer-block",
    "residual-connection",
    "loss",
    "backpropagation",
    "optimizer",
    "overfitting",
    "training-and-inference",
    "checkpoint",
    "scaling-law",
    "what-smart-means",
]
MORE = [
    "gradient-descent",
    "softmax",
    "temperature",
    "top-k",
    "positional-encoding",
    "why-a-mean-cannot-spell",
]
TABS = {"compare", "inside", "score", "train", "learn", "chat"}


CAUSES = ["what-a-layer-believes", "which-head-did-it"]
TALK = ["tuning", "why-a-tiny-model-hallucinates"]
STORIES = ["coherence"]  # to be tried where the model of the stories ships


def test_the_ideas_come_in_order_under_the_heading_of_their_part():
    ideas = guide.ideas()
    shipped = STORIES if (guide.CHECKPOINTS / "stories").is_dir() else []
    assert [idea.slug for idea in ideas] == SEED + MORE + CAUSES + TALK + shipped
    assert [idea.slug for idea in guide.written()] == SEED + MORE + CAUSES + TALK + STORIES
    assert [idea.number for idea in ideas] == list(range(1, len(ideas) + 1))
    parts = {idea.slug: idea.part for idea in ideas}
    assert parts["model"] == parts["what-smart-means"] == "The ideas behind a tiny GPT"
    assert parts["softmax"] == "The basics behind them"
    assert parts["which-head-did-it"] == "From odds to causes"
    assert parts["tuning"] == "From text to talk"


def test_an_idea_is_shown_only_where_the_models_of_its_tries_ship(tmp_path, monkeypatch):
    (tmp_path / "stories").mkdir()
    monkeypatch.setattr(guide, "CHECKPOINTS", tmp_path)
    shown = guide.ideas.__wrapped__
    assert not {"coherence", "token"} & {idea.slug for idea in shown()}
    (tmp_path / "stories" / "config.json").write_text("{}", encoding="utf-8")
    assert {idea.slug for idea in shown() if idea.models} == {"coherence"}


def test_no_text_says_how_many_ideas_there_are():
    text = guide.FILE.read_text(encoding="utf-8") + guide_html.guide_html()
    assert not re.search(r"\b(nineteen|twenty|six basics|\d+ ideas)\b", text, re.IGNORECASE)


@pytest.mark.parametrize("idea", guide.written(), ids=lambda idea: idea.slug)
def test_each_idea_is_short_can_be_tried_and_names_code_that_exists(idea):
    assert 30 <= len(idea.text.split()) <= 75
    assert idea.tries
    line, code = guide.source(idea.path, idea.symbol)
    assert line > 1
    assert code.splitlines()[0].lstrip().startswith(("class ", "def ", "@"))
    assert idea.symbol.rpartition(".")[2] in code
    for attempt in idea.tries:
        assert attempt.tab in TABS
        if "model" in attempt.asks:
            assert attempt.asks["model"] in reader.names()


def test_most_of_the_first_part_changes_something_on_the_page():
    changing = [
        idea
        for idea in guide.ideas()[: guide.NINETEEN]
        if any(set(attempt.asks) - {"tab", "idea"} for attempt in idea.tries)
    ]
    assert len(changing) >= 14


def test_code_that_is_gone_is_noticed():
    with pytest.raises(LookupError, match=r"contestant\.py has no Contestant\.nothing"):
        guide.source("compare/engine/contestant.py", "Contestant.nothing")


def test_a_parser_that_another_thread_disturbed_is_asked_again(monkeypatch):
    calls = iter([SystemError("AST constructor recursion depth mismatch"), None])
    parse = ast.parse

    def disturbed(text):
        if (error := next(calls, None)) is not None:
            raise error
        return parse(text)

    monkeypatch.setattr(guide.ast, "parse", disturbed)
    line, text = guide.source.__wrapped__("compare/html/guide.py", "source")
    assert line > 1
    assert "def source(" in text
