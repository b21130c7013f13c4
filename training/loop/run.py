"""One run: from settings to a folder that holds a finished model and what was measured."""

import gc
import os
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import torch
from transformers import TrainerCallback

from tinygpt_hf.loading import load
from training.data.examples import Batch
from training.hub.background import Publisher
from training.hub.card import write_card
from training.loop import budget, folder, report
from training.loop import callbacks as beside
from training.loop.console import counted, no_bars
from training.loop.models import continuation
from training.loop.prepare import prepare
from training.loop.settings import Settings
from training.loop.trainer import CannotSaveError, DivergedError, as_is

SAMPLED = {"do_sample": True, "temperature": 0.8, "top_k": 50}
SAMPLE_TOKENS = 160
SEVERAL = "torchrun --standalone --nproc_per_node 2 -m training.train ..."


class NotFinishedError(RuntimeError):
    """The run stopped before its end: why, and how to resume."""


class Run:
    """`train`, then `finish`. `model` exists before either, and may still be changed.

    To train from a program: `seconds` for the training alone, ended by a clock, while the
    number of steps is open; `schedule`, each step's share of the learning rates, instead of the
    platform's; `collate`, what is done to each training batch.
    """

    def __init__(
        self,
        settings: Settings,
        started: float,
        *,
        seconds: float | None = None,
        schedule: Callable[[int], float] | None = None,
        collate: Callable[[Batch], Batch] = as_is,
    ):
        no_bars()
        self.publisher: Publisher | None = None
        if settings.options.publish is not None and os.environ.get("RANK", "0") == "0":
            asked = settings.options
            run_dir = asked.output_dir if asked.resume else None
            # An error comes here, before time is spent.
            self.publisher = Publisher(str(asked.publish), public=asked.public, run_dir=run_dir)
        self.ready = ready = prepare(settings, started, seconds)
        self.seconds, self.schedule, self.collate = seconds, schedule, collate
        self.settings, self.options, self.args = ready.settings, ready.settings.options, ready.args
        self.folder, self.model, self.tokenizer = ready.folder, *ready.parts[:2]
        self.unpublished: list[str] = []

    def train(self, callbacks: Sequence[TrainerCallback] = ()) -> None:
        interrupt = beside.Interrupt()
        record = beside.Record(self.folder)
        self.trainer = self.ready.trainer(
            callbacks=[interrupt, record], data_collator=self.collate, schedule=self.schedule
        )
        for callback in (*self.own_callbacks(), *callbacks):
            self.trainer.add_callback(callback)
        for line in (*surprises(self.trainer.is_fsdp_enabled), self.describe()):
            beside.say(line)
        checkpoint = None
        if self.ready.checkpoint is not None:
            checkpoint = str(self.ready.checkpoint)
            self.trainer.seconds_before = folder.seconds_until(self.ready.checkpoint)
        # The platform collects garbage before it trains: half a second over what stays anyway.
        gc.freeze()
        gc.enable()
        try:
            self.trainer.train(checkpoint)
        except (DivergedError, CannotSaveError) as error:
            self.give_up(str(error))
        except KeyboardInterrupt:
            self.give_up("stopped at once")
        finally:
            interrupt.restore()
            record.close()
            gc.unfreeze()
        if interrupt.stopped and self.trainer.state.global_step < self.args.max_steps:
            self.give_up(
                f"stopped at step {self.trainer.state.global_step} of {self.args.max_steps}"
            )

    def give_up(self, reason: str) -> NoReturn:
        if self.publisher is not None:
            self.publisher.finish()
        raise NotFinishedError(f"{reason}; {self.what_is_left()}")

    def own_callbacks(self) -> list[TrainerCallback]:
        options, trainer = self.options, self.trainer
        chosen: list[TrainerCallback] = [
            beside.Bar(self.ready.tokens_a_step, self.args.disable_tqdm),
        ]
        if self.ready.parts.split is not None:
            chosen.append(beside.Best(trainer.save_best, options.patience))
        if options.prompt is not None and not trainer.is_fsdp_enabled:  # one process has no model
            chosen.append(beside.Samples(self.folder, options.prompt, self.write))
        if options.save_at:
            self.args.save_total_limit = None
            chosen.append(beside.SaveAt(options.save_at, trainer.save_now))
        if self.seconds is not None:
            chosen.append(beside.Lasts(self.seconds))
        elif options.minutes is not None and not options.resume:
            end = self.ready.started + 60 * options.minutes - budget.AT_THE_END
            chosen.append(beside.Deadline(end))
        if self.publisher is not None:
            folder.write_recipe(self.folder)  # it goes along with each checkpoint
            chosen.append(beside.Publish(self.publisher, self.folder))
        return chosen

    def describe(self) -> str:
        args, config = self.args, self.model.config
        where = args.device.type
        if where == "cpu":
            where = f"the CPU with {counted(torch.get_num_threads(), 'thread')}"
        precision = "bf16" if args.bf16 else "fp16" if args.fp16 else "fp32"
        window = config.max_position_embeddings
        steps = (
            f"{counted(args.max_steps, 'step')} of {self.ready.examples_a_step} x {window} tokens"
        )
        return (
            f"{self.settings.name}: {self.model.num_parameters():,} parameters on {where} "
            f"in {precision}; {steps} into {self.folder}"
        )

    def write(self, prompt: str, model=None) -> str:
        """A sample that leaves the run's random state as it was."""
        model = model or self.trainer.model
        model.eval()
        with torch.random.fork_rng(), torch.no_grad():
            torch.manual_seed(self.args.seed)
            return continuation(model, self.tokenizer, prompt, SAMPLE_TOKENS, SAMPLED)

    def what_is_left(self) -> str:
        """After an early end: the last good checkpoint, and how to resume."""
        found, _ = folder.last_whole(self.folder)
        if found is None:
            return "nothing was saved before"
        return (
            f"{found} is whole. To resume: "
            f"python -m training.train --resume --output_dir {self.folder}"
        )

    # Finish

    def finish(self, draw: Callable[..., None] = report.draw) -> dict[str, Any]:
        if self.ready.parts.split is None or self.args.eval_strategy == "no":  # none was kept
            self.trainer.save_best()
        metrics = self.measured()
        if self.args.should_save:
            rows = beside.merge_rows(self.trainer.state.log_history)
            report.write_metrics(self.folder, metrics)
            folder.write_recipe(self.folder, metrics["steps"])
            draw(self.folder, rows, self.settings.name)
            write_card(self.folder)
        if self.publisher is not None:
            self.unpublished = self.publisher.finish(self.folder)
        return metrics

    def measured(self) -> dict[str, Any]:
        options, state = self.options, self.trainer.state
        rows = beside.merge_rows(state.log_history)
        metrics = report.summarize(rows) | {
            "train_seconds": round(self.trainer.seconds(), 3),
            "steps": state.global_step,
            "tokens": round(state.global_step * self.ready.tokens_a_step),
            "parameters": self.model.num_parameters(),
            "versions": report.versions(),
            **self.ready.facts(),
            **folder.facts(self.folder),  # those of its beginning, if it was resumed
        }
        if code := report.code():
            metrics["code"] = code
        if self.ready.parts.split is not None:
            metrics["split"] = self.ready.parts.split.sentence
        if options.prompt is not None and self.args.should_save:
            model, _ = load(self.folder)
            text = self.write(options.prompt, model.to(self.args.device))
            metrics["sample"] = {"prompt": options.prompt, "text": text, "seed": self.args.seed}
            metrics["sample"] |= {k: v for k, v in SAMPLED.items() if k != "do_sample"}
        return metrics


def surprises(sharded: bool) -> list[str]:
    """What a launcher did differently from what it was asked, which nothing else would say:
    `accelerate launch` leaves what was asked in the environment."""
    asked = os.environ
    lines = []
    if "ACCELERATE_USE_CPU" in asked and "MASTER_ADDR" in asked and "WORLD_SIZE" not in asked:
        lines.append(
            "accelerate launch was asked for several processes and started one, which trains "
            f"alone; several are started by {SEVERAL}"
        )
    if asked.get("ACCELERATE_USE_FSDP") == "true" and not sharded:
        lines.append(
            "FSDP was asked for, and accelerate shards on accelerators alone: "
            "every process keeps the whole model"
        )
    return lines
