"""Sentence patterns, which are used both ways: to write a sentence, and to read one.

{A} B C D     a person who acts: a name, `the fox`, `he` or `she`
{A.o} {A.p}   the same as an object (`him`) and as an owner (`his`); {A.n} is the name alone
{A.he} ...    a pronoun that goes with a person named in the sentence: him, his, himself
{A.said}      `said Nell` or `Nell said`; {A.asked} likewise; {A.a} `a fox`, {A.kind} `fox`
{A+B}         several people: their names, `they`, `the two friends`
{X} Y Z       a thing: `the red kite`, `Nell's kite`, `it`; {X.t} not `it`
{X.a} {X.n}   `a red kite`, `red kite`; {X.k} any `a kite`, which need not be there
{L} M N       a place: {L.in} `at the pond`, {L.to} `to the pond`, {L.In} in a quote
{P}           a spot: `under the boat`
{TASK}        one of the values of that name, {TASK.did} in another of its forms
(a|b|)        a choice;  <glad>  a choice that stands in words/phrases.yaml
"""

import random
import re
from dataclasses import dataclass, field
from functools import cached_property

from . import lexicon

SAID = ("said", "called", "murmured", "whispered")
ASKED = ("asked", "wanted to know")
HE = {"m": "he", "f": "she"}
HIM = {"m": "him", "f": "her"}
HIS = {"m": "his", "f": "her"}
HIMSELF = {"m": "himself", "f": "herself"}
FORCED = {"he": HE, "him": HIM, "his": HIS, "himself": HIMSELF}
PAIR = ("the two friends", "the two of them", "both of them")
TRIO = ("the three friends", "all three of them", "all three")
SAME = "@"  # stands for the subject of the clause before

Item = str | tuple[str, str] | list[list["Item"]]  # literal, slot, choice


@dataclass
class Slot:
    """One slot of a sentence as it was read."""

    var: str
    form: str
    text: str


@dataclass
class Pattern:
    act: str
    text: str
    items: list[Item] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.items = parse(self.text)

    @property
    def joins(self) -> bool:
        """It begins with who acts and ends with no mark of its own: it can be part of another."""
        first = self.items[0]
        return isinstance(first, tuple) and first[0][0] in "ABCD" and self.text[-1] not in '.!?"'

    def choose(self, rng: random.Random) -> list[str | tuple[str, str]]:
        """One way through the choices."""
        return list(_choose(self.items, rng))

    @cached_property
    def regex(self) -> tuple[re.Pattern[str], list[tuple[str, str]]]:
        slots: list[tuple[str, str]] = []
        return re.compile(_regex(self.items, slots)), slots

    def read(self, sentence: str) -> list[Slot] | None:
        regex, slots = self.regex
        match = regex.fullmatch(sentence)
        if match is None:
            return None
        return [
            Slot(*slots[number], text)
            for number, text in enumerate(match.groups())
            if text is not None
        ]

    @cached_property
    def anchors(self) -> list[frozenset[str]]:
        """Sets of words one of which every sentence of this pattern has."""
        found = []
        for item in self.items:
            if isinstance(item, str):
                found += [frozenset([word]) for word in words_of(item)]
            elif isinstance(item, list):
                ways = [_first_word(way) for way in item]
                if all(ways):
                    found.append(frozenset(filter(None, ways)))
        return found


def words_of(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


def _first_word(way: list[Item]) -> str | None:
    if way and isinstance(way[0], str):
        words = words_of(way[0])
        return words[0] if words else None
    return None


def parse(text: str) -> list[Item]:
    items, rest = _sequence(text, "")
    if rest:
        raise ValueError(f"unbalanced choice in {text!r}")
    return items


def _sequence(text: str, until: str) -> tuple[list[Item], str]:
    items: list[Item] = []
    while text and text[0] not in until:
        if text[0] == "(":
            ways, text = [], text
            while text[0] in "(|":
                way, text = _sequence(text[1:], "|)")
                ways.append(way)
            items.append(ways)
            text = text[1:]
        elif text[0] == "<":
            name, _, text = text[1:].partition(">")
            items.append([parse(way) for way in lexicon.phrases()[name]])
        elif text[0] == "{":
            name, _, text = text[1:].partition("}")
            var, _, form = name.partition(".")
            items.append((var, form))
        else:
            literal = re.match(r"[^(){}<|]+", text)
            if literal is None:
                raise ValueError(f"cannot read {text!r}")
            items.append(literal[0])
            text = text[literal.end() :]
    return items, text


def _choose(items: list[Item], rng: random.Random):
    for item in items:
        if isinstance(item, list):
            yield from _choose(item[int(rng.random() * len(item))], rng)
        else:
            yield item


def _regex(items: list[Item], slots: list[tuple[str, str]]) -> str:
    parts = []
    for item in items:
        if isinstance(item, str):
            parts.append(re.escape(item))
        elif isinstance(item, list):
            parts.append("(?:" + "|".join(_regex(way, slots) for way in item) + ")")
        else:
            slots.append(item)
            parts.append(f"({slot_regex(*item)})")
    return "".join(parts)


NAME = r"[A-Z][a-z]+(?: [A-Z][a-z]+)?"


def _any(words) -> str:
    return "(?:" + "|".join(map(re.escape, sorted(words, key=len, reverse=True))) + ")"


def slot_regex(var: str, form: str) -> str:
    if "+" in var:
        names = NAME + (f", {NAME}" if var.count("+") == 2 else "") + f" and {NAME}"
        return _any(("they", SAME, *(TRIO if var.count("+") == 2 else PAIR))) + f"|{names}"
    if len(var) == 1 and var in "ABCD":
        return _person_regex(form)
    if len(var) == 1 and var in "XYZ":
        return _thing_regex(form)
    if len(var) == 1 and var in "LMN":
        return _place_regex(form)
    if var == "P":
        return _any(lexicon.spots())
    return _any(set(lexicon.value_forms(var, form).values()))


def _person_regex(form: str) -> str:
    kinds = _any(lexicon.kinds())
    one = f"{NAME}|the {kinds}"
    if form in FORCED:
        return "|".join(FORCED[form].values())
    if form in ("said", "asked"):
        verbs = _any(SAID if form == "said" else ASKED)
        return f"{verbs} (?:{one})|(?:{one}|he|she) {verbs}"
    return {
        "": f"{one}|he|she|{SAME}",
        "o": f"{one}|him|her",
        "p": f"(?:{one})'s|his|her",
        "n": NAME,
        "kind": kinds,
        "a": f"an? {kinds}",
    }[form]


def _thing_regex(form: str) -> str:
    if form == "d":
        return _any(d for thing in lexicon.things().values() for d in thing.details)
    looks = _any({look for thing in lexicon.things().values() for look in thing.looks})
    noun = f"(?:{looks} )?{_any(lexicon.things())}"
    return {
        "": f"(?:the|his|her|(?:{NAME}|the {_any(lexicon.kinds())})'s) {noun}|it",
        "t": f"(?:the|his|her|(?:{NAME}|the {_any(lexicon.kinds())})'s) {noun}",
        "a": f"an? {noun}",
        "n": noun,
        "k": f"an? {_any(lexicon.things())}",
        "it": "it",
    }[form]


def _place_regex(form: str) -> str:
    nouns = _any(lexicon.places())
    preps = _any({place.prep for place in lexicon.places().values()})
    return {
        "": f"the {nouns}",
        "in": f"{preps} the {nouns}",
        "In": f"{_any({place.prep.title() for place in lexicon.places().values()})} the {nouns}",
        "to": f"to the {nouns}",
    }[form]
