"""Generation by the model's own `generate` in a thread: right for any causal LM, one text at a time."""

from __future__ import annotations

import threading
import time

import torch
from transformers import PreTrainedModel, StoppingCriteria, StoppingCriteriaList
from transformers.generation.streamers import BaseStreamer

from .code import generate_arguments
from .values import Refusal, Sampling


class Progress:
    """What one request has so far. Written by one thread, read by any."""

    def __init__(self, sampling: Sampling, seconds: float) -> None:
        self.sampling = sampling
        self.ids: list[int] = []
        self.started = time.perf_counter()
        self.deadline = self.started + seconds
        self.first: float | None = None
        self.ended: float | None = None
        self.stopped: str | None = None
        self.cancelled = False
        self._news = threading.Condition()

    def append(self, token: int) -> None:
        with self._news:
            self.first = self.first or time.perf_counter() - self.started
            self.ids.append(token)
            self._news.notify_all()

    def end(self, why: str) -> None:
        with self._news:
            if self.stopped is None:
                self.stopped, self.ended = why, time.perf_counter()
            self._news.notify_all()

    def cancel(self) -> None:
        """Asks for the end; the work stops within one step."""
        self.cancelled = True

    def why_end_now(self) -> str | None:
        if self.cancelled:
            return "stopped"
        return "out of time" if time.perf_counter() > self.deadline else None

    def wait(self, seconds: float) -> None:
        with self._news:
            if self.stopped is None:
                self._news.wait(seconds)

    @property
    def seconds(self) -> float:
        return (self.ended or time.perf_counter()) - self.started


class _Watch(StoppingCriteria, BaseStreamer):
    """Hears every token of `generate` and may end it."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.prompt_seen = False

    def put(self, value: torch.Tensor) -> None:
        if self.prompt_seen:
            self.progress.append(int(value))
        self.prompt_seen = True

    def end(self) -> None: ...

    def __call__(self, input_ids: torch.Tensor, scores: object, **kwargs: object) -> torch.Tensor:
        over = self.progress.why_end_now() is not None
        return torch.full((len(input_ids),), over, device=input_ids.device)


class PlainWriter:
    """Writes with `model.generate`, a text at a time, the others wait in a bounded line."""

    def __init__(self, model: PreTrainedModel, *, most: int = 32, seconds: float = 60) -> None:
        self.model, self.most, self.seconds = model, most, seconds
        self.busy = 0
        self._turn, self._count = threading.Lock(), threading.Lock()

    def start(self, prompt: list[int], sampling: Sampling, window: int | None) -> Progress:
        with self._count:
            if self.busy >= self.most:
                raise Refusal(f"{self.most} texts are being written already; try again soon.")
            self.busy += 1
        progress = Progress(sampling, self.seconds)
        work = threading.Thread(target=self._run, args=(prompt, progress, window), daemon=True)
        work.start()
        return progress

    def _run(self, prompt: list[int], progress: Progress, window: int | None) -> None:
        try:
            with self._turn:  # `generate` draws from the global random state: one at a time
                if progress.why_end_now() is None:
                    self._generate(prompt, progress, window)
            progress.end(progress.why_end_now() or self._why(progress))
        except torch.OutOfMemoryError:
            progress.end("out of memory")
        except Exception as error:  # the visitor gets a sentence, the log gets the rest
            progress.end(f"failed ({type(error).__name__})")
            raise
        finally:
            with self._count:
                self.busy -= 1

    def _generate(self, prompt: list[int], progress: Progress, window: int | None) -> None:
        sampling, watch = progress.sampling, _Watch(progress)
        torch.manual_seed(sampling.seed)
        new = sampling.max_new_tokens
        self.model.generate(
            torch.tensor([prompt], device=self.model.device),
            **generate_arguments(sampling),
            max_new_tokens=new if window is None else min(new, window - len(prompt)),
            streamer=watch,
            stopping_criteria=StoppingCriteriaList([watch]),
        )

    def _why(self, progress: Progress) -> str:
        ends = self.model.generation_config.eos_token_id
        ends = ends if isinstance(ends, list) else [ends]
        if progress.ids and progress.ids[-1] in ends:
            return "end of text"
        full = len(progress.ids) >= progress.sampling.max_new_tokens
        return "length reached" if full else "window full"
