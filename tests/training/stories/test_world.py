"""The stories: always alike, of the right size, and each sentence of them is understood."""

from __future__ import annotations

import random
import re

import pytest

from training.stories.check import HOLDS, SO_FAR, check, sentences, study
from training.stories.language import acts as language
from training.stories.language.acts import acts
from training.stories.language.world import RULES
from training.stories.plots import plots
from training.stories.telling.story import LONGEST, SHORTEST, combination, small_scene, story

TOLD = 120


@pytest.fixture(scope="module")
def told():
    return [story(5, number) for number in range(TOLD)]


def test_the_same_seed_and_number_give_the_same_story():
    assert story(5, 3).text == story(5, 3).text
    assert len({story(seed, 3).text for seed in range(20)}) == 20


def test_there_are_plots_enough_and_each_tells_stories_that_hold():
    assert len(plots()) >= 25
    for plot in plots():
        for number in range(4):
            text = story(6, number, plot).text
            assert study(text).verdict == HOLDS, (plot, text, [*map(str, check(text))])


def test_stories_have_the_size_that_was_promised(told):
    for one in told:
        assert SHORTEST <= len(one.text.split()) <= LONGEST


def test_whole_stories_hold(told):
    for one in told:
        read = study(one.text)
        assert read.verdict == HOLDS, (one.text, [*map(str, read.problems)])


def test_nothing_is_wrong_with_the_beginning_of_a_story(told):
    """Wherever a model has come to, also in the middle of a word or of what somebody says."""
    for one in told[:25]:
        ends = [start + len(sentence) for start, sentence in sentences(one.text)]
        for end in (*ends[:-3], *range(25, len(one.text) - 200, 41)):
            read = study(one.text[:end])
            assert read.verdict == SO_FAR, (one.text[:end], [*map(str, read.problems)])


def test_it_does_not_matter_how_the_lines_are_broken(told):
    for one in told[:20]:
        assert study(" ".join(one.text.split())).verdict == HOLDS


def test_the_checker_reads_the_combination_that_the_teller_chose(told):
    from training.stories.copies import combination as read

    assert [read(study(one.text)) for one in told] == [combination(one) for one in told]


def test_no_two_acts_have_the_same_name_and_unknown_fields_are_refused():
    with pytest.raises(language.ActError, match="unknown sais"):
        language.make("x", {"says": ["nothing happened"], "sais": []})
    with pytest.raises(language.ActError, match="not named"):
        language.make("x", {"says": ["off {A.he} went"]})


def test_whatever_an_act_needs_some_other_act_makes():
    """A need that nothing fills is a misspelt word, and its sentences could never be said."""
    made = {word_of(line) for act in acts().values() for line in act.makes} | {"kind", "look"}
    for act in acts().values():
        for line in act.needs:
            relation = line.removeprefix("not ").split()[0]
            assert relation in made or relation in RULES, (act.name, line)


def word_of(line: str) -> str:
    return line.lstrip("-").split()[0]


def test_every_pattern_is_told_by_some_plot():
    """Words that no story uses would be learned by no model."""
    told = [story(8, n) for n in range(800)] + [small_scene(8, n) for n in range(100)]
    used = {name for one in told for s in one.told for name in s.acts}
    rare = {name for name in acts() if name not in used}
    assert not {name for name in rare if "ambient" not in acts()[name].flags}


def test_a_story_has_direct_speech_pronouns_and_causes(told):
    text = " ".join(one.text for one in told)
    for word in ("because", "before", "after", "when", "he", "she", "it", "they"):
        assert re.search(rf"\b{word}\b", text, re.IGNORECASE), word
    assert sum('"' in one.text for one in told) > 0.9 * TOLD


def test_a_teller_who_says_what_cannot_be_is_stopped():
    from training.stories.telling.teller import Teller
    from training.stories.telling.wording import PlotError

    teller = Teller(random.Random(1))
    a = teller.one("child")
    teller.begin(a, "garden")
    with pytest.raises(PlotError, match="take"):
        teller.say("take", A=a, X="kite")
