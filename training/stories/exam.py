"""`python -m training.stories.exam MODEL`: is what a model writes a story that holds together?

It goes on from openings whose combination of person, thing, place and plot training never saw. Each
story is read by the checker. Exits 1 where the model does not pass.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random
from statistics import mean
from typing import Any

from .make import MADE

HOLD, NEAR, COPIED, NEW = 0.85, 0.10, 0.01, 0.5
LONGEST = 400  # tokens; the simulator's longest story has fewer
BATCH = 50


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training.stories.exam", description=__doc__)
    parser.add_argument("model", nargs="?", default="stories", help="default: the shipped one")
    parser.add_argument("--count", type=int, default=500, help="stories (default: %(default)s)")
    parser.add_argument("--temperature", type=float, default=0.8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--made", type=Path, default=MADE, help="what the maker wrote")
    parser.add_argument("--json", type=Path, help="write the figures to a file")
    parser.add_argument(
        "--save",
        type=Path,
        help="write the stories and what was found to a file; `blind` draws from it",
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    parser = make_parser()
    args = parser.parse_args(argv)
    if args.count < 1:
        parser.error(f"--count is {args.count}; it must be at least 1")
    if not (args.made / "stories.jsonl").is_file():
        parser.error(f"{args.made} holds no stories.jsonl; `python -m training.stories.make`")
    from tinygpt_hf.loading import load

    model, tokenizer = load(args.model)
    asked = openings(args.made, args.count, args.seed)
    texts = write(model, tokenizer, [start for start, _ in asked], args.temperature, args.seed)
    found = figures(texts, [text for _, text in asked], args.made)
    if args.save:
        args.save.write_text("".join(lines(texts)), encoding="utf-8")
    passed = report(found)
    if args.json:
        args.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0 if passed else 1


def openings(made: Path, count: int, seed: int) -> list[tuple[str, str]]:
    """One or two sentences of stories held out, with the stories they begin."""
    from .check import sentences

    rng = Random(seed)
    found = []
    with (made / "held_out.jsonl").open(encoding="utf-8") as file:
        for row in map(json.loads, file):
            parts = sentences(row["text"])
            start, last = parts[rng.choice((0, 1))]
            found.append((row["text"][: start + len(last)], row["text"]))
    if count > len(found):
        raise SystemExit(f"there are {len(found)} openings, fewer than --count {count}")
    return found[:count]


def write(
    model: Any, tokenizer: Any, starts: list[str], temperature: float, seed: int
) -> list[str]:
    """A story from each opening, sampled; all that a model writes until it ends by itself."""
    import torch
    from transformers import set_seed

    from tinygpt_hf.tokenization import encode_ids

    set_seed(seed)
    model.eval()
    begin = [] if model.config.bos_token_id is None else [model.config.bos_token_id]
    found = []
    for at in range(0, len(starts), BATCH):
        rows = [begin + encode_ids(tokenizer, text).tolist() for text in starts[at : at + BATCH]]
        inputs = tokenizer.pad({"input_ids": rows}, return_tensors="pt", padding_side="left")
        with torch.inference_mode():
            out = model.generate(
                input_ids=inputs["input_ids"],
                attention_mask=inputs["attention_mask"],
                max_new_tokens=LONGEST,
                do_sample=True,
                temperature=temperature,
                top_k=0,
            )
        found += tokenizer.batch_decode(out, skip_special_tokens=True)
    return found


def figures(texts: list[str], theirs: list[str], made: Path) -> dict[str, Any]:
    """What is measured: of the model's stories, and of the simulator's that begin alike."""
    from .check import study
    from .copies import Training

    ours, whole = [study(text) for text in texts], [study(text) for text in theirs]
    training = Training(made)
    return {
        **verdicts(ours),
        "words": mean(len(text.split()) for text in texts),
        "words_of_simulator": mean(len(text.split()) for text in theirs),
        "changes": mean(one.world.changes for one in ours),
        "changes_of_simulator": mean(one.world.changes for one in whole),
        "copied": mean(training.copied(text) for text in texts),
        "copied_of_simulator": mean(training.copied(text) for text in theirs),
        "new": mean(training.is_new(one) for one in ours),
    }


def verdicts(studies: list[Any]) -> dict[str, Any]:
    """How many hold together, and what is the first thing wrong in the others, as shares."""
    from .check import HOLDS, SO_FAR

    count = len(studies)
    return {
        "stories": count,
        "holds": mean(one.verdict == HOLDS for one in studies),
        "so_far": mean(one.verdict == SO_FAR for one in studies),
        "first_wrong": {name: number / count for name, number in blame(studies).most_common()},
    }


def report(found: dict[str, Any]) -> bool:
    """Prints the figures; whether all of them are good enough."""
    print(f"hold together, and end       {found['holds']:.1%} (wanted {HOLD:.0%})")
    print(f"hold together so far, no end {found['so_far']:.1%}")
    for name, share in found["first_wrong"].items():
        print(f"    first wrong: {name:20} {share:.1%}")
    near = []
    for name in ("words", "changes"):
        ours, theirs = found[name], found[f"{name}_of_simulator"]
        near.append(abs(ours / theirs - 1) <= NEAR)
        print(f"{name + ' in a story':28} {ours:.1f}, the simulator's {theirs:.1f}")
    theirs = f"less than {COPIED:.0%}; the simulator's own {found['copied_of_simulator']:.1%}"
    print(f"copied from the training     {found['copied']:.1%} ({theirs})")
    print(f"of a combination not trained {found['new']:.1%} (at least {NEW:.0%})")
    right = found["holds"] >= HOLD and found["copied"] < COPIED and found["new"] >= NEW
    return right and all(near)


def blame(studies: list[Any]) -> Counter[str]:
    return Counter(why(one.problems[0]) for one in studies if one.problems)


def why(problem: Any) -> str:
    """What sort of thing went wrong."""
    words = {
        "not of this world": "sentence",
        "capital": "sentence",
        "is so long": "sentence",
        "was never named": "names",
        "is called": "names",
        "is no ": "names",
        "was named before": "names",
        "can be meant": "pronouns",
        "does not go with": "pronouns",
        "it is not clear": "pronouns",
        "there was no": "things",
        "there is already": "things",
        "does not belong": "who has what",
        "is not with": "who has what",
        "not in the same place": "where they are",
        "is not where": "where they are",
        "the story ends": "promises and endings",
        "did not end": "promises and endings",
        "the story was over": "promises and endings",
        "nobody asked": "questions",
    }
    return next((sort for part, sort in words.items() if part in problem.reason), "other")


def lines(texts: list[str]) -> list[str]:
    from .check import study

    found = []
    for text in texts:
        read = study(text)
        wrong = "".join(f"    {problem}\n" for problem in read.problems)
        found.append(f"{text}\n  -> {read.verdict}\n{wrong}\n")
    return found


if __name__ == "__main__":
    sys.exit(main())
