"""One run: from settings to a folder that holds a finished model and what was measured."""

import copy
import gc
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import torch
from accelerate.utils import broadcast_object_list
from transformers import TrainerCallback, TrainingArguments, set_seed
from transformers.trainer_utils import IntervalStrategy

from tinygpt_hf.loading import load

from . import budget, checkpoints, folder, models, parts, report
from . import callbacks as beside
from .arguments import Settings
from .card import write_card
from .console import no_bars
from .corpus import open_corpus
from .examples import Examples
from .publisher import Publisher
from .sample import continuation
from .trainer import CannotSave, Diverged, TinyTrainer

SAMPLED = {"do_sample": True, "temperature": 0.8, "top_k": 50}
SAMPLE_TOKENS = 160


class NotFinished(RuntimeError):
    """The run stopped before its end: why, and how to go on."""


class Run:
    """`prepare`, `train`, `finish`, in this order."""

    def __init__(self, settings: Settings, started: float):
        self.settings, self.options = settings, settings.options
        self.started = started  # when the command was, for --minutes
        self.checkpoint: Path | None = None
        self.commit: str | None = None  # of the model that this one starts from
        self.publisher: Publisher | None = None
        self.unpublished: list[str] = []

    # Prepare

    def prepare(self, change_model: Callable[[torch.nn.Module], Any] | None = None) -> None:
        options = self.options
        self.corpus = open_corpus(options)
        if options.fit and not options.resume:
            self.settings = budget.fit(self.settings, self.corpus.size())
        no_bars()
        self.args = platform_arguments(self.settings.platform)
        self.folder = self.claim_folder()
        if options.publish is not None and self.args.process_index == 0:
            self.publisher = Publisher(options.publish)
        with self.args.main_process_first(desc="reading the text"):
            self.make_model()
            self.source, self.split = parts.make_examples(
                options,
                self.corpus,
                self.tokenizer,
                self.model.config.max_position_embeddings,
                self.args.per_device_eval_batch_size,
            )
        if change_model is not None:
            change_model(self.model)
        if self.split is None:
            self.args.eval_strategy = IntervalStrategy.NO
        self.choose_threads()
        self.count_steps()
        if self.args.should_save and not options.resume:
            folder.record(self.folder, self.settings, self.args.max_steps)

    def claim_folder(self) -> Path:
        """Chosen once, also where several processes train together."""
        chosen = [folder.choose(self.settings) if self.args.process_index == 0 else None]
        if self.args.world_size > 1:
            broadcast_object_list(chosen)
        path = Path(str(chosen[0]))
        self.args.output_dir = str(path)
        if self.options.resume:
            self.checkpoint, torn = checkpoints.last_whole(path)
            for line in torn:
                beside.say(line)
            begin = "the beginning: no checkpoint was saved yet"
            beside.say(f"going on from {self.checkpoint or begin}")
        return path

    def make_model(self) -> None:
        options = self.options
        set_seed(self.args.seed)
        if self.checkpoint is not None:
            self.model, self.tokenizer = load(self.checkpoint)
        elif options.init_from is not None:
            self.model, self.tokenizer, self.commit = models.start_from(options.init_from)
            if "tokenizer" in self.settings.given:
                parts.check_same_tokens(self.tokenizer, parts.open_tokenizer(options.tokenizer))
        else:
            self.tokenizer = parts.train_tokenizer(options, self.corpus)
            begins = options.examples == "lines" or self.corpus.many()
            self.model = parts.new_model(self.settings.model, self.tokenizer, begins)
        # On a CPU the plain products train faster than the sdpa kernel, in bf16 by far.
        on_cpu = self.args.device.type == "cpu"
        self.model.set_attn_implementation("eager" if on_cpu else "sdpa")

    def choose_threads(self) -> None:
        """Below about a millisecond of work a step, a second thread costs more than it brings."""
        if (
            self.args.device.type == "cpu"
            and self.model.num_parameters() * self.tokens_a_step < 2e7
        ):
            torch.set_num_threads(1)

    def count_steps(self) -> None:
        """As given, or from passes over the text, or from a short timing."""
        args, minutes = self.args, self.options.minutes
        if minutes is not None and not self.options.resume:
            seconds = 60 * minutes - (time.time() - self.started)
            args.max_steps = budget.steps_within(seconds, self.make_trainer, args)
        elif args.max_steps <= 0:
            updates = args.num_train_epochs * self.source.per_epoch / self.examples_a_step
            args.max_steps = max(1, round(updates))

    @property
    def examples_a_step(self) -> int:
        args = self.args
        return args.train_batch_size * args.gradient_accumulation_steps * args.world_size

    @property
    def tokens_a_step(self) -> float:
        return self.examples_a_step * self.source.tokens_per_example

    # Train

    def make_trainer(
        self, args: TrainingArguments, callbacks: Sequence[TrainerCallback], model=None
    ) -> TinyTrainer:
        """For the run, or on a copy of the model for timing."""
        options = self.options
        return TinyTrainer(
            model=model or copy.deepcopy(self.model),
            args=args,
            tokenizer=self.tokenizer,
            examples=Examples(self.source, args.max_steps * self.examples_a_step, args.seed),
            split=self.split,
            muon=options.muon_learning_rate,
            momentum=options.muon_momentum,
            embedding=options.embedding_learning_rate,
            callbacks=list(callbacks),
        )

    def train(self, callbacks: Sequence[TrainerCallback] = ()) -> None:
        interrupt = beside.Interrupt()
        self.trainer = self.make_trainer(self.args, [interrupt], self.model)
        for callback in (*self.own_callbacks(), *callbacks):
            self.trainer.add_callback(callback)
        beside.say(self.describe())
        checkpoint = None
        if self.checkpoint is not None:
            checkpoint = str(self.checkpoint)
            self.trainer.seconds_before = checkpoints.seconds_until(self.checkpoint)
        # The platform collects garbage before it trains: half a second over what stays anyway.
        gc.freeze()
        gc.enable()
        try:
            self.trainer.train(checkpoint)
        except (Diverged, CannotSave) as error:
            self.give_up(str(error))
        finally:
            interrupt.restore()
            gc.unfreeze()
        if interrupt.stopped and self.trainer.state.global_step < self.args.max_steps:
            self.give_up(
                f"stopped at step {self.trainer.state.global_step} of {self.args.max_steps}"
            )

    def give_up(self, reason: str) -> NoReturn:
        if self.publisher is not None:
            self.publisher.finish()
        raise NotFinished(f"{reason}; {self.what_is_left()}")

    def own_callbacks(self) -> list[TrainerCallback]:
        options, trainer = self.options, self.trainer
        chosen: list[TrainerCallback] = [
            beside.Record(self.folder),
            beside.Bar(self.tokens_a_step, self.args.disable_tqdm),
        ]
        if self.split is not None:
            chosen.append(beside.Best(trainer.save_best, options.patience))
        if options.prompt is not None:
            chosen.append(beside.Samples(self.folder, options.prompt, self.write))
        if options.save_at:
            self.args.save_total_limit = None
            chosen.append(beside.SaveAt(options.save_at, trainer.save_now))
        if options.minutes is not None and not options.resume:
            chosen.append(beside.Deadline(self.started + 60 * options.minutes - budget.AT_THE_END))
        if self.publisher is not None:
            chosen.append(beside.Publish(self.publisher, self.folder))
        return chosen

    def describe(self) -> str:
        args, config = self.args, self.model.config
        where = args.device.type
        if where == "cpu":
            where = f"the CPU with {torch.get_num_threads()} threads"
        precision = "bf16" if args.bf16 else "fp16" if args.fp16 else "fp32"
        window = config.max_position_embeddings
        steps = f"{args.max_steps:,} steps of {self.examples_a_step} x {window} tokens"
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
        """After an early end: the last good checkpoint, and the way on."""
        found, _ = checkpoints.last_whole(self.folder)
        if found is None:
            return "nothing was saved before"
        return (
            f"{found} is whole. To go on: "
            f"python -m training.train --resume --output_dir {self.folder}"
        )

    # Finish

    def finish(self) -> dict[str, Any]:
        if self.split is None:
            self.trainer.save_best()
        metrics = self.measured()
        if self.args.should_save:
            rows = beside.merge_rows(self.trainer.state.log_history)
            report.write_metrics(self.folder, metrics)
            report.draw(self.folder, rows, self.settings.name)
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
            "tokens": round(state.global_step * self.tokens_a_step),
            "parameters": self.model.num_parameters(),
            "recipe": self.settings.name,
            "seed": self.args.seed,
            "data": self.corpus.name,
            "versions": report.versions(),
        }
        if self.split is not None:
            metrics["split"] = self.split.sentence
        if options.init_from is not None:
            metrics["init_from"] = options.init_from + (f"@{self.commit}" if self.commit else "")
        if options.prompt is not None and self.args.should_save:
            model, _ = load(self.folder)
            text = self.write(options.prompt, model.to(self.args.device))
            metrics["sample"] = {"prompt": options.prompt, "text": text, "seed": self.args.seed}
            metrics["sample"] |= {k: v for k, v in SAMPLED.items() if k != "do_sample"}
        return metrics


def platform_arguments(values: dict[str, Any]) -> TrainingArguments:
    """TrainingArguments with our defaults, and bf16 where the machine multiplies it faster."""
    values = {"use_cpu": not torch.accelerator.is_available()} | values
    on_gpu = torch.cuda.is_available() and not values["use_cpu"]
    values.setdefault("dataloader_pin_memory", on_gpu)
    if not values.get("fp16"):
        fast = torch.cuda.is_bf16_supported() if on_gpu else values["use_cpu"] and cpu_has_bf16()
        values.setdefault("bf16", fast)
    return TrainingArguments(output_dir=".", **values)


def cpu_has_bf16() -> bool:
    # The public torch.cpu.get_capabilities is younger than the oldest torch that we take.
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
