"""Who opens a page hears of a newer version on the Hub; the Hub is not asked for each visitor."""

import asyncio
from dataclasses import replace

import pytest

from compare.roster import Roster
from compare.tabs.seats import newer
from compare.tabs.seats.newer import Watch
from tests.compare.fakes import FakeContestant

OLD = {"config.json": b"{}"}


class FromTheHub(FakeContestant):
    revision: str | None = None

    def facts(self):
        return replace(super().facts(), source=self.name.split("@")[0], revision=self.revision)


@pytest.fixture
def watch(hub):
    """A page that was started with what `main` of bob/tiny was then."""
    hub.store.put("model", "bob/tiny", OLD)
    commit = hub.repo("bob/tiny").at("main").sha

    def load(name: str) -> FromTheHub:
        contestant = FromTheHub(name)
        contestant.revision = commit if name.startswith("bob/") else None
        return contestant

    def watch(left: str = "bob/tiny") -> Watch:
        return Watch(Roster([], load, left=left, baseline=None))

    return watch


def ask(watch: Watch) -> str | None:
    return asyncio.run(watch.newer())


def move_main(hub) -> str:
    hub.store.put("model", "bob/tiny", {"config.json": b'{"new": 1}'})
    return hub.repo("bob/tiny").at("main").sha


def test_a_version_that_came_later_is_offered_by_its_commit(hub, watch, monkeypatch):
    page = watch()
    assert ask(page) is None
    head = move_main(hub)
    monkeypatch.setattr(newer, "AGAIN", 0.0)
    assert ask(page) == f"bob/tiny@{head}"


def test_many_visitors_are_one_question(hub, watch):
    page = watch()
    move_main(hub)
    hub.layer.requests.clear()
    assert len({ask(page) for _ in range(5)}) == 1
    assert len(hub.layer.requests) == 1


@pytest.mark.parametrize("left", ["bob/tiny@v1", "shakespeare", "runs/mine"])
def test_a_chosen_revision_and_what_is_on_disk_have_no_newer_version(hub, watch, left):
    move_main(hub)
    hub.layer.requests.clear()
    assert ask(watch(left)) is None
    assert not hub.layer.requests


def test_without_a_hub_nothing_is_offered(hub, watch, monkeypatch):
    from huggingface_hub import constants

    move_main(hub)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert ask(watch()) is None
