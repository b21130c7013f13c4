"""What happens around the steps: record, bar, samples, the best model kept, a clean stop."""

import contextlib
import itertools
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import torch
from tqdm.auto import tqdm
from transformers import TrainerCallback, TrainingArguments

# What a line of metrics.jsonl may hold, under the names that DESIGN gives.
COLUMNS = {
    "loss": "train_loss",
    "eval_loss": "val_loss",
    "eval_bits_per_byte": "val_bits_per_byte",
    "learning_rate": "learning_rate",
    "grad_norm": "grad_norm",
    "seconds": "seconds",
}


def merge_rows(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row a step: the platform logs training and evaluation apart."""
    rows: dict[int, dict[str, Any]] = {}
    for logs in history:
        known = {COLUMNS[k]: v for k, v in logs.items() if k in COLUMNS}
        if "train_loss" in known or "val_loss" in known:  # not the summary at the end
            rows.setdefault(logs["step"], {"step": logs["step"]}).update(known)
    return list(rows.values())


class Record(TrainerCallback):
    """metrics.jsonl: each logged step once, also if the run was stopped and resumed."""

    def __init__(self, folder: Path):
        self.path = folder / "metrics.jsonl"
        self.file: TextIO | None = None  # open while it trains: opening takes longer than writing
        self.written = 0

    def on_train_begin(self, args, state, control, **kwargs):
        """Continues from the checkpoint: the rows after it will be written again."""
        if state.is_world_process_zero:
            partial = self.path.with_suffix(".partial")
            partial.write_text(lines(merge_rows(state.log_history)), encoding="utf-8")
            partial.replace(self.path)
            self.written = len(state.log_history)
            self.file = self.path.open("a", encoding="utf-8")

    def on_step_begin(self, args, state, control, **kwargs):
        """By now a step's training and validation have both been logged."""
        if self.file is not None and len(state.log_history) > self.written:
            fresh = state.log_history[self.written :]
            self.file.write(lines(merge_rows(fresh)))
            self.file.flush()
            self.written = len(state.log_history)

    def on_train_end(self, args, state, control, **kwargs):
        self.on_step_begin(args, state, control)
        self.close()

    def close(self) -> None:
        if self.file is not None:
            self.file.close()
            self.file = None


def lines(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


class Bar(TrainerCallback):
    """A progress bar with the losses and tokens a second."""

    def __init__(self, tokens_per_step: float, hidden: bool):
        self.tokens_per_step, self.hidden = tokens_per_step, hidden
        self.shown: dict[str, str] = {}

    def on_train_begin(self, args, state, control, **kwargs):
        off = self.hidden or not state.is_world_process_zero
        self.bar = tqdm(
            total=state.max_steps, initial=state.global_step, disable=off, dynamic_ncols=True
        )
        self.first, self.began = state.global_step, time.monotonic()

    def on_log(self, args, state, control, logs, **kwargs):
        for key, name in (("loss", "loss"), ("eval_loss", "val")):
            if key in logs:
                self.shown[name] = f"{logs[key]:.4f}"

    def on_step_end(self, args, state, control, **kwargs):
        steps = state.global_step - self.first
        rate = steps * self.tokens_per_step / (time.monotonic() - self.began)
        self.bar.set_postfix(self.shown | {"tok/s": f"{rate:,.0f}"}, refresh=False)
        self.bar.update()

    def on_train_end(self, args, state, control, **kwargs):
        self.bar.close()


class Best(TrainerCallback):
    """Keeps the model with the lowest validation loss, and says when it gets worse."""

    def __init__(self, save: Callable[[], None], patience: int | None):
        self.save, self.patience = save, patience
        self.warned = False

    def on_evaluate(self, args, state, control, metrics, **kwargs):
        rows = merge_rows(state.log_history)
        evaluated = [row for row in rows if "val_loss" in row]
        losses = [row["val_loss"] for row in evaluated]
        since = len(losses) - 1 - losses.index(min(losses))
        best = evaluated[-1 - since]
        if since == 0:
            self.save()
        elif since >= 2 and not self.warned and learned_since(best["step"], rows):
            self.warned = True
            say(
                f"the validation loss has risen from {best['val_loss']:.4f} (step {best['step']}) "
                f"to {losses[-1]:.4f} while the training loss falls: the text is being learned by "
                "heart. The best model is kept; more text, fewer steps or more --dropout would help"
            )
        if self.patience is not None and since >= self.patience:
            say(f"stopping: {since} evaluations in a row found no lower validation loss")
            control.should_training_stop = True


def learned_since(step: int, rows: list[dict[str, Any]]) -> bool:
    """Whether the training loss fell from around that step to now."""
    losses = [(row["step"], row["train_loss"]) for row in rows if "train_loss" in row]
    then = [loss for at, loss in losses if at <= step][-20:]
    now = [loss for at, loss in losses if at > step][-20:]
    return bool(then and now) and sum(now) / len(now) < sum(then) / len(then)


class SaveAt(TrainerCallback):
    """A checkpoint at each of these steps; step 0 is the model before it learned anything."""

    def __init__(self, steps: list[int], save: Callable[[], None]):
        self.steps, self.save = set(steps), save

    def on_train_begin(self, args, state, control, **kwargs):
        if 0 in self.steps and state.global_step == 0:
            self.save()

    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step in self.steps:
            control.should_save = True


class Interrupt(TrainerCallback):
    """Ctrl-C ends the step, saves, and stops; a second one stops at once."""

    def __init__(self):
        self.stopped = False
        self.before: dict[int, Any] = {}

    def on_train_begin(self, args, state, control, **kwargs):
        if threading.current_thread() is threading.main_thread():  # no signals elsewhere
            self.before = {s: signal.signal(s, self.stop) for s in (signal.SIGINT, signal.SIGTERM)}

    def stop(self, number, frame):
        self.stopped = True
        say("stopping after this step; once more to stop at once")
        self.restore()

    def on_step_end(self, args, state, control, **kwargs):
        self.stopped = anywhere(self.stopped, args)
        if self.stopped:
            control.should_save = control.should_training_stop = True

    def restore(self):
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def on_train_end(self, args, state, control, **kwargs):
        self.restore()


class Clock(TrainerCallback):
    """When each step ended."""

    def __init__(self) -> None:
        self.ticks: list[float] = []

    def on_step_end(self, args, state, control, **kwargs):
        self.ticks.append(time.perf_counter())

    def gaps(self) -> list[float]:
        return [b - a for a, b in itertools.pairwise(self.ticks)]


class Deadline(TrainerCallback):
    """Ends a training when its time is over, also on a machine that slows down after the steps were
    counted."""

    def __init__(self, end: float):
        self.end = end

    def on_step_end(self, args, state, control, **kwargs):
        if anywhere(time.time() > self.end, args) and state.global_step < state.max_steps:
            say(f"out of time at step {state.global_step} of {state.max_steps}")
            control.should_evaluate = args.eval_strategy != "no"
            control.should_save = control.should_training_stop = True


class Lasts(TrainerCallback):
    """Ends a training with an open number of steps after a number of seconds."""

    def __init__(self, seconds: float):
        self.seconds = seconds

    def on_train_begin(self, args, state, control, **kwargs):
        self.end = time.monotonic() + self.seconds

    def on_step_end(self, args, state, control, **kwargs):
        if anywhere(time.monotonic() >= self.end, args):
            control.should_evaluate = args.eval_strategy != "no"
            control.should_training_stop = True


class Samples(TrainerCallback):
    """The same prompt continued after each evaluation, shown and kept in samples.jsonl."""

    def __init__(self, folder: Path, prompt: str, write: Callable[[str], str]):
        self.path, self.prompt, self.write = folder / "samples.jsonl", prompt, write

    def on_train_begin(self, args, state, control, **kwargs):
        """Keeps the samples up to the checkpoint; those after it will be written again."""
        if state.is_world_process_zero:
            before = read_rows(self.path) if state.global_step else []
            kept = [row for row in before if row["step"] <= state.global_step]
            self.path.write_text(lines(kept), encoding="utf-8")

    def on_save(self, args, state, control, **kwargs):
        if state.is_world_process_zero:
            text = self.write(self.prompt)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(lines([{"step": state.global_step, "text": text}]))
            say(f"--- step {state.global_step}\n{text}")


class Publish(TrainerCallback):
    """Hands each checkpoint to the publisher, which never stops the training."""

    def __init__(self, publisher: Any, folder: Path):
        self.publisher, self.folder = publisher, folder

    def on_save(self, args, state, control, **kwargs):
        if state.is_world_process_zero:
            folder = self.folder / f"checkpoint-{state.global_step}"
            self.publisher.submit(folder, state.global_step)


def anywhere(flag: bool, args: TrainingArguments) -> bool:
    """Whether the flag is set in any process: all must stop after the same step."""
    if args.world_size == 1:
        return flag
    flags = torch.tensor(int(flag), device=args.device)
    torch.distributed.all_reduce(flags, torch.distributed.ReduceOp.MAX)
    return bool(flags)


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a file that may end in the middle of a line."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        with contextlib.suppress(ValueError):
            rows.append(json.loads(line))
    return rows


def say(text: str) -> None:
    """Prints a line without breaking the bar; once, if several processes train."""
    if os.environ.get("RANK", "0") == "0":
        tqdm.write(text, file=sys.stderr)
