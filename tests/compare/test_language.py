"""The page speaks plainly: short sentences and usual words, in the guide and everywhere else."""

from __future__ import annotations

import contextlib

import pytest

from compare.lineup import KNOWS

from . import reading
from .protocol import Visitor

pytest.importorskip("wordfreq", reason="pip install -r requirements-dev.txt")


def is_plain(found: reading.Reading) -> None:
    assert found.mean <= 12
    assert found.long < 0.05, found.longest
    assert found.rare <= 0.06, found.rarest


def test_the_guide_is_plain():
    found = reading.measure(reading.of_guide())
    assert found.words > 1500
    is_plain(found)


def test_the_page_and_what_it_says_are_plain(quick_page):
    with contextlib.closing(Visitor(quick_page)) as visitor:
        shown = [*reading.of_page(visitor.config), *reading.of_sentences(), *KNOWS.values()]
    found = reading.measure(shown)
    assert found.words > 800
    is_plain(found)


def test_a_hard_text_is_found_out():
    hard = (
        "Notwithstanding considerable heterogeneity amongst epistemological presuppositions, "
        "practitioners habitually operationalize aforementioned constructs idiosyncratically, "
        "thereby engendering incommensurability, obfuscation, equivocation and perplexity galore."
    )
    found = reading.measure([hard])
    assert found.mean > 12
    assert found.rare > 0.5
