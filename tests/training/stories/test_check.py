"""The checker: what it finds, what it says about it, and what it lets pass."""

from __future__ import annotations

import random
import time

import pytest

from training.stories.check import FAILS, HOLDS, SO_FAR, check, study
from training.stories.language.acts import acts
from training.stories.language.complaints import AGAINST, MISSING, OWED
from training.stories.prove import main
from training.stories.spoiling.kinds import KINDS
from training.stories.spoiling.spoil import spoilt
from training.stories.telling.story import story

BEGINNING = "Nell the girl was in the garden one sunny morning. Nell had a red kite that pulled "
BEGINNING += "like a small horse. "


def reasons(text: str) -> str:
    return "; ".join(map(str, check(text)))


def test_nothing_is_wrong_with_a_beginning():
    assert study(BEGINNING).verdict == SO_FAR
    assert study("").verdict == SO_FAR


@pytest.mark.parametrize(
    ("sentence", "reason"),
    [
        ("Ben went to the pond.", "Ben was never named"),
        ("He went to the pond.", "nobody just named can be meant"),
        ("She held on to her blue kite.", "the kite is red, not blue"),
        ("She held on to the drum.", "there was no drum"),
        ("The fox went to the pond.", "there is no fox"),
        ("The rain drummed on the roofs.", "the weather is not rainy, but sunny"),
        ("The trains were late again.", "not of this world"),
        ('"I still had it at the pond," said Nell.', "nobody asked that"),
        ("That night her kite slept under her pillow.", "did not end like that"),
        ("There was fog. nell slept.", "not of this world"),
    ],
)
def test_a_sentence_that_cannot_be_is_found_and_named(sentence, reason):
    found = check(BEGINNING + sentence)
    assert reason in reasons(BEGINNING + sentence)
    assert found[0].start >= len(BEGINNING)
    text = BEGINNING + sentence
    assert text[found[0].start : found[0].end] == found[0].sentence


def test_a_text_of_another_world_is_told_from_ours():
    assert study(BEGINNING + "The trains were late again.").ours
    assert not study("First Citizen: Before we proceed any further, hear me speak.").ours
    assert not study("What is a token? A token is a piece of text.").ours
    assert not study("").ours


def test_no_text_is_too_wild_or_too_long_to_read():
    rng = random.Random(4)
    told = [story(3, number).text for number in range(12)]
    for number in range(150):
        words = rng.choice(told).split()
        for _ in range(6):
            a, b = rng.randrange(len(words)), rng.randrange(len(words))
            words[a], words[b] = words[b], rng.choice((words[a], '"', "it", "their's", "é."))
        assert study(" ".join(words)).verdict in (HOLDS, SO_FAR, FAILS), number
    start = time.perf_counter()
    assert study("Nell and " * 20_000 + "Ben slept. " + "a. " * 2000).verdict == FAILS
    assert time.perf_counter() - start < 20


def test_every_complaint_has_its_words():
    """Also the rare ones: a story must not fail over what is to be said about it."""
    for act in acts().values():
        for line in act.makes:
            if line.startswith("open "):
                assert OWED[line.split()[1]].format("a", "b", "c")
        for line in act.needs:
            relation, *args = line.removeprefix("not ").split()
            texts = [table[relation] for table in (MISSING, AGAINST) if relation in table]
            assert all(text.format(*args, now="") for text in texts), (act.name, line)


def test_she_can_be_one_of_two_only_where_it_is_clear():
    both = "Nell the girl was in the garden one sunny morning. "
    both += "Beside her stood her friend, Ada the girl. "
    assert not check(both + "Ada went to the pond.")
    assert study(both + "Nell and Ada went to the pond. She was happy.").verdict == FAILS


def test_a_promise_that_is_forgotten_is_found_at_the_end():
    text = (
        "Nell the girl was in the garden one sunny morning. "
        "Beside her stood her friend, Ada the girl. "
        '"Will you feed the hens for me today?" asked Ada. "I promise, Ada," said Nell. '
    )
    assert study(text).verdict == SO_FAR
    assert "what became of Nell's promise?" in reasons(text + "And Nell and Ada stayed friends.")
    kept = text + "Nell had promised, so she fed the hens. "
    assert study(kept + "And Nell and Ada stayed friends.").verdict == HOLDS


def test_people_act_as_they_are_said_to_be():
    text = (
        "Nell the girl was in the garden one sunny morning. Whatever Nell promised, Nell did. "
        "Beside her stood her friend, Ada the girl. "
        '"Will you feed the hens for me today?" asked Ada. "I promise, Ada," said Nell. '
        "Nell really meant to do it, but there was a snail race behind the bakery. "
    )
    assert study(text).verdict == SO_FAR
    assert "that is not like Nell, who is reliable" in reasons(
        text + "Nell forgot all about feeding the hens."
    )


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS if not kind.kept_back])
def test_each_kind_of_spoiling_is_found(kind):
    texts = [text for number in range(60) if (text := spoilt(kind, 3, number))][:8]
    assert texts
    missed = [text for text in texts if study(text).verdict != FAILS]
    assert len(missed) <= 1, missed


def test_a_third_of_the_kinds_is_kept_back():
    assert 0.3 < sum(kind.kept_back for kind in KINDS) / len(KINDS) < 0.36


@pytest.mark.slow
def test_the_full_counts():
    assert main(["--kept_back"]) == 0


def test_the_command_fails_where_too_little_is_found(monkeypatch, capsys):
    monkeypatch.setattr("training.stories.prove.FOUND", 1.1)
    assert main(["--whole", "2", "--spoilt", "15"]) == 1
    assert "whole stories: 2, something found in 0" in capsys.readouterr().out
