"""Every trick tried on a short training: what it does to the loss, with its seeds.

    python -m benchmarks.tricks [TRICK ...] --data tinyshakespeare.txt [--seeds 0 1 2 3 4]

Each run is a line of docs/tricks.jsonl, appended when it ends; a run that stands there is not made
again, so a command that was cut off goes on. docs/tricks.md is the table of that file. Tricks are
chosen on the first half of the held-out tenth, against the same seeds without them; the second half
is for the claim alone. All on one thread, where a seed gives the same numbers again.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .time_to_loss import losses_of

ROOT = Path(__file__).parents[1]
RESULTS, TABLE = ROOT / "docs" / "tricks.jsonl", ROOT / "docs" / "tricks.md"
RECIPE = "shakespeare-fast"
PLAIN = "as it is"


@dataclass(frozen=True)
class Trick:
    """Flags of the command line; what is done to the batch of a step; to the model at the start; to
    the update of a stack of matrices."""

    flags: dict[str, Any] = field(default_factory=dict)
    batch: Callable[[int, Any], Any] | None = None
    start: Callable[[Any], None] | None = None
    update: Callable[[], Callable[[Any], Any]] | None = None


def rows(*until: tuple[int, int]) -> Callable[[int, Any], Any]:
    """So many rows of the batch up to a step."""

    def cut(step: int, batch: Any) -> Any:
        count = next((rows for last, rows in until if step <= last), None)
        return {name: x[:count] for name, x in batch.items()}

    return cut


def windows(*until: tuple[int, int]) -> Callable[[int, Any], Any]:
    """Windows of so many tokens up to a step: the same text with less attention."""

    def cut(step: int, batch: Any) -> Any:
        width = next((width for last, width in until if step <= last), None)
        return batch if width is None else {k: x.reshape(-1, width) for k, x in batch.items()}

    return cut


def bigram_head(run: Any) -> None:
    """The head that gives each next token its share among the pairs of the text."""
    import torch

    model, ids = run.model, torch.from_numpy(run.ready.parts.source.ids.astype("i8"))
    size, width = model.config.vocab_size, model.config.hidden_size
    pairs = torch.zeros(size, size)
    pairs.index_put_((ids[:-1], ids[1:]), torch.ones(len(ids) - 1), accumulate=True)
    single = pairs.sum(0) + 0.1
    odds = pairs + single / single.sum()
    logits = (odds / odds.sum(1, keepdim=True)).clamp_min(1e-7).log()
    logits -= logits.mean(1, keepdim=True)
    stream = torch.layer_norm(model.get_input_embeddings().weight.detach(), (width,))
    weight = pairs.sum(1, keepdim=True).sqrt() + 1e-3
    a, b = stream * weight / weight.mean(), logits * weight / weight.mean()
    solved = torch.linalg.solve(a.T @ a + 1e-3 * size * torch.eye(width), a.T @ b)
    with torch.no_grad():
        model.lm_head.weight.copy_(solved.T)


def per_neuron(decay: float = 0.95) -> Callable[[Any], Any]:
    """NorMuon (Li et al., 2025): each row of an update divided by its own running size."""
    from training.loop.muon import orthogonalize

    sizes: dict[Any, Any] = {}
    steps: dict[Any, int] = defaultdict(int)

    def update(stack: Any) -> Any:
        out = orthogonalize(stack).float()
        norm, square = out.norm(dim=(-2, -1), keepdim=True), out.square().mean(-1, keepdim=True)
        key = out.shape
        steps[key] += 1
        sizes[key] = decay * sizes.get(key, 0.0) + (1 - decay) * square
        out = out / ((sizes[key] / (1 - decay ** steps[key])).sqrt() + 1e-8)
        return out * norm / (out.norm(dim=(-2, -1), keepdim=True) + 1e-8)

    return update


TRICKS: dict[str, Trick] = {
    PLAIN: Trick(),
    "112 steps instead of 122": Trick({"max_steps": 112}),
    "2 heads": Trick({"num_attention_heads": 2}),
    "MLP of 64": Trick({"intermediate_size": 64}),
    "12 rows for 30 steps": Trick(batch=rows((30, 12))),
    "16, 24, 32 rows": Trick(
        {"per_device_train_batch_size": 32}, rows((40, 16), (80, 24), (999, 32))
    ),
    "windows of 32 for 40 steps": Trick(batch=windows((40, 32))),
    "windows of 32 for 60 steps": Trick(batch=windows((60, 32))),
    "windows of 32 for 90 steps": Trick(batch=windows((90, 32))),
    "windows of 32 for 92 steps": Trick(batch=windows((92, 32))),
    "windows of 32 for 110 steps": Trick(batch=windows((110, 32))),
    "windows of 16, then 32": Trick(batch=windows((20, 16), (70, 32))),
    "32 rows, 94 steps, windows of 32 for 46": Trick(
        {"per_device_train_batch_size": 32, "max_steps": 94, "muon_learning_rate": 0.055},
        windows((46, 32)),
    ),
    "head that begins as a table of pairs": Trick(start=bigram_head),
    "the same, 112 steps": Trick({"max_steps": 112}, start=bigram_head),
    "Muon per neuron (NorMuon)": Trick(update=per_neuron),
}


def trained(trick: Trick, data: str, seed: int) -> dict[str, float]:
    import torch

    from training.loop import arguments, muon
    from training.loop.run import Run

    torch.set_num_threads(1)
    flags = {"data": [data], "seed": seed, "disable_tqdm": True, "eval_strategy": "no"}
    step = 0

    def collate(batch: Any) -> Any:
        nonlocal step
        step += 1
        return trick.batch(step, batch) if trick.batch else batch

    before = muon.orthogonalize
    with tempfile.TemporaryDirectory() as folder:
        settings = arguments.resolve(RECIPE, flags | trick.flags | {"output_dir": folder})
        run = Run(settings, time.time(), collate=collate)
        if trick.start:
            trick.start(run)
        try:
            muon.orthogonalize = trick.update() if trick.update else before
            run.train()
        finally:
            muon.orthogonalize = before
    model, held = run.model.eval(), run.ready.parts.split
    val = torch.from_numpy(held.ids.astype("i8"))  # type: ignore[union-attr]  # windows, both
    with torch.inference_mode():
        losses = losses_of(val, lambda x, y: model(input_ids=x, shift_labels=y.contiguous()).loss)
    return {half: round(losses[half], 5) for half in ("first", "second")}


def read() -> list[dict[str, Any]]:
    lines = RESULTS.read_text(encoding="utf-8").splitlines() if RESULTS.exists() else []
    return [json.loads(line) for line in lines]


def table(results: list[dict[str, Any]]) -> str:
    by_trick: dict[str, dict[int, dict[str, Any]]] = defaultdict(dict)
    for result in results:
        by_trick[result["trick"]][result["seed"]] = result
    plain = by_trick[PLAIN]
    lines = [
        f"# Tricks tried on `{RECIPE}`",
        "",
        "What each does to the loss in nats, as the mean difference to the same seeds without it",
        "(below zero is better); the first line is the loss itself. Chosen on the first half of",
        "the held-out tenth. A step more or less is worth 0.002; rounding alone moves a seed by",
        f"0.003. One thread; made by `python -m benchmarks.tricks` from `{RESULTS.name}`.",
        "",
        "| trick | seeds | first half | second half |",
        "|---|---|---|---|",
    ]
    for trick, runs in by_trick.items():
        shared = [seed for seed in runs if seed in plain]
        halves = [
            f"{statistics.mean(run[half] for run in runs.values()):.4f}"
            if trick == PLAIN
            else f"{mean(runs, plain, shared, half):+.4f}"
            for half in ("first", "second")
        ]
        lines.append(f"| {trick} | {len(shared)} | {' | '.join(halves)} |")
    return "\n".join(lines) + "\n"


def mean(runs: dict, plain: dict, seeds: list[int], half: str) -> float:
    return statistics.mean(runs[seed][half] - plain[seed][half] for seed in seeds)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("tricks", nargs="*", metavar="TRICK", help=", ".join(TRICKS))
    parser.add_argument("--data", required=True, help="Tiny Shakespeare")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    args = parser.parse_args(argv)
    if unknown := set(args.tricks) - set(TRICKS):
        parser.error(f"no such trick: {unknown.pop()!r}; there are {', '.join(TRICKS)}")
    done = {(result["trick"], result["seed"]) for result in read()}
    for seed in args.seeds:
        for name in dict.fromkeys([PLAIN, *(args.tricks or TRICKS)]):
            if (name, seed) in done:
                continue
            losses = trained(TRICKS[name], args.data, seed)
            with RESULTS.open("a", encoding="utf-8", newline="\n") as file:
                file.write(json.dumps({"trick": name, "seed": seed, **losses}) + "\n")
    TABLE.write_text(table(read()), encoding="utf-8", newline="\n")
    print(f"{table(read())}\n{RESULTS}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
