"""What each layer would say, against the model's own forward pass.

    python -m benchmarks.inspecting [--rounds 7] [--keep]

256 tokens are read and the last 32 positions shown, once for `shakespeare` as it ships, in
milliseconds, and once for GPT-2 small's shape with random weights, as a multiple of its own forward
pass of the same text. The two take turns in one run and each figure is the median.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

READ, SHOWN = 256, 32


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--keep", action="store_true", help="put the figures into the README")
    return parser


def main(argv: list[str] | None = None) -> int:
    args = make_parser().parse_args(argv)
    from tinygpt_hf.loading import load

    tiny, _ = load("shakespeare")
    own, shown = take_turns(tiny, args.rounds)
    figures = {f"each layer's guesses of {SHOWN} positions, `shakespeare`": f"{1e3 * shown:.0f} ms"}
    print(f"shakespeare: guesses {1e3 * shown:.0f} ms, its forward pass {1e3 * own:.0f} ms")
    own, shown = take_turns(gpt2_small(), args.rounds)
    figures["the same, GPT-2 small's shape"] = f"{shown / own:.2f} times its own forward pass"
    print(f"GPT-2 small: guesses {1e3 * shown:.0f} ms, its forward pass {1e3 * own:.0f} ms")
    print(f"ratio {shown / own:.2f}")
    if args.keep:
        from benchmarks.kept import keep

        keep("python -m benchmarks.inspecting", figures)
    return 0


def gpt2_small() -> Any:
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    return GPT2LMHeadModel(GPT2Config()).eval()


def take_turns(model: Any, rounds: int) -> tuple[float, float]:
    """Seconds of a forward pass and of the guesses."""
    import torch

    from tinygpt_hf.inspecting import guesses

    ids = torch.arange(READ) % model.config.vocab_size
    with torch.no_grad():
        tasks: tuple[Callable[[], Any], ...] = (
            lambda: model(ids[None], use_cache=False),
            lambda: guesses(model, ids, SHOWN),
        )
        times: tuple[list[float], ...] = ([], [])
        for turn in range(rounds + 1):
            for task, taken in zip(tasks, times, strict=True):
                began = time.perf_counter()
                task()
                if turn:  # the first is a warm-up
                    taken.append(time.perf_counter() - began)
    own, shown = (statistics.median(taken) for taken in times)
    return own, shown


if __name__ == "__main__":
    sys.exit(main())
