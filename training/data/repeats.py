"""Random letters given twice: from this text a small model learns to copy what followed last time.

Only the first half determines the second half, so nothing can be learned by heart. The
halves differ in length, so that looking back a fixed distance does not help either. No letter is
twice in one half, so that only one letter followed it last time.
"""

from random import Random
from string import ascii_lowercase

LINES, SHORTEST, LONGEST = 60_000, 3, 12  # letters of one half
_SEED = 7


def text() -> str:
    chance = Random(_SEED)
    return "".join(f"{line(chance, chance.randint(SHORTEST, LONGEST))}\n" for _ in range(LINES))


def line(chance: Random, half: int) -> str:
    return 2 * "".join(chance.sample(ascii_lowercase, half))
