"""The words of the world: who may live in it, what things and places it has, and turns of phrase.

They stand in words/*.yaml. Writer and checker both read them here, so no word has two homes.
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parents[1]
TIMES = ("dawn", "morning", "noon", "afternoon", "evening", "night")


@dataclass(frozen=True)
class Person:
    name: str
    gender: str  # m or f
    sort: str  # child, grown or animal


@dataclass(frozen=True)
class Thing:
    noun: str
    sort: str
    looks: tuple[str, ...]
    details: tuple[str, ...]


@dataclass(frozen=True)
class Place:
    noun: str
    prep: str
    sort: str  # in or out
    wet: bool
    spots: tuple[str, ...]


@cache
def load(name: str) -> Any:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"), Loader=loader)


@cache
def people() -> dict[str, Person]:
    return {
        name: Person(name, gender, sort)
        for sort, genders in load("words/people")["names"].items()
        for gender, names in genders.items()
        for name in names
    }


@cache
def kinds() -> dict[str, tuple[str, str]]:
    """What a person can be: its sort, and its gender where it has only one."""
    return {
        kind: (sort, gender)
        for sort, genders in load("words/people")["kinds"].items()
        for gender, names in genders.items()
        for kind in names
    }


@cache
def things() -> dict[str, Thing]:
    found = {}
    for sort, entries in load("words/things").items():
        for noun, entry in entries.items():
            found[noun] = Thing(noun, sort, tuple(entry[0].split()), tuple(entry[1:]))
    return found


@cache
def places() -> dict[str, Place]:
    found = {}
    for sort, entries in load("words/places").items():
        for noun, (prep, *spots) in entries.items():
            wet = prep.endswith("~")
            found[noun] = Place(noun, prep.rstrip("~"), sort, wet, tuple(spots))
    return found


@cache
def spots() -> dict[str, str]:
    """Each hiding place, and the place that has it."""
    return {spot: place.noun for place in places().values() for spot in place.spots}


@cache
def phrases() -> dict[str, list[str]]:
    """What `<name>` in a pattern stands for."""
    return load("words/phrases")


@cache
def values() -> dict[str, list[Any]]:
    """What a slot in capitals, `{TASK}`, may hold; an entry can have several forms."""
    return load("words/values")


@cache
def value_forms(slot: str, form: str) -> dict[str, str]:
    """Each value of a slot, by its first form, in the form that is asked for."""
    return {
        entry if isinstance(entry, str) else next(iter(entry.values())): entry
        if isinstance(entry, str)
        else entry[form]
        if form
        else next(iter(entry.values()))
        for entry in values()[slot]
    }


@cache
def value_meant(slot: str, form: str, text: str) -> tuple[str, ...]:
    """The values that a text can stand for: a raft and a tree house are both of planks."""
    return tuple(name for name, words in value_forms(slot, form).items() if words == text)


def article(words: str) -> str:
    vowel = re.match(r"[aeiou]", words) and not re.match(r"(?:one|use|uni|eu)", words)
    return ("an " if vowel else "a ") + words
