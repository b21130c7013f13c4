"""Links: an address is hostile until it is checked."""

from __future__ import annotations

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compare.tabs import links
from compare.values import Sampling

OFFERED = ["shakespeare", "hello"]


def test_a_whole_link_is_taken():
    query = {
        "model": "hello",
        "prompt": "hell",
        "temperature": "1.5",
        "top_k": "7",
        "top_p": "0.9",
        "repetition_penalty": "1.2",
        "max_new_tokens": "33",
        "greedy": "true",
        "seed": "99",
    }
    opening = links.read(query, OFFERED)
    assert opening == links.Opening(
        "hello", None, "hell", Sampling(1.5, 7, 0.9, 1.2, 33, True, 99), True, ""
    )


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("model", "../../etc"),
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
    ],
)
def test_an_unsound_part_is_left_out_and_said_so(part, value):
    opening = links.read({part: value}, OFFERED)
    assert opening.sampling == Sampling()
    assert opening.model is None
    assert opening.prompt is None
    assert opening.complaint.startswith("Some of this link was left out")
    assert value not in opening.complaint


@given(st.dictionaries(st.sampled_from([*links.NAMES, "other"]), st.text(max_size=60)))
def test_no_address_breaks_the_page(query):
    opening = links.read(query, OFFERED)
    assert opening.model in (None, *OFFERED)
    assert isinstance(opening.sampling, Sampling)


def test_a_model_of_the_hub_is_named_and_not_fetched():
    opening = links.read({"model": "ada/tiny@step-5"}, OFFERED)
    assert (opening.model, opening.repo, opening.complaint) == (None, "ada/tiny@step-5", "")


def test_the_browser_names_the_settings_as_they_are_read():
    """`COPY` is handed model, prompt and the fields of Sampling, in this order."""
    assert ["model", "prompt", *(field.name for field in fields(Sampling))] == links.NAMES
    assert all(f'"{name}"' in links.COPY for name in links.NAMES)
