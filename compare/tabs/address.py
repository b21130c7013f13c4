"""What an address may ask of the page. Each tab says what it accepts; here it is read and checked.

The visitor's browser writes the address (journey.js). An address is hostile until it is checked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from compare.guests import PREFIX
from compare.roster import REPO_ID, Roster
from compare.values import RefusedError

LONGEST_PROMPT = 2_000
NAMES = {"left": "model", "right": "beside"}  # what an address calls a seat


@dataclass(frozen=True)
class Setting:
    """One thing that an address may set: a component, and how text becomes its value."""

    name: str
    component: Any
    read: Callable[[str], Any]  # raises ValueError or RefusedError for what is unsound
    tabs: tuple[str, ...] = ()  # where it counts; everywhere if none is named
    lesson: str = ""
    default: Any = None  # such a value need not stand in the address
    implies: Callable[[Any], Mapping[str, Any]] = lambda value: {}  # values of other settings
    written: bool = True  # whether the page may write the value into an address


@dataclass
class Settings:
    """All that an address may set, in the order in which it is read."""

    known: dict[str, Setting] = field(default_factory=dict)

    def accept(self, name: str, component: Any, read: Callable[[str], Any], **more: Any) -> None:
        self.known[name] = Setting(name, component, read, **more)

    @property
    def components(self) -> list[Any]:
        return [setting.component for setting in self.known.values()]

    def read(self, asks: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
        """The values that are sound, by name, and what is wrong with the others."""
        values: dict[str, Any] = {}
        complaints = []
        for setting in self.known.values():
            if (text := asks.get(setting.name)) is None:
                continue
            try:
                value = setting.read(text)
            except (ValueError, RefusedError) as error:
                said = str(error) if isinstance(error, RefusedError) else "is not possible"
                complaints.append(f"its {setting.name} {said}")
                continue
            values = {**values, **setting.implies(value), setting.name: value}
        return values, complaints

    def described(self) -> str:
        """For the browser, in the order of `components`."""
        return json.dumps(
            [
                {
                    "name": one.name,
                    "tabs": one.tabs,
                    "lesson": one.lesson,
                    "default": one.default,
                    "written": one.written,
                }
                for one in self.known.values()
            ]
        )


@dataclass(frozen=True)
class Seated:
    """Whom an address names, as far as they may be seated."""

    keys: dict[str, str]  # by side
    repo: str = ""  # on the Hub: only the visitor may have it fetched
    complaints: tuple[str, ...] = ()


def seats(asks: Mapping[str, str], roster: Roster) -> Seated:
    keys, repo, complaints = {}, "", []
    for side, name in NAMES.items():
        if (key := asks.get(name)) is None:
            continue
        if roster.knows(key):
            keys[side] = key
        elif REPO_ID.fullmatch(key):
            repo = key
        elif key.startswith(PREFIX):
            complaints.append(_LATE)
        else:
            complaints.append(f"its {name} is not among the models here")
    return Seated(keys, repo, tuple(complaints))


_LATE = (
    "its model was trained here and is gone: such a model is kept for an hour after its last use. "
    "To keep one for good, take it home and publish it"
)


def complaint(complaints: Iterable[str]) -> str:
    said = "; ".join(complaints)
    return f"Some of this link was left out: {said}." if said else ""


# Readers


def one_of(values: Iterable[Any]) -> Callable[[str], Any]:
    """Takes what is written as one of the values is."""
    offered = {written(value): value for value in values}

    def read(text: str) -> Any:
        if text not in offered:
            raise ValueError
        return offered[text]

    return read


def written(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def prompt(text: str) -> str:
    if len(text) > LONGEST_PROMPT:
        raise RefusedError(f"is longer than {LONGEST_PROMPT:,} characters")
    return text


def like(default: object) -> Callable[[str], Any]:
    """Reads a number or a yes of the kind that the default is."""

    def read(text: str) -> Any:
        if isinstance(default, bool):
            if text not in ("true", "false"):
                raise ValueError
            return text == "true"
        if len(text) > 20:
            raise ValueError
        return float(text) if isinstance(default, float) else int(text)

    return read


def within(least: float, most: float, default: object) -> Callable[[str], Any]:
    read = like(default)

    def checked(text: str) -> Any:
        value = read(text)
        if not least <= value <= most:
            raise RefusedError("is out of range")
        return value

    return checked
