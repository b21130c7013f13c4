"""Conversations, turn by turn: a question leads to one answer, and none comes twice running.

A talk is about ideas, about a story, or it asks for one. What a short question means ("why?")
depends on what was said before.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from random import Random

from training.stories.language import lexicon
from training.stories.telling.teller import Teller

from . import asking, sums, wishes
from .facts import Fact, facts, question, says
from .phrases import typed
from .texts import AGAIN, MANNERS, STORY, UNKNOWN, UNSAID, answers, ideas

TURNS, SHARES = (1, 2, 3, 4, 5, 6), (20, 14, 18, 20, 16, 12)
RARE = ("whose", "has", "holder", "went", "met")  # kinds of questions that few stories allow
STRANGERS = 0.12  # of the stories get a question about somebody who is not in them
MOST = 330  # words of a talk, so that it fits into the window
SMALL = ("greeting", "thanks", "bye", "mood", "able", "who", "trained", "fallible", "memory", "ok")
SMALL_SHARES = (22, 22, 14, 12, 12, 16, 12, 12, 12, 16)
ODD = ("rude", "garbled", "language", "sum")
MANNER_SHARES = (6, 18, 20, 18, 14, 14, 14)  # of MANNERS, when an idea is followed up
SWITCH = ("another", "first", "second")


class Pool:
    """Questions that are dealt out one after the other, and anew when all have been asked."""

    def __init__(self, questions: list[asking.Asked], rng: Random):
        self.questions, self.rng = questions, rng
        self.rest: list[asking.Asked] = []

    def __call__(self) -> asking.Asked:
        if not self.rest:
            self.rest = self.rng.sample(self.questions, len(self.questions))
        return self.rest.pop()


@dataclass
class Talk:
    """One conversation as it is being made."""

    rng: Random
    about: Pool
    outside: Pool
    turns: list[tuple[str, str, str]] = field(default_factory=list)  # question, answer, label
    met: list[str] = field(default_factory=list)  # ideas, in the order of their first answers
    idea: str = ""  # the one that was talked about last

    @property
    def last(self) -> str:
        return self.turns[-1][2] if self.turns else ""

    @property
    def said(self) -> str:
        return self.turns[-1][1] if self.turns else ""

    @property
    def words(self) -> int:
        return sum(len(f"{asked} {said}".split()) for asked, said, _ in self.turns)

    def say(self, asked: str, label: str, answer: str = "") -> None:
        if not answer:
            label, answer = self.answer(label)
        idea, dot, _ = label.partition(".")
        if dot and idea in ideas():
            self.idea = idea
            if idea not in self.met:
                self.met.append(idea)
        self.turns.append((asked, answer, label))

    def answer(self, label: str) -> tuple[str, str]:
        """The answer for a label: another one, where it would come twice running."""
        idea, dot, manner = label.partition(".")
        if dot:
            if label == self.last:
                label = f"{idea}.{AGAIN[manner]}"
            return label, answers()[label][0]
        used = Counter(said for _, said, _ in self.turns)
        fewest = min(answers()[label], key=lambda text: used[text])
        if self.turns and fewest == self.turns[-1][1]:
            fewest = next(text for text in answers()[label] if text != fewest)
        return label, fewest

    def typed(self, ask: Callable[[], str]) -> str:
        """A question as people type it, and once more where it comes too near to the exam."""
        return self.fair(lambda: typed(ask(), self.rng))

    def fair(self, ask: Callable[[], str]) -> str:
        while asking.too_near(asked := ask()):
            pass
        return asked

    # Kinds of turns.

    def ask_idea(self) -> None:
        label, asked = self.about()
        self.say(self.typed(lambda: asked), label)

    def ask_outside(self) -> None:
        label, asked = self.outside()
        self.say(self.typed(lambda: asked), label)

    def small(self) -> None:
        label = self.rng.choices(SMALL, SMALL_SHARES)[0]
        self.say(self.typed(lambda: asking.say(label, self.rng)), label)

    def odd(self) -> None:
        label = self.rng.choice(ODD)
        if label == "sum":
            self.sum()
        elif label == "rude":
            self.say(self.typed(lambda: asking.say(label, self.rng)), label)
        else:
            self.say(self.fair(lambda: asking.say(label, self.rng)), label)

    def sum(self) -> None:
        text, answer = sums.sum_asked(self.rng)
        while asking.too_near(text) or (answer and self.said == answer):
            text, answer = sums.sum_asked(self.rng)
        self.say(text, "sum", answer)

    def follow(self) -> None:
        """A short question about the idea before; "why?" right after "I don't know" is unclear."""
        rng = self.rng
        manner = rng.choices(MANNERS, MANNER_SHARES)[0]
        lead = rng.choice(("", "", "", "ok, ", "and ", "hm. ", "thanks. ", "now ", "well, "))
        asked = self.typed(lambda: lead + asking.follow(manner, rng))
        if not self.idea:
            self.say(asked, "nothing")
        elif self.last in (UNKNOWN, UNSAID) or rng.random() < 0.12:
            self.back(self.idea, manner)
        else:
            self.say(asked, f"{self.idea}.{manner}")

    def back(self, idea: str, manner: str) -> None:
        rng = self.rng

        def ask() -> str:
            if rng.random() < 0.5:
                return asking.by_name(idea, manner, rng)
            return self.joined(asking.lead("back", rng, asking.names(idea)), manner)

        self.say(self.typed(ask), f"{idea}.{manner}")

    def joined(self, lead: str, manner: str) -> str:
        if manner == "more" and self.rng.random() < 0.5:
            return lead
        asked = asking.follow(manner, self.rng)
        return f"{lead}{self.rng.choice((': ', ', ', '. ', '. '))}{asked}"

    def switch(self) -> None:
        """Another idea, or back to the first or the second one."""
        rng = self.rng
        what = rng.choice(SWITCH if len(self.met) > 1 else SWITCH[:1])
        if what == "another":
            place = ideas().index(self.idea) if self.idea else -1
            new = next(
                idea
                for step in range(1, len(ideas()) + 1)
                if (idea := ideas()[(place + step) % len(ideas())]) not in self.met
            )
            self.say(self.typed(lambda: asking.lead(what, rng)), f"{new}.what")
            return
        manner = rng.choices(MANNERS, MANNER_SHARES)[0]
        idea = self.met[0 if what == "first" else 1]
        asked = self.typed(lambda: self.joined(asking.lead(what, rng), manner))
        self.say(asked, f"{idea}.{manner}")

    # Stories.

    def story(self, told: Teller, ask: Callable[[], str]) -> None:
        self.say(self.typed(ask), STORY, told.text)

    def wished(self, told: Teller, share: float) -> None:
        """A story that was asked for; so many with something that it is to have."""
        if self.rng.random() < share:
            self.story(told, lambda: wishes.wish(told, self.rng).text)
        else:
            self.story(told, lambda: wishes.plain(self.rng))

    def about_story(self, told: Teller, count: int, lead: str = "") -> None:
        """Questions about it, each of another kind; `lead` stands before the first."""
        known = facts(told, self.rng)
        chosen = drawn(known, min(count, len(known)), self.rng)
        if self.rng.random() < STRANGERS:
            chosen[-1] = stranger(told, self.rng)
        for fact in chosen:
            asked = self.typed(partial(question, fact, self.rng))
            unsaid = fact.answer in answers()[UNSAID]
            label, answer = (UNSAID, "") if unsaid else (f"about.{fact.kind}", fact.answer)
            if self.turns and answer == self.turns[-1][1]:
                continue
            self.say(f"{lead}{asked}", label, answer)
            lead = ""


def drawn(known: list[Fact], count: int, rng: Random) -> list[Fact]:
    """Some of the facts; those that few stories have come twice as often."""
    rank = {fact.kind: rng.random() ** (0.5 if fact.kind in RARE else 1) for fact in known}
    return sorted(known, key=lambda fact: rank[fact.kind], reverse=True)[:count]


def stranger(told: Teller, rng: Random) -> Fact:
    """A question about somebody and something that the story does not have: one must read it."""
    name = rng.choice([name for name in lexicon.people() if not says(told.text, name)])
    thing = rng.choice([thing for thing in lexicon.things() if not says(told.text, thing)])
    kind = rng.choice(("kind", "has", "went", "holder", "whose"))
    return Fact(kind, {"P": name, "X": thing}, answers()[UNSAID][0], ("story",))


def idea_talk(rng: Random, about: Pool, outside: Pool) -> Talk:
    talk = Talk(rng, about, outside)
    for _ in range(rng.choices(TURNS, SHARES)[0]):
        idea_turn(talk)
    return talk


def idea_turn(talk: Talk) -> None:
    if talk.words > MOST:
        return
    if not talk.idea:
        turns = (talk.ask_idea, talk.small, talk.ask_outside, talk.odd, talk.follow, talk.switch)
        shares = (49, 19, 22, 7, 1.5, 1.5)
    else:
        turns = (talk.ask_idea, talk.small, talk.ask_outside, talk.odd, talk.follow, talk.switch)
        shares = (14, 10, 12, 3, 50, 9)
    talk.rng.choices(turns, shares)[0]()


READ = ("here is a story:\n", "read this:\n", "this is my story:\n", "a story:\n", "look:\n", "")


def story_talk(rng: Random, about: Pool, outside: Pool, told: Teller) -> Talk:
    """A story, told when asked for or brought along, and then questions about it."""
    talk = Talk(rng, about, outside)
    if rng.random() < 0.1:
        talk.small()
    lead, way = "", rng.random()
    if way < 0.45:
        talk.wished(told, 0.5)
    elif way < 0.75:
        talk.say(rng.choice(READ) + told.text, "read")
    else:
        lead = rng.choice(READ) + told.text + rng.choice(("\n", "\n\n", " "))
    talk.about_story(told, rng.choice((2, 3, 4, 5, 6)), lead)
    for _ in range(rng.choice((0, 0, 0, 1, 2))):
        idea_turn(talk)
    return talk


def request_talk(
    rng: Random, about: Pool, outside: Pool, told: Teller, then: Teller | None = None
) -> Talk:
    """Only a story that was asked for, perhaps after a word or two; or `then` another one."""
    talk = Talk(rng, about, outside)
    for _ in range(rng.choice((0, 0, 0, 1, 2))):
        idea_turn(talk)
    talk.wished(told, 0.8)
    if then and talk.words + len(then.text.split()) < MOST and rng.random() < 0.7:
        talk.story(then, lambda: wishes.plain(rng, again=True))
    if rng.random() < 0.3:
        talk.small()
    return talk
