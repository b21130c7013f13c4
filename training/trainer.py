"""The Trainer: the platform's, with our batches, our evaluation, and checkpoints that are whole or refused."""

import math
from pathlib import Path
from typing import Any

import torch
from transformers import Trainer
from transformers.trainer import TRAINING_ARGS_NAME

from .data import IGNORED, Batch


class Diverged(RuntimeError):
    pass


def as_is(batch: Batch) -> Batch:
    """The data set already makes batches."""
    return batch


class TinyTrainer(Trainer):
    """`train_dataset` is an `Examples`; `eval_dataset` a list of batches that cover the split once."""

    def __init__(self, **kwargs: Any):
        super().__init__(data_collator=as_is, **kwargs)

    def training_step(self, model, inputs, num_items_in_batch=None):
        loss = super().training_step(model, inputs, num_items_in_batch)
        if not torch.isfinite(loss):
            raise Diverged(
                f"the loss is {loss.item()} at step {self.state.global_step + 1}; "
                "try a smaller learning rate"
            )
        return loss

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:
        return 0  # counted at the end from tokens: the platform walks all parameters at every step

    @torch.no_grad()
    def evaluate(self, eval_dataset=None, ignore_keys=None, metric_key_prefix="eval"):
        """The mean loss over every token of the split, not an estimate from some of it."""
        model = self.model_wrapped if self.model_wrapped is not None else self.model
        was_training = model.training
        model.eval()
        total, count = torch.zeros(2, device=self.args.device).unbind()
        batches = self.eval_dataset if eval_dataset is None else eval_dataset
        for batch in batches[self.args.process_index :: self.args.world_size]:
            batch = self._prepare_inputs(batch)
            tokens = (batch["shift_labels"] != IGNORED).sum()
            total += model(**batch).loss * tokens
            count += tokens
        sums = torch.stack((total, count))
        if self.args.world_size > 1:
            sums = self.accelerator.reduce(sums)
        model.train(was_training)
        metrics = {f"{metric_key_prefix}_loss": (sums[0] / sums[1]).item()}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, metrics
        )
        return metrics

    def _save(self, output_dir=None, state_dict=None) -> None:
        super()._save(output_dir, state_dict)
        # A pickle that nothing of ours reads, and that would hold a Hub token in plain text.
        Path(output_dir or self.args.output_dir, TRAINING_ARGS_NAME).unlink(missing_ok=True)


def bits_per_byte(nats_per_token: float, tokens: int, size: int) -> float:
    return nats_per_token * tokens / math.log(2) / size
