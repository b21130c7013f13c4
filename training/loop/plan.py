"""How large and how long for a text of one's own: one dial, turned by the text and by the time.

The dial is the depth: as many layers, 64 times as wide. Small texts are soon learned by heart, so
they get a small model and, as all, an end to repeats, with dropout by how often a text is read and
by how much a model could keep of it; little time gets a model that can still see enough of the
text in it.
"""

import math
import statistics
import time
from dataclasses import dataclass

import torch

SHALLOWEST, DEEPEST = 2, 8
MOST_PASSES = 10  # over a text; more are learned by heart, and dropout against it costs as much
LETTERS_A_PARAMETER = 1.5  # to be seen while training, or a smaller model learns more in the time
EFFICIENCY = 0.5  # of training, against the plain products that `speed` times


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


def parameters(depth: int) -> int:
    """Of the blocks: four square matrices and two of three times the width, a layer."""
    return depth * 10 * (64 * depth) ** 2


def make_plan(size: float, seconds: float | None, flops: float) -> Plan:
    """For so many bytes of text, on a machine that does so many multiply-adds a second."""
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


def speed(device: torch.device, bf16: bool) -> float:
    """Floating-point operations a second, in products of the size that training makes."""
    a = torch.ones(1024, 512, device=device, dtype=torch.bfloat16 if bf16 else torch.float32)
    times = []
    for _ in range(12):
        began = time.perf_counter()
        (a @ a.T).sum().item()
        times.append(time.perf_counter() - began)
    return 2 * 1024 * 1024 * 512 / statistics.median(times)
