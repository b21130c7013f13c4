"""Questions about a story, with their answers, by the facts that the simulator knows.

stories.yaml has the words; what is asked and what is right is decided here, from the acts of the
story and from its world at the end, never from its text.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from training.stories.language import lexicon
from training.stories.language.acts import acts
from training.stories.telling.teller import Teller

from .material import read
from .phrases import expand, fill, inside, listed, shown, upper
from .texts import UNSAID, answers

ARRIVALS = ("comes", "meets", "caught")
OWNING = ("own", "own_food", "owns_it")
NUMBERS = ("none", "one", "two", "three", "four", "five")


@dataclass(frozen=True)
class Fact:
    """One thing that can be asked about a story."""

    kind: str
    slots: dict[str, str]
    answer: str
    needs: tuple[str, ...]  # an answer must say them
    bans: tuple[str, ...] = ()  # and none of these

    def right(self, text: str) -> bool:
        return all(says(text, part) for part in self.needs) and not any(
            says(text, part) for part in self.bans
        )


@dataclass(frozen=True)
class Deed:
    who: str
    words: str

    @property
    def text(self) -> str:
        return f"{self.who} {self.words}"


def says(text: str, part: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(part)}(?!\w)", text, re.IGNORECASE) is not None


def kinds() -> list[str]:
    return list(read("stories")["kinds"])


def question(fact: Fact, rng: Random, exam: bool = False) -> str:
    """One way to ask for it; the exam has ways of its own."""
    words = read("stories")["kinds"][fact.kind]["exam" if exam else "ask"]
    text = expand(rng.choice(words), {}, rng)
    return fill(text, fact.slots)


def facts(told: Teller, rng: Random) -> list[Fact]:
    """What can be asked about a story, one fact of each kind where it has one."""
    return [fact for fact in _Facts(told, rng).all() if "{" not in fact.answer]


@dataclass
class _Facts:
    told: Teller
    rng: Random
    cast: list[str] = field(init=False)
    steps: list[tuple[str, dict]] = field(init=False)

    def __post_init__(self) -> None:
        self.steps = [
            (act, env)
            for sentence in self.told.told
            for act, env in zip(sentence.acts, sentence.envs, strict=True)
        ]
        self.cast = [name for (name,) in self.told.world.all("person")]
        self.places = [env[v] for _, env in self.steps for v in "LM" if v in env]
        self.goods = [x for (x,) in self.told.world.all("thing")]
        first = next(env for act, env in self.steps if act in ("start", "intro_start"))
        self.start, self.sky, self.hour = first["L"], first["WEATHER"], first["TIME"]

    def all(self) -> Iterator[Fact]:
        yield from self.people()
        yield from self.scene()
        yield from self.things()
        yield from self.ways()
        yield from self.deeds()
        yield from self.reasons()

    def make(self, kind: str, needs: tuple[str, ...], bans=(), **slots: str) -> Fact:
        slots.setdefault("A", self.cast[0])
        slots.setdefault("P", self.cast[0])
        for var in "AP":
            kind_of = self.told.kind_of[slots[var]]
            slots |= {f"{var}.a": lexicon.article(kind_of), f"{var}.kind": kind_of}
        answer = upper(fill(read("stories")["kinds"][kind]["answer"], slots))
        return Fact(kind, slots, answer, needs, tuple(b for b in bans if b not in needs))

    def but(self, *names: str) -> tuple[str, ...]:
        """The others of the cast."""
        return tuple(name for name in self.cast if name not in names)

    # Who there is.

    def people(self) -> Iterator[Fact]:
        main, rng = self.cast[0], self.rng
        yield self.make("who", (main,), self.but(main))
        one, kind_of = rng.choice(self.cast), self.told.kind_of
        every = tuple(kind for kind in lexicon.kinds() if kind != kind_of[one])
        yield self.make("kind", (kind_of[one],), every, P=one)
        if len(self.cast) > 1:
            others = self.cast[1:]
            text = fill(read("stories")["kinds"]["others"]["answer"], {"A": main})
            text = text.replace("(is|are)", "is" if len(others) == 1 else "are")
            slots = {"A": main, "others": listed(others)}
            yield Fact("others", slots, fill(text, slots), tuple(others))
        number = NUMBERS[len(self.cast)]
        text = "There is one" if len(self.cast) == 1 else f"There are {number}"
        wrong = tuple(word for word in NUMBERS if word != number)
        yield Fact("count", {}, f"{text}: {listed(self.cast)}.", (number,), wrong)
        same = rng.random() < 0.5
        guess = kind_of[one] if same else rng.choice(every)
        yes, no = ("Yes", "No") if same else ("No", "Yes")
        bans = (no, *(kind for kind in every))
        slots = {"guess": lexicon.article(guess), "yes": yes}
        yield self.make("is_kind", (yes, kind_of[one]), bans, P=one, **slots)
        text = answers()[UNSAID][0]
        yield Fact(
            "unsaid", {"P": rng.choice(self.cast)}, text, ("story",), self.goods_and_places()
        )

    def goods_and_places(self) -> tuple[str, ...]:
        return (*self.goods, *lexicon.places())

    # Where and when.

    def scene(self) -> Iterator[Fact]:
        others = tuple(p for p in lexicon.places() if p != self.start)
        yield self.make("where", (self.start,), others, **{"L.in": inside(self.start)})
        skies = [sky for sky in lexicon.values()["WEATHER"] if sky != self.sky]
        yield self.make("weather", (self.sky,), tuple(skies), WEATHER=self.sky)
        hours = tuple(h for h in ("morning", "afternoon", "evening") if h != self.hour)
        yield self.make("time", (self.hour,), hours, TIME=self.hour)

    # Things.

    def things(self) -> Iterator[Fact]:
        owned = [(e["A"], e["X"]) for act, e in self.steps if act in OWNING and "X" in e]
        if owned:
            one, thing = self.rng.choice(owned)
            yield self.make("whose", (one,), self.but(one), P=one, X=thing)
            if Counter(name for name, _ in owned)[one] == 1:
                bans = tuple(x for x in self.goods if x != thing)
                yield self.make("has", (thing,), bans, P=one, **{"X.a": lexicon.article(thing)})
        held = [
            (x, who)
            for x in self.goods
            if (who := self.told.world.get("where", x)) is not None and who in self.cast
        ]
        if held:
            thing, one = self.rng.choice(held)
            yield self.make("holder", (one,), self.but(one), P=one, X=thing)

    # Where they go.

    def ways(self) -> Iterator[Fact]:
        went: dict[str, str] = {}
        for act, env in self.steps:
            if act in ("go", "go2", "goes_off"):
                for var in "AB" if act == "go2" else "A":
                    went.setdefault(env[var], env["L"])
        if went:
            one = self.rng.choice(list(went))
            others = tuple(p for p in lexicon.places() if p != went[one])
            yield self.make("went", (went[one],), others, P=one, L=went[one])
        end = self.told.world.get("at", self.cast[0])
        if end in lexicon.places():
            others = tuple(p for p in lexicon.places() if p != end)
            yield self.make("at_end", (end,), others, **{"L.in": inside(end)})
        met = [
            (env["A"], env.get("B") or env["C"], env["L"])
            for act, env in self.steps
            if act in ARRIVALS and "L" in env
        ]
        met = [(a, b, place) for a, b, place in met if a == self.cast[0]]
        if met:
            _, one, place = self.rng.choice(met)
            others = tuple(p for p in lexicon.places() if p != place)
            yield self.make("met", (place,), others, P=one, **{"L.in": inside(place)})

    # What they do.

    def told_deeds(self) -> list[Deed]:
        table = read("stories")["events"]
        found = []
        for act, env in self.steps:
            if act in table:
                var, words = table[act]
                text = fill(words, shown(env))
                if "{" not in text and var in env:
                    found.append(Deed(env[var], text))
        count = Counter(deed.words for deed in found)
        return [deed for deed in found if count[deed.words] == 1]

    def deeds(self) -> Iterator[Fact]:
        deeds = self.told_deeds()
        if not deeds:
            return
        deed = self.rng.choice(deeds)
        named = [name for name in self.cast if says(deed.words, name)]
        slots = {"P": deed.who, "vp": deed.words}
        yield self.make("did", (deed.who,), self.but(deed.who, *named), **slots)
        if len(self.cast) > 1:
            same = self.rng.random() < 0.5
            one = deed.who if same else self.rng.choice(self.but(deed.who))
            if not says(deed.words, one):
                yes, no = ("Yes", "No") if same else ("No", "Yes")
                bans = (no, *self.but(deed.who))
                yield self.make("was_it", (yes, deed.who), bans, Q=one, yes=yes, **slots)
        if len(deeds) > 1:
            place = self.rng.randrange(len(deeds) - 1)
            last, after = deeds[place], deeds[place + 1]
            slots = {"P": after.who, "vp": after.words, "Q": last.who, "vq": last.words}
            yield self.make("next", (after.text,), **slots)
            early, late = sorted(self.rng.sample(range(len(deeds)), 2))
            pair = [deeds[early].text, deeds[late].text]
            self.rng.shuffle(pair)
            slots = {"P": deeds[early].who, "vp": deeds[early].words}
            bans = (deeds[late].text,)
            yield self.make("order", (deeds[early].text,), bans, one=pair[0], two=pair[1], **slots)

    # Why, and how it ends.

    def reasons(self) -> Iterator[Fact]:
        table = read("stories")["causes"]
        found: dict[str, str] = {}
        for act, env in self.steps:
            if act in table:
                what, reason = (fill(text, shown(env)) for text in table[act])
                if "{" not in what + reason:
                    found.setdefault(what, reason)
        if found:
            what = self.rng.choice(list(found))
            reason = found[what]
            reason = f"because {reason}"
            yield Fact("why", {"because": what}, f"{upper(what)} {reason}.", (reason,))
        outcome = ending(self.told)
        if outcome:
            text = read("stories")["outcomes"][outcome]["end"]
            known: dict[str, str] = {}
            for _, step in self.steps:
                known |= {key: value for key, value in step.items() if key[0].isupper()}
            known |= self.last_of(outcome)
            text = fill(text, shown(known))
            yield Fact("end", {}, f"In the end {text}.", (text,))

    def last_of(self, outcome: str) -> dict[str, str]:
        """The step that made the outcome knows who and what it is about."""
        for act, env in reversed(self.steps):
            if any(line.startswith(f"outcome {outcome} ") for line in acts()[act].makes):
                line = next(m for m in acts()[act].makes if m.startswith(f"outcome {outcome} "))
                found = {key: value for key, value in env.items() if key[0].isupper()}
                if outcome == "won" and line.split()[2] == "B":
                    found["A"], found["B"] = env["B"], env["A"]
                return found
        return {}


def ending(told: Teller) -> str:
    """Which outcome a story has: the last that its world knows."""
    found = told.world.all("outcome")
    return found[-1][0] if found else ""
