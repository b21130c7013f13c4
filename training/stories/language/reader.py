"""Reads one clause: finds its pattern, says who and what is meant, and lists what cannot be."""

import re
from dataclasses import dataclass, field
from functools import cache

from . import lexicon
from .acts import Act, acts, candidates
from .patterns import FORCED, NAME, SAME, Pattern, Slot
from .reference import Focus, gender_of
from .world import Env, World


@dataclass
class Reading:
    """A clause as it was understood."""

    act: Act
    env: Env
    problems: list[str] = field(default_factory=list)
    focus: Focus | None = None


def readings(clause: str) -> list[tuple[Pattern, list[Slot]]]:
    found = ((pattern, pattern.read(clause)) for pattern in candidates(clause))
    return [(pattern, slots) for pattern, slots in found if slots is not None]


class Reader:
    """Fills the slots of one sentence, in the order of the text."""

    def __init__(self, world: World, focus: Focus, act: Act, turned: bool = False):
        self.turned = turned  # of several people the last is meant first: `they` have no order
        self.world, self.focus, self.act = world, focus, act
        self.env: Env = {}
        self.problems: list[str] = []
        self.later: list[Slot] = []
        self.either: list[tuple[str, tuple[str, ...]]] = []
        self.kind: dict[str, str] = {}
        self.looks: dict[str, str] = {}

    def read(self, slots: list[Slot]) -> Reading:
        for slot in slots:
            if slot.form in FORCED:
                self.later.append(slot)
            elif "+" in slot.var:
                self.group(slot)
            elif slot.var in "ABCD":
                self.person(slot)
            elif slot.var in "XYZ":
                self.thing(slot)
            elif slot.var in "LMN":
                self.place(slot)
            elif slot.var == "P":
                self.bind("P", slot.text)
            else:
                self.value(slot)
        for slot in self.later:
            self.forced(slot)
        if not self.problems:
            self.judge()
        return Reading(self.act, self.env, self.problems)

    def bind(self, var: str, value: str | None) -> None:
        if value is None:
            return
        if self.env.setdefault(var, value) != value:
            self.problems.append(f"{self.env[var]} and {value} cannot both be meant here")

    def value(self, slot: Slot) -> None:
        meant = lexicon.value_meant(slot.var, slot.form, slot.text)
        if len(meant) == 1:
            self.bind(slot.var, meant[0])
        else:
            self.either.append((slot.var, meant))

    # People.

    def person(self, slot: Slot) -> None:
        text = slot.text
        if slot.form == "kind" or slot.form == "a":
            self.kind[slot.var] = re.sub(r"^an? ", "", text)
            return
        if slot.form == "p":
            text = text.removesuffix("'s")
        if slot.form in ("said", "asked"):
            found = re.search(rf"\b(?:he|she)\b|the [a-z]+|{NAME}", text)
            text = found[0] if found else text
        name = self.named(slot, text)
        if name is not None:
            self.focus.now.person(name, subject=slot.form in ("", "said", "asked"))
        self.bind(slot.var, name)

    def named(self, slot: Slot, text: str) -> str | None:
        if text == SAME:
            return self.focus.now.subject
        if text in ("he", "she", "his") or (text == "her" and slot.form == "p"):
            name = self.focus.he(gender_of(text))
        elif text in ("him", "her"):
            name = self.focus.him(gender_of(text))
        elif text.startswith("the "):
            name = self.focus.only(text[4:])
            if name is None:
                self.problems.append(f"there is no {text[4:]} in this story, or more than one")
            return name
        else:
            return self.known(slot, text)
        if name is None:
            self.problems.append(f"nobody just named can be meant by “{text}”")
        return name

    def known(self, slot: Slot, name: str) -> str | None:
        if name not in lexicon.people():
            self.problems.append(f"nobody in this world is called {name}")
            return None
        new = slot.var in self.act.new
        if new == self.world.has("person", name):
            self.problems.append(
                f"{name} was named before" if new else f"{name} was never named in this story"
            )
            return None
        return name

    def group(self, slot: Slot) -> None:
        variables = slot.var.split("+")
        if slot.text == SAME or slot.text[0].islower():
            names = self.focus.they()
            if names is None or len(names) != len(variables):
                self.problems.append(f"it is not clear who “{slot.text}” are")
                return
        else:
            names = tuple(re.split(r", | and ", slot.text))
        for var, name in zip(variables, names[:: -1 if self.turned else 1], strict=True):
            self.bind(var, self.known(Slot(var, "", name), name))
        for name in names:
            self.focus.now.person(name)
        self.focus.now.group = tuple(names)

    def forced(self, slot: Slot) -> None:
        """A pronoun that must agree with someone named elsewhere in the sentence."""
        name = self.env.get(slot.var)
        if name is not None and self.focus.gender(name) != gender_of(slot.text):
            self.problems.append(f"“{slot.text}” does not go with {name}")

    # Things and places.

    def thing(self, slot: Slot) -> None:
        text = slot.text
        if slot.form == "d":
            noun = self.env.get(slot.var)
            if noun is not None and text not in lexicon.things()[noun].details:
                self.problems.append(f"no {noun} is “{text}”")
            return
        if slot.form == "k":
            self.bind(slot.var, re.sub(r"^an? ", "", text))
            return
        if text == "it":
            noun = self.focus.it()
            if noun is None:
                self.problems.append("it is not clear what “it” is")
                return
        else:
            noun = self.described(slot, text)
        self.bind(slot.var, noun)
        self.focus.now.thing = noun

    def described(self, slot: Slot, text: str) -> str | None:
        words, noun, look = split_thing(text)
        new = slot.var in self.act.new
        if new == self.world.has("thing", noun):
            self.problems.append(
                f"there is already a {noun}" if new else f"there was no {noun} in this story"
            )
            return None
        if look and look not in lexicon.things()[noun].looks:
            self.problems.append(f"no {noun} is {look}")
        now = self.world.get("look", noun)
        if look and now is not None and now != look:
            self.problems.append(f"the {noun} is {now}, not {look}")
        if look and now is None:
            self.looks[noun] = look
        if words and words not in ("the", "a", "an"):
            self.owned(noun, words)
        return noun

    def owned(self, noun: str, words: str) -> None:
        owner = self.world.get("owner", noun)
        if words in ("his", "her"):
            meant = self.focus.owner_by(words)
            right = meant == owner or (owner in self.focus.now.people and meant is None)
        else:
            meant = words.removesuffix("'s")
            meant = self.focus.only(meant[4:]) if meant.startswith("the ") else meant
            right = meant == owner
        if not right or owner is None:
            self.problems.append(f"the {noun} does not belong to {meant or words}")

    def place(self, slot: Slot) -> None:
        text = slot.text
        noun = text.rpartition("the ")[2]
        right = f"{lexicon.places()[noun].prep} the {noun}"
        if slot.form.lower() == "in" and text.lower() != right:
            self.problems.append(f"one is not “{text}”")
        self.bind(slot.var, noun)
        self.focus.now.place = noun

    # The whole.

    def judge(self) -> None:
        act, env, world = self.act, self.env, self.world
        for var, kind in self.kind.items():
            name = env.get(var)
            person, (sort, gender) = lexicon.people().get(name or ""), lexicon.kinds()[kind]
            if person and (person.sort != sort or gender not in ("any", person.gender)):
                self.problems.append(f"{name} is no {kind}")
        self.problems += common(act, env, world)
        if not self.problems:
            self.problems += world.missing(act.needs, env)
        for var, meant in self.either:
            if env.setdefault(var, meant[0]) not in meant:
                self.problems.append(f"that does not go with the {env[var]}")


def common(act: Act, env: Env, world: World) -> list[str]:
    """What every act needs: those who take part are there, together."""
    people = [env[var] for var in act.people if var in env and var not in act.new]
    if "apart" in act.flags:
        return []
    found = [f"{name} has left" for name in people if world.has("gone", name)]
    places = {name: world.get("at", name) for name in people}
    if not found and len(set(places.values())) > 1:
        a, b = next(name for name in people if places[name] != places[people[0]]), people[0]
        found = [f"{a} is not where {b} is"]
    return found


@cache
def split_thing(text: str) -> tuple[str, str, str]:
    """`Nell's red kite` as the words before it, the noun and the look."""
    noun = max((n for n in lexicon.things() if text == n or text.endswith(" " + n)), key=len)
    before = text[: -len(noun)].strip()
    words, _, look = before.rpartition(" ")
    looks = {look for thing in lexicon.things().values() for look in thing.looks}
    if look in looks:
        return words, noun, look
    return before, noun, ""


def apply(reading: Reading, reader: Reader, world: World) -> None:
    """The world after a clause that holds."""
    world.apply(reading.act.makes, reading.env)
    for var, kind in reader.kind.items():
        world.add("kind", reading.env[var], kind)
    for noun, look in reader.looks.items():
        world.add("look", noun, look)


def act_of(name: str) -> Act:
    return acts()[name]
