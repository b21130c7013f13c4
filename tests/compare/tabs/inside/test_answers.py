"""Inside: what a picture's buttons and an address may choose, and what is shown then."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from compare.tabs.inside import answers
from compare.tabs.inside.choices import _PRESSED, _READERS, Asked, Choices
from tests.compare.fakes import FakeContestant
from tests.compare.tabs.settings import of_the_page

CHOICES = Choices(dict.fromkeys(_PRESSED), _READERS)
GIVEN: dict[str, Any] = {
    **_PRESSED,
    "side": "left",
    "unit": "Letters",
    "odds_temperature": 1.0,
    "pieces": "Tokens",
    "swap": "",
}
ASKED = Asked("To be or not to be", {"left": "one", "right": "two"}, GIVEN)


def answered(answer, prompt: str = ASKED.prompt, **given: Any) -> str:
    """What a section shows, with a fake on either side."""
    seats = {"one": FakeContestant("one"), "two": FakeContestant("chat")}

    async def seat(key: str, seated: Any = ()) -> Any:
        return SimpleNamespace(contestant=seats[key])

    page = cast("Any", SimpleNamespace(roster=SimpleNamespace(seat=seat)))
    asked = replace(ASKED, prompt=prompt, given={**GIVEN, **given})
    return "".join(asyncio.run(answer(page, asked)))


def test_what_a_button_sends_is_taken_as_text():
    assert CHOICES.pressed({"back": 3, "part": "block 1 head 2"}) == {
        "back": "3",
        "part": "block 1 head 2",
    }
    assert CHOICES.pressed({"only": "block 0 mlp"}) == {"off": "block 0 mlp", "swap": ""}


@pytest.mark.parametrize(
    "sent",
    [
        None,
        "back",
        {"back": -1},
        {"back": 32},
        {"back": []},
        {"layer": "0"},
        {"head": "201"},
        {"part": "<img>"},
        {"off": "block 0,"},
        {"off": ",".join(["block 0"] * 65)},
        {"word": "x"},
        {"see": "elsewhere"},
        {"side": "right"},  # no picture chooses that
        {"prompt": "x"},
    ],
)
def test_what_no_button_sends_is_ignored(sent):
    assert CHOICES.pressed(sent) == {}


def test_an_address_may_choose_all_that_a_button_may():
    asks = {
        "back": "3",
        "part": "odds",
        "word": "12",
        "against": "7",
        "off": "block 0 head 1,block 1",
        "swap_at": "2",
        "swap": " dog",
        "layer": "2",
        "head": "1",
        "pieces": "Tokens",
        "see": "lens",
    }
    assert of_the_page().read(asks) == (asks, [])
    _, complaints = of_the_page().read({"off": "block <b>", "back": "99", "swap": "x" * 41})
    assert len(complaints) == 3


@pytest.mark.parametrize(
    ("answer", "given", "says"),
    [
        (answers.way, {"part": "block 1 head 2"}, "Head 3, step by step"),
        (answers.way, {"part": "position"}, "The path of"),  # it has none: nothing opens
        (answers.layers, {"back": "2"}, "After “␣” it says"),
        (answers.causes, {"word": "1"}, "Who caused “t”"),
        (answers.causes, {"word": "999"}, "Who caused “e”"),  # of another model
        (answers.taken, {"off": "block 0 head 0,block 9"}, "Without layer 1, head 1<"),
        (answers.taken, {"swap": "x"}, "swapped for “x”"),
        (answers.looks, {"layer": "99", "head": "99"}, "layer 3 of 3, head 4 of 4"),
        (answers.looks, {}, "layer 1 of 3, head 1 of 4"),  # the one that did most
        (answers.looks, {"side": "right"}, "Best is layer 2, head 3: the right one"),
        (answers.looks, {"side": "right"}, "Try it: Ada met Otto"),
    ],
)
def test_each_section_goes_by_what_was_chosen(answer, given, says):
    assert says in answered(answer, **given)


@pytest.mark.parametrize(
    "answer", [answers.way, answers.layers, answers.causes, answers.taken, answers.looks]
)
def test_a_prompt_that_is_refused_is_a_sentence_in_every_section(answer):
    assert "The prompt is empty" in answered(answer, prompt="")
