"""What is asked about the ideas, and about what lies outside: the patterns, read in many ways.

What comes too close to a question of the exam is dropped: no five words in a row may be the same.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from random import Random

from .material import FOLDER, UNKNOWN, held_out, read
from .phrases import Reword, agrees, expand, runs, several, telegram
from .texts import MANNERS, ideas

HELD = 25  # one pattern in so many about one idea is for validation only
READINGS = {
    "ask": 14,  # patterns about one idea
    "plain": 16,
    "everyday": 20,
    "frame": 4,  # patterns with a name in them
    "manner": 10,
    "casual": 8,
    "loose": 18,  # with a name or a description
    "clue": 12,
    "quote": 24,
    "unknown": 80,
}
THINGS = ("TOPIC", "ILL", "SPORT", "TECH", "PLACE", "PERSON", "WORK", "FOOD")  # of outside.yaml
COINED = 200  # words that there are not, among them
TELEGRAMS = 0.3  # of the questions are also asked in a hurry
# A frame for "what" that asks for another manner.
_OTHER = re.compile(
    r"\b(briefly|simple|beginner|sentence|child|friend|grandmother|short|quick|summary|more|example"
    r"|examples|again)\b"
)
_MARKS = re.compile(r"[|\\{}]|\?\w")  # of a choice in a choice, which is not read well
Asked = tuple[str, str]  # a label and a question


def exam_questions() -> list[str]:
    """All that the exam asks: nothing like it is trained on. People's phrasings as well."""
    found = [question for _, question in held_out()]
    for name in ("ideas", "people", "unknown"):
        found += [question for _, question in listed(name)]
    return found + [question for thread in threads() for question, _ in thread]


def threads() -> list[list[tuple[str, list[str]]]]:
    """The conversations of the exam: questions, each with the labels that are right."""
    text = (FOLDER / "exam" / "threads.txt").read_text(encoding="utf-8")
    found = []
    for block in text.split("\n\n"):
        lines = [line for line in block.splitlines() if line and not line.startswith("#")]
        turns = [line.split(" => ") for line in lines]
        if turns:
            found.append([(question, labels.split("|")) for question, labels in turns])
    return found


@cache
def listed(name: str) -> tuple[Asked, ...]:
    """The questions of one file of the exam, each with what it is about."""
    found, label = [], UNKNOWN
    text = (FOLDER / "exam" / f"{name}.txt").read_text(encoding="utf-8")
    for line in text.splitlines():
        if line.startswith("["):
            label = line.strip("[]")
        elif line and not line.startswith("#"):
            found.append((label, line))
    return tuple(found)


@cache
def taboo() -> frozenset[tuple[str, ...]]:
    whole = frozenset(tuple(re.findall(r"[\w']+", text.lower())) for text in exam_questions())
    return whole | {run for text in exam_questions() for run in runs(text)}


def too_near(question: str) -> bool:
    """It has five words in a row of the exam, or is one of its questions as a whole."""
    words = tuple(re.findall(r"[\w']+", question.lower()))
    return (len(words) > 2 and words in taboo()) or not taboo().isdisjoint(runs(question))


def names(idea: str) -> list[str]:
    called = read("everyday")[idea]["called"]
    if idea in read("ideas"):
        found = read("ideas")[idea]
        return [*found["one"], *found["many"], *called]
    return [*read("asks")["ideas"][idea]["names"], *called]


def descriptions(idea: str) -> list[str]:
    """What people say who do not know its name."""
    clues = read("ideas")[idea]["clues"] if idea in read("ideas") else []
    return [*clues, *read("everyday")[idea]["things"]]


def patterns(idea: str) -> Iterator[tuple[str, str, str]]:
    """Manner, sort and pattern of all that is asked about one idea."""
    asks, frames = read("asks"), read("frames")
    own = read("ideas")[idea]["ask"] if idea in read("ideas") else asks["ideas"][idea]
    for manner in ("what", "why", "try"):
        yield from ((manner, "ask", pattern) for pattern in own.get(manner, []))
        yield from ((manner, "frame", pattern) for pattern in frames[manner])
    yield from (("what", "plain", pattern) for pattern in asks["plain"].get(idea, []))
    for manner in ("what", "why"):
        own = read("everyday")[idea].get(manner, [])
        yield from ((manner, "everyday", pattern) for pattern in own)
    for manner in MANNERS:
        yield from ((manner, "manner", pattern) for pattern in asks["manners"][manner])
    for sort in ("casual", "loose", "clue", "quote"):
        yield from (("what", sort, pattern) for pattern in frames[sort])


def quotes(idea: str) -> list[str]:
    """What is said about an idea in all its answers, cut at commas and full stops."""
    text = " ".join(read("answers")[idea].values()).lower()
    pieces = re.split(r"[.:;,?!]\s", re.sub(r"[\s\"`()]+", " ", text))
    found = [piece.strip(" .") for piece in pieces]
    return [
        piece for piece in found if 3 <= len(piece.split()) <= 14 and "more to say" not in piece
    ]


def about(idea: str, rng: Random) -> tuple[list[Asked], list[Asked]]:
    """Questions about one idea, for training and for validation."""
    reword = Reword([*read("synonyms")["groups"], *read("synonyms")["more"]])
    train: dict[str, str] = {}
    held: dict[str, str] = {}
    others = [name for other in ideas() if other != idea for name in names(other)]
    for place, (manner, sort, pattern) in enumerate(patterns(idea)):
        called = names(idea)
        if sort == "quote":
            called = quotes(idea)
        elif sort in ("clue", "loose"):
            called = descriptions(idea) + (called if sort == "loose" else [])
        known: dict[str, list[str]] = dict.fromkeys(("ONE", "MANY", "ANY"), called)
        known["OTHER"] = others
        if sort == "frame" and idea in read("ideas"):
            known |= {"ONE": read("ideas")[idea]["one"], "MANY": read("ideas")[idea]["many"]}
        part = held if sort in ("ask", "plain", "everyday") and place % HELD == HELD - 2 else train
        for text in several(pattern, known, READINGS[sort], rng):
            for question in variants(text, rng, reword if sort != "manner" else None):
                if manner != "what" or sort == "quote" or not _OTHER.search(text):
                    part.setdefault(question, f"{idea}.{manner}")
    return sorted_out(train), sorted_out(held)


def variants(text: str, rng: Random, reword: Reword | None) -> list[str]:
    found = [text, *([reword(text, rng)] if reword else [])]
    return found + [telegram(one, rng) for one in found if rng.random() < TELEGRAMS]


def sorted_out(questions: dict[str, str]) -> list[Asked]:
    return [
        (label, text)
        for text, label in questions.items()
        if not too_near(text) and not _MARKS.search(text)
    ]


def outside(rng: Random) -> list[Asked]:
    """Questions about what it was not taught."""
    elsewhere, frames, words = read("elsewhere"), read("frames"), read("outside")["words"]
    other = tuple(read("outside")["by_now"])
    things = [thing for thing in elsewhere["things"] if not thing.startswith(other)]
    things += [coined(rng) for _ in range(COINED)]
    things += [thing for sort in THINGS for thing in words[sort]]
    known = dict.fromkeys(("ONE", "MANY", "ANY", "OTHER"), things)
    found: dict[str, str] = {}
    for facet in (*MANNERS, "casual", "loose", "clue"):
        for pattern in (*frames.get(facet, []), *read("asks")["manners"].get(facet, [])):
            for text in several(pattern, known, READINGS["unknown"], rng):
                found.setdefault(text, UNKNOWN)
    for pattern in (*elsewhere["far"], *elsewhere["near"], *read("outside")["patterns"]):
        if pattern.startswith(other):
            continue
        for text in several(pattern, words, READINGS["unknown"], rng):
            for question in variants(text, rng, None):
                found.setdefault(question, UNKNOWN)
    return sorted_out(found)


def coined(rng: Random) -> str:
    """A word that there is not: who has never seen a word does not know it."""
    starts = (*"bdfghklmnprstvwz", "br", "fl", "gr", "kl", "pl", "st", "tr")
    word = "".join(rng.choice(starts) + rng.choice("aeiou") for _ in range(rng.randint(1, 3)))
    return rng.choice(("", "", "a ", "the ")) + word + rng.choice((*"nrlsxm", "nd"))


def say(label: str, rng: Random) -> str:
    """How people say a piece of small talk."""
    if label == "garbled":
        return garbled(rng)
    while True:
        text = expand(rng.choice(read("talk")[label]["say"]), {}, rng)
        if agrees(text) or len(text.split()) < 4:
            return text


def garbled(rng: Random) -> str:
    """Keys that were hit without any sense; sometimes nothing at all."""
    rows = ("asdfghjkl", "qwertyuiop", "zxcvbnm", "fghjdk", "?!.", "1234567890", "...", "xxx")
    if rng.random() < 0.1:
        return rng.choice((".", "?", "..", "???", "!", "-", " ", "....", "*", "!!!"))
    row = rng.choice(rows)
    words = ["".join(rng.choices(row, k=rng.randint(3, 9))) for _ in range(rng.randint(1, 3))]
    return " ".join(words)


def follow(manner: str, rng: Random) -> str:
    return expand(rng.choice(read("asks")["follow"][manner]), {}, rng)


def lead(way: str, rng: Random, called: Sequence[str] = ()) -> str:
    """Back to an idea, or on to another one."""
    return expand(rng.choice(read("asks")[way]), {"ANY": called}, rng)


def by_name(idea: str, manner: str, rng: Random) -> str:
    while True:
        pattern = rng.choice(read("asks")["manners"][manner])
        text = expand(pattern, {"ANY": names(idea)}, rng)
        if agrees(text) and not too_near(text):
            return text


def all_questions(rng: Random) -> tuple[list[Asked], list[Asked]]:
    """Questions about all ideas; those that fit two of them are left out."""
    train: list[Asked] = []
    held: list[Asked] = []
    meant: dict[str, set[str]] = {}
    for idea in ideas():
        first, second = about(idea, rng)
        train, held = train + first, held + second
        for _, question in first + second:
            meant.setdefault(plain(question), set()).add(idea)
    clear = [[item for item in part if len(meant[plain(item[1])]) == 1] for part in (train, held)]
    return clear[0], clear[1]


def plain(question: str) -> str:
    return " ".join(re.findall(r"[\w']+", question.lower()))
