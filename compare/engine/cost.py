"""How long attention takes as its window grows, measured when it is asked for."""

from __future__ import annotations

import time

import torch

from tinygpt_hf import TinyGPTConfig, TinyGPTModel
from tinygpt_hf.modeling_tinygpt import TinyGPTBlock

LENGTHS = (64, 128, 256, 512, 1024)
_ROUNDS = 5


@torch.inference_mode()
def seconds_by_length() -> list[tuple[int, float, float]]:
    """For each length: the best time of one attention layer, and of one MLP for comparison."""
    config = TinyGPTConfig(
        vocab_size=64,
        hidden_size=64,
        num_hidden_layers=1,
        max_position_embeddings=max(LENGTHS),
        attn_implementation="eager",
    )
    (block,) = TinyGPTModel(config).eval().layers
    return [_measure(block, length, config.hidden_size) for length in LENGTHS]


def _measure(block: TinyGPTBlock, length: int, width: int) -> tuple[int, float, float]:
    x = torch.randn(1, length, width)
    places = torch.arange(length)
    distance = (places[:, None] - places).clamp(min=0)
    future = torch.full((length, length), torch.finfo(x.dtype).min).triu(1)[None, None]
    attention = _best(lambda: block.attn(x, distance=distance, attention_mask=future))
    return length, attention, _best(lambda: block.mlp(x))


def _best(work) -> float:
    times = []
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)
