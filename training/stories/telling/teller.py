"""What every plot needs: people, things and places nobody has used yet, a beginning, an ending."""

import random
from functools import cache

from training.stories.language import lexicon
from training.stories.language.acts import acts
from training.stories.language.world import Env

from .writer import Story

EITHER = ("child", "animal")
ANYONE = ("child", "animal", "grown")
GREEN = frozenset(  # no snow falls there
    ["garden", "orchard", "meadow", "pond", "field", "beach", "waterfall", "well"]
)
HOURS = ("morning",) * 3 + ("afternoon",) * 3 + ("evening",)
AMBIENT = 0.3
TURN = 0.08  # how often the weather turns instead


class Teller(Story):
    def __init__(self, rng: random.Random):
        super().__init__(rng)
        self.kind_of: dict[str, str] = {}
        self.cast: list[str] = []
        self.taken: set[str] = set()

    # Casting.

    def one(self, *sorts: str) -> str:
        """Someone new. Mostly of another gender than the others, for the pronouns' sake."""
        sort = self.rng.choice(sorts or EITHER)
        people = lexicon.people()
        found = [p for p in people if people[p].sort == sort and p not in self.kind_of]
        genders = {people[p].gender for p in self.cast}
        others = [p for p in found if people[p].gender not in genders]
        name = self.rng.choice(others if others and self.chance(0.8) else found)
        self.kind_of[name] = self.kind(name)
        self.cast.append(name)
        return name

    def kind(self, name: str) -> str:
        person = lexicon.people()[name]
        return self.rng.choice(
            [
                kind
                for kind, (sort, gender) in lexicon.kinds().items()
                if sort == person.sort
                and gender in ("any", person.gender)
                and (sort == "child" or kind not in self.kind_of.values())
            ]
        )

    def object(self, *sorts: str) -> str:
        return self.fresh([t.noun for t in lexicon.things().values() if t.sort in sorts])

    def spot(self, place: str, *but: str) -> str:
        return self.rng.choice([s for s in lexicon.places()[place].spots if s not in but])

    def site(self, *sorts: str, wet: bool = False) -> str:
        found = lexicon.places().values()
        return self.fresh(
            [p.noun for p in found if p.sort in (sorts or ("in", "out")) and (p.wet or not wet)]
        )

    def value(self, slot: str) -> str:
        entries = lexicon.values()[slot]
        return self.fresh([e if isinstance(e, str) else next(iter(e.values())) for e in entries])

    def fresh(self, choices: list[str]) -> str:
        found = self.rng.choice([c for c in choices if c not in self.taken])
        self.taken.add(found)
        return found

    # Telling.

    def say(self, name: str, /, **env: str) -> Env:
        for var in acts()[name].new:
            if env.get(var, "") in self.kind_of:
                env[f"{var}.kind"] = self.kind_of[env[var]]
        return super().say(name, **env)

    def begin(
        self, a: str, place: str, weather: str = "", time: str = "", brief: bool = False
    ) -> None:
        skies = lexicon.values()["WEATHER"]
        if place in GREEN or self.plot in ("race", "garden"):
            skies = [sky for sky in skies if sky != "snowy"]
        weather = weather or self.rng.choice(skies)
        sky = {
            "WEATHER": weather,
            "TIME": time or self.rng.choice(HOURS),
        }
        if self.chance(0.0 if brief else 0.65):
            self.say("intro", A=a)
            self.say("start", A=a, L=place, **sky)
        else:
            self.say("intro_start", A=a, L=place, **sky)

    def friend(self, a: str, b: str) -> None:
        self.say(self.rng.choice(("friend_here", "friend_here", "comes")), A=a, B=b)
        self.maybe(0.15, "hello", A=b, B=a)

    def own(self, a: str, x: str) -> None:
        food = lexicon.things()[x].sort == "food"
        self.say("own_food" if food else "own", A=a, X=x)

    def trait(self, a: str, name: str, share: float = 0.5) -> bool:
        """Perhaps says what someone is like; the plot turns accordingly in any case."""
        if self.chance(share):
            self.say(name, A=a)
            return True
        return False

    def sky(self) -> None:
        """The weather turns, or it gets late."""
        place = lexicon.places().get(self.world.get("stage") or "")
        if place and place.sort == "out" and not self.world.has("rained", "today"):
            self.any_of("rain_starts", "gets_late", "night_falls")
        else:
            self.any_of("rain_stops", "gets_late", "night_falls")

    def ambient(self, share: float = AMBIENT) -> None:
        if self.plot not in ("promise", "storm", "fog", "noise", "sleepless") and self.chance(TURN):
            self.sky()
            return
        if self.chance(share):
            self.around()

    def around(self) -> None:
        """What goes on around the people, where anything can."""
        found = [acts()[name] for name in flagged("ambient") if self.can(name)]
        own = [act for act in found if act.name.endswith("_is")]
        if found:
            act = self.rng.choice(own if own and self.chance(0.4) else found)
            if any(p.text not in self.used for p in act.says):
                self.say(act.name)

    def any_of(self, *names: str, **env: str) -> None:
        """One of these acts, if any can be."""
        found = [name for name in names if self.can(name, **env)]
        if found:
            self.say(self.rng.choice(found), **env)

    def end(self, outcome: str, **env: str) -> None:
        """One or two sentences that only a story with this outcome can end with."""
        rest = [n for n in flagged("ends") if not n.startswith("end_") and self.can(n, **env)]
        self.breaking = self.chance(0.3)
        self.say(f"end_{outcome}", **env)
        if rest and self.chance(0.35):
            self.say(self.rng.choice(rest), **env)


@cache
def flagged(flag: str) -> list[str]:
    return [name for name, act in acts().items() if flag in act.flags]
