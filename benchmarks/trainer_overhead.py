"""What the Trainer adds to a step, over a bare loop of the same batches, model and optimizer.

    python -m benchmarks.trainer_overhead [RECIPE] [--data FILE] [--steps 30] [--rounds 9]

The two take turns in one process; the ratio is the median over the rounds. The Trainer runs with
all that a real run has: a row of metrics for every step, the bar, the check for NaN.
"""

import argparse
import contextlib
import copy
import io
import itertools
import statistics
import tempfile
import time
from pathlib import Path

from .kept import keep


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("recipe", nargs="?", default="shakespeare-fast")
    parser.add_argument("--data", help="Tiny Shakespeare, if it is not cached")
    parser.add_argument("--steps", type=int, default=30, help="steps of each turn")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--keep", action="store_true", help="put the figures into the README")
    parser.add_argument("--threads", type=int, help="threads of torch (default: all cores)")
    return parser


def prepare(recipe: str, data: str | None, folder: str, steps: int):
    from training.loop.arguments import resolve
    from training.loop.prepare import prepare as prepared

    flags = {"output_dir": folder, "max_steps": steps, "disable_tqdm": False}
    if data is not None:
        flags["data"] = [data]
    run = prepared(resolve(recipe, flags), time.time())
    run.args.eval_strategy, run.args.save_strategy = "no", "no"
    return run


def bare(run, steps: int) -> list[float]:
    """Seconds of each step: the training loop that anyone would write."""
    import torch

    from training.data.examples import Examples
    from training.loop.muon import make_optimizer

    model, args = copy.deepcopy(run.parts.model), run.args
    options = run.settings.options
    optimizer = make_optimizer(
        model,
        args,
        options.muon_learning_rate,
        options.muon_momentum,
        options.embedding_learning_rate,
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / steps)
    size = args.train_batch_size
    examples = Examples(run.parts.source, steps * size, args.seed)
    model.train()
    ticks = []
    for step in range(steps):
        batch = examples.__getitems__(list(range(step * size, (step + 1) * size)))
        with torch.autocast("cpu", torch.bfloat16, enabled=args.bf16):
            loss = model(**batch, use_cache=False).loss
        loss.backward()
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        loss.item()
        ticks.append(time.perf_counter())
    return [b - a for a, b in itertools.pairwise(ticks)]


def trained(run) -> list[float]:
    """The same through the Trainer."""
    from training.loop.callbacks import Bar, Clock, Record
    from training.loop.trainer import make_trainer

    clock = Clock()
    beside = [Record(run.folder), Bar(run.tokens_a_step, hidden=False), clock]
    fresh = run.parts._replace(model=copy.deepcopy(run.parts.model))
    trainer = make_trainer(run.settings.options, run.args, *fresh, callbacks=beside)
    with contextlib.redirect_stderr(io.StringIO()):
        trainer.train()
    return clock.gaps()


def main(argv: list[str] | None = None) -> int:
    args = make_parser().parse_args(argv)
    import torch

    if args.threads:
        torch.set_num_threads(args.threads)
    ratios, times = [], []
    with tempfile.TemporaryDirectory() as folder:
        run = prepare(args.recipe, args.data, str(Path(folder, "run")), args.steps)
        for turn in range(args.rounds + 1):
            ours, theirs = trained(run), bare(run, args.steps)
            if turn:  # the first warms up
                ratios.append(statistics.mean(ours) / statistics.mean(theirs))
                times.append((statistics.mean(ours), statistics.mean(theirs)))
    for name, column in zip(("Trainer", "bare loop"), zip(*times, strict=True), strict=True):
        print(f"{name:10} {1000 * statistics.median(column):8.2f} ms a step")
    middle = statistics.median(ratios)
    spread = f"{min(ratios):.3f} to {max(ratios):.3f}"
    print(f"{args.recipe}: Trainer / bare loop {middle:.3f} ({spread})")
    if args.keep:
        what = f"a step of `{args.recipe}` through the Trainer, against a bare loop"
        command = f"python -m benchmarks.trainer_overhead {args.recipe}"
        keep(command, {what: f"{middle - 1:+.1%} of the time"})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
