"""How large, how long: what follows from the amount of text and from the time there is."""

import copy
import dataclasses
import itertools
import statistics
import time
from collections.abc import Callable

import torch
from transformers import TrainerCallback, TrainingArguments
from transformers.trainer_utils import IntervalStrategy, SaveStrategy

from training.loop.arguments import Settings
from training.loop.callbacks import say
from training.loop.plan import make_plan
from training.loop.trainer import TinyTrainer

TIMED, WARM = 10, 4
FEW = 50  # steps in which a text is hardly learned
AT_THE_END = 3.0  # seconds for the last saving, the figure and the card
FEWEST, MOST = 2, 10  # evaluations
EVALUATING = 0.15  # of the time, at most, in more than the fewest of them


def fit(settings: Settings, size: float, seconds: float | None, flops: float) -> Settings:
    """What `make_plan` says, under what the recipe or a flag says."""
    plan = make_plan(max(size, 1), seconds, flops)
    gated = settings.model.get("hidden_act") == "swiglu"  # three matrices in the place of two
    model = {
        "max_position_embeddings": plan.window,
        "hidden_size": plan.width,
        "intermediate_size": (2 if gated else 3) * plan.width,
        "num_hidden_layers": plan.depth,
        "num_attention_heads": plan.heads,
        "dropout": plan.dropout,
    }
    platform = {"per_device_train_batch_size": plan.batch, "num_train_epochs": plan.passes}
    options = settings.options
    if options.validation is None:
        options = dataclasses.replace(options, validation=plan.validation)
    return dataclasses.replace(
        settings,
        options=options,
        model=model | settings.model,
        platform=platform | settings.platform,
    )


def within(
    seconds: float, make_trainer: Callable[..., TinyTrainer], args: TrainingArguments, chosen: bool
) -> tuple[int, float]:
    """As many steps as fit, by the time of a few through the real loop, on a copy of the model;
    and how often to evaluate, in steps or as a share of them, unless that was chosen."""
    rest = 0.93 * (seconds - AT_THE_END)
    if rest <= 0:
        raise ValueError(
            "the time is over before the training begins: give more --minutes "
            f"(at least {(AT_THE_END - seconds + 10) / 60:.1f} more)"
        )
    clock = Clock()
    short = copy.copy(args)
    short.max_steps, short.report_to = TIMED, []
    short.eval_strategy, short.save_strategy = IntervalStrategy.NO, SaveStrategy.NO
    trainer = make_trainer(short, [clock])
    trainer.train()
    gaps = [b - a for a, b in itertools.pairwise(clock.ticks)]
    a_step = statistics.median(gaps[WARM:])
    none = args.eval_strategy == IntervalStrategy.NO
    an_evaluation = 0.0 if none else seconds_an_evaluation(trainer)
    often = args.eval_steps
    if not chosen:
        often = 1 / min(MOST, max(FEWEST, int(EVALUATING * rest / max(an_evaluation, 1e-6))))
    if often < 1:  # a share of the steps
        rest -= an_evaluation / often
    else:
        a_step += an_evaluation / often
    steps = max(1, int(rest / a_step))
    few = "; so few teach it little: give more --minutes" if steps < FEW else ""
    say(f"{1000 * a_step:.1f} ms a step: {steps} of them fit into the time{few}")
    return steps, often


class Clock(TrainerCallback):
    def __init__(self):
        self.ticks: list[float] = []

    def on_step_end(self, args, state, control, **kwargs):
        self.ticks.append(time.perf_counter())


@torch.no_grad()
def seconds_an_evaluation(trainer: TinyTrainer) -> float:
    if trainer.split is None:
        return 0.0
    batch = trainer._prepare_inputs(trainer.split.batch(0))
    times = []
    for _ in range(3):
        began = time.perf_counter()
        trainer.model(**batch, use_cache=False).loss.item()
        times.append(time.perf_counter() - began)
    return min(times) * len(trainer.split)
