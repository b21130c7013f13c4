"""The one module that speaks to ZeroGPU, where a visitor is lent a GPU for one call.

Each visitor has a few minutes of it a day. So all that a tiny model does stays on the Space's own
processor, and only work that its button calls "on a GPU" goes through `borrow`. It runs in a forked
process, in which no thread of the page lives and which may be older than the models loaded since:
the work has to bring or load all that it needs.

Import this before gradio, in the page's own process only. On ZeroGPU `spaces` makes torch believe
that a GPU is always there, and a process that trains would believe it too.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar

from compare.values import RefusedError, Surprise

if TYPE_CHECKING:
    from compare.engine.contestant import Contestant

T = TypeVar("T")
LONGEST = 60  # seconds that one call may take, and that its visitor's quota must still hold
_spec = find_spec("spaces")
# A folder of that name, such as this project's own, has no origin.
INSTALLED = _spec is not None and _spec.origin is not None
# Whether there is a GPU to lend; `spaces` reads the same variable in the same way.
LENDS = INSTALLED and os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")


def borrow(work: Callable[..., Iterator[T]], *given: Any, seconds: int = LONGEST) -> Iterator[T]:
    """What `work(*given)` yields on a GPU that this visitor is lent.

    `work` is a function of a module; what it is given and what it yields are pickled. Call this in
    the thread of a visitor's request, or in a copy of its context: it names the visitor whose quota
    is used. If there is no GPU, a RefusedError says why.
    """
    if not LENDS:
        raise RefusedError("There is no GPU to borrow on this machine.")
    try:
        for said in _on_gpu(work, given, seconds):
            if isinstance(said, _Refused):
                raise RefusedError(said.sentence)
            yield said
    except RefusedError:
        raise
    except Exception as error:  # gradio's own kinds and httpx's; neither is imported here
        raise RefusedError(
            f"{_sentence(error)} The processor does the same, more slowly."
        ) from None


def score(load: Callable[[str], Contestant], name: str, text: str) -> Iterator[Surprise]:
    """Work to borrow a GPU for: how well a model predicts a text."""
    import torch

    torch.set_num_threads(1)  # OpenMP's other threads are lost in the fork, and would be waited for
    contestant = load(name)
    contestant.model.to("cuda")
    yield contestant.score(text)


class _Refused:
    """A RefusedError on its way out of the forked process, which hands on an error's name alone."""

    def __init__(self, sentence: str) -> None:
        self.sentence = sentence


def _run(work: Callable[..., Iterator[T]], given: tuple, _: int) -> Iterator[T | _Refused]:
    try:
        yield from work(*given)
    except RefusedError as refusal:
        yield _Refused(str(refusal))


def _seconds(_: Callable, __: tuple, seconds: int) -> int:
    return seconds


def _sentence(error: Exception) -> str:
    title = str(getattr(error, "title", ""))
    said = str(getattr(error, "message", "")).strip().removesuffix(".")
    if "No GPU was available" in said:  # also where it is titled as a quota that is used up
        return "All GPUs are busy just now."
    if "worker" in title:
        return f"It failed on the GPU ({said})."
    if title.startswith("ZeroGPU"):
        return f"{said}."
    return "The service that lends GPUs does not answer."


if INSTALLED:
    import spaces  # noqa: TID251 (this is the module that may)

    # ZeroGPU starts no Space without such a function, and elsewhere this is the function itself.
    _on_gpu = spaces.GPU(duration=_seconds)(_run)  # type: ignore[attr-defined]  # not our folder
else:
    _on_gpu = _run
