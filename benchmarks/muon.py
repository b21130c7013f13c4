"""A step of Muon: ours, matrices of one shape at once, against torch.optim.Muon.

    python -m benchmarks.muon [--rounds 41] [--threads 1]

Both in bf16 products, taking turns in one run; the ratio is the median over the rounds.
"""

import argparse
import statistics
import time

SHAPES = {
    "2 layers of 128": (2, 128, 2),
    "4 layers of 128": (4, 128, 4),
    "5 layers of 256": (5, 256, 3),
}


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=41)
    parser.add_argument("--threads", type=int, help="threads of torch (default: all cores)")
    return parser


def make_optimizers(layers: int, width: int, times: int):
    import torch

    from training.loop.muon import MuonAdamW

    torch.manual_seed(0)
    inner = times * width
    layer = [(width, width)] * 4 + [(inner, width), (width, inner)]
    copies = []
    for _ in range(2):
        params = [torch.nn.Parameter(torch.randn(shape) * 0.05) for shape in layer * layers]
        for p in params:
            p.grad = torch.randn_like(p)
        copies.append(params)
    group = {"lr": 0.02, "momentum": 0.95, "weight_decay": 0.0}
    ours = MuonAdamW([group | {"params": copies[0], "bf16": True}], fused=True)
    return ours, torch.optim.Muon([group | {"params": copies[1]}])


def main(argv: list[str] | None = None) -> int:
    args = make_parser().parse_args(argv)
    import torch

    if args.threads:
        torch.set_num_threads(args.threads)
    for name, shape in SHAPES.items():
        seconds: tuple[list[float], list[float]] = ([], [])
        optimizers = make_optimizers(*shape)
        for turn in range(args.rounds + 3):
            for times, optimizer in zip(seconds, optimizers, strict=True):
                began = time.perf_counter()
                optimizer.step()
                if turn >= 3:  # the first warm up
                    times.append(time.perf_counter() - began)
        ours, theirs = (1000 * statistics.median(times) for times in seconds)
        ratio = statistics.median(b / a for a, b in zip(*seconds, strict=True))
        print(f"{name}: {ours:7.2f} ms, torch.optim.Muon {theirs:7.2f} ms, {ratio:.2f} times")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
