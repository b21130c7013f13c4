"""Conversations, turn by turn: a question leads to one answer, and none comes twice running.

A talk is about ideas, about a story, or it asks for one. What a short question means ("why?")
depends on what was said before.
"""

from collections import Counter
from dataclasses import dataclass, field
from random import Random

from training.stories.telling.teller import Teller

from . import asking, wishes
from .facts import facts, question
from .phrases import typed
from .texts import AGAIN, LARGEST, MANNERS, STORY, UNKNOWN, UNSAID, answers, ideas

TURNS, SHARES = (1, 2, 3, 4, 5, 6), (20, 14, 18, 20, 16, 12)
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

    # Kinds of turns.

    def ask_idea(self) -> None:
        label, asked = self.about()
        self.say(typed(asked, self.rng), label)

    def ask_outside(self) -> None:
        label, asked = self.outside()
        self.say(typed(asked, self.rng), label)

    def small(self) -> None:
        label = self.rng.choices(SMALL, SMALL_SHARES)[0]
        self.say(typed(asking.say(label, self.rng), self.rng), label)

    def odd(self) -> None:
        label = self.rng.choice(ODD)
        if label == "sum":
            self.sum()
        elif label == "rude":
            self.say(typed(asking.say(label, self.rng), self.rng), label)
        else:
            self.say(asking.say(label, self.rng), label)

    def sum(self) -> None:
        rng = self.rng
        small = rng.random() < 0.75
        a, b = (rng.randint(0, LARGEST if small else 99) for _ in range(2))
        sign = "plus" if small or rng.random() < 0.3 else rng.choice(("minus", "times", "by"))
        shown = {"plus": "+", "minus": "-", "times": rng.choice("*x"), "by": "/"}[sign]
        gap = rng.choice(("", " "))
        sum_ = rng.choice((f"{a}{gap}{shown}{gap}{b}", f"{a} {sign} {b}"))
        lead = rng.choice(("", "", "what is ", "what's ", "how much is ", "calculate ", "and "))
        if not small and rng.random() < 0.2:
            sum_ = f"the {rng.choice(('square root', 'half', 'double'))} of {a}"
            lead, sign = "what is ", "root"
        text = lead + sum_ + rng.choice(("", "?", " =", "?"))
        answer = f"{a} plus {b} is {a + b}."
        if sign == "plus" and max(a, b) <= LARGEST and self.said != answer:
            self.say(text, "sum", answer)
        else:
            self.say(text, "sum")

    def follow(self) -> None:
        """A short question about the idea before; "why?" right after "I don't know" is unclear."""
        rng = self.rng
        manner = rng.choices(MANNERS, MANNER_SHARES)[0]
        lead = rng.choice(("", "", "", "ok, ", "and ", "hm. ", "thanks. ", "now ", "well, "))
        asked = typed(lead + asking.follow(manner, rng), rng)
        if not self.idea:
            self.say(asked, "nothing")
        elif self.last in (UNKNOWN, UNSAID) or rng.random() < 0.12:
            self.back(self.idea, manner)
        else:
            self.say(asked, f"{self.idea}.{manner}")

    def back(self, idea: str, manner: str) -> None:
        rng = self.rng
        name = rng.choice(asking.names(idea))
        if rng.random() < 0.5:
            asked = asking.by_name(idea, manner, rng)
        else:
            lead = asking.expand(rng.choice(asking.read("asks")["back"]), {"ANY": [name]}, rng)
            asked = self.joined(lead, manner)
        self.say(typed(asked, rng), f"{idea}.{manner}")

    def joined(self, lead: str, manner: str) -> str:
        if manner == "more" and self.rng.random() < 0.5:
            return lead
        asked = asking.follow(manner, self.rng)
        return f"{lead}{self.rng.choice((': ', ', ', '. ', '. '))}{asked}"

    def switch(self) -> None:
        """Another idea, or back to the first or the second one."""
        rng = self.rng
        what = rng.choice(SWITCH if len(self.met) > 1 else SWITCH[:1])
        pattern = rng.choice(asking.read("asks")[what])
        lead = asking.expand(pattern, {}, rng)
        if what == "another":
            place = ideas().index(self.idea) if self.idea else -1
            new = next(
                idea
                for step in range(1, len(ideas()) + 1)
                if (idea := ideas()[(place + step) % len(ideas())]) not in self.met
            )
            self.say(typed(lead, rng), f"{new}.what")
            return
        manner = rng.choices(MANNERS, MANNER_SHARES)[0]
        idea = self.met[0 if what == "first" else 1]
        self.say(typed(self.joined(lead, manner), rng), f"{idea}.{manner}")

    # Stories.

    def story(self, told: Teller, asked: str) -> None:
        self.say(typed(asked, self.rng), STORY, told.text)

    def about_story(self, told: Teller, count: int, lead: str = "") -> None:
        """Questions about it, each of another kind; `lead` stands before the first."""
        known = facts(told, self.rng)
        for fact in self.rng.sample(known, min(count, len(known))):
            asked = typed(question(fact, self.rng), self.rng)
            label = UNSAID if fact.kind == UNSAID else f"about.{fact.kind}"
            answer = "" if fact.kind == UNSAID else fact.answer
            if self.turns and answer == self.turns[-1][1]:
                continue
            self.say(f"{lead}{asked}", label, answer)
            lead = ""


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
        shares = (52, 20, 17, 7, 1.5, 1.5)
    else:
        turns = (talk.ask_idea, talk.small, talk.ask_outside, talk.odd, talk.follow, talk.switch)
        shares = (14, 10, 11, 3, 50, 9)
    talk.rng.choices(turns, shares)[0]()


READ = ("here is a story:\n", "read this:\n", "this is my story:\n", "a story:\n", "look:\n", "")


def story_talk(rng: Random, about: Pool, outside: Pool, told: Teller) -> Talk:
    """A story, told when asked for or brought along, and then questions about it."""
    talk = Talk(rng, about, outside)
    if rng.random() < 0.1:
        talk.small()
    lead, way = "", rng.random()
    if way < 0.45:
        talk.story(told, wishes.plain(rng) if rng.random() < 0.5 else wishes.wish(told, rng).text)
    elif way < 0.75:
        talk.say(rng.choice(READ) + told.text, "read")
    else:
        lead = rng.choice(READ) + told.text + rng.choice(("\n", "\n\n", " "))
    talk.about_story(told, rng.choice((2, 3, 4, 5, 6)), lead)
    for _ in range(rng.choice((0, 0, 0, 1, 2))):
        idea_turn(talk)
    return talk


def request_talk(rng: Random, about: Pool, outside: Pool, told: Teller) -> Talk:
    """Only a story that was asked for, perhaps after a word or two."""
    talk = Talk(rng, about, outside)
    for _ in range(rng.choice((0, 0, 0, 1, 2))):
        idea_turn(talk)
    asked = wishes.wish(told, rng).text if rng.random() < 0.8 else wishes.plain(rng)
    talk.story(told, asked)
    if rng.random() < 0.3:
        talk.small()
    return talk
