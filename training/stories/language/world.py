"""What is true at a moment of a story, and how a sentence changes it.

A fact is a relation and its arguments, `where kite pond`. Acts say in the same words what they need
and what they make: `where X L` (capitals are filled in, an unknown one is looked up), `not lost X`,
`feels A glad|proud`, `-lost X`. `open ...` is what a story owes its reader before it may end.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

from .complaints import AGAINST, MISSING, NOT_LED_TO, SPEAKS_AGAINST
from .lexicon import TIMES, places, spots, things

# Relations that have one value: how many arguments name it. The others hold as many as they like.
SINGLE = {
    "kind": 1,
    "at": 1,
    "where": 1,
    "owner": 1,
    "look": 1,
    "feels": 1,
    "spot": 1,
    "came_from": 1,
    "weather": 0,
    "time": 0,
    "asked": 0,
    "stage": 0,
}
Env = dict[str, Any]


class World:
    def __init__(self) -> None:
        self.facts: dict[str, dict[tuple[str, ...], None]] = {}
        self.changes = 0
        self.recent: tuple[str, ...] = ()  # those last named: they are meant where nobody is named

    def copy(self) -> "World":
        other = World()
        other.facts = {relation: dict(facts) for relation, facts in self.facts.items()}
        other.changes, other.recent = self.changes, self.recent
        return other

    # Reading.

    def has(self, relation: str, *args: str) -> bool:
        return args in self.facts.get(relation, ())

    def get(self, relation: str, *key: str) -> str | None:
        """The value of a relation that has one."""
        for fact in self.facts.get(relation, ()):
            if fact[: len(key)] == key:
                return fact[-1]
        return None

    def all(self, relation: str) -> list[tuple[str, ...]]:
        return list(self.facts.get(relation, ()))

    def place_of(self, one: str) -> str | None:
        """Where a person or a thing is, be it carried or lying there."""
        at = self.get("at", one)
        if at is not None or one not in things():
            return at
        where = self.get("where", one)
        return self.get("at", where) or where if where is not None else None

    # Changing.

    def add(self, relation: str, *args: str) -> None:
        if self.has(relation, *args):
            return
        if relation in SINGLE:
            self.remove(relation, *args[: SINGLE[relation]])
        self.facts.setdefault(relation, {})[args] = None
        self.changes += 1

    def remove(self, relation: str, *args: str) -> None:
        facts = self.facts.get(relation, {})
        for fact in [f for f in facts if _matches(f, args)]:
            del facts[fact]

    def apply(self, makes: list[str], env: Env) -> None:
        for line in makes:
            words = [fill(word, env) for word in _split(line.lstrip("-"))]
            if line.startswith("-"):
                self.remove(words[0], *words[1:])
            else:
                self.add(words[0], *words[1:])

    def changes_by(self, makes: list[str], env: Env) -> bool:
        """Would an act change anything?"""
        for line in makes:
            relation, *args = [fill(word, env) for word in line.lstrip("-").split()]
            if not line.startswith("-"):
                if not self.has(relation, *args):
                    return True
            elif any(_matches(fact, tuple(args)) for fact in self.facts.get(relation, ())):
                return True
        return False

    # Judging.

    def allows(self, needs: list[str], env: Env) -> bool:
        return next(self._solve(needs, env), None) is not None

    def missing(self, needs: list[str], env: Env) -> list[str]:
        """What an act needs and the world has not; unknown capitals in `env` are filled in."""
        solved = next(self._solve(needs, env), None)
        if solved is not None:
            env.update(solved)
            return []
        found = []
        for line in needs:
            solved = next(self._solve([line], env), None)
            if solved is None:
                found.append(self._reason(line, env))
            else:
                env.update(solved)
        return found or ["these things cannot be true at once"]

    def _solve(self, needs: list[str], env: Env) -> Iterator[Env]:
        """All ways to fill in what is unknown, so that every need holds."""
        if not needs:
            yield env
            return
        for found in self._ways(needs[0], env):
            yield from self._solve(needs[1:], found)

    def _ways(self, line: str, env: Env) -> Iterator[Env]:
        relation, *args = _split(line)
        if relation == "not":
            if next(self._ways(" ".join(args), env), None) is None:
                yield env
        elif relation in RULES:
            for found in self._guesses(relation, args, env):
                if RULES[relation](self, [fill(word, found) for word in args]):
                    yield found
        else:
            facts = list(self.facts.get(relation, ()))
            if len(facts) > 1 and self.recent:
                facts.sort(key=lambda fact: not any(one in self.recent for one in fact))
            for fact in facts:
                bound = _unify(args, fact, env)
                if bound is not None:
                    yield {**env, **bound}

    def _guesses(self, relation: str, args: list[str], env: Env) -> Iterator[Env]:
        """Whom a rule can be about where a sentence does not say it; the place of a spot."""
        unknown = [arg for arg in args if arg[0].isupper() and arg not in env]
        if relation == "spot_of" and args[0] in env:
            yield {args[1]: spots()[env[args[0]]], **env}
        elif relation == "near" and len(unknown) == 1:
            known = set(env.values())
            for name in sorted(
                self.facts.get("person", ()), key=lambda one: one[0] not in self.recent
            ):
                if name[0] not in known:
                    yield {**env, unknown[0]: name[0]}
        else:
            yield env

    def _reason(self, line: str, env: Env) -> str:
        words = line.split()
        shown = [fill(word, env) for word in words]
        if words[0] == "not":
            text = AGAINST.get(words[1], SPEAKS_AGAINST)
            return text.format(*map(bare, shown[2:]))
        return self._explain(words[0], shown[1:])

    def _explain(self, relation: str, args: list[str]) -> str:
        now = ""
        if relation in SINGLE:
            value = self.get(relation, *args[: SINGLE[relation]])
            now = f", but {bare(value)}" if value is not None else ""
        return MISSING.get(relation, NOT_LED_TO).format(*map(bare, args), now=now)


def bare(word: str) -> str:
    """A word of the facts, as it is said: an unknown person is somebody."""
    if word.startswith("home:"):
        return "at home"
    if len(word) == 1:
        return {"X": "thing", "Y": "thing", "Z": "thing"}.get(word, "somebody")
    return word.lower() if word.isupper() else word.replace("|", " or ")


@cache
def _split(line: str) -> list[str]:
    return line.split()


def fill(word: str, env: Env) -> str:
    """A variable's value; `home:A` is A's home."""
    if word.startswith("home:"):
        return "home:" + fill(word[5:], env)
    return env.get(word, word) if word[0].isupper() else word


def _matches(fact: tuple[str, ...], args: tuple[str, ...]) -> bool:
    return all(arg == "_" or arg == value for arg, value in zip(args, fact, strict=False))


def _unify(args: list[str], fact: tuple[str, ...], env: Env) -> Env | None:
    found: Env = {}
    if len(args) > len(fact):
        return None
    for arg, value in zip(args, fact, strict=False):
        known = fill(arg, env)
        if arg == "_" or known == value or ("|" in arg and value in arg.split("|")):
            continue
        if arg[0].isupper() and arg not in env and found.setdefault(arg, value) == value:
            continue
        return None
    return found


def _near(world: World, args: list[str]) -> bool:
    found = {world.place_of(one) for one in args}
    return len(found) == 1 and None not in found and len(set(args)) == len(args)


def _later(world: World, args: list[str]) -> bool:
    now = world.get("time")
    return now is None or TIMES.index(args[0]) > TIMES.index(now)


def _place_is(sort: str):
    return lambda world, args: args[0] in places() and places()[args[0]].sort == sort


RULES = {
    "near": _near,  # two people, or a person and a thing, are in one place
    "here": _near,
    "later": _later,
    "differ": lambda world, args: len(set(args)) == len(args),
    "indoors": _place_is("in"),
    "outdoors": _place_is("out"),
    "wet": lambda world, args: args[0] in places() and places()[args[0]].wet,
    "sort": lambda world, args: (
        args[0] in things() and things()[args[0]].sort in args[1].split("|")
    ),
    "spot_of": lambda world, args: spots().get(args[0]) == args[1],
    "unset": lambda world, args: world.get(args[0], *args[1:]) is None,
}
