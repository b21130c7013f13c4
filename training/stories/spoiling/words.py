"""One word of a story becomes another."""

import random
import re

from training.stories.language import lexicon
from training.stories.language.acts import acts
from training.stories.language.patterns import Item
from training.stories.telling.teller import Teller
from training.stories.telling.writer import Sentence

Told = list[Sentence]


def changed(told: Told, number: int, text: str) -> Told:
    old = told[number]
    return [*told[:number], Sentence(text, old.acts, old.envs), *told[number + 1 :]]


def pick(rng: random.Random, numbers: list[int]) -> int | None:
    return rng.choice(numbers) if numbers else None


def introduces(sentence: Sentence) -> bool:
    return any(acts()[name].new for name in sentence.acts)


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
            tag = re.search(
                rf'" (?:(?:said|called|murmured|whispered) {name}|{name} said)', now.text
            )
            if asks and answers and tag:
                found += [
                    (number, name, o) for o in teller.cast if re.search(rf"{o}\b", before.text)
                ]
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
    words = list(re.finditer(r"\b[A-Za-z]{4,}\b", told[number].text))
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
    pairs = [m for m in re.finditer(r"\b([a-z]+) (?=([a-z]+)\b)", text) if m[1] != m[2]]
    if not pairs:
        return None
    match = rng.choice(pairs)
    end = match.end() + len(match[2])
    return changed(told, number, f"{text[: match.start()]}{match[2]} {match[1]}{text[end:]}")


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
