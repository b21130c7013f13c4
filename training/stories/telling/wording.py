"""Puts what happens into words: who is named and who is `he`, `the kite` or `it`."""

import random
from dataclasses import dataclass, field

from training.stories.language import lexicon
from training.stories.language.acts import Act
from training.stories.language.patterns import (
    ASKED,
    FORCED,
    HE,
    HIM,
    HIS,
    PAIR,
    SAID,
    TRIO,
    Pattern,
)
from training.stories.language.reference import Focus
from training.stories.language.world import Env, World

PRONOUN, BY_KIND = 0.45, 0.15  # how often `he`, how often `the fox`, where it is clear
BY_LOOK = 0.25  # how often a thing's look is said again
HARD = 0.1  # how often `he` where the sentence before has another one


class PlotError(ValueError):
    """A plot wants what its world does not allow."""


@dataclass
class Voice:
    """What a teller has in mind from one sentence to the next."""

    rng: random.Random
    world: World = field(default_factory=World)
    used: set[str] = field(default_factory=set)  # patterns and turns of phrase
    breaking: bool = False  # the next sentence begins a paragraph
    streak: int = 0  # pronouns since the last name
    pronouns: float = PRONOUN
    by_kind: float = BY_KIND
    by_look: float = BY_LOOK

    def __post_init__(self) -> None:
        self.focus = Focus(self.world)


class Words:
    """Puts one pattern into words, slot by slot, as the checker will read them."""

    def __init__(self, voice: Voice, act: Act, env: Env, elided: bool):
        self.voice, self.act, self.env, self.elided = voice, act, env, elided
        self.focus, self.world, self.rng = voice.focus, voice.world, voice.rng
        self.kinds: dict[str, str] = {}
        self.looks: dict[str, str] = {}
        self.first, self.loud = True, False

    def settle(self) -> None:
        for name, kind in self.kinds.items():
            self.world.add("kind", name, kind)
        for noun, look in self.looks.items():
            self.world.add("look", noun, look)

    def realise(self, pattern: Pattern) -> str:
        parts: list[str] = []
        for item in pattern.choose(self.rng):
            self.loud = bool(parts) and parts[-1].endswith('!" ')
            parts.append(item if isinstance(item, str) else self.slot(*item))
            self.first = False
        return "".join(parts).strip()

    def slot(self, var: str, form: str) -> str:
        if form in FORCED:
            return FORCED[form][self.gender(self.env[var])]
        if "+" in var:
            return self.group(var)
        if var in ("A", "B", "C", "D"):
            return self.person(var, form)
        if var in ("X", "Y", "Z"):
            return self.thing(var, form)
        if var in ("L", "M", "N"):
            return self.place(self.env[var], form)
        if var == "P":
            return self.env["P"]
        return self.value(var, form)

    def value(self, var: str, form: str) -> str:
        names = lexicon.value_forms(var, form)
        if var not in self.env:  # nobody cares which
            fresh = [name for name in names if name not in self.voice.used]
            self.env[var] = self.rng.choice(fresh or list(names))
        self.voice.used.add(self.env[var])
        return names[self.env[var]]

    def gender(self, name: str) -> str:
        return lexicon.people()[name].gender

    # People.

    def person(self, var: str, form: str) -> str:
        name = self.env[var]
        if form in ("kind", "a"):
            kind = self.kinds.setdefault(name, self.env[f"{var}.kind"])
            return lexicon.article(kind) if form == "a" else kind
        subject = form in ("", "said", "asked")
        if self.first and self.elided and form == "":
            return ""
        text = self.reference(name, form) if var not in self.act.new and form != "n" else name
        self.focus.now.person(name, subject=subject)
        if form == "p":
            return text if text in HIS.values() else f"{text}'s"
        if form in ("said", "asked"):
            quiet = ("said", "called") if self.loud else SAID
            verbs = ("said",) * 9 + quiet if form == "said" else ("asked",) * 3 + ASKED
            verb = self.rng.choice(verbs)
            flip = text in HE.values() or (verb != "wanted to know" and self.rng.random() < 0.3)
            return f"{text} {verb}" if flip or verb == "wanted to know" else f"{verb} {text}"
        return text

    def reference(self, name: str, form: str) -> str:
        """A pronoun where it can only mean this one, a name, or `the fox`."""
        gender, voice = self.gender(name), self.voice
        found = self.focus.him(gender) if form == "o" else self.focus.he(gender)
        clear = found == name and voice.streak < 2 and not voice.breaking
        if clear and self.rng.random() < (HARD if self.alike(name) else voice.pronouns):
            voice.streak += 1
            return (HIM if form == "o" else HIS if form == "p" else HE)[gender]
        voice.streak = 0
        kind = self.world.get("kind", name)
        if kind and self.rng.random() < voice.by_kind and self.focus.only(kind) == name:
            return f"the {kind}"
        return name

    def alike(self, name: str) -> bool:
        """Another one, named just now, could be called the same."""
        named = {*self.focus.before.people, *self.focus.now.people} - {name}
        return any(self.gender(other) == self.gender(name) for other in named)

    def group(self, var: str) -> str:
        names = [self.env[v] for v in var.split("+")]
        known = self.focus.they()
        short = bool(known) and set(known or ()) == set(names) and self.rng.random() < 0.75
        names = list(known or ()) if short else names
        for name in names:
            self.focus.now.person(name)
        self.focus.now.group = tuple(names)
        if self.first and self.elided:
            return ""
        if short:
            others = PAIR if len(names) == 2 else TRIO
            return "they" if self.rng.random() < 0.75 else self.rng.choice(others)
        return ", ".join(names[:-1]) + f" and {names[-1]}"

    # Things and places.

    def thing(self, var: str, form: str) -> str:
        noun = self.env[var]
        thing = lexicon.things()[noun]
        if form == "d":
            return self.rng.choice(thing.details)
        if form == "it":
            return "it"
        if form == "k":
            return lexicon.article(noun)
        new = var in self.act.new
        look = self.look(thing, noun, new)
        if form in ("a", "n"):
            self.focus.now.thing = noun
            return lexicon.article(look + noun) if form == "a" else look + noun
        if form != "t" and not new and self.focus.it() == noun and self.rng.random() < 0.6:
            self.focus.now.thing = noun
            return "it"
        self.focus.now.thing = noun
        return f"{self.owner(noun)} {look}{noun}"

    def look(self, thing: lexicon.Thing, noun: str, new: bool) -> str:
        now = self.world.get("look", noun) or self.looks.get(noun)
        if new and now is None:
            if self.rng.random() < 0.75:
                self.looks[noun] = self.rng.choice(thing.looks)
            return f"{self.looks[noun]} " if noun in self.looks else ""
        again = new or self.rng.random() < self.voice.by_look
        return f"{now} " if now and again else ""

    def owner(self, noun: str) -> str:
        owner = self.world.get("owner", noun)
        if owner is None or owner not in lexicon.people() or self.rng.random() < 0.55:
            return "the"
        now, before = self.focus.now.people, self.focus.before.subject
        if owner in now or (not now and owner == before):
            if self.focus.he(self.gender(owner)) == owner:
                return HIS[self.gender(owner)]
            return "the"
        return f"{owner}'s" if self.rng.random() < 0.5 else "the"

    def place(self, place: str, form: str) -> str:
        self.focus.now.place = place
        found = lexicon.places()[place]
        lead = {"": "", "in": found.prep, "In": found.prep.title(), "to": "to"}[form]
        return f"{lead} the {place}".strip()
