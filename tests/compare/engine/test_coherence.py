"""Whether a story holds: only of its world, within bounds, and whatever the text is."""

from __future__ import annotations

import json
import logging
import random
import time

import pytest

from compare.engine import coherence, loaders
from compare.values import LONGEST
from compare.values.players import OPENINGS, WHOLE_STORY
from training.stories import exam
from training.stories.check import SO_FAR, check, study
from training.stories.telling.story import story

BEGUN = "Nell the girl was in the garden one sunny morning."
WENT_ON = " Nell had a red kite that pulled like a small horse."


def test_a_whole_story_holds_and_a_part_of_it_holds_so_far():
    text = story(7, 1).text
    whole = coherence.of_text(text[:70], text[70:])
    assert whole is not None
    assert whole.verdict == "holds"
    part = coherence.of_text(text[:70], text[70:200])
    assert part is not None
    assert part.verdict == "so far"


def test_the_first_thing_that_cannot_be_is_named_with_its_place():
    text = f"{WENT_ON} Ben went to the pond. She held on to her blue kite."
    found = coherence.of_text(BEGUN, text)
    assert found is not None
    assert (found.verdict, found.asked) == ("fails", False)
    assert "Ben was never named" in found.reason
    assert (BEGUN + text)[found.start : found.end] == "Ben went to the pond."


def test_what_the_visitor_wrote_wrong_is_told_from_what_the_model_did():
    found = coherence.of_text(f"{BEGUN} Ben went to the pond.", WENT_ON)
    assert found is not None
    assert found.asked


@pytest.mark.parametrize(
    "prompt",
    [
        "To be or not to be",
        "What is a token?",
        "hell",
        "   ",
        f"{BEGUN} The trains were late again.",
        BEGUN + WENT_ON * 90,
    ],
    ids=["verse", "question", "letters", "nothing", "half of it", "too long"],
)
def test_a_prompt_of_another_world_has_no_verdict(prompt):
    assert coherence.of_text(prompt, WENT_ON) is None


def test_a_prompt_that_ends_within_its_first_sentence_is_judged_by_what_becomes_of_it():
    whole = f"{BEGUN}{WENT_ON}"
    assert coherence.of_text(whole[:30], whole[30:]).verdict == "so far"
    assert coherence.of_text(whole[:30], "") is None  # no sentence is finished yet
    broken = coherence.of_text(BEGUN.rstrip("."), " and trains. " + WENT_ON)
    assert broken is not None
    assert broken.verdict == "fails"


def test_of_answers_only_stories_are_judged():
    text = story(7, 2).text
    assert coherence.of_answer(text).verdict == "holds"
    assert coherence.of_answer(f"{BEGUN}{WENT_ON}") is None  # too short to be one
    assert coherence.of_answer("A token is the smallest piece of text. " * 12) is None


@pytest.mark.parametrize("number", range(3))
def test_openings_are_beginnings_that_hold_and_differ(number):
    opening = coherence.opening(number)
    assert study(opening).verdict == SO_FAR
    assert study(opening).sentences == 2
    assert opening != coherence.opening(number + 1)
    assert opening == coherence.opening(number)


@pytest.mark.parametrize("opening", OPENINGS)
def test_the_prompts_of_the_first_screen_are_of_that_world(opening):
    assert study(opening).ours
    assert check(opening) == []


def test_a_story_may_be_as_long_as_the_exam_lets_it_be():
    assert exam.LONGEST <= WHOLE_STORY <= LONGEST


def test_no_text_ends_in_an_error_or_takes_long(caplog):
    """Stories with words moved, cut out and put in, cut anywhere; and what is no text at all."""
    rng = random.Random(3)
    odd = ['"', ".", "\n", "\0", "\ud800", ", and then", "@", "\u017f", "{A}", "<glad>", "The", "?"]
    texts = ["", '"' * 3_000, "A. " * 1_300, "Nell, and " * 390, '"Ah"? ' * 600, "\u2028" * 50]
    for number in range(20):
        words = story(11, number).text.split(" ")
        for _ in range(4):
            words.insert(rng.randrange(len(words)), rng.choice(odd))
            del words[rng.randrange(len(words))]
        texts.append(" ".join(words)[rng.choice((0, 0, 5)) : rng.randrange(40, 900)])
    with caplog.at_level(logging.ERROR):
        for text in texts:
            begun = time.process_time()
            coherence.of_text(text[:50], text[50:])
            coherence.of_answer(text)
            assert time.process_time() - begun < 2
    assert not caplog.records


def test_a_checker_that_fails_costs_its_verdict_and_not_the_stream(monkeypatch, caplog):
    def broken(text):
        raise RecursionError("too deep")

    monkeypatch.setattr(coherence, "study", broken)
    assert coherence.of_text(BEGUN, WENT_ON) is None
    assert coherence.of_answer(story(7, 2).text) is None
    assert "the checker of stories failed" in caplog.text
    assert BEGUN not in caplog.text  # what a visitor writes is kept nowhere


@pytest.mark.parametrize(
    ("facts", "recipe"),
    [({"recipe": "stories"}, "stories"), ({}, ""), ([], ""), (None, "")],
    ids=["ours", "no recipe", "a list", "no facts"],
)
def test_who_tells_stories_is_known_by_the_recipe(tmp_path, facts, recipe):
    if facts is not None:
        (tmp_path / "metrics.json").write_text(json.dumps(facts), encoding="utf-8")
    assert loaders._recipe(tmp_path) == recipe
