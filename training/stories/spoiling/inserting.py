"""A teller who once, somewhere in the middle, says what is not so."""

import random

from training.stories.language import lexicon
from training.stories.language.acts import acts
from training.stories.language.world import Env
from training.stories.telling.teller import Teller
from training.stories.telling.wording import Words
from training.stories.telling.writer import Sentence, upper

INSERTED = frozenset({"holder", "absent", "elsewhere", "weather", "ending", "twice", "clock"})
SKIES = {"sun": "sunny", "wind": "windy", "rain": "rainy", "snow": "snowy", "fog": "foggy"}


class Inserter(Teller):
    def __init__(self, rng: random.Random, kind: str):
        super().__init__(rng)
        self.wrong, self.done = kind, False
        self.start = rng.randrange(3, 9)  # sentences that are right, at least

    def say(self, name: str, /, **env: str) -> Env:
        ends = "ends" in acts()[name].flags
        if not self.done and self.wrong == "ending" and ends:
            return self.ending() or super().say(name, **env)
        if not self.done and self.wrong != "ending" and len(self.told) >= self.start and not ends:
            getattr(self, self.wrong)()
        found = super().say(name, **env)
        if self.wrong == "twice" and not self.done and self.once(name):
            self.again = (name, dict(found))
        return found

    def force(self, name: str, **env: str) -> None:
        """Said whether it can be or not; the world does not change."""
        self.focus.end_sentence()
        act = acts()[name]
        words = Words(self, act, dict(env), elided=False)
        text = words.realise(self.pattern(act))
        text += "" if text[-1] in '.!?"' else "."
        self.told.append(Sentence(upper(text), [name], [env]))
        self.done = True

    def held(self) -> list[tuple[str, str]]:
        """Things that someone has, with who has them."""
        return [(x, who) for x, who in self.world.all("where") if who in lexicon.people()]

    def people(self) -> list[str]:
        return [name for (name,) in self.world.all("person")]

    # The ways.

    def holder(self) -> None:
        found = [
            (x, who, other)
            for x, who in self.held()
            for other in self.people()
            if other != who and self.world.get("at", who) == self.world.get("at", other)
        ]
        if found:
            x, who, other = self.rng.choice(found)
            if self.chance(0.5):
                self.force("give", A=other, B=who, X=x)
            else:
                self.force("still_has", A=other, X=x)

    def absent(self) -> None:
        found = [
            (a, b)
            for a in self.people()
            for b in self.people()
            if None not in (at := (self.world.get("at", a), self.world.get("at", b)))
            and at[0] != at[1]
        ]
        if found:
            a, b = self.rng.choice(found)
            self.force("hello", A=a, B=b)

    def elsewhere(self) -> None:
        at = {name: self.world.get("at", name) for name in self.people()}
        found = [
            (x, name)
            for x, where in self.world.all("where")
            for name in self.people()
            if where in lexicon.places() and at[name] is not None and at[name] != where
        ]
        if found:
            x, name = self.rng.choice(found)
            self.force("take", A=name, X=x)

    def weather(self) -> None:
        now = self.world.get("weather")
        if now is None:
            return
        if now != "rainy" and self.chance(0.4):
            self.force("rain_stops")
        else:
            other = self.rng.choice([act for act, sky in SKIES.items() if sky != now])
            self.force(other, L=str(self.world.get("stage")))

    def ending(self) -> Env:
        """An ending whose outcome is not this story's."""
        has = {fact[0] for fact in self.world.all("outcome")}
        held = self.held()
        cast = self.people()
        names = {v: cast[i % len(cast)] for i, v in enumerate("ABC")}
        found = []
        for name, act in acts().items():
            wanted = [line.split()[1] for line in act.needs if line.startswith("outcome")]
            if wanted and wanted[0] not in has and len(cast) >= len(act.people):
                found.append(name)
        name = self.rng.choice(sorted(found))
        env = {v: names[v] for v in acts()[name].people}
        if acts()[name].things and not held:
            return {}
        if held:
            env["X"] = held[0][0]
        self.force(name, **env)
        return env

    def once(self, name: str) -> bool:
        lines = acts()[name].makes
        return any(line.startswith(("-open", "outcome")) for line in lines) and not acts()[name].new

    def twice(self) -> None:
        again = getattr(self, "again", None)
        if again and self.told[-1].acts != [again[0]]:
            self.force(again[0], **again[1])

    def clock(self) -> None:
        if self.world.get("time") in ("evening", "night"):
            self.force("is_morning")
