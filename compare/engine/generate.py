"""Generation by the model's own `generate`: right for any causal LM, one text at a time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable

import torch
from transformers import PreTrainedModel, StoppingCriteria, StoppingCriteriaList
from transformers.generation.streamers import BaseStreamer

from compare.decoding.progress import FAILED, Progress, Wishes, why
from compare.values import BusyError, RefusedError, Sampling

_log = logging.getLogger(__name__)


class _Watch(StoppingCriteria, BaseStreamer):
    """Gets every token of `generate` and may end it."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.prompt_seen = False

    def put(self, value: torch.Tensor) -> None:
        if self.prompt_seen:
            self.progress.append(int(value))
        self.prompt_seen = True

    def end(self) -> None: ...

    def __call__(self, input_ids: torch.Tensor, scores: object, **kwargs: object) -> torch.Tensor:
        progress = self.progress
        enough = progress.wishes.enough
        over = progress.why_end_now() is not None or bool(enough and enough(progress.ids))
        return torch.full((len(input_ids),), over, device=input_ids.device)


class PlainWriter:
    """Writes with `model.generate`, one text at a time; the others wait in a bounded queue."""

    def __init__(
        self,
        model: PreTrainedModel,
        ends: Iterable[int] = (),
        window: int | None = None,
        *,
        most: int = 32,
        seconds: float = 60,
    ) -> None:
        self.model, self.ends, self.window = model, set(ends), window
        self.most, self.seconds = most, seconds
        self.busy = 0
        self._turn, self._count = threading.Lock(), threading.Lock()

    def start(
        self, prompt: list[int], sampling: Sampling, wishes: Wishes | None = None
    ) -> Progress:
        if wishes is not None and wishes.likeliest is not None:
            raise RefusedError("This model is run by `generate`, which keeps no log-probabilities.")
        with self._count:
            if self.busy >= self.most:
                raise BusyError(f"{self.most} texts are being written already; try again soon.")
            self.busy += 1
        progress = Progress(sampling, self.seconds, wishes)
        work = threading.Thread(target=self._run, args=(prompt, progress), daemon=True)
        work.start()
        return progress

    def _run(self, prompt: list[int], progress: Progress) -> None:
        try:
            with self._turn:  # `generate` draws from the global random state: one at a time
                if progress.why_end_now() is None:
                    self._generate(prompt, progress)
            progress.end(progress.why_end_now() or self._why_over(progress, prompt))
        except Exception as error:  # of torch: the visitor gets a short message, the log the rest
            progress.end(why(error))
            _log.exception("generate failed")
        finally:
            with self._count:
                self.busy -= 1

    def _generate(self, prompt: list[int], progress: Progress) -> None:
        sampling, watch = progress.sampling, _Watch(progress)
        torch.manual_seed(sampling.seed)
        new = sampling.max_new_tokens
        self.model.generate(
            torch.tensor([prompt], device=self.model.device),
            **sampling.for_generate(),
            max_new_tokens=new if self.window is None else min(new, self.window - len(prompt)),
            streamer=watch,
            stopping_criteria=StoppingCriteriaList([watch]),
        )

    def _why_over(self, progress: Progress, prompt: list[int]) -> str:
        return progress.why_full(self.ends, self.window, len(prompt)) or FAILED
