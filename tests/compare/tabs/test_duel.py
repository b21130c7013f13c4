"""Both sides at once: what is shown, when, and who stops."""

from __future__ import annotations

import asyncio
import threading

from compare.html.panes import Pane
from compare.roster import Roster
from compare.tabs import duel
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


def stories(pause: float = 0.0, prompt: str = "On a foggy morning"):
    """What was asked of the checker, and the panes, of the story's page."""
    roster, asked = fake_roster(pause=pause, stories=True), []
    for name in ("stories", "stories-gpt2"):
        who = roster.get(name)

        def look(prompt, text, who=who, check=who.coherence):
            asked.append((who.name, len(text.split())))
            return check(prompt, text)

        who.coherence = look

    async def write() -> list:
        seats = {"left": "stories", "right": SEAT}
        sampling = [Sampling(max_new_tokens=200)]
        return [panes async for panes in Duels(roster).fight("ada", seats, prompt, sampling)]

    return asked, asyncio.run(write())


def test_a_story_is_looked_at_a_few_times_on_the_way_and_at_its_end():
    asked, panes = stories(pause=0.002)
    ours = [words for name, words in asked if name == "stories"]
    assert 1 <= len(ours) <= len(duel._CHECKS) + 1
    assert ours[-1] == 200
    assert all(pane.takes[0].coherence.verdict == "fails" for pane in panes[-1])
    assert "<mark>nobler</mark>" in panes[-1][0].html()


def test_a_text_of_another_world_has_no_line():
    _, panes = stories(prompt="To be")
    assert all(pane.takes[0].coherence is None for pane in panes[-1])
    assert "class='holds" not in panes[-1][0].html()


def test_only_those_who_know_the_stories_are_checked():
    roster = fake_roster()
    roster.get("shakespeare").coherence = None  # to call it would fail
    last = asyncio.run(collect(Duels(roster), prompt="On a foggy morning"))[-1]
    assert last[0].takes[0].coherence is None


def test_nobody_waits_for_a_verdict_while_the_text_is_written():
    gate = threading.Event()
    roster = fake_roster(pause=0.002, stories=True)
    who = roster.get("stories")
    check = who.coherence
    who.coherence = lambda prompt, text: gate.wait(10) and check(prompt, text)

    async def write() -> list:
        shown = []
        seats = {"left": "stories", "right": "hello"}
        fight = Duels(roster).fight(
            "ada", seats, "On a foggy morning", [Sampling(max_new_tokens=400)]
        )
        async for panes in fight:
            shown.append(panes[0].takes[0])
            if len([take for take in shown if take.chunk.tokens > duel._CHECKS[0]]) > 1:
                gate.set()
        return shown

    shown = asyncio.run(write())
    assert any(take.coherence is None and take.chunk.tokens > duel._CHECKS[0] for take in shown)
    assert shown[-1].coherence.verdict == "fails"


def test_the_stand_in_learned_from_what_its_neighbour_did():
    roster = fake_roster(stories=True)

    async def right(left: str) -> tuple[str, str]:
        seats = {"left": left, "right": SEAT}
        fight = Duels(roster).fight("ada", seats, "To be", [Sampling(max_new_tokens=3)])
        *_, (_, pane) = [panes async for panes in fight]
        return pane.facts.name, pane.sentence

    name, sentence = asyncio.run(right("stories"))
    assert name == "stories-gpt2"
    assert "learned the same small stories" in sentence
    name, sentence = asyncio.run(right("shakespeare"))
    assert name == "shakespeare-gpt2"
    assert "learned Shakespeare" in sentence
