"""What answers: one model and its tokenizer, as plain values. `Contestant` is the way in.

It is imported when first needed: torch takes seconds, and the page opens before that.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from compare.engine.contestant import Contestant

__all__ = ["Contestant"]


def __getattr__(name: str) -> Any:
    if name != "Contestant":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from compare.engine.contestant import Contestant

    return Contestant
