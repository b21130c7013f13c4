"""Break it: what the page says will be seen is seen, beside the intact one."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from pathlib import Path

import pytest

from compare.lessons import breaking
from compare.lessons.lessons import Lesson, Look, News
from compare.values import RefusedError


class Line:
    """The worker's end of the line to the page, read in this process."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.steps = 0
        self.look: Look | None = None

    def poll(self) -> bool:
        return False

    def recv(self) -> str:
        raise EOFError

    def send(self, news: News, /) -> None:
        self.losses += [loss for _, loss in news.losses]
        self.look = news.look or self.look
        self.steps = news.steps


def train(
    lesson: Lesson, folder: Path, steps: int, seconds: float = 1e4
) -> tuple[float, float, float]:
    """Its last losses' mean, its highest loss, and how much of what it writes is words."""
    import torch

    from compare.lessons.teach import teach

    folder.mkdir(exist_ok=True)
    line, threads = Line(), torch.get_num_threads()
    lesson = replace(lesson, most=steps, clock=seconds, length=240, every=1e9)
    try:
        over = teach(lesson, folder, line)
    finally:
        torch.set_num_threads(threads)
    assert over.problem == ""
    assert line.look is not None
    share = breaking.share_of_words(lesson.prompt + line.look.text)
    last = line.losses[-20:]
    return sum(last) / len(last), max(line.losses), share


@pytest.fixture
def own_cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("TINYGPT_CACHE", str(tmp_path / "cache"))
    return tmp_path


def test_the_lowest_loss_is_what_the_lots_leave_open():
    """Twelve bits a sentence, however one counts: the text is a list of free choices."""
    game = breaking.game()
    sentences = game.count(".")
    assert breaking.floor() == pytest.approx(sentences * 12 * math.log(2) / len(game))
    assert breaking.share_of_words(game[:500]) == 1
    assert breaking.share_of_words("the fox xof eht. the ow") == 11 / 17
    assert breaking.share_of_words("the ppppppp") == 3 / 10


@pytest.mark.parametrize("broken", breaking.BROKEN)
def test_the_broken_model_differs_from_the_intact_one_in_one_thing(broken):
    intact, other = breaking.pair(broken)
    names = {*intact.flags, *other.flags}
    differing = {name for name in names if intact.flags.get(name) != other.flags.get(name)}
    assert len(differing) + other.sees_future == 1
    assert not intact.sees_future
    assert broken in breaking.SIGNS


def test_what_cannot_be_broken_is_refused():
    with pytest.raises(RefusedError, match="see the future, no positions"):
        breaking.pair("everything")


def test_with_the_future_visible_the_loss_is_impossible_and_the_text_is_rubbish(own_cache):
    _, seer = breaking.pair("future")
    loss, _, words = train(seer, own_cache, 120)
    assert loss < 0.8 * breaking.floor()
    assert words < 0.5


@pytest.mark.slow
def test_every_break_shows_what_the_page_says(own_cache):
    intact, _ = breaking.pair("future")
    figures = {"intact": train(intact, own_cache / "intact", 250)}
    for broken in breaking.BROKEN:
        figures[broken] = train(breaking.pair(broken)[1], own_cache / broken, 250)
    for name, (loss, highest, words) in figures.items():
        print(f"{name:10} loss {loss:.4f}, highest {highest:.1f}, {words:.0%} words")  # noqa: T201 (for who runs it)
    whole, _, words = figures["intact"]
    assert breaking.floor() < whole < 0.36
    assert words > 0.8
    assert figures["future"][0] < 0.2 * breaking.floor()
    assert figures["future"][2] < 0.5
    assert figures["positions"][0] > whole + 0.05
    assert figures["residual"][0] > 3 * whole
    assert figures["norm"][1] > 10
    assert figures["rate"][1] > 10
    for broken in ("positions", "residual", "norm", "rate"):
        assert figures[broken][2] < words


def test_the_rate_falls_with_the_clock_or_with_the_steps_whichever_ends_first(monkeypatch):
    from compare.lessons import teach

    countdown = teach.Countdown(10, most=100)
    monkeypatch.setattr(teach.time, "monotonic", lambda: 50.0)
    countdown.begin()
    assert countdown.passed(25) == 0.25  # a fast machine
    monkeypatch.setattr(teach.time, "monotonic", lambda: 58.0)
    assert countdown.passed(25) == 0.8  # a slow one
    assert countdown.rate(25) == pytest.approx(0.2)


@pytest.mark.slow
def test_a_slow_machine_ends_by_the_clock_and_names_the_steps_that_it_made(own_cache):
    from compare.lessons.teach import teach

    line = Line()
    lesson = replace(breaking.pair("rate")[0], clock=3.0, most=1_000_000)
    begun = time.monotonic()
    assert teach(lesson, own_cache, line).problem == ""
    assert time.monotonic() - begun < 20
    assert line.steps == len(line.losses) > 0
