"""`python -m training.chat.make`: the hand-written files become conversations, always alike.

    conversations.jsonl  for `chat`: `messages`, as every chat trainer takes them, and `labels`,
                         which answer each of them got (`token.why`: of the idea token, why)

The last conversations are for validation: their ideas are asked about in patterns, and their
stories are of combinations, that the rest does not have.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

from training.stories.make import is_held_out
from training.stories.telling.story import combination, story
from training.stories.telling.teller import Teller

from . import asking
from .material import FOLDER
from .talks import Pool, Talk, idea_talk, request_talk, story_talk

MADE = FOLDER / "made"
SEED, TALKS = 17, 60_000
IDEAS, STORIES = 0.55, 0.33  # of the talks; in the rest a story is asked for
VALIDATION = 0.005
EXAM = 1_000_003  # the seed of the exam's stories


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training.chat.make", description=__doc__)
    parser.add_argument("--talks", type=int, default=TALKS, help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=SEED, help="default: %(default)s")
    parser.add_argument("--output_dir", type=Path, default=MADE, help="default: %(default)s")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    parser = make_parser()
    args = parser.parse_args(argv)
    if args.talks < 1:
        parser.error(f"--talks is {args.talks}; it must be at least 1")
    args.output_dir.mkdir(parents=True, exist_ok=True)
    answers = 0
    path = args.output_dir / "conversations.jsonl"
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for talk in conversations(args.seed, args.talks):
            answers += len(talk.turns)
            file.write(json.dumps(as_row(talk), ensure_ascii=False) + "\n")
    print(f"{args.talks:,} conversations with {answers:,} answers: {args.output_dir}")
    return 0


def conversations(seed: int, count: int) -> Iterator[Talk]:
    rng = Random(seed)
    train, held = asking.all_questions(rng)
    outside = Pool(asking.outside(rng), rng)
    last = round(count * (1 - VALIDATION))
    about, told = Pool(train, rng), stories(seed, held_out=False)
    for number in range(count):
        if number == last:
            about, told = Pool(held, rng), stories(seed, held_out=True)
        sort = rng.random()
        if sort < IDEAS:
            yield idea_talk(rng, about, outside)
        elif sort < IDEAS + STORIES:
            yield story_talk(rng, about, outside, next(told))
        else:
            yield request_talk(rng, about, outside, next(told), next(told))


def stories(seed: int, held_out: bool) -> Iterator[Teller]:
    number = 0
    while True:
        told = story(seed + 1, number)
        number += 1
        if is_held_out(combination(told)) == held_out:
            yield told


def as_row(talk: Talk) -> dict:
    messages = []
    for asked, said, _ in talk.turns:
        messages.append({"role": "user", "content": asked})
        messages.append({"role": "assistant", "content": said})
    return {"messages": messages, "labels": [label for *_, label in talk.turns]}


if __name__ == "__main__":
    sys.exit(main())
