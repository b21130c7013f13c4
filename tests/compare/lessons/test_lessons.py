"""Lessons: what may be asked for, and what is the least that a loss can be."""

from __future__ import annotations

import math

import pytest

from compare.lessons import lessons
from compare.lessons.pool import Job
from compare.tabs.train.live import verdict
from compare.values import RefusedError
from training.loop import arguments

ENGLISH = "The sun rises in the east, and every morning the baker is up before it. " * 20


def test_the_lowest_losses_are_those_that_were_worked_out_by_hand():
    assert lessons.floor("hello", 4) == pytest.approx(0.0495, abs=5e-5)
    assert lessons.floor("next-char", 5) == pytest.approx(0.0815, abs=5e-5)
    # 7 windows of 4 begin with each letter of "hello h": only "l" leaves a choice, of two.
    assert lessons.floor("hello", 4) == pytest.approx(2 * math.log(2) / 28)


@pytest.mark.parametrize("name", lessons.SYSTEMS)
def test_every_system_is_one_that_the_command_line_knows(name):
    system = lessons.SYSTEMS[name]
    lesson = lessons.live(name, system.rate, system.width, system.window)
    settings = arguments.resolve(lesson.recipe, dict(lesson.flags))
    assert settings.model["hidden_size"] == system.width
    assert settings.model["max_position_embeddings"] == system.window


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "no text yet"),
        ("  \n ", "no text yet"),
        ("a" * 1000, "again and again"),
        ("to be or not to be", "at least 200"),
        ("x y" * 400_000, "1 MB fits"),
        ("word \0 word " * 40, "is not text"),
        ("half \ud83d a letter " * 40, "half a character"),
    ],
)
def test_a_text_that_cannot_be_learned_gets_a_sentence_that_helps(text, sentence):
    with pytest.raises(RefusedError, match=sentence):
        lessons.own(text, 10, "")


def test_emoji_and_every_other_script_are_text():
    lesson = lessons.own("🙂 добрый день, 你好! " * 30, 10, "")
    assert lesson.prompt == lesson.text[:20]


@pytest.mark.parametrize(
    ("name", "rate", "width", "window"),
    [("hello", 0.01, 16, 11), ("next-char", 0, 32, 5), ("hello", 0.01, 17, 4), ("x", 1, 16, 4)],
)
def test_settings_that_no_control_offers_are_refused(name, rate, width, window):
    with pytest.raises(RefusedError):
        lessons.live(name, rate, width, window)


def test_the_verdict_says_whether_the_text_is_memorised(tmp_path):
    def after(name, written, loss):
        system = lessons.SYSTEMS[name]
        job = Job(lessons.live(name, system.rate, system.width, system.window), tmp_path)
        job.losses = [(i, loss) for i in range(20)]
        job.look = lessons.Look(20, written, [])
        return verdict(job, lessons.floor(name, system.window))

    assert after("hello", "o hello hello hel", 0.05).startswith("Memorised")
    assert after("hello", "llllllllllllllll", 1.2).startswith("It did not learn")
    assert "does not know their order" in after("next-char", "at sat on hte ma", 0.3)
    assert after("next-char", "tttttttttttttttt", 2.0).startswith("It did not learn")
