"""The plots: each tells one kind of story, and turns where the world and its people turn."""

from collections.abc import Callable

from training.stories.telling.teller import Teller

from . import days, keeping, losing, secrets, together

Plot = Callable[[Teller], None]


def plots() -> dict[str, Plot]:
    modules = (losing, keeping, together, secrets, days)
    return {name: plot for module in modules for name, plot in module.PLOTS.items()}
