"""Stories by number: the same seed and number always give the same story."""

import random

from training.stories.plots import plots
from training.stories.plots.small import small

from .teller import Teller

SHORTEST, LONGEST = 60, 200  # words


def story(seed: int, number: int, plot: str = "") -> Teller:
    """One story as it was told, with its acts; `.text` is what is read."""
    for attempt in range(100):
        rng = random.Random(f"{seed} {number} {attempt}")
        teller = Teller(rng)
        teller.plot = plot or rng.choice(sorted(plots()))
        plots()[teller.plot](teller)
        if SHORTEST <= len(teller.text.split()) <= LONGEST:
            return teller
    raise ValueError(f"the plot {teller.plot!r} gives no story of {SHORTEST} to {LONGEST} words")


def small_scene(seed: int, number: int) -> Teller:
    """A few sentences, not a story: see `plots/small.py`."""
    teller = Teller(random.Random(f"{seed} {number} small"))
    small(teller)
    return teller


def combination(teller: Teller) -> str:
    """Who, with what, where, and in which plot: what makes a story another one."""
    envs = [env for sentence in teller.told for env in sentence.envs]
    things = [env["X"] for env in envs if "X" in env]
    places = [env["L"] for env in envs if "L" in env]
    return " ".join((teller.cast[0], (things or ["-"])[0], (places or ["-"])[0], teller.plot))
