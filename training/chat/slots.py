"""The slots of a hand-written sentence, and what an act of a story puts into them."""

import re

from training.stories.language import lexicon

_SLOT = re.compile(r"\{(\w+)(?:\.(\w+))?\}")


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
