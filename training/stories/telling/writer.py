"""Tells a story: each act is checked against the world, put into words, and changes the world."""

import re
from dataclasses import dataclass, field

from training.stories.language import lexicon
from training.stories.language.acts import Act, acts
from training.stories.language.patterns import (
    Pattern,
)
from training.stories.language.reader import common
from training.stories.language.world import Env

from .wording import PlotError, Voice, Words

OPENED, JOINED = 0.25, 0.3  # how often a sentence has an opener, or goes on after the last one
LINKS = (" and ", " and ", " and ", " and then ", ", and then ", ", and ", ", so ")
FRONTS = ("after ", "when ", "as soon as ", "once ")


@dataclass
class Sentence:
    """What was told: its words, its acts, and who and what they were about."""

    text: str
    acts: list[str]
    envs: list[Env]
    joinable: bool = False
    breaks: bool = False  # a new paragraph begins here


@dataclass
class Story(Voice):
    """One story as it is being told. Plots call `say`, and ask `world` how to go on."""

    told: list[Sentence] = field(default_factory=list)
    plot: str = ""

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
        words = Words(self, act, env, elided=link in (" and ", " and then ", ", and then "))
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
        opened = self.told and self.told[-1].text.startswith("Then ")
        if pattern.joins and act.joins and self.told and not opened and self.chance(OPENED):
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
