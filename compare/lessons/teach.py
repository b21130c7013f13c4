"""One lesson: the training itself, looked at from time to time."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Protocol

import torch
from transformers import TrainerCallback

from compare.lessons import pairs
from compare.lessons.lessons import MODEL, Lesson, Look, News, Over
from compare.lessons.threads import Threads
from training.data.examples import Batch, RandomWindows, SideBySide
from training.loop import arguments, report
from training.loop.callbacks import merge_rows
from training.loop.models import continuation
from training.loop.run import NotFinishedError, Run
from training.loop.trainer import as_is

_SEND = 0.08  # seconds between messages to the page
_SHOWN = 8  # of the likeliest next tokens
_WARM = 10  # steps of warm-up, where the clock sets the rate
_SAMPLED = {"do_sample": True, "temperature": 0.8, "top_k": 50}


class Line(Protocol):
    """To the page: a `multiprocessing` connection, or a test's."""

    def poll(self) -> bool: ...
    def recv(self) -> Any: ...
    def send(self, news: Any, /) -> None: ...


def teach(lesson: Lesson, folder: Path, connection: Line) -> Over:
    settings = arguments.resolve(lesson.recipe, _flags(lesson, folder))
    countdown = None if lesson.clock is None else Countdown(lesson.clock, lesson.most)
    run = Run(
        settings,
        time.time(),
        seconds=lesson.clock,
        schedule=None if countdown is None else countdown.rate,
        collate=with_the_future if lesson.sees_future else as_is,
    )
    try:
        run.train([Watch(run, lesson, connection, countdown)])
    except NotFinishedError as error:
        return Over(problem=str(error).partition(";")[0])
    if lesson.kept:
        return Over(run.finish() | beaten(run))
    return Over(report.summarize(merge_rows(run.trainer.state.log_history)))


def beaten(run: Run) -> dict[str, float]:
    """What a table of letter pairs needs for the part that was held back."""
    source, split = run.ready.parts.source, run.ready.parts.split
    if not isinstance(source, RandomWindows) or not isinstance(split, SideBySide):
        return {}
    sizes = run.trainer.token_bytes.cpu().numpy()
    return {"pairs": pairs.bits_per_byte(source.ids, split.ids, len(sizes), sizes)}


def _flags(lesson: Lesson, folder: Path) -> dict[str, Any]:
    flags = {
        **lesson.flags,
        "output_dir": str(folder / MODEL),
        "save_strategy": "no",
        "disable_tqdm": True,
    }
    if lesson.text is not None:
        file = folder / "text.txt"
        file.write_text(lesson.text, encoding="utf-8", newline="")
        flags["data"] = [str(file)]
    return flags


class Countdown:
    """How much of a training has passed, and the learning rate that follows from it: it falls to
    zero with the clock, since nobody knows how busy the machine will be. If the machine is fast,
    the training may end sooner, after `most` steps."""

    def __init__(self, seconds: float, most: int | None = None):
        self.seconds, self.most = seconds, most
        self.began: float | None = None

    def begin(self) -> None:
        self.began = time.monotonic()

    def passed(self, step: int) -> float:
        """The share of the time or of the steps, whichever is used up first."""
        time_gone = 0.0 if self.began is None else (time.monotonic() - self.began) / self.seconds
        return max(time_gone, step / self.most if self.most else 0.0)

    def rate(self, step: int) -> float:
        return min(1.0, (step + 1) / _WARM) * max(0.0, 1 - self.passed(step))


class Watch(TrainerCallback):
    """Reports to the page, looks at the model, keeps the pace, and listens for a stop."""

    def __init__(self, run: Run, lesson: Lesson, connection: Line, countdown: Countdown | None):
        self.run, self.lesson, self.connection = run, lesson, connection
        self.countdown = countdown
        self.news = News()
        self.sent = self.looked = self.began = 0.0
        self.threads = Threads(torch.get_num_threads(), torch.set_num_threads)
        self.step_began = 0.0

    def on_train_begin(self, args, state, control, **kwargs):
        self.began = time.monotonic()
        if self.countdown is not None:
            self.countdown.begin()
        self.news.steps = state.max_steps
        self.look(state.global_step)

    def on_log(self, args, state, control, logs, **kwargs):
        if "loss" in logs:
            self.news.losses.append((state.global_step, logs["loss"]))
        if "eval_loss" in logs:
            self.news.validation.append((state.global_step, logs["eval_loss"]))

    def on_step_begin(self, args, state, control, **kwargs):
        self.step_began = time.perf_counter()

    def on_step_end(self, args, state, control, **kwargs):
        if self.countdown is not None:  # an estimate from the pace so far
            self.threads.took(time.perf_counter() - self.step_began)
            passed = self.countdown.passed(state.global_step)
            self.news.steps = max(state.global_step, round(state.global_step / passed))
            control.should_training_stop |= state.global_step == self.countdown.most
        due = self.began + self.lesson.pace * state.global_step / state.max_steps
        time.sleep(max(0.0, due - time.monotonic()))
        if time.monotonic() - self.looked >= self.lesson.every:
            self.look(state.global_step)
        elif time.monotonic() - self.sent >= _SEND:
            self.send()
        if self.connection.poll():
            self.connection.recv()  # "stop" is the only message
            control.should_evaluate = args.eval_strategy != "no"
            control.should_training_stop = True

    def on_train_end(self, args, state, control, **kwargs):
        if self.countdown is not None and self.countdown.passed(state.global_step) >= 1:
            self.news.steps = state.global_step
        self.look(state.global_step)

    def look(self, step: int) -> None:
        """What it writes now and what it thinks comes next; the random state stays as it is."""
        model, lesson = self.run.model, self.lesson
        model.eval()
        settings = {"do_sample": False} if lesson.greedy else _SAMPLED
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(0)
            text = continuation(model, self.run.tokenizer, lesson.prompt, lesson.length, settings)
            odds = next_odds(model, self.run.tokenizer, lesson.prompt)
        self.news.look = Look(step, text.removeprefix(lesson.prompt), odds)
        self.looked = time.monotonic()
        self.send()

    def send(self) -> None:
        self.connection.send(self.news)
        self.news = News(steps=self.news.steps)
        self.sent = time.monotonic()


def next_odds(model, tokenizer, prompt: str) -> list[tuple[str, float]]:
    from tinygpt_hf.tokenization import encode_ids

    ids = torch.from_numpy(encode_ids(tokenizer, prompt).astype("int64"))
    window = model.config.max_position_embeddings
    odds = model(ids[None, -window:]).logits[0, -1].float().softmax(-1)
    best = odds.topk(min(_SHOWN, len(odds)))
    return [
        (tokenizer.decode([number]), share)
        for share, number in zip(best.values.tolist(), best.indices.tolist(), strict=True)
    ]


def with_the_future(batch: Batch) -> Batch:
    """For one lesson: in training a token also sees the one after it, which is the answer."""
    rows, tokens = batch["input_ids"].shape
    visible = torch.ones(tokens, tokens, dtype=torch.bool).tril(1)
    added = torch.zeros(tokens, tokens).masked_fill(~visible, torch.finfo(torch.float32).min)
    return {**batch, "attention_mask": added.expand(rows, 1, tokens, tokens)}
