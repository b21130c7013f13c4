"""Spoils stories, in each of the ways of kinds.py.

`spoilt(kind, seed, number)` tells a whole story and spoils it once, or gives None where this story
has nothing that can be spoilt in this way.
"""

import random
import re
from collections.abc import Callable

from . import lexicon
from .acts import acts
from .inserting import INSERTED, Inserter
from .telling import LONGEST, SHORTEST, story
from .patterns import Item
from .plots import plots
from .teller import Teller
from .writer import Sentence

Told = list[Sentence]
FOREIGN = (
    "The committee approved the budget for the next year",
    "NAME opened a laptop and answered seven emails",
    "To be, or not to be, that is the question",
    "The stock market fell by two percent",
    "NAME was elected president of the bank",
    "Photosynthesis turns light into sugar",
    "NAME parked the car in front of the airport",
    "The king is dead, my lord, and all his men are fled",
    "In conclusion, further research is needed",
    "NAME fired the gun into the crowd",
    "The enemy's tanks rolled through the burning city",
    "NAME could not remember the password",
)


def spoilt(kind: str, seed: int, number: int) -> str | None:
    rng = random.Random(f"spoil {kind} {seed} {number}")
    if kind in INSERTED:
        return inserted(kind, seed, number)
    teller = story(seed, number)
    told = SPOILERS[kind](teller, list(teller.told), rng)
    return None if told is None else text_of(told)


def inserted(kind: str, seed: int, number: int) -> str | None:
    """The story is told by someone who once says what is not so."""
    for attempt in range(20):
        teller = Inserter(random.Random(f"{seed} {number} {attempt}"), kind)
        teller.plot = teller.rng.choice(sorted(plots()))
        plots()[teller.plot](teller)
        if SHORTEST <= len(teller.text.split()) <= LONGEST + 20:
            return teller.text if teller.done else None
    return None


def text_of(told: Told) -> str:
    return " ".join(sentence.text for sentence in told)


def changed(told: Told, number: int, text: str) -> Told:
    old = told[number]
    return [*told[:number], Sentence(text, old.acts, old.envs), *told[number + 1 :]]


def pick(rng: random.Random, numbers: list[int]) -> int | None:
    return rng.choice(numbers) if numbers else None


def introduces(sentence: Sentence) -> bool:
    return any(acts()[name].new for name in sentence.acts)


# One word for another.


def stranger(teller: Teller, told: Told, rng: random.Random) -> Told | None:
    people = lexicon.people()
    places = [
        (number, name)
        for number, sentence in enumerate(told[1:], 1)
        for name in teller.cast
        if re.search(rf"\b{name}\b", sentence.text) and not introduces(sentence)
    ]
    if not places:
        return None
    number, name = rng.choice(places)
    others = [
        other
        for other, person in people.items()
        if person.gender == people[name].gender and other not in teller.cast
    ]
    return changed(told, number, re.sub(rf"\b{name}\b", rng.choice(others), told[number].text))


def other_gender(teller: Teller, told: Told, rng: random.Random) -> Told | None:
    if len({lexicon.people()[name].gender for name in teller.cast}) > 1:
        return None
    pairs = {"he": "she", "she": "he", "He": "She", "She": "He"}
    number = pick(rng, [n for n, s in enumerate(told) if re.search(r"\b([Hh]e|[Ss]he)\b", s.text)])
    if number is None:
        return None
    text = told[number].text
    match = rng.choice(list(re.finditer(r"\b([Hh]e|[Ss]he)\b", text)))
    return changed(told, number, text[: match.start()] + pairs[match[0]] + text[match.end() :])


def other_thing(teller: Teller, told: Told, rng: random.Random) -> Told | None:
    mine = {env[var] for s in told for env in s.envs for var in "XYZ" if var in env}
    return replaced(
        told,
        rng,
        [noun for noun in mine if noun in lexicon.things()],
        [noun for noun in lexicon.things() if noun not in mine],
        later=True,
    )


def look(teller: Teller, told: Told, rng: random.Random) -> Told | None:
    found = []
    for noun, look in teller.world.all("look"):
        seen = [n for n, s in enumerate(told) if f"{look} {noun}" in s.text]
        others = [x for x in lexicon.things()[noun].looks if x != look]
        found += [(n, f"{look} {noun}", f"{rng.choice(others)} {noun}") for n in seen[1:]]
    if not found:
        return None
    number, old, new = rng.choice(found)
    return changed(told, number, told[number].text.replace(old, new, 1))


def species(teller: Teller, told: Told, rng: random.Random) -> Told | None:
    kinds = [kind for _, kind in teller.world.all("kind")]
    sorts = {kind: sort for kind, (sort, _) in lexicon.kinds().items()}
    mine = [kind for kind in kinds if sorts[kind] != "child"]
    found = [
        (n, kind)
        for kind in mine
        for n, s in enumerate(told)
        if re.search(rf"\bthe {kind}\b", s.text, re.I) and not introduces(s)
    ]
    if not found:
        return None
    number, kind = rng.choice(found)
    other = rng.choice([k for k in sorts if sorts[k] == sorts[kind] and k not in kinds])
    text = re.sub(rf"\b([Tt]he) {kind}\b", rf"\1 {other}", told[number].text, count=1)
    return changed(told, number, text)


def owner(teller: Teller, told: Told, rng: random.Random) -> Told | None:
    """`Nell's kite` becomes `Ben's kite`, who is in the story and does not own it."""
    found = []
    for number, sentence in enumerate(told):
        for match in re.finditer(r"\b([A-Z][a-z]+(?: [A-Z][a-z]+)?)'s (\w+ )?(\w+)", sentence.text):
            if match[3] in lexicon.things() and match[1] in teller.cast:
                others = [name for name in teller.cast if name != match[1]]
                found += [(number, match.start(1), match.end(1), other) for other in others]
    if not found:
        return None
    number, start, end, other = rng.choice(found)
    text = told[number].text
    return changed(told, number, text[:start] + other + text[end:])


def speaker(teller: Teller, told: Told, rng: random.Random) -> Told | None:
    """An answer comes from the one who asked."""
    found = []
    for number in range(1, len(told)):
        before, now = told[number - 1], told[number]
        asks = any("asked" in line for name in before.acts for line in acts()[name].makes)
        answers = any("-asked" in acts()[name].makes for name in now.acts)
        for name in teller.cast:
            tag = re.search(rf'" (?:(?:said|called|murmured|whispered) {name}|{name} said)', now.text)
            if asks and answers and tag:
                found += [(number, name, o) for o in teller.cast if re.search(rf"{o}\b", before.text)]
    found = [entry for entry in found if entry[1] != entry[2]]
    if not found:
        return None
    number, old, new = rng.choice(found)
    return changed(told, number, re.sub(rf"\b{old}\b", new, told[number].text, count=1))


def replaced(
    told: Told, rng: random.Random, old: list[str], new: list[str], later: bool
) -> Told | None:
    found = []
    for word in old:
        seen = [n for n, s in enumerate(told) if re.search(rf"\b{word}\b", s.text)]
        found += [(n, word) for n in (seen[1:] if later else seen) if not introduces(told[n])]
    if not found:
        return None
    number, word = rng.choice(found)
    return changed(told, number, re.sub(rf"\b{word}\b", rng.choice(new), told[number].text))


def misspelt(teller: Teller, told: Told, rng: random.Random) -> Told | None:
    number = rng.randrange(len(told))
    words = [m for m in re.finditer(r"\b[A-Za-z]{4,}\b", told[number].text)]
    if not words:
        return None
    match = rng.choice(words)
    word, at = match[0], rng.randrange(1, len(match[0]) - 1)
    wrong = {
        "swap": word[:at] + word[at + 1] + word[at] + word[at + 2 :],
        "drop": word[:at] + word[at + 1 :],
        "double": word[: at + 1] + word[at:],
    }[rng.choice(("swap", "drop", "double"))]
    if wrong.lower() in vocabulary():
        return None
    text = told[number].text
    return changed(told, number, text[: match.start()] + wrong + text[match.end() :])


def shuffled(teller: Teller, told: Told, rng: random.Random) -> Told | None:
    number = rng.randrange(len(told))
    text = told[number].text
    pairs = [
        m for m in re.finditer(r"\b([a-z]+) (?=([a-z]+)\b)", text) if m[1] != m[2]
    ]
    if not pairs:
        return None
    match = rng.choice(pairs)
    end = match.end() + len(match[2])
    return changed(told, number, f"{text[: match.start()]}{match[2]} {match[1]}{text[end:]}")


# A sentence too few, too many, or elsewhere.


def foreign(teller: Teller, told: Told, rng: random.Random) -> Told:
    number = rng.randrange(1, len(told))
    text = rng.choice(FOREIGN).replace("NAME", teller.cast[0]) + "."
    return [*told[:number], Sentence(text, [], []), *told[number:]]


def without(told: Told, numbers: set[int]) -> Told:
    return [s for n, s in enumerate(told) if n not in numbers]


def makes(sentence: Sentence) -> set[str]:
    """The relations that a sentence brings about."""
    lines = [line for name in sentence.acts for line in acts()[name].makes]
    return {line.split()[0] for line in lines if not line.startswith("-")}


def needs(sentence: Sentence) -> set[str]:
    lines = [line for name in sentence.acts for line in acts()[name].needs]
    return {line.split()[0] for line in lines if not line.startswith("not ")}


def no_question(teller: Teller, told: Told, rng: random.Random) -> Told | None:
    number = pick(
        rng,
        [
            n
            for n in range(len(told) - 1)
            if "asked" in makes(told[n])
            and any("-asked" in acts()[name].makes for name in told[n + 1].acts)
        ],
    )
    if number is None or "asked" in makes(told[number - 1]):
        return None
    return without(told, {number})


def promise(teller: Teller, told: Told, rng: random.Random) -> Told | None:
    kept = ("keeps", "forgets", "keeps_secret", "blabs")
    numbers = {n for n, s in enumerate(told) if set(s.acts) & set(kept)}
    return without(told, numbers) if numbers else None


# What a later sentence can lean on and nothing else brings about.
CAUSES = frozenset(
    "lost misses wants racing running ahead stopped hurt kept forgot confessed refused broken "
    "broke birthday plan gift stuck tried called hiding parts standing failed idea secret knows "
    "planted watered passed new heard with close high baking lacks got mail ill cheered show can "
    "did strayed guide noticed seeking mine blocks solved lent left rushes cooling crumbs ate job "
    "envy swapped boasted cornered shown hint dug trapped plan_with awake sits".split()
)


def leaning(told: Told) -> list[tuple[int, int]]:
    """Pairs of sentences of which the second needs what only the first brings about."""
    found = []
    for first, sentence in enumerate(told):
        for relation in makes(sentence) & CAUSES:
            if sum(relation in makes(s) for s in told) > 1:
                continue
            later = [n for n in range(first + 1, len(told)) if relation in needs(told[n])]
            found += [(first, n) for n in later[:1]]
    return found


def no_cause(teller: Teller, told: Told, rng: random.Random) -> Told | None:
    pairs = [(a, b) for a, b in leaning(told) if not introduces(told[a])]
    return without(told, {rng.choice(pairs)[0]}) if pairs else None


def order(teller: Teller, told: Told, rng: random.Random) -> Told | None:
    pairs = [(a, b) for a, b in leaning(told) if not introduces(told[a])]
    if not pairs:
        return None
    first, second = rng.choice(pairs)
    rest = [*told[:first], *told[first + 1 : second + 1], told[first], *told[second + 1 :]]
    return rest


def halves(teller: Teller, told: Told, rng: random.Random) -> Told:
    other = story(rng.randrange(10**6), rng.randrange(10**6))
    return [*told[: len(told) // 2], *other.told[len(other.told) // 2 :]]


def vocabulary() -> frozenset[str]:
    if not _WORDS:
        for act in acts().values():
            for pattern in act.says:
                _WORDS.update(_literals(pattern.items))
        for entry in (*lexicon.people(), *lexicon.things(), *lexicon.places(), *lexicon.spots()):
            _WORDS.update(entry.lower().split())
    return frozenset(_WORDS)


_WORDS: set[str] = set()


def _literals(items: list[Item]) -> set[str]:
    found: set[str] = set()
    for item in items:
        if isinstance(item, str):
            found |= set(re.findall(r"[a-z]+", item.lower()))
        elif isinstance(item, list):
            for way in item:
                found |= _literals(way)
    return found


SPOILERS: dict[str, Callable[[Teller, Told, random.Random], Told | None]] = {
    function.__name__: function
    for function in (
        *(stranger, other_gender, other_thing, look, species, owner, speaker, misspelt, shuffled),
        *(foreign, no_question, promise, no_cause, order, halves),
    )
}
