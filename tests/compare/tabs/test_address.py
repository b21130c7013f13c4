"""An address is hostile until it is checked; what is sound in it is taken."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compare.html import guide
from compare.lessons.lessons import SYSTEMS
from compare.tabs import address
from compare.values import Sampling
from tests.compare.fakes import fake_roster
from training.recipes import reader

from .settings import of_the_page


def read(asks: dict[str, str]) -> tuple[dict[str, Any], list[str]]:
    return of_the_page().read(asks)


def test_a_whole_link_is_taken():
    values, complaints = read(
        {
            "prompt": "hell",
            "temperature": "1.5",
            "top_k": "7",
            "top_p": "0.9",
            "repetition_penalty": "1.2",
            "max_new_tokens": "33",
            "greedy": "true",
            "seed": "99",
        }
    )
    assert values.pop("prompt") == "hell"
    assert Sampling(**values) == Sampling(1.5, 7, 0.9, 1.2, 33, True, 99)
    assert complaints == []


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("temperature", "nan"),
        ("temperature", "1e999"),
        ("top_k", "-1"),
        ("top_k", "7.5"),
        ("top_k", "9" * 5000),
        ("top_p", "0"),
        ("max_new_tokens", "100000"),
        ("greedy", "yes"),
        ("seed", "<script>"),
        ("prompt", "x" * 3000),
        ("lesson", "../.."),
        ("system", "none"),
        ("broken", "everything"),
        ("sample", "/etc/passwd"),
        ("seconds", "1e9"),
        ("step", "9" * 400),
        ("step", "-1"),
        ("unit", "<b>"),
        ("side", "middle"),
    ],
)
def test_an_unsound_part_is_left_out_and_said_so(part, value):
    values, complaints = read({part: value})
    assert values == {}
    assert len(complaints) == 1
    assert part in complaints[0]
    assert value not in complaints[0]


ROSTER = fake_roster()


@settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow]
)  # a busy machine is slow, not wrong
@given(
    st.dictionaries(
        st.sampled_from([*of_the_page().known, "model", "beside", "other"]), st.text(max_size=60)
    )
)
def test_no_address_breaks_the_page(asks):
    values, _ = read(asks)
    assert set(values) <= set(of_the_page().known)
    seated = address.seats(asks, ROSTER)
    assert all(ROSTER.knows(key) for key in seated.keys.values())


def test_a_model_of_the_hub_is_named_and_not_fetched():
    seated = address.seats({"model": "ada/tiny@step-5", "beside": "hello"}, fake_roster())
    assert seated == address.Seated({"right": "hello"}, "ada/tiny@step-5", ())


def test_a_model_that_was_trained_here_and_is_gone_is_said_to_be():
    seated = address.seats({"model": "own-" + "0" * 32}, fake_roster())
    assert seated.keys == {}
    assert "kept for an hour" in address.complaint(seated.complaints)


def test_a_system_sets_what_the_address_does_not_name_to_its_own():
    values, _ = read({"lesson": "live", "system": "hello", "rate": "0.5"})
    assert values["rate"] == 0.5
    hello = SYSTEMS["hello"]
    assert (values["width"], values["window"]) == (hello.width, hello.window)


@pytest.mark.parametrize("idea", guide.ideas(), ids=lambda idea: idea.slug)
def test_a_link_of_the_guide_holds_only_what_the_page_takes(idea):
    """What goes to the controls of the page passes the same check as any other address."""
    roster = cast(Any, SimpleNamespace(knows=lambda key: key in reader.names()))
    for attempt in idea.tries:
        values, complaints = read(attempt.asks)
        assert complaints == []
        assert address.seats(attempt.asks, roster).complaints == ()
        for name in set(attempt.asks) & set(values) - {"lesson", "sample", "step"}:
            assert str(values[name]).lower() == attempt.asks[name].lower(), attempt.label
        assert set(attempt.asks) - set(values) <= {"tab", "idea", "model", "beside"}
