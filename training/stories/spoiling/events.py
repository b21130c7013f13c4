"""A story has a sentence too few, one too many, or one elsewhere."""

import random

from training.stories.language.acts import acts
from training.stories.telling.story import story
from training.stories.telling.teller import Teller
from training.stories.telling.writer import Sentence

from .words import Told, introduces, pick

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
    [
        "lost",
        "misses",
        "wants",
        "racing",
        "running",
        "ahead",
        "stopped",
        "hurt",
        "kept",
        "forgot",
        "confessed",
        "refused",
        "broken",
        "broke",
        "birthday",
        "plan",
        "gift",
        "stuck",
        "tried",
        "called",
        "hiding",
        "parts",
        "standing",
        "failed",
        "idea",
        "secret",
        "knows",
        "planted",
        "watered",
        "passed",
        "new",
        "heard",
        "with",
        "close",
        "high",
        "baking",
        "lacks",
        "got",
        "mail",
        "ill",
        "cheered",
        "show",
        "can",
        "did",
        "strayed",
        "guide",
        "noticed",
        "seeking",
        "mine",
        "blocks",
        "solved",
        "lent",
        "left",
        "rushes",
        "cooling",
        "crumbs",
        "ate",
        "job",
        "envy",
        "swapped",
        "boasted",
        "cornered",
        "shown",
        "hint",
        "dug",
        "trapped",
        "plan_with",
        "awake",
        "sits",
    ]
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
    return [*told[:first], *told[first + 1 : second + 1], told[first], *told[second + 1 :]]


def halves(teller: Teller, told: Told, rng: random.Random) -> Told:
    other = story(rng.randrange(10**6), rng.randrange(10**6))
    return [*told[: len(told) // 2], *other.told[len(other.told) // 2 :]]
