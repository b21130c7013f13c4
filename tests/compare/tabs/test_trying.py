"""What a link of the guide sets, and what a hostile one does not."""

from __future__ import annotations

from types import SimpleNamespace

import gradio as gr
import pytest

from compare import page
from compare.html import guide
from compare.lessons.lessons import SYSTEMS
from compare.tabs import links, trying

LESSONS = ("lesson", "system", "rate", "width", "window", "broken", "sample", "seconds", "step")


@pytest.fixture(scope="module")
def tries() -> trying.Trying:
    """Of a page without widgets: in a browser, test_learn.py looks whether they move."""
    roster = SimpleNamespace(names=["shakespeare", "hello", "next-char", "chat"])
    controls = dict.fromkeys([*links.SETTINGS, "pinned"])
    shared = SimpleNamespace(
        roster=roster,
        left=None,
        prompt=None,
        tabs=None,
        notice=None,
        controls=controls,
        lessons=dict.fromkeys(LESSONS),
    )
    return trying.Trying(shared)


def applied(tries: trying.Trying, asks: dict[str, str]) -> dict:
    values = dict(zip(tries.outputs, tries.apply(asks), strict=True))
    return {name: value for name, value in values.items() if value != gr.skip()}


def test_every_try_goes_to_a_tab_and_all_that_it_asks_for_is_set(tries):
    tabs = {module.NAME.lower() for module in page.TABS}
    for idea in guide.ideas():
        for attempt in idea.tries:
            found = applied(tries, attempt.asks)
            assert attempt.tab in tabs
            assert found.pop("tab").selected == attempt.tab
            assert found.pop("notice") == "", attempt.label
            for name in set(attempt.asks) - {"tab", "idea", "lesson", "sample", "step"}:
                assert str(found[name]).lower() == attempt.asks[name].lower(), attempt.label


def test_a_try_of_a_system_sets_what_it_does_not_name_to_that_systems_own(tries):
    found = applied(tries, {"tab": "train", "lesson": "live", "system": "hello", "rate": "0.5"})
    assert found["rate"] == 0.5
    assert (found["width"], found["window"]) == (SYSTEMS["hello"].width, SYSTEMS["hello"].window)


@pytest.mark.parametrize(
    "asks",
    [
        {"tab": "<script>"},
        {"lesson": "../.."},
        {"system": "none", "rate": "0.5"},
        {"broken": "everything"},
        {"sample": "/etc/passwd"},
        {"seconds": "1e9"},
        {"step": "9" * 400},
        {"step": "-1"},
    ],
    ids=str,
)
def test_what_is_not_on_offer_changes_nothing(tries, asks):
    assert applied(tries, asks) == {"notice": ""}


def test_a_model_that_is_not_here_is_a_sentence(tries):
    found = applied(tries, {"tab": "chat", "model": "nobody"})
    assert "nobody is not among the models here" in found["notice"]
    assert "model" not in found
