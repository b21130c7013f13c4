"""The stories that are read without the checker: drawn from those that passed, and told plainly."""

from __future__ import annotations

import pytest

from training.stories import blind, exam
from training.stories.check import FAILS, HOLDS, SO_FAR, study
from training.stories.telling.story import story


@pytest.fixture(scope="module")
def stories() -> dict[str, list[str]]:
    """Whole ones, some that do not end, and some with what cannot be."""
    whole = [story(9, number).text for number in range(12)]
    half = [text[: text.index(". ", 200) + 1] for text in whole[:3]]
    wrong = [f"{text} The trains were late.\n\nAgain. " for text in whole[3:7]]
    found = {HOLDS: whole, SO_FAR: half, FAILS: wrong}
    assert all(study(text).verdict == verdict for verdict in found for text in found[verdict])
    return found


@pytest.fixture
def saved(tmp_path, stories):
    """As the exam saves them, one sort after the other and back again."""
    texts = [*stories[FAILS][:2], *stories[HOLDS], *stories[SO_FAR], *stories[FAILS][2:]]
    path = tmp_path / "saved.txt"
    path.write_text("".join(exam.lines(texts)), encoding="utf-8")
    return path


def plain(text: str) -> str:
    """However its lines are broken."""
    return " ".join(text.split())


def read(sheet: str) -> dict[str, str]:
    """The numbers, each with its story."""
    _, *parts = sheet.split("\n\n")
    return {part.split("\n")[0]: plain(part.split("\n", 1)[1]) for part in parts}


def test_only_what_held_together_and_ended_is_drawn(saved, stories):
    assert blind.passed(saved.read_text(encoding="utf-8")) == stories[HOLDS]


def test_they_are_numbered_and_nothing_tells_what_the_checker_found(saved, stories, capsys):
    assert blind.main([str(saved), "--count", "12"]) == 0
    shown = capsys.readouterr().out
    found = read(shown)
    assert list(found) == [str(number) for number in range(1, 13)]
    told = [plain(text) for text in stories[HOLDS]]
    assert sorted(found.values()) == sorted(told)
    assert list(found.values()) != told  # drawn, not taken in order
    assert shown.count("\n\n") == 12  # a blank line before each, and none within
    assert "->" not in shown
    assert "holds" not in shown.splitlines()[0]
    assert max(map(len, shown.splitlines())) <= 100


def test_the_seed_says_which(saved, tmp_path):
    def drawn(seed: int) -> str:
        path = tmp_path / "sheet.txt"
        flags = ["--count", "5", "--seed", str(seed), "--output", str(path)]
        assert blind.main([str(saved), *flags]) == 0
        return path.read_text(encoding="utf-8")

    assert drawn(3) == drawn(3)
    assert read(drawn(3)) != read(drawn(4))
    assert len(set(read(drawn(3)).values())) == 5


@pytest.mark.parametrize(
    ("count", "said"), [("13", "has 12 stories that passed; --count is 13"), ("0", "--count is 0")]
)
def test_more_than_there_are_is_refused(saved, capsys, count, said):
    with pytest.raises(SystemExit):
        blind.main([str(saved), "--count", count])
    assert said in capsys.readouterr().err


def test_another_file_is_refused_with_the_command_that_writes_one(saved, tmp_path, capsys):
    with pytest.raises(SystemExit):
        blind.main([str(tmp_path / "none.txt")])
    assert "python -m training.stories.exam MODEL --save FILE" in capsys.readouterr().err
    saved.write_text(saved.read_text(encoding="utf-8") + "one more line\n", encoding="utf-8")
    last = saved.read_text(encoding="utf-8").count("\n")
    with pytest.raises(SystemExit):
        blind.main([str(saved)])
    assert f"from line {last} on it is not what the exam saves" in capsys.readouterr().err
