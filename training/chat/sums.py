"""Sums that people type, and the answers to those that it can add."""

from random import Random

from .phrases import expand
from .texts import LARGEST

SIGNS = {"plus": "+", "minus": "-", "times": "*", "by": "/"}
LEADS = ("", "", "what is ", "what's ", "how much is ", "calculate ", "and ", "can you add ")
WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
# Beyond it in any case.
HARD = (
    "what is (the (square root|cube|half|double|third|logarithm) of|A percent of) B?",
    "(A|B) (to the power of|squared plus|modulo|over) (A|B)",
    "(A|B) (plus|minus|times) (A|B) (plus|minus|times) (A|B)(?|)",
    "(what is |)B(\\*|x| times | divided by |/)(A|B)(?| =|)",
)


def sum_asked(rng: Random) -> tuple[str, str]:
    """A sum, and its answer; "" where it is too hard."""
    if rng.random() < 0.12:
        numbers = {"A": str(rng.randint(2, 99)), "B": str(rng.randint(11, 9999))}
        text = expand(rng.choice(HARD), {}, rng)
        return "".join(numbers.get(letter, letter) for letter in text), ""
    small = rng.random() < 0.8
    a, b = (rng.randint(0, LARGEST if small else 99) for _ in range(2))
    sign = "plus" if small or rng.random() < 0.3 else rng.choice(("minus", "times", "by"))
    gap = rng.choice(("", " "))
    sum_ = rng.choice((f"{a}{gap}{SIGNS[sign]}{gap}{b}", f"{a} {sign} {b}"))
    if small and rng.random() < 0.2:
        sum_ = f"{WORDS[a]} {rng.choice(('plus', 'and'))} {WORDS[b]}"
    text = rng.choice(LEADS) + sum_ + rng.choice(("", "?", " =", "?"))
    known = sign == "plus" and max(a, b) <= LARGEST
    return text, f"{a} plus {b} is {a + b}." if known else ""
