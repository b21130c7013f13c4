"""Who plays, and what is said when somebody does not come."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from compare.roster import REPO_ID, Roster, own_name, shown
from compare.values import RefusedError
from compare.values.players import OPENINGS, SEAT, shipped_names

from .fakes import FakeContestant, fake_roster


def right(roster: Roster):
    return asyncio.run(roster.seat(SEAT))


def test_the_stand_in_plays_and_says_what_it_is_until_gpt2_comes():
    gate = threading.Event()
    roster = fake_roster(late=gate.is_set)
    roster.begin()
    before = right(roster)
    assert before.contestant.name == "shakespeare-gpt2"
    assert before.sentence.startswith("This is not GPT-2. It has GPT-2's design")
    assert "as soon as it is loaded" in before.sentence
    gate.set()
    until = time.monotonic() + 5
    while not roster.settled() and time.monotonic() < until:
        time.sleep(0.02)
    after = right(roster)
    assert after.contestant.name == "GPT-2"
    assert after.sentence == ""


def test_where_gpt2_cannot_be_had_the_page_says_why_and_how():
    def no_hub(name):
        raise OSError("We couldn't connect to the Hub.\nTraceback of no interest")

    told = []
    roster = Roster(["shakespeare"], FakeContestant, load_baseline=no_hub)
    roster.begin(lambda name, why: told.append((name, why)))
    until = time.monotonic() + 60
    while not (roster.settled() and told) and time.monotonic() < until:
        time.sleep(0.01)
    assert told == [("openai-community/gpt2", "We couldn't connect to the Hub.")]  # in the terminal
    sentence = right(roster).sentence
    assert "could not be downloaded: We couldn't connect to the Hub." in sentence
    assert "python app.py" in sentence
    assert "Traceback" not in sentence


def test_no_baseline_was_asked_for():
    assert "--baseline none" in right(fake_roster()).sentence


@pytest.mark.parametrize("key", [None, 7, ["shakespeare"], {}, "", "nobody", "../etc/passwd"])
def test_what_names_no_model_is_refused(key):
    with pytest.raises(RefusedError, match="named as user/name"):
        fake_roster().get(key)


def test_each_model_is_loaded_once_for_all():
    loaded = []

    def load(name):
        loaded.append(name)
        time.sleep(0.05)
        return FakeContestant(name)

    roster = Roster(["a"], load, left="a")
    threads = [threading.Thread(target=roster.get, args=("a",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert loaded == ["a"]


def test_a_slow_model_is_still_loading_and_comes_later():
    gate = threading.Event()

    def load(name):
        gate.wait(5)
        return FakeContestant(name)

    roster = Roster([], load, left="a")
    with pytest.raises(RefusedError, match="still being loaded"):
        roster.get("a", seconds=0.01)
    gate.set()
    assert roster.get("a").name == "a"


def test_a_failure_is_told_and_tried_again_for_the_next_visitor():
    calls = []

    def load(name):
        calls.append(name)
        if len(calls) == 1:
            raise ValueError("ada/broken: it has no config.json")
        return FakeContestant(name)

    roster = Roster([], load, left="a")
    with pytest.raises(RefusedError, match=r"it has no config\.json"):
        roster.get("ada/broken")
    assert roster.get("ada/broken").name == "ada/broken"


def test_an_error_that_was_not_meant_for_visitors_stays_in_the_log():
    def load(name):
        raise RuntimeError("/home/secret/path is broken")

    with pytest.raises(RefusedError, match=r"cannot be loaded: RuntimeError$"):
        Roster([], load, left="a").get("a")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "nobody",
        "../etc/passwd",
        "a/../b",
        "a/b/c",
        "a/b@..",
        "-a/b",
        "a/b@x y",
        "http://h/a/b",
        "a/b\n",
        "a/" + "b" * 200,
        "é/b",
    ],
)
def test_names_that_are_no_repo_never_reach_the_loader(name):
    roster = Roster([], lambda name: pytest.fail("loaded"), left="a")
    with pytest.raises(RefusedError, match="user/name"):
        roster.get(name)


def test_repo_ids_may_name_a_revision():
    for name in ("ada/tiny", "ada/tiny@main", "a-b/c.d_e@step-500", "a/b@refs/pr/1"):
        assert REPO_ID.fullmatch(name)


def test_only_a_few_models_of_strangers_stay_in_memory():
    roster = Roster(["shakespeare"], FakeContestant)
    roster.get("shakespeare")
    keys = []
    for number in range(20):
        roster.get(f"ada/model-{number}")
        keys.append(roster.add(lambda key: FakeContestant("mine")))
    assert len(roster._futures) == 5  # and shakespeare
    assert [roster.knows(key) for key in keys] == [False] * 4 + [True] * 16
    assert roster.get(keys[-1]).name == "mine"
    assert "shakespeare" in roster._futures
    roster.remove(keys[-1])
    with pytest.raises(RefusedError, match="kept for an hour"):
        roster.get(keys[-1])


def test_the_menu_says_what_each_model_is():
    roster = Roster(["a"], FakeContestant, left="a", lines={"a": "2k parameters, knows one word"})
    assert roster.line("a") == "a: 2k parameters, knows one word"
    assert roster.line(SEAT) == "GPT-2"
    key = roster.add(lambda key: FakeContestant("mine"))
    assert roster.line(key) == f"{own_name(key)}: trained here by you"


def test_the_stories_are_the_pair_at_first_as_soon_as_they_ship():
    roster = Roster(["hello", "shakespeare", "stories", "stories-gpt2"], FakeContestant)
    assert (roster.left, roster.stand_in()) == ("stories", "stories-gpt2")
    assert roster.example("stories") == OPENINGS[0]
    assert roster.length("stories") > roster.length("shakespeare") == 120
    assert "shakespeare" in roster.names
    for left in ("shakespeare", "hello", "own-1"):
        assert roster.stand_in([left, SEAT]) == "shakespeare-gpt2"
        assert roster.stand_in([SEAT, left]) == "shakespeare-gpt2"  # sides are drawn by lot
    asked = Roster(["stories", "stories-gpt2"], FakeContestant, left="shakespeare")
    assert (asked.left, asked.stand_in()) == ("shakespeare", "shakespeare-gpt2")


def test_until_they_ship_all_is_as_it_was():
    roster = Roster(["hello", "shakespeare", "chat"], FakeContestant)
    assert (roster.left, roster.stand_in()) == ("shakespeare", "shakespeare-gpt2")
    assert roster.example("chat") == "To be or not to be"
    assert roster.length("chat") == 120
    alone = Roster(["stories"], FakeContestant)
    assert (alone.left, alone.stand_in()) == ("stories", "shakespeare-gpt2")


def test_a_hub_that_hangs_does_not_hold_up_what_is_on_disk():
    gate = threading.Event()

    def load(name):
        if "/" in name:
            gate.wait(5)
        return FakeContestant(name)

    roster = Roster(["hello"], load)
    for number in range(3):
        with pytest.raises(RefusedError, match="still being loaded"):
            roster.get(f"slow/{number}", seconds=0.01)
    assert roster.get("hello", seconds=2).name == "hello"
    gate.set()


def test_shipped_models_are_listed_simplest_first(tmp_path):
    for name in ("zebra", "shakespeare", "hello", "ladder/one", "hello/checkpoint-5"):
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
        (tmp_path / name / "config.json").write_text("{}", encoding="utf-8")
    assert shipped_names(tmp_path) == ["hello", "shakespeare", "ladder/one", "zebra"]
    assert shipped_names(tmp_path / "nothing") == []


def test_a_flood_of_repo_ids_is_refused_before_it_becomes_a_flood_of_threads():
    gate = threading.Event()

    def hang(name):
        gate.wait(5)
        return FakeContestant(name)

    roster = Roster([], FakeContestant, left="a", load_stranger=hang)
    before, refused = threading.active_count(), 0
    for number in range(50):
        with pytest.raises(RefusedError) as caught:
            roster.get(f"ada/{number}", seconds=0.001)
        refused += "already" in str(caught.value)
    assert refused == 46
    assert threading.active_count() - before <= 4
    gate.set()


def test_a_visitor_cannot_name_a_folder_of_this_machine(tmp_path, monkeypatch):
    from compare.engine.loaders import load_stranger

    (tmp_path / "runs" / "mine").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RefusedError, match="not on the Hub"):
        load_stranger("runs/mine")


def test_a_folder_of_this_machine_is_named_without_its_way(tmp_path):
    roster = Roster([], FakeContestant, left="ada/tiny", baseline=str(tmp_path / "smollm2"))
    assert roster.baseline_name == "smollm2"
    assert roster.line(SEAT).startswith("smollm2")
    assert str(tmp_path) not in roster.waiting_sentence(roster.stand_in())
    assert shown("ada/tiny@main") == "ada/tiny@main"
