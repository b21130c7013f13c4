"""The scaling law one can read: how many stories hold together, by size and by training.

    python -m training.stories.make
    python -m training.train stories            # leaves the moments of its run
    python -m benchmarks.coherence              # four sizes, six moments, the chart

Trains `stories` in four sizes on the same stories, one after another, by this command each:

    python -m training.train stories --num_hidden_layers L --hidden_size W --intermediate_size 3W \\
        --num_attention_heads W/32 --max_steps 2500 --eval_steps 2500 --save_steps 500 \\
        --save_total_limit 1 --output_dir runs/coherence/LxW-2500

Then each size, and six moments of the long run, writes 200 stories, which the checker reads. A line
is kept as soon as it is known. Whatever was cut goes on from there: give the same command again.
"""

import argparse
import json
import math
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from compare.html.stories import held

ROOT = Path(__file__).parents[1]
SIZES = ((2, 64), (3, 128), (4, 192), (5, 256))  # layers and width; the last is `stories`
HEAD = 32  # the width of a head, in each of them
MOMENTS = 6
STEPS, COUNT, SEED, TEMPERATURE = 2_500, 200, 1, 0.8
READ = 40_000  # rows of the training stories, to know the words of their world
PICTURE, PAGE = ROOT / "docs" / "coherence.svg", ROOT / "docs" / "coherence.md"


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.coherence",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "what",
        nargs="*",
        metavar="WHAT",
        help="sizes, moments or draw (default: all three)",
    )
    parser.add_argument("--run", type=Path, default=Path("runs/stories"), help="with the moments")
    parser.add_argument("--runs", type=Path, default=Path("runs/coherence"), help="of the sizes")
    parser.add_argument("--steps", type=int, default=STEPS, help="for each size")
    parser.add_argument("--count", type=int, default=COUNT, help="stories of each model")
    parser.add_argument("--made", type=Path, help="what training.stories.make wrote")
    return parser


def main(argv: list[str] | None = None) -> int:
    parser = make_parser()
    args = parser.parse_args(argv)
    parts = ("sizes", "moments", "draw")
    if unknown := set(args.what) - set(parts):
        parser.error(f"{unknown.pop()!r} is none of {', '.join(parts)}")
    from training.stories.make import MADE

    args.made = args.made or MADE
    wanted = [part for part in parts if part in (args.what or parts)]
    if wanted != ["draw"] and not (args.made / "stories.jsonl").is_file():
        parser.error(f"{args.made} holds no stories.jsonl: python -m training.stories.make")
    if "sizes" in wanted:
        for layers, width in SIZES:
            measure("size", train(layers, width, args), args)
    if "moments" in wanted:
        for folder in moments(args.run):
            measure("moment", folder, args)
    if "draw" in wanted:
        draw(held.measured())
    return 0


def train(layers: int, width: int, args: argparse.Namespace) -> Path:
    """The run of this size, from wherever it stands to its end."""
    from training.train import main as train

    folder = args.runs / f"{layers}x{width}-{args.steps}"
    if (folder / "metrics.json").is_file():
        return folder
    if any(folder.glob("checkpoint-*")):
        flags = ["--resume", "--output_dir", str(folder)]
    else:
        if (folder / "run.json").exists():
            raise SystemExit(f"{folder} was cut before its first checkpoint: remove it")
        flags = ["stories", "--output_dir", str(folder)]
        shape = {
            "data": args.made / "stories.jsonl",
            "tokenizer": args.made / "tokenizer",
            "num_hidden_layers": layers,
            "hidden_size": width,
            "intermediate_size": 3 * width,
            "num_attention_heads": width // HEAD,
            "max_steps": args.steps,
            "eval_steps": args.steps,
            "save_steps": max(1, args.steps // 5),
            "save_total_limit": 1,
        }
        flags += [word for name, value in shape.items() for word in (f"--{name}", str(value))]
    if train(flags):
        raise SystemExit(f"{folder} did not train; the same command goes on with it")
    return folder


def moments(run: Path) -> list[Path]:
    """Six checkpoints of a finished run, each about as many times later than the one before."""
    kept = {
        int(path.name.removeprefix("checkpoint-")): path
        for path in run.glob("checkpoint-*")
        if path.name.removeprefix("checkpoint-").isdecimal()
    }
    kept.pop(0, None)
    if not (run / "metrics.json").is_file() or len(kept) < MOMENTS:
        raise SystemExit(
            f"{run} is no finished run with {MOMENTS} checkpoints: "
            "python -m training.train stories --save_steps 1000 --save_total_limit 20"
        )
    return [kept[step] for step in spread(sorted(kept))]


def spread(steps: list[int]) -> list[int]:
    """The first, the last, and those between that are nearest to equal ratios."""
    left, chosen = list(steps), []
    first, last = math.log(steps[0]), math.log(steps[-1])
    for number in range(MOMENTS):
        wanted = first + (last - first) * number / (MOMENTS - 1)
        chosen.append(min(left, key=lambda step: abs(math.log(step) - wanted)))
        left.remove(chosen[-1])
    return sorted(chosen)


def measure(of: str, folder: Path, args: argparse.Namespace) -> None:
    """What a model's stories are worth, as one more line, unless it is there already."""
    about = facts(of, folder)
    key = ("of", "layers", "width", "steps")
    if any(all(row[name] == about[name] for name in key) for row in held.measured()):
        return
    print(f"{of} {folder}: {args.count} stories", file=sys.stderr)
    row = about | judged(folder, args.count, args.made)
    with held.MEASURED.open("a", encoding="utf-8", newline="\n") as file:
        file.write(json.dumps(row) + "\n")
    print(json.dumps(row), flush=True)


def facts(of: str, folder: Path) -> dict[str, Any]:
    """Its shape, and how far and how long it had been trained."""
    shape = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    run, _, step = str(folder).rpartition("checkpoint-")
    rows = [*logged(Path(run) if step != str(folder) else folder)]
    at = int(step) if step != str(folder) else rows[-1]["step"]
    done = [row for row in rows if row["step"] <= at]
    losses = [row["val_loss"] for row in done if "val_loss" in row]
    return {
        "of": of,
        "layers": shape["num_hidden_layers"],
        "width": shape["hidden_size"],
        "steps": at,
        "seconds": round(done[-1]["seconds"]),
        "val_loss": round(losses[-1], 4) if losses else None,
    }


def logged(run: Path) -> Iterator[dict[str, Any]]:
    rows = (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    yield from sorted(map(json.loads, rows), key=lambda row: row["step"])


def judged(folder: Path, count: int, made: Path) -> dict[str, Any]:
    from tinygpt_hf.loading import load
    from training.stories import exam
    from training.stories.check import study

    model, tokenizer = load(folder)
    starts = [start for start, _ in exam.openings(made, count, SEED)]
    texts = exam.write(model, tokenizer, starts, TEMPERATURE, SEED)
    studies = [study(text) for text in texts]
    found = exam.verdicts(studies) | shares(starts, studies, words_of(made))
    first = {"opening": starts[0], "story": texts[0].removeprefix(starts[0])}  # to be read
    return {"parameters": model.num_parameters()} | rounded(found) | first


def shares(starts: list[str], studies: list[Any], words: frozenset[str]) -> dict[str, Any]:
    """`so_far` and `first_wrong` again, more finely: a sentence with a word that is none counts as
    `spelling`; and nothing holds so far where no sentence after the opening was finished."""
    from training.stories.check import SO_FAR, sentences
    from training.stories.exam import why

    sorts: Counter[str] = Counter()
    so_far = 0
    for start, one in zip(starts, studies, strict=True):
        if one.problems:
            first = one.problems[0]
            sort = why(first)
            misspelt = sort == "sentence" and not spelt(first.sentence) <= words
            sorts["spelling" if misspelt else sort] += 1
        elif one.verdict == SO_FAR:
            if one.sentences > len(sentences(start)):
                so_far += 1
            else:
                sorts["sentence"] += 1
    wrong = {name: number / len(studies) for name, number in sorts.most_common()}
    return {"so_far": so_far / len(studies), "first_wrong": wrong}


def words_of(made: Path) -> frozenset[str]:
    """All words that the simulator says, in any case."""
    found: set[str] = set()
    for name in ("held_out.jsonl", "stories.jsonl"):
        with (made / name).open(encoding="utf-8") as file:
            for line, _ in zip(file, range(READ), strict=False):
                found |= spelt(json.loads(line)["text"])
    return frozenset(found)


def spelt(text: str) -> set[str]:
    letters = "".join(c if c.isalpha() or c == "'" else " " for c in text.casefold())
    return {word.strip("'") for word in letters.split()} - {""}


def rounded(found: dict[str, Any]) -> dict[str, Any]:
    shares = {name: round(share, 4) for name, share in found["first_wrong"].items()}
    return {k: round(v, 4) if isinstance(v, float) else v for k, v in found.items()} | {
        "first_wrong": shares
    }


def draw(rows: list[dict[str, Any]]) -> None:
    if not rows:
        raise SystemExit("nothing is measured yet: python -m benchmarks.coherence sizes moments")
    PICTURE.write_text(held.picture(rows), encoding="utf-8", newline="\n")
    PAGE.write_text(table(rows), encoding="utf-8", newline="\n")
    print(f"{PICTURE}\n{PAGE}")


def table(rows: list[dict[str, Any]]) -> str:
    """docs/coherence.md: the picture, and all of it in words and figures."""
    titles = {"size": "By size", "moment": "By training"}
    lines = [
        "# How many stories hold together",
        "",
        f"Each model went on from {rows[0]['stories']} openings of stories that no training saw.",
        f"The temperature was {TEMPERATURE}. A program that knows their world read it all.",
        "Made by `python -m benchmarks.coherence` from `compare/recorded/coherence.jsonl`.",
        "",
        "![A bar for each model: the share of stories that hold together, and what goes wrong "
        "first in the others; the tables below say the same](coherence.svg)",
        "",
        held.summary(rows),
    ]
    for of, title in titles.items():
        if chosen := held.chosen(rows, of):
            lines += ["", f"## {title}", "", *table_of(chosen)]
    return "\n".join(lines) + "\n"


def table_of(rows: list[dict[str, Any]]) -> list[str]:
    sorts = [*held.FAULTS]
    lines = [
        "| parameters | steps | minutes | loss | hold together | no end yet | "
        + " | ".join(sorts)
        + " |",
        "|--:|--:|--:|--:|--:|--:|" + "--:|" * len(sorts),
    ]
    for row in rows:
        wrong = held.faults(row)
        loss = "" if row["val_loss"] is None else f"{row['val_loss']:.3f}"
        cells = [
            f"{row['parameters']:,}",
            f"{row['steps']:,}",
            f"{row['seconds'] / 60:.0f}",
            loss,
            *(f"{share:.0%}" for share in (row["holds"], row["so_far"])),
            *(f"{wrong[sort]:.0%}" for sort in sorts),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


if __name__ == "__main__":
    raise SystemExit(main())
