"""Reads a story of this world, however it came about, and lists what cannot be.

    check(text)    contradictions, and sentences that are not of this world; empty: the story holds
    study(text)    the same with where the story stands: does it hold, and has it ended?

A story without an ending can hold so far; a last sentence that is not finished is not judged.
"""

import re
from dataclasses import dataclass, field

from .language import lexicon
from .language.acts import starts
from .language.complaints import OWED
from .language.patterns import SAME
from .language.reader import Reader, Reading, act_of, apply, readings
from .language.reference import Focus
from .language.world import Env, World

HOLDS, SO_FAR, FAILS = "holds together", "holds together so far", "does not hold together"
LONGEST = 500  # characters of a sentence, so that no text takes long to read
OPENERS = lexicon.phrases()["opener"]
_SENTENCE = re.compile(r'(?:[^."?!\n]|"[^"\n]*")+?(?:[.?!]+|(?<=[.?!]")(?=\s+[A-Z"]|\s*$))')
_SPEAKS = re.compile(r'["?!]')
_LINKS = (", and then ", " and then ", ", and ", ", but ", ", so ", " before ", " and ")
_BEFORE = re.compile(r"^(?:after|when|as soon as|once) ")


@dataclass(frozen=True)
class Problem:
    """Something that cannot be, and where in the text it stands."""

    start: int
    end: int
    sentence: str
    reason: str
    foreign: bool = False  # the sentence is not of this world
    first: bool = False  # of the text

    def __str__(self) -> str:
        return f"{self.reason}: {self.sentence}"


@dataclass
class Study:
    """What the checker made of a text."""

    problems: list[Problem]
    world: World
    sentences: int
    ended: bool
    acts: list[str] = field(default_factory=list)
    firsts: tuple[str, str] = ("-", "-")  # the first thing and the first place, of all told

    @property
    def ours(self) -> bool:
        """The text is of this world, as far as one can tell: it begins as its stories do."""
        first = self.problems[0] if self.problems else None
        return self.sentences > 0 and not (first and first.foreign and first.first)

    @property
    def verdict(self) -> str:
        if self.problems:
            return FAILS
        return HOLDS if self.ended else SO_FAR


def check(text: str) -> list[Problem]:
    return study(text).problems


def study(text: str) -> Study:
    return _Checker().run(text)


def sentences(text: str) -> list[tuple[int, str]]:
    """The finished sentences with where they begin; what is left at the end is not judged."""
    found, at = [], 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        match = _SENTENCE.match(text, at)
        end = match.end() if match else text.find("\n", at)
        if end < 0:
            break
        found.append((at, text[at:end].rstrip()))
        at = end
    return found


class _Checker:
    def __init__(self) -> None:
        self.world = World()
        self.focus = Focus(self.world)
        self.problems: list[Problem] = []
        self.acts: list[str] = []
        self.envs: list[Env] = []
        self.told: set[tuple[str, tuple[tuple[str, str], ...]]] = set()
        self.ended = False

    def run(self, text: str) -> Study:
        found = sentences(text)
        number = 0
        while number < len(found):
            start = found[number][0]
            for count in (3, 2, 1):  # what is said may have several sentences
                part = found[number : number + count]
                sentence = text[start : part[-1][0] + len(part[-1][1])]
                if count == 1 or (
                    len(part) == count and _SPEAKS.search(sentence) and self.known(sentence)
                ):
                    break
            foreign, reasons = self.sentence(sentence)
            rest = text[start : found[-1][0] + len(found[-1][1])]
            if foreign and len(found) - number < 3 and begins(rest):
                break  # somebody has not finished speaking
            number += count
            end = start + len(sentence)
            self.problems += [
                Problem(start, end, sentence, why, foreign, start == found[0][0]) for why in reasons
            ]
        if self.ended and not self.problems and found:
            start, sentence = found[-1]
            owed = [OWED[what].format(*rest) for what, *rest in self.world.all("open")]
            owed += ["what was the answer?" for _ in self.world.all("asked")]
            for what in owed:
                why = f"the story ends, but {what}"
                self.problems.append(Problem(start, start + len(sentence), sentence, why))
        return Study(self.problems, self.world, len(found), self.ended, self.acts, self.firsts())

    def firsts(self) -> tuple[str, str]:
        things = [env["X"] for env in self.envs if "X" in env]
        places = [env["L"] for env in self.envs if "L" in env]
        return (things or ["-"])[0], (places or ["-"])[0]

    def known(self, sentence: str) -> bool:
        clause = lowered(sentence) if len(sentence) <= LONGEST else None
        return clause is not None and any(all(map(readings, way)) for way in ways(clause)[:3])

    def sentence(self, sentence: str) -> tuple[bool, list[str]]:
        """Whether it is foreign, and what is wrong with it. The world goes on after it."""
        if len(sentence) > LONGEST:
            return True, ["no sentence of this world is so long"]
        clause = lowered(sentence)
        if clause is None:
            return True, ["a sentence begins with a capital"]
        for way in ways(clause):
            before = self.world, self.focus
            done = self.attempt(way)
            if done is not None:
                self.focus.end_sentence()
                return False, done
            self.world, self.focus = before
        return True, ["this sentence is not of this world"]

    def attempt(self, clauses: list[str]) -> list[str] | None:
        """Problems of a sentence cut in this way; None where a part of it is not understood."""
        if not all(readings(clause) for clause in clauses):
            return None
        return [reason for clause in clauses for reason in self.clause(clause)]

    def clause(self, clause: str) -> list[str]:
        best: tuple[Reading, Reader, Focus] | None = None
        both = [
            (pattern, slots, turned)
            for pattern, slots in readings(clause)
            for turned in ((False, True) if any("+" in slot.var for slot in slots) else (False,))
        ]
        for pattern, slots, turned in both:
            focus = _copy(self.focus)
            reader = Reader(self.world, focus, act_of(pattern.act), turned)
            reading = reader.read(slots)
            if best is None or len(reading.problems) < len(best[0].problems):
                best = reading, reader, focus
            if not reading.problems:
                break
        assert best is not None
        reading, reader, focus = best
        self.focus = focus
        self.acts.append(reading.act.name)
        self.envs.append(reading.env)
        problems = list(reading.problems)
        if self.ended and "ends" not in reading.act.flags:
            problems.append("the story was over")
        told = (reading.act.name, tuple(sorted(reading.env.items())))
        if not problems and reading.act.makes:
            if told in self.told and not self.world.changes_by(reading.act.makes, reading.env):
                problems.append("that was told before")
            self.told.add(told)
        if not problems:
            apply(reading, reader, self.world)
            self.ended = self.ended or "ends" in reading.act.flags
        return problems


def _copy(focus: Focus) -> Focus:
    copy = Focus(focus.world)
    copy.before = focus.before
    now = focus.now
    copy.now = type(now)(now.subject, list(now.people), now.group, now.thing, now.place)
    return copy


def lowered(sentence: str) -> str | None:
    """As it stands inside a pattern: without its capital, unless a name begins it."""
    if sentence[0] == '"':
        return sentence
    if not sentence[0].isupper():
        return None
    words = sentence.split(" ", 2)
    first = re.match(r"[A-Z][a-z]*", sentence)
    names = lexicon.people()
    if first and (first[0] in names or (len(words) > 1 and _two(words) in names)):
        return sentence
    return sentence[0].lower() + sentence[1:]


def begins(sentence: str) -> bool:
    """It is the first part of a pattern that has more than one sentence."""
    clause = lowered(sentence) or ""
    return any(pattern.read(clause) is not None for pattern in starts())


def _two(words: list[str]) -> str:
    return f"{words[0]} " + re.sub(r"[^A-Za-z].*$", "", words[1])


def ways(sentence: str) -> list[list[str]]:
    """How a sentence may be cut into clauses, the most likely way first."""
    found = [[sentence]]
    plain = sentence.removesuffix(".")
    if plain != sentence:
        found.append([plain])
    opener = next((o for o in OPENERS if plain.startswith(o + " ")), None)
    if opener:
        found.append([plain[len(opener) + 1 :]])
        plain = plain[len(opener) + 1 :]
    bare = _BEFORE.sub("", plain, count=1)
    if bare != plain:
        found += _cut(bare, (", ",), plain=True)
        return found
    return found + _cut(plain, _LINKS)


def _cut(text: str, links: tuple[str, ...], plain: bool = False) -> list[list[str]]:
    found = []
    for link in links:
        for match in re.finditer(re.escape(link), text):
            first, second = text[: match.start()], text[match.end() :]
            found.append([first, second])
            if not plain:
                found.append([first, f"{SAME} {second}"])
    return found
