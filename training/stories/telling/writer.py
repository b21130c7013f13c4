"""Tells a story: each act is checked against the world, put into words, and changes the world."""

import random
import re
from dataclasses import dataclass, field

from training.stories.language import lexicon
from training.stories.language.acts import Act, acts
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
from training.stories.language.reader import common
from training.stories.language.reference import Focus
from training.stories.language.world import Env, World

OPENED, JOINED = 0.16, 0.3  # how often a sentence has an opener, or goes on after the last one
PRONOUN, BY_KIND = 0.8, 0.25
LINKS = (" and ", " and ", " and ", " and then ", ", and then ", ", and ", ", so ")
FRONTS = ("after ", "when ", "as soon as ", "once ")


class PlotError(ValueError):
    """A plot wants what its world does not allow."""


@dataclass
class Sentence:
    """What was told: its words, its acts, and who and what they were about."""

    text: str
    acts: list[str]
    envs: list[Env]
    joinable: bool = False
    breaks: bool = False  # a new paragraph begins here


@dataclass
class Story:
    """One story as it is being told. Plots call `say`, and ask `world` how to go on."""

    rng: random.Random
    world: World = field(default_factory=World)
    told: list[Sentence] = field(default_factory=list)
    plot: str = ""

    def __post_init__(self) -> None:
        self.focus = Focus(self.world)
        self.used: set[str] = set()
        self.breaking = False
        self.streak = 0  # sentences since the last name

    # What plots ask for.

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def scene(self) -> None:
        self.breaking = bool(self.told)

    def maybe(self, share: float, name: str, **env: str) -> None:
        if self.chance(share) and self.can(name, **env):
            self.say(name, **env)

    def can(self, name: str, **env: str) -> bool:
        act = acts()[name]
        found = dict(env)
        return not common(act, found, self.world) and self.world.allows(act.needs, found)

    def say(self, name: str, /, **env: str) -> Env:
        act = acts()[name]
        problems = common(act, env, self.world) or self.world.missing(act.needs, env)
        if problems:
            raise PlotError(f"{self.plot}: {name} {env}: {'; '.join(problems)}")
        pattern = self.pattern(act)
        link = "" if self.breaking else self.link(act, pattern, env)
        if not link:
            self.focus.end_sentence()
        words = _Words(self, act, env, elided=link in (" and ", " and then ", ", and then "))
        text = words.realise(pattern)
        if link:
            self.join(link, text, act, env)
        else:
            self.add(text, pattern, act, env)
        self.world.apply(act.makes, env)
        words.settle()
        return env

    # Sentences.

    def pattern(self, act: Act) -> Pattern:
        fresh = [p for p in act.says if p.text not in self.used] or act.says
        pattern = self.rng.choice(fresh)
        self.used.add(pattern.text)
        return pattern

    def add(self, text: str, pattern: Pattern, act: Act, env: Env) -> None:
        joinable = pattern.joins and act.joins and "," not in text
        if pattern.joins and act.joins and self.told and self.chance(OPENED):
            text = f"{self.rng.choice(lexicon.phrases()['opener'])} {text}"
            joinable = False
        if text[-1] not in '.!?"':
            text += "."
        self.told.append(Sentence(upper(text), [act.name], [dict(env)], joinable, self.breaking))
        self.breaking = False

    def link(self, act: Act, pattern: Pattern, env: Env) -> str:
        last = self.told[-1] if self.told else None
        if not (last and last.joinable and pattern.joins and act.joins):
            return ""
        if not self.chance(JOINED) or len(last.text.split()) > 13:
            return ""
        var = pattern.items[0][0]
        same = self.focus.now.subject == env.get(str(var)) and "+" not in var
        if same and self.focus.now.group is None:
            return self.rng.choice((*LINKS[:5], *FRONTS))
        return self.rng.choice((", and ", ", so ", *FRONTS) if same else (", and ", *FRONTS[:2]))

    def join(self, link: str, text: str, act: Act, env: Env) -> None:
        last = self.told[-1]
        first = last.text.removesuffix(".")
        if link in FRONTS:
            name = re.match(r"[A-Z][a-z]*", first)
            first = first if name and name[0] in _proper() else first[0].lower() + first[1:]
            last.text = upper(f"{link}{first}, {text}.")
        else:
            last.text = f"{first}{link}{text}."
        last.acts.append(act.name)
        last.envs.append(dict(env))
        last.joinable = False

    @property
    def text(self) -> str:
        parts = []
        for sentence in self.told:
            parts.append(("\n" if sentence.breaks else " ") + sentence.text)
        return "".join(parts).strip()


def upper(text: str) -> str:
    return text if text[0] == '"' else text[0].upper() + text[1:]


def _proper() -> frozenset[str]:
    return frozenset(name.split()[0] for name in lexicon.people())


class _Words:
    """Puts one pattern into words, slot by slot, as the checker will read them."""

    def __init__(self, story: Story, act: Act, env: Env, elided: bool):
        self.story, self.act, self.env, self.elided = story, act, env, elided
        self.focus, self.world, self.rng = story.focus, story.world, story.rng
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
            fresh = [name for name in names if name not in self.story.used]
            self.env[var] = self.rng.choice(fresh or list(names))
        self.story.used.add(self.env[var])
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
        gender, story = self.gender(name), self.story
        found = self.focus.him(gender) if form == "o" else self.focus.he(gender)
        clear = found == name and story.streak < 3 and not story.breaking
        if clear and self.rng.random() < PRONOUN:
            story.streak += 1
            return (HIM if form == "o" else HIS if form == "p" else HE)[gender]
        story.streak = 0
        kind = self.world.get("kind", name)
        if kind and self.rng.random() < BY_KIND and self.focus.only(kind) == name:
            return f"the {kind}"
        return name

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
        return f"{now} " if now and (new or self.rng.random() < 0.25) else ""

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
        if place.startswith("home:"):
            return "home" if form == "to" else "at home"
        self.focus.now.place = place
        found = lexicon.places()[place]
        lead = {"": "", "in": found.prep, "In": found.prep.title(), "to": "to"}[form]
        return f"{lead} the {place}".strip()
