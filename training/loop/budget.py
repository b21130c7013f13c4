"""How large and how long: derived from the amount of text and the time available.

For your own text there is one dial, the depth: so many layers, 64 times as wide. It is set from the
text and the time. Small texts are soon learned by heart, so they get a small model. Every text gets
a limit on repeats, and dropout that grows with how often it is read and how much of it the model
could memorise. Little time gets a model that can still see enough of the text in it.
"""

import dataclasses
import math
import statistics
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
from accelerate import PartialState
from accelerate.utils import broadcast_object_list
from transformers import TrainingArguments

from training.loop.arguments import on_this_machine
from training.loop.settings import Settings

SHALLOWEST, DEEPEST = 2, 8
MOST_PASSES = 10  # over a text; more are learned by heart, and dropout against it costs as much
LETTERS_A_PARAMETER = 1.5  # to be seen while training, or a smaller model learns more in the time
EFFICIENCY = 0.5  # of training, against the plain products that are timed
AT_THE_END = 3.0  # seconds for the last saving, the figure and the card
SPARE = 0.07  # of the time: steps take longer now and then
FEWEST, MOST = 2, 10  # evaluations
EVALUATING = 0.15  # of the time, at most, in more than the fewest of them
T = TypeVar("T")


@dataclass(frozen=True)
class Plan:
    depth: int
    window: int
    batch: int
    passes: float  # over the text, at most
    dropout: float
    validation: float

    @property
    def width(self) -> int:
        return 64 * self.depth

    @property
    def heads(self) -> int:
        return max(4, self.depth)


# How large


def fit(settings: Settings, size: float, seconds: float | None, flops: float) -> Settings:
    """Fills in the plan where neither the recipe nor a flag sets a value."""
    plan = make_plan(max(size, 1), seconds, flops)
    gated = settings.model.get("hidden_act") == "swiglu"  # three matrices instead of two
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


def make_plan(size: float, seconds: float | None, flops: float) -> Plan:
    """The plan for `size` bytes of text, on a machine of speed `flops`."""
    passes = float(MOST_PASSES) if math.isfinite(size) else 1.0
    deepest = min(DEEPEST, max(SHALLOWEST, round(math.log10(min(size, 1e12)) - 2.3)))
    depth = deepest
    if seconds is not None:
        while depth > SHALLOWEST and too_large(depth, seconds, flops):
            depth -= 1
        passes = min(passes, seen(depth, seconds, flops) / size)
    return Plan(
        depth=depth,
        window=window_for(size),
        batch=8 if size < 300_000 else 16,
        passes=passes,
        dropout=round(max(0.0, (0.1 * math.log2(max(passes, 1)) - 0.25) * depth / 3), 2),
        validation=min(0.1, 200_000 / size),
    )


def parameters(depth: int) -> int:
    """Of the blocks: four square matrices and two of three times the width, a layer."""
    return depth * 10 * (64 * depth) ** 2


def window_for(size: float) -> int:
    """At most 256, and few enough that a tenth of the text holds two."""
    window = 256 if size > 300_000 else 128
    while window > 8 and window > size / 20:
        window //= 2
    return window


def too_large(depth: int, seconds: float, flops: float) -> bool:
    return seen(depth, seconds, flops) < LETTERS_A_PARAMETER * parameters(depth)


def seen(depth: int, seconds: float, flops: float) -> float:
    """Letters that a model of this depth reads in the time, forward and back."""
    return EFFICIENCY * flops * seconds / (6 * parameters(depth))


# How long


def for_steps(seconds: float) -> float:
    """The part of the remaining time that is for steps and evaluations."""
    rest = (1 - SPARE) * (seconds - AT_THE_END)
    if rest <= 0:
        raise ValueError(
            "the time is over before the training begins: give more --minutes "
            f"(at least {(AT_THE_END - seconds + 10) / 60:.1f} more)"
        )
    return rest


def how_often(seconds: float, an_evaluation: float) -> float:
    """How far evaluations are apart, as a share of the steps: a few at least, in a small part of
    the time."""
    count = int(EVALUATING * seconds / max(an_evaluation, 1e-6))
    return 1 / min(MOST, max(FEWEST, count))


def steps_within(seconds: float, a_step: float, an_evaluation: float, often: float) -> int:
    """`often`: steps from one evaluation to the next, or a share of all steps."""
    if often < 1:
        seconds -= an_evaluation / often
    else:
        a_step += an_evaluation / often
    return max(1, int(seconds / a_step))


# On which machine


@dataclass(frozen=True)
class Machine:
    state: PartialState  # the processes that train together, and this one's device
    bf16: bool

    @property
    def device(self) -> torch.device:
        return self.state.device

    def agreed(self, value: T) -> T:
        """The first process's, where several train together."""
        box = [value]
        if self.state.num_processes > 1:
            broadcast_object_list(box)
        return box[0]

    def speed(self) -> float:
        """Floating-point operations a second, in products of the size that training makes."""
        kind = torch.bfloat16 if self.bf16 else torch.float32
        a = torch.ones(1024, 512, device=self.device, dtype=kind)
        times = []
        for _ in range(12):
            began = time.perf_counter()
            (a @ a.T).sum().item()
            times.append(time.perf_counter() - began)
        return 2 * 1024 * 1024 * 512 / statistics.median(times)


def find_machine(platform: dict[str, Any]) -> Machine:
    """The machine that TrainingArguments of these values will find, before they are built."""
    values = on_this_machine(platform)
    backend = values.get("ddp_backend")
    if values["use_cpu"]:
        state = PartialState(cpu=True, backend=backend)
    else:
        timeout = timedelta(seconds=values.get("ddp_timeout", TrainingArguments.ddp_timeout))
        state = PartialState(backend=backend, timeout=timeout)
    return Machine(state, bool(values.get("bf16")))
