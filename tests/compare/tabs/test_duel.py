"""Both sides at once: what is shown, when, and who stops."""

from __future__ import annotations

import asyncio
import threading

from compare.html.panes import Pane
from compare.roster import Roster
from compare.tabs.duel import Duels
from compare.values import Facts, Sampling
from compare.values.players import SEAT
from tests.compare.fakes import FakeContestant, fake_roster

SEATS = {"left": "shakespeare", "right": SEAT}


async def collect(duels: Duels, left: str = "shakespeare", prompt: str = "To be", **settings):
    sampling = Sampling(max_new_tokens=20, **settings)
    seats = {"left": left, "right": SEAT}
    return [panes async for panes in duels.fight("ada", seats, prompt, [sampling])]


def test_both_sides_fill_and_end_in_the_same_messages():
    panes = asyncio.run(collect(Duels(fake_roster(pause=0.02)), seed=3))
    assert len(panes) >= 2
    last = panes[-1]
    assert [pane.side for pane in last] == ["left", "right"]
    assert all(pane.takes[0].chunk.stopped == "length reached" for pane in last)
    assert all("manual_seed(3)" in pane.html() for pane in last)
    tokens = [left.takes[0].chunk.tokens for left, _ in panes]
    assert tokens == sorted(tokens)


def test_updates_become_rarer_with_more_visitors():
    """Messaging bounds throughput: a crowd gets its words in larger pieces."""

    async def crowd(visitors: int) -> int:
        duels = Duels(fake_roster(pause=0.05))

        async def one(visitor: int) -> int:
            sampling = [Sampling(max_new_tokens=20)]
            return len([1 async for _ in duels.fight(str(visitor), SEATS, "a", sampling)])

        counts = await asyncio.gather(*[one(visitor) for visitor in range(visitors)])
        return max(counts)

    assert asyncio.run(crowd(30)) * 2 < asyncio.run(crowd(1))


def test_whoever_stops_listening_stops_both_texts():
    async def leave() -> tuple[Duels, list]:
        duels = Duels(fake_roster(pause=0.05))
        fight = duels.fight("ada", SEATS, "To be", [Sampling()])
        await anext(fight)
        await fight.aclose()
        left = await duels.roster.arrive("shakespeare")
        right = (await duels.roster.seat(SEAT)).contestant
        return duels, [*left.lives, *right.lives]

    duels, lives = asyncio.run(leave())
    assert [live.chunk().stopped for live in lives] == ["stopped", "stopped"]
    assert not duels._running


def test_stop_ends_ones_own_texts_only():
    async def two() -> list[str]:
        duels = Duels(fake_roster(pause=0.02))

        async def run(visitor: str) -> str:
            sampling = [Sampling(max_new_tokens=30)]
            async for left, _ in duels.fight(visitor, SEATS, "To be", sampling):
                if visitor == "ada" and left.takes[0].chunk.tokens:
                    duels.stop("ada")
            return left.takes[0].chunk.stopped

        return await asyncio.gather(run("ada"), run("bob"))

    assert asyncio.run(two()) == ["stopped", "length reached"]


def test_one_side_may_refuse_while_the_other_writes():
    roster = fake_roster()
    who = FakeContestant("picky")

    def refuse(prompt, sampling):
        from compare.values import RefusedError

        raise RefusedError("picky cannot read it.")

    who.start = refuse
    picky = roster.add(lambda key: who)
    left, right = asyncio.run(collect(Duels(roster), left=picky))[-1]
    assert left.problem == "picky cannot read it."
    assert not left.takes
    assert right.takes[0].chunk.stopped == "length reached"


def test_a_model_that_is_gone_is_a_sentence_in_its_pane():
    left, right = asyncio.run(collect(Duels(fake_roster()), left="ada/lost"))[-1]
    assert left.problem == "ada/lost cannot be loaded: ada/lost is not on the Hub"
    assert right.takes


def test_top_k_beyond_the_vocabulary_is_said():
    left, right = asyncio.run(collect(Duels(fake_roster()), left="hello", top_k=50))[-1]
    assert left.notes == ["top-k 50: all 5 of its tokens"]
    assert right.notes == []


def test_a_model_that_is_still_loading_is_said_to_be():
    gate = threading.Event()

    def load(name):
        gate.wait(5)
        return FakeContestant(name)

    async def press() -> list:
        duels = Duels(Roster([], load, baseline=None))
        fight = duels.fight("ada", SEATS, "To be", [Sampling(max_new_tokens=3)])
        first = await anext(fight)
        gate.set()
        return [first, *[panes async for panes in fight]]

    panes = asyncio.run(press())
    assert "shakespeare is being loaded" in panes[0][0].html()
    assert "aria-busy='true'" in panes[0][0].html()
    assert panes[-1][0].takes[0].chunk.stopped == "length reached"


def test_stop_while_a_model_is_loading_leaves_nothing_running():
    gate = threading.Event()
    who = FakeContestant("shakespeare", pause=0.05)

    def load(name):
        gate.wait(5)
        return who

    async def press_and_stop() -> list:
        duels = Duels(Roster([], load, baseline=None))
        fight = duels.fight("ada", SEATS, "To be", [Sampling()])
        await anext(fight)
        duels.stop("ada")
        gate.set()
        return [panes async for panes in fight]

    last = asyncio.run(press_and_stop())[-1]
    assert [pane.takes[0].chunk.stopped for pane in last] == ["stopped", "stopped"]
    assert all(live.chunk().tokens < 5 for live in who.lives)


def test_any_two_models_sit_side_by_side():
    """Two rungs of the ladder, or one model twice."""

    async def write(seats) -> list[str]:
        duels = Duels(fake_roster())
        fight = duels.fight("ada", seats, "To be", [Sampling(max_new_tokens=3)])
        panes = [panes async for panes in fight][-1]
        return [pane.facts.name for pane in panes]

    assert asyncio.run(write({"left": SEAT, "right": "hello"})) == ["shakespeare-gpt2", "hello"]
    assert asyncio.run(write({"left": "hello", "right": "hello"})) == ["hello", "hello"]


def test_a_pane_escapes_everything():
    evil = "<img src=x onerror=alert(1)>&\"'"
    facts = Facts(evil, 1, 1, 1, 1, 8, 5, source=evil, revision=evil)
    pane = Pane("left", evil, facts, sentence=evil, notes=[evil], sampling=Sampling())
    assert "manual_seed" in pane.html()
    assert "<img" not in pane.html()
    assert Pane("left", problem=evil).html().count("<img") == 0
