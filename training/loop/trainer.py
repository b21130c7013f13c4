"""The platform's Trainer, with an exact evaluation and checkpoints that are whole or refused."""

import contextlib
import errno
import importlib.util
import math
import shutil
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import gather_object
from torch.distributed.fsdp import StateDictType
from torch.optim.lr_scheduler import LambdaLR, LRScheduler
from transformers import (
    PreTrainedTokenizerBase,
    PrinterCallback,
    ProgressCallback,
    Trainer,
    TrainerControl,
    TrainingArguments,
)
from transformers.trainer import TRAINING_ARGS_NAME
from transformers.trainer_utils import TrainOutput

from tinygpt_hf import TinyGPTForCausalLM
from training.data.examples import IGNORED, Batch, Examples, Source, Split, share
from training.data.tokens import token_bytes
from training.loop.callbacks import Clock
from training.loop.muon import make_optimizer
from training.loop.settings import Options

if importlib.util.find_spec("lomo_optim") is None:
    # accelerate looks for it on the disk twice a step, which took 1.5 % of one of 18 ms.
    sys.modules["lomo_optim"] = None  # type: ignore[assignment]


WARM = 4  # of the steps that are timed: not counted


FULL = 1 << 16  # bytes that are left: nothing more fits


class DivergedError(RuntimeError):
    """The loss is no longer a number."""


class CannotSaveError(RuntimeError):
    """The disk is full, or the folder cannot be written to."""


def as_is(batch: Batch) -> Batch:
    return batch  # the data set makes whole batches


def make_trainer(
    options: Options,
    args: TrainingArguments,
    model: TinyGPTForCausalLM,
    tokenizer: PreTrainedTokenizerBase,
    source: Source,
    split: Split | None,
    **more: Any,
) -> "TinyTrainer":
    a_step = args.train_batch_size * args.gradient_accumulation_steps * args.world_size
    return TinyTrainer(
        model=model,
        args=args,
        tokenizer=tokenizer,
        examples=Examples(source, args.max_steps * a_step, args.seed),
        split=split,
        muon=options.muon_learning_rate,
        momentum=options.muon_momentum,
        embedding=options.embedding_learning_rate,
        **more,
    )


class TinyTrainer(Trainer):
    optimizer: torch.optim.Optimizer | None  # the platform leaves these untyped
    lr_scheduler: LRScheduler | None
    control: TrainerControl

    def __init__(
        self,
        *,
        tokenizer: PreTrainedTokenizerBase,
        examples: Examples,
        split: Split | None,
        muon: float | None = None,
        momentum: float = 0.95,
        embedding: float | None = None,
        schedule: Callable[[int], float] | None = None,
        **kwargs: Any,
    ):
        # Not the platform's `processing_class`: it would write a begin token into a config
        # whose model never saw one.
        self.tokenizer = tokenizer
        self.split = split
        self.muon, self.momentum, self.embedding = muon, momentum, embedding
        self.schedule = schedule  # each step's share of the rates, instead of the platform's
        self.seconds_before = 0.0  # spent before this process went on with the run
        self.began = time.monotonic()
        super().__init__(
            train_dataset=examples,
            eval_dataset=None if split is None else [],
            **{"data_collator": as_is, **kwargs},
        )
        for theirs in (ProgressCallback, PrinterCallback):
            self.remove_callback(theirs)
        self.token_bytes = torch.from_numpy(token_bytes(tokenizer)).to(self.args.device)

    # Optimizing

    def train(self, *args: Any, **kwargs: Any) -> TrainOutput:
        self.began = time.monotonic()
        return super().train(*args, **kwargs)

    def create_optimizer(self, model=None) -> torch.optim.Optimizer:
        if self.is_fsdp_enabled:
            self.check_sharded()
        if self.optimizer is None and not (self.muon is None and self.embedding is None):
            self.optimizer = make_optimizer(
                model or self.model, self.args, self.muon, self.momentum, self.embedding
            )
        return super().create_optimizer(model)

    def check_sharded(self) -> None:
        if self.muon is not None:
            raise ValueError(
                "Muon needs whole matrices, and FSDP shards them: train with AdamW "
                "(a recipe without muon_learning_rate)"
            )
        kind = self.accelerator.state.fsdp_plugin.state_dict_type
        if kind != StateDictType.FULL_STATE_DICT:
            raise ValueError(
                f"FSDP would save {kind.name}, which cannot be loaded as a model: "
                "set fsdp_state_dict_type to FULL_STATE_DICT"
            )

    def create_scheduler(self, num_training_steps: int, optimizer=None):
        if self.schedule is not None and self.lr_scheduler is None:
            trained = optimizer or self.optimizer
            assert trained is not None
            self.lr_scheduler = LambdaLR(trained, self.schedule)
        return super().create_scheduler(num_training_steps, optimizer)

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        inputs = {**inputs, "use_cache": False}
        if self.label_smoother is not None:  # it looks for these
            inputs["labels"] = inputs["shift_labels"]
        return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)

    def training_step(self, model, inputs, num_items_in_batch=None) -> torch.Tensor:
        loss = super().training_step(model, inputs, num_items_in_batch)
        if not math.isfinite(value := loss.item()):  # before the update spoils the weights
            raise DivergedError(f"the loss is {value} at step {self.state.global_step + 1}")
        return loss

    def _get_grad_norm(self, model, grad_norm=None):
        return grad_norm  # the platform also measures it where nothing is clipped

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:
        return 0  # the platform walks over all parameters at every step for this

    # Measuring

    @torch.no_grad()
    def evaluate(self, eval_dataset=None, ignore_keys=None, metric_key_prefix="eval"):
        """The loss over every token of the split, not an estimate from some of them."""
        assert self.split is not None
        model = self.model_wrapped
        model.eval()
        nats, tokens, size = 0.0, 0, 0
        for batch, counts in share(self.split, self.args.process_index, self.args.world_size):
            batch = self._prepare_inputs(batch)
            loss = model(**batch, use_cache=False).loss.item()
            if not counts:
                continue
            learned = batch["shift_labels"][batch["shift_labels"] != IGNORED]
            nats += loss * len(learned)
            tokens += len(learned)
            size += int(self.token_bytes[learned].sum())
        model.train()
        sums = gather_object([(nats, tokens, size)])  # of all processes
        nats, tokens, size = (sum(column) for column in zip(*sums, strict=True))
        metrics = {
            f"{metric_key_prefix}_loss": nats / tokens,
            f"{metric_key_prefix}_bits_per_byte": nats / math.log(2) / max(size, 1),
        }
        self.log(dict(metrics))
        self.control = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, metrics
        )
        return metrics

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        if "loss" in logs:
            logs["seconds"] = self.seconds()
        super().log(logs, start_time)

    def seconds(self) -> float:
        """Seconds of training, over all processes that ran it one after the other."""
        return self.seconds_before + time.monotonic() - self.began

    # Timing

    def time_steps(self) -> float:
        """Seconds a step takes, the first ones left out."""
        clock = Clock()
        self.add_callback(clock)
        self.train()
        return statistics.median(clock.gaps()[WARM:])

    @torch.no_grad()
    def time_evaluation(self) -> float:
        """Seconds, by the time of one batch."""
        if self.split is None:
            return 0.0
        batch = self._prepare_inputs(self.split.batch(0))
        times = []
        for _ in range(3):
            began = time.perf_counter()
            self.model(**batch, use_cache=False).loss.item()
            times.append(time.perf_counter() - began)
        return min(times) * len(self.split)

    # Saving

    def _save(self, output_dir=None, state_dict=None) -> None:
        folder = Path(output_dir or self.args.output_dir)
        if self.is_fsdp_enabled and not self.args.should_save:
            return  # one process has the whole model
        if self.is_fsdp_enabled:
            # The model in training is of a class that torch made up, whose code would be saved.
            whole = TinyGPTForCausalLM(self.model.config)
            whole.load_state_dict(state_dict)
            whole.generation_config = self.model.generation_config
            whole.save_pretrained(folder)
        else:
            super()._save(str(folder), state_dict)
        if self.args.should_save:
            self.tokenizer.save_pretrained(folder)
            # A pickle that nothing of ours reads, and that would hold a Hub token in plain text.
            (folder / TRAINING_ARGS_NAME).unlink(missing_ok=True)

    def save_best(self) -> None:
        """Into the run's own folder, which therefore always holds a whole model."""
        staging = Path(self.args.output_dir, ".staging")
        with whole_or_not_at_all(staging):
            self.save_model(str(staging), _internal_call=True)
        if self.args.should_save:
            for file in staging.iterdir():
                file.replace(staging.parent / file.name)
            staging.rmdir()

    def save_now(self) -> None:
        self._save_checkpoint(self.model, None)
        self.control = self.callback_handler.on_save(self.args, self.state, self.control)

    def _save_checkpoint(self, model, trial) -> None:
        folder = Path(self.args.output_dir, f"checkpoint-{self.state.global_step}")
        with whole_or_not_at_all(folder):
            super()._save_checkpoint(model, trial)


@contextlib.contextmanager
def whole_or_not_at_all(folder: Path) -> Iterator[None]:
    """A full disk fails in a different way for each format; half a model is worse than none."""
    try:
        yield
    except Exception as error:
        reason = "the disk is full" if disk_is_full(error, folder) else error
        shutil.rmtree(folder, ignore_errors=True)
        raise CannotSaveError(f"{folder} could not be saved: {reason}") from error


def disk_is_full(error: BaseException | None, folder: Path) -> bool:
    """torch and safetensors have their own names for it: then the disk is asked."""
    while error is not None:
        full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
        if full or "No space left on device" in str(error):
            return True
        error = error.__cause__ or error.__context__
    there = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    return shutil.disk_usage(there).free < FULL
