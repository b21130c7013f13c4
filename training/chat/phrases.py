"""Patterns with choices and slots, `what (is|are) ANY?`, and the many ways in which people type."""

import random
import re
from collections.abc import Iterator, Mapping, Sequence

from training.stories.language import lexicon

Rng = random.Random
Names = Mapping[str, Sequence[str]]  # what ONE, MANY and ANY may stand for
_MARK = re.compile(r"\b[A-Z]{3,}\b")
_SLOT = re.compile(r"\{(\w+)(?:\.(\w+))?\}")
_CHOICE = re.compile(r"\(([^()]*)\)")
# A plural verb before a singular noun; a singular verb and the word that follows.
_PLURAL_VERB = re.compile(
    r"\b(do|are|were|don't) (a|an|it|one|each|every|the (?!\w*s\b|people|others|big|early)\w+)\b"
)
_SINGULAR_VERB = re.compile(r"\b(does|is|was|has|doesn't|isn't) (?:the |all |some )?([\w-]+)\b")
_PEOPLE = frozenset({"we", "you", "i", "they", "people", "these", "those", "labs", "millions"})
_NOT_PLURAL = frozenset(
    {"this", "its", "loss", "always", "softmax", "us", "bias", "as", "cross-entropy", "less"}
    | {"physics", "chess", "tennis", "news", "excel", "windows", "his", "perhaps", "yes"}
)
_OPENERS = (
    *("ok, ", "so, ", "please, ", "hi, ", "now ", "and ", "well, ", "hello, ", "next, "),
    *("in short: ", "quick question: ", "tell me: ", "one more thing: "),
)
# Patterns are in small letters. Half of the people know where capitals belong, and some words that
# nobody listed are names too: a capital alone must not tell what is meant.
_NAMES = (
    "I",
    "GPT",
    "GPTs",
    "Adam",
    "AdamW",
    "Muon",
    "MLP",
    "Python",
    "English",
    "French",
    "Paris",
)
_PROPER = {word.lower(): word for word in (*_NAMES, "Shakespeare")}
_FEW = 4  # words that tell what is meant, with those that ask: none of so few may be lost
_SMALL = frozenset(
    re.findall(
        r"\w+",
        "a an the is are was do does did to of in on it its that this there be i we you me my one "
        "and can could would please if for from with by at",
    )
)


def expand(pattern: str, names: Names, rng: Rng) -> str:
    """One way to read a pattern."""
    text = _CHOICE.sub(lambda choice: rng.choice(choice[1].split("|")), pattern)
    text = _MARK.sub(lambda mark: rng.choice(names[mark[0]]) if mark[0] in names else mark[0], text)
    text = re.sub(r"\\(.)", r"\1", text)  # \+ and \? are themselves
    return re.sub(r"\s+", " ", re.sub(r"\s+([,?])", r"\1", text)).strip()


def fill(text: str, slots: dict[str, str]) -> str:
    """Slots that are known are filled in; others are left as they are."""

    def value(mark: re.Match[str]) -> str:
        whole = mark[0][1:-1]
        return slots.get(whole, mark[0])

    return _SLOT.sub(value, text)


def shown(env: dict[str, str]) -> dict[str, str]:
    """The slots of an act, also in the forms that values have: `CHORE.do`."""
    found = dict(env)
    for key, value in env.items():
        entries = lexicon.values().get(key, ())
        for entry in entries:
            if isinstance(entry, dict) and next(iter(entry.values())) == value:
                found |= {f"{key}.{form}": words for form, words in entry.items()}
    if env.get("L") in lexicon.places():
        found["L.in"] = inside(env["L"])
    return found


def inside(place: str) -> str:
    return f"{lexicon.places()[place].prep} the {place}"


def listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + f" and {names[-1]}"


def upper(text: str) -> str:
    return text[0].upper() + text[1:]


def several(pattern: str, names: Names, count: int, rng: Rng) -> list[str]:
    """Up to `count` different readings of a pattern, without those that nobody would say."""
    found = dict.fromkeys(expand(pattern, names, rng) for _ in range(8 * count))
    return [text for text in found if agrees(text)][:count]


def agrees(text: str) -> bool:
    """Verb and noun are both singular or both plural, as far as one can see from the letters."""
    if _PLURAL_VERB.search(text):
        return False
    return all(
        found[2] not in _PEOPLE and (not found[2].endswith("s") or found[2] in _NOT_PLURAL)
        for found in _SINGULAR_VERB.finditer(text)
    )


def runs(text: str, length: int = 5) -> Iterator[tuple[str, ...]]:
    """All runs of so many words in a row."""
    words = re.findall(r"[\w']+", text.lower())
    return zip(*(words[i:] for i in range(length)), strict=False)


class Reword:
    """The same question in other words of the same meaning."""

    def __init__(self, groups: Sequence[Sequence[str]]):
        self.others = {word: [w for w in group if w != word] for group in groups for word in group}
        longest_first = sorted(self.others, key=len, reverse=True)
        self.known = re.compile(rf"\b({'|'.join(map(re.escape, longest_first))})\b(?!')")

    def __call__(self, question: str, rng: Rng, share: float = 0.4) -> str:
        def other(found: re.Match[str]) -> str:
            return rng.choice(self.others[found[1]]) if rng.random() < share else found[1]

        return self.known.sub(other, question)


def telegram(question: str, rng: Rng) -> str:
    """Without most of its small words, as into a search box; of a long one another may be lost."""
    words = question.rstrip("?").split()
    tell = sum(word not in _SMALL for word in words)
    lost = 0.12 if tell > _FEW else 0
    kept = [w for w in words if rng.random() >= (0.7 if w in _SMALL else lost)]
    return " ".join(kept) if len(kept) > 1 else question


def typed(question: str, rng: Rng) -> str:
    """With or without capitals, question mark, opener and slips."""
    if rng.random() < 0.5:
        question = re.sub(
            r"[a-z]+", lambda word: _PROPER.get(word[0]) or _named(word[0], rng), question
        )
    if rng.random() < 0.12:
        question = rng.choice(_OPENERS) + question
    if rng.random() < 0.05:
        question = _slip(question, rng)
    if rng.random() < 0.6:
        question = question[0].upper() + question[1:]
        return question if question[-1] in "?!." else question + rng.choice((".", "!", "", "?"))
    return question if rng.random() < 0.4 else question.rstrip("?!.") or question


def _named(word: str, rng: Rng) -> str:
    return word.capitalize() if len(word) > 3 and rng.random() < 0.15 else word


def _slip(text: str, rng: Rng) -> str:
    """Two letters of a longer word change places."""
    places = [m.start() for m in re.finditer(r"(?<=[a-z]{2})[a-z]{2}(?=[a-z])", text)]
    if not places:
        return text
    i = rng.choice(places)
    return text[:i] + text[i + 1] + text[i] + text[i + 2 :]
