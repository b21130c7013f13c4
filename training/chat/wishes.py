"""Stories with what was asked for: a name, an animal, a place, an ending."""

from dataclasses import dataclass
from random import Random

from training.stories.check import HOLDS, study
from training.stories.language import lexicon
from training.stories.telling.teller import Teller

from .facts import ending
from .material import read
from .phrases import expand, fill, inside


@dataclass(frozen=True)
class Wish:
    """What a story is to have; what is empty was not asked for."""

    text: str
    name: str = ""
    kind: str = ""
    place: str = ""
    outcome: str = ""

    def missing(self, story: str) -> list[str]:
        """What is wrong with a story that was told for this wish."""
        read_so = study(story)
        world = read_so.world
        found = [] if read_so.verdict == HOLDS else [read_so.verdict]
        kinds = {kind for one, kind in world.all("kind") if self.name in ("", one)}
        if self.name and (self.name,) not in world.all("person"):
            found.append(f"no {self.name}")
        if self.kind and self.kind not in kinds:
            found.append(f"no {self.kind}")
        if self.place and f"the {self.place}" not in story.lower():
            found.append(f"not {inside(self.place)}")
        if self.outcome and self.outcome not in {fact[0] for fact in world.all("outcome")}:
            found.append(f"not {self.outcome}")
        return found


def wish(told: Teller, rng: Random, exam: bool = False) -> Wish:
    """A wish that this story fulfils: one to three of its hero, its place and its ending."""
    words, last = read("stories")["requests"], "_exam" if exam else ""
    hero = told.cast[0]
    kind = told.kind_of[hero]
    place = next(env["L"] for one in told.told for env in one.envs if "L" in env)
    outcome = ending(told)
    parts = rng.choices(
        (("who",), ("where",), ("end",), ("who", "where"), ("who", "end"), ("who", "where", "end")),
        (30, 10, 20, 15, 15, 10),
    )[0]
    texts: list[str] = []
    asked: dict[str, str] = {}
    if "who" in parts:
        text = expand(rng.choice(words[f"who{last}"]), {}, rng)
        asked |= {"name": hero} if "{NAME}" in text else {}
        asked |= {"kind": kind} if "{KIND}" in text else {}
        texts.append(fill(text, {"NAME": hero, "KIND": lexicon.article(kind)}))
    if "where" in parts:
        asked["place"] = place
        text = expand(rng.choice(words[f"where{last}"]), {}, rng)
        texts.append(fill(text, {"L.in": inside(place), "L": place}))
    if "end" in parts and outcome:
        asked["outcome"] = outcome
        ways = read("stories")["outcomes"][outcome]["exam" if exam else "want"]
        texts.append(rng.choice(ways))
    text = expand(rng.choice(words["exam" if exam else "wish"]), {}, rng)
    joined = (" and " if rng.random() < 0.3 else " ").join(texts)
    return Wish(fill(text, {"with": joined}), **asked)


def plain(rng: Random, again: bool = False) -> str:
    """Any story; `again` after one that was just told."""
    ways = read("stories")["requests"]
    return expand(rng.choice(ways["again" if again else "plain"]), {}, rng)
