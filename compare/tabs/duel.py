"""All models write at the same time: one prompt, one set of settings, one stream of panes."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping

from compare.html.panes import Pane, Side, Take
from compare.roster import Roster, shown
from compare.values import Answers, Chunk, Coherence, Generation, RefusedError, Sampling
from compare.values.players import SEAT

_LOOK = 0.04  # seconds between looks at a generation, which cost nothing
_SHOW = (
    0.12  # seconds between messages to one visitor, who costs the server some milliseconds each ...
)
_SHARE = 0.03  # ... so that each further visitor makes everybody's messages rarer by this
_LOADS = 0.3  # seconds after which a visitor is told that a model is still coming
_CHECKS = (60, 150, 300)  # tokens after which a story is looked at before it is finished
_PATIENCE = 2.0  # seconds without any text before the page says that it waits

Panes = list[Pane]


class _Half:
    """One side of a duel: a contestant and its takes, or the sentence that stands there instead."""

    def __init__(self, side: Side, key: str) -> None:
        self.pane = Pane(side, key=key, name=key)
        self.lives: list[tuple[int, Generation]] = []
        self.who: Answers | None = None
        self.checks: dict[int, _Check] = {}  # by take
        self.cancelled = False

    def start(self, contestant: Answers, prompt: str, samplings: list[Sampling]) -> None:
        facts, self.who = contestant.facts(), contestant
        self.pane = dataclasses.replace(self.pane, facts=facts, prompt=prompt)
        notes = []
        if samplings[0].top_k > facts.vocabulary and not samplings[0].greedy:
            notes.append(f"top-k {samplings[0].top_k}: all {facts.vocabulary} of its tokens")
        try:
            for sampling in samplings:
                self.lives.append((sampling.seed, contestant.start(prompt, sampling)))
            if self.cancelled:  # while the model was being loaded
                self.cancel()
            notes += self.lives[0][1].notes
            self.pane = dataclasses.replace(self.pane, notes=notes, sampling=samplings[0])
        except RefusedError as refusal:
            self.refuse(refusal)

    def refuse(self, refusal: RefusedError) -> None:
        self.cancel()
        self.lives = []
        self.pane = dataclasses.replace(self.pane, problem=str(refusal), takes=())

    async def look(self) -> Pane:
        takes = [Take(live.chunk(), seed) for seed, live in self.lives]
        if self.who and self.who.tells:
            takes = [await self._checked(self.who, at, take) for at, take in enumerate(takes)]
        self.pane = dataclasses.replace(self.pane, takes=takes)
        return self.pane

    async def _checked(self, who: Answers, at: int, take: Take) -> Take:
        """With whether its story holds. On the way nobody waits for that; at the end all do."""
        check = self.checks.setdefault(at, _Check())
        if check.due(take.chunk):
            check.work = asyncio.ensure_future(
                asyncio.to_thread(who.coherence, self.pane.prompt, take.chunk.text)
            )
        if check.work and (take.chunk.stopped or check.work.done()):
            check.found, check.work = await check.work, None
        return dataclasses.replace(take, coherence=check.found)

    def cancel(self) -> None:
        self.cancelled = True
        for _, live in self.lives:
            live.cancel()

    @property
    def over(self) -> bool:
        return all(live.stage[1] for _, live in self.lives)

    @property
    def has_text(self) -> bool:
        return not self.lives or any(live.stage[0] for _, live in self.lives)


class _Check:
    """What was found in a story, and how often it was looked at."""

    def __init__(self) -> None:
        self.found: Coherence | None = None
        self.work: asyncio.Future[Coherence | None] | None = None
        self.looks, self.final = 0, False

    def due(self, chunk: Chunk) -> bool:
        """Whether it is time for a look; each time is there once."""
        passed = sum(chunk.tokens >= tokens for tokens in _CHECKS)
        yes = not self.final if chunk.stopped else passed > self.looks and self.work is None
        self.looks, self.final = max(self.looks, passed), self.final or bool(chunk.stopped)
        return yes


def _loading(half: _Half, name: str) -> Pane:
    """What a side shows until its model is there."""
    if half.pane.facts:
        return half.pane
    return dataclasses.replace(half.pane, name=name, notes=[f"{name} is being loaded"])


class Duels:
    """All that is being written on this server, by visitor, so that Stop finds its own."""

    def __init__(self, roster: Roster) -> None:
        self.roster = roster
        self._running: dict[str, list[_Half]] = defaultdict(list)

    def stop(self, visitor: str) -> None:
        for half in self._running.get(visitor, ()):
            half.cancel()

    async def fight(
        self, visitor: str, seats: Mapping[Side, str], prompt: str, samplings: list[Sampling]
    ) -> AsyncIterator[Panes]:
        """Panes as they fill, in the order of the seats. Whoever stops listening stops them."""
        self.stop(visitor)
        halves = {side: _Half(side, seats[side]) for side in seats}
        self._running[visitor] += halves.values()
        begun = asyncio.ensure_future(self._begin(halves, seats, prompt, samplings))
        try:
            if not (await asyncio.wait({begun}, timeout=_LOADS))[0]:
                yield [
                    _loading(half, self._name(seats[side], seats.values()))
                    for side, half in halves.items()
                ]
            await begun
            async for panes in self._watch([*halves.values()]):
                yield panes
        finally:
            begun.cancel()
            for half in halves.values():
                half.cancel()
                self._running[visitor].remove(half)
            if not self._running[visitor]:
                del self._running[visitor]

    def _name(self, key: str, seated: Iterable[str]) -> str:
        return self.roster.stand_in(seated) if key == SEAT else shown(key)

    async def _begin(
        self,
        halves: Mapping[Side, _Half],
        seats: Mapping[Side, str],
        prompt: str,
        samplings: list[Sampling],
    ) -> None:
        for side, half in halves.items():
            try:
                seat = await self.roster.seat(seats[side], seats.values())
                half.pane = dataclasses.replace(half.pane, sentence=seat.sentence)
                half.start(seat.contestant, prompt, samplings)
            except RefusedError as refusal:
                half.refuse(refusal)

    async def _watch(self, halves: list[_Half]) -> AsyncIterator[Panes]:
        shown = begun = time.monotonic()
        while True:
            over = all(half.over for half in halves)
            now = time.monotonic()
            pause = _SHOW + _SHARE * len(self._running)
            waited = now - begun > _PATIENCE
            talks = waited or all(half.has_text for half in halves)
            if over or (talks and (shown == begun or now - shown >= pause)):
                shown = now
                yield [await half.look() for half in halves]
            if over:
                return
            await asyncio.sleep(_LOOK)
