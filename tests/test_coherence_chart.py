"""The command behind the chart of stories that hold together."""

from __future__ import annotations

import argparse
import json
from types import SimpleNamespace

import pytest

from benchmarks import coherence
from compare.html.stories import held
from training.stories.check import FAILS, HOLDS, SO_FAR


@pytest.fixture
def kept(tmp_path, monkeypatch):
    monkeypatch.setattr(held, "MEASURED", tmp_path / "coherence.jsonl")
    monkeypatch.setattr(coherence, "PICTURE", tmp_path / "coherence.svg")
    monkeypatch.setattr(coherence, "PAGE", tmp_path / "coherence.md")
    return tmp_path


def a_run(folder, steps):
    """As a finished run of two layers leaves it, with a checkpoint at each of the steps."""
    shape = json.dumps({"num_hidden_layers": 2, "hidden_size": 64})
    for place in (folder, *(folder / f"checkpoint-{step}" for step in steps)):
        place.mkdir(parents=True)
        (place / "config.json").write_text(shape, encoding="utf-8")
    rows = [
        {"step": step, "seconds": step / 2} | ({"val_loss": 1 / step} if step % 100 == 0 else {})
        for step in range(1, steps[-1] + 1)
    ]
    text = "".join(json.dumps(one) + "\n" for one in reversed(rows))  # in whatever order
    (folder / "metrics.jsonl").write_text(text, encoding="utf-8")
    (folder / "metrics.json").write_text("{}", encoding="utf-8")
    return folder


def test_six_moments_are_spread_over_the_run(tmp_path):
    assert coherence.spread([*range(1000, 10001, 1000)]) == [1000, 2000, 3000, 4000, 6000, 10000]
    run = a_run(tmp_path / "run", [*range(100, 1001, 100)])
    names = [path.name for path in coherence.moments(run)]
    assert names == [f"checkpoint-{step}" for step in (100, 200, 300, 400, 600, 1000)]
    (run / "metrics.json").unlink()
    with pytest.raises(SystemExit, match="no finished run with 6 checkpoints: python -m training"):
        coherence.moments(run)


def test_a_model_is_known_by_its_shape_and_by_how_far_it_was_trained(tmp_path):
    run = a_run(tmp_path / "run", [150, 1000])
    shape = {"of": "moment", "layers": 2, "width": 64}
    found = coherence.facts("moment", run / "checkpoint-150")
    assert found == shape | {"steps": 150, "seconds": 75, "val_loss": 0.01}
    assert coherence.facts("size", run)["steps"] == 1000


def test_what_was_measured_is_kept_at_once_and_never_measured_again(kept, monkeypatch):
    judged = []

    def judge(folder, count, made):
        judged.append(folder.name)
        if len(judged) == 2:
            raise KeyboardInterrupt
        wrong = {"holds": 0.5, "so_far": 0.25, "first_wrong": {"names": 0.25}}
        return {"parameters": 1000, "stories": count} | wrong

    monkeypatch.setattr(coherence, "judged", judge)
    run = a_run(kept / "run", [*range(100, 1001, 100)])
    (kept / "stories.jsonl").write_text("", encoding="utf-8")
    command = ["moments", "draw", "--run", str(run), "--made", str(kept), "--count", "8"]
    with pytest.raises(KeyboardInterrupt):
        coherence.main(command)
    assert len(held.measured()) == 1
    assert coherence.main(command) == 0
    assert judged.count("checkpoint-100") == 1
    assert [one["steps"] for one in held.measured()] == [100, 200, 300, 400, 600, 1000]
    page = coherence.PAGE.read_text(encoding="utf-8")
    assert "| 1,000 | 200 | 2 | 0.005 | 50% | 25% | 0% | 0% | 25% |" in page
    assert "from 8 openings" in page
    assert coherence.PICTURE.read_text(encoding="utf-8").startswith("<svg xmlns=")


def test_a_size_is_trained_once_and_goes_on_after_a_cut(tmp_path, monkeypatch):
    from training import train

    given = []
    monkeypatch.setattr(train, "main", lambda flags: given.append(flags) or 0)
    args = argparse.Namespace(runs=tmp_path, made=tmp_path / "made", steps=50)
    folder = coherence.train(2, 64, args)
    fresh = dict(zip(given[0][1::2], given[0][2::2], strict=True))
    assert given[0][0] == "stories"
    assert fresh["--output_dir"] == str(folder)
    assert (fresh["--hidden_size"], fresh["--intermediate_size"]) == ("64", "192")
    assert fresh["--num_attention_heads"] == "2"
    assert (fresh["--max_steps"], fresh["--save_steps"]) == ("50", "10")
    (folder / "checkpoint-10").mkdir(parents=True)
    coherence.train(2, 64, args)
    assert given[1] == ["--resume", "--output_dir", str(folder)]
    (folder / "metrics.json").write_text("{}", encoding="utf-8")
    coherence.train(2, 64, args)
    assert len(given) == 2


def test_a_word_that_the_simulator_never_says_is_a_fault_of_spelling(tmp_path):
    row = json.dumps({"text": 'Willow said, "The fox\'s kite!"'}) + "\n"
    for name in ("held_out.jsonl", "stories.jsonl"):
        (tmp_path / name).write_text(row, encoding="utf-8")
    words = coherence.words_of(tmp_path)
    assert words == {"willow", "said", "the", "fox's", "kite"}
    bad = SimpleNamespace(reason="not of this world", sentence="Willow said the kte.")
    known = SimpleNamespace(reason="not of this world", sentence="The kite said Willow.")
    found = coherence.shares(["Willow said."] * 6, [*map(read, (bad, known, known)), *SOUND], words)
    assert found["so_far"] == pytest.approx(1 / 6)
    assert found["first_wrong"] == pytest.approx({"sentence": 3 / 6, "spelling": 1 / 6})


def read(problem):
    return SimpleNamespace(problems=[problem], verdict=FAILS, sentences=2)


# A whole story, one without an end, and one that never finished a sentence of its own.
SOUND = [
    SimpleNamespace(problems=[], verdict=HOLDS, sentences=9),
    SimpleNamespace(problems=[], verdict=SO_FAR, sentences=2),
    SimpleNamespace(problems=[], verdict=SO_FAR, sentences=1),
]


@pytest.mark.skipif(not held.MEASURED.is_file(), reason="nothing is measured yet")
def test_the_picture_and_the_tables_are_those_of_what_was_measured():
    """Else: `python -m benchmarks.coherence draw`."""
    rows = held.measured()
    assert coherence.PAGE.read_text(encoding="utf-8") == coherence.table(rows)
    assert coherence.PICTURE.read_text(encoding="utf-8") == held.picture(rows)


def test_what_is_asked_for_wrongly_is_one_line(kept, capsys):
    for argv, said in (
        (["sizs"], "'sizs' is none of sizes, moments, draw"),
        (["sizes", "--made", str(kept)], "python -m training.stories.make"),
    ):
        with pytest.raises(SystemExit):
            coherence.main(argv)
        assert said in capsys.readouterr().err
    with pytest.raises(SystemExit, match="nothing is measured yet"):
        coherence.main(["draw"])
