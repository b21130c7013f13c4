"""`python -m training.chat.check [MODEL]`: the exam. Exits 1 where the model does not pass.

All is asked greedily. Answers are judged by the labels that were written down beforehand and by
rule, from the facts of the stories. Nothing that is asked here is in the training data.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

from .asking import listed, threads
from .facts import facts, question
from .generate import STORY, ask
from .judge import Thread
from .make import EXAM, stories
from .material import UNKNOWN, held_out
from .texts import UNSAID, label_of
from .wishes import wish

STORIES, REQUESTS = 200, 300
BARS = {
    "exam": 0.90,
    "thread": 0.85,
    "don't know": 0.94,
    "refused": 0.04,  # at most
    "stories": 0.90,
    "requests": 0.85,
}
SAYS = {
    "exam": "the right idea's answer (today's exam and 300 paraphrases)",
    "thread": "of the turns of conversations, idea and manner",
    "don't know": '"I don\'t know" to what it cannot know',
    "refused": "refused although known",
    "stories": "right about the story before",
    "requests": "stories with what was asked for, that hold together",
    "people": "of people's phrasings (used for growing the data: no bar)",
}
ASKED = ("Tell me a story.", "A story, please.", "Can you tell me a story?")


@dataclass(frozen=True)
class Mark:
    """One question of the exam and what became of it."""

    part: str
    sort: str  # what was wanted: an idea, a kind of question
    asked: str
    answer: str
    right: bool
    refused: bool = False  # "I don't know" to what is known
    known: bool = True  # so refusing it is wrong
    ended: bool = True
    repeated: bool = False


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training.chat.check", description=__doc__)
    parser.add_argument("model", nargs="?", default="chat", help="default: the shipped one")
    parser.add_argument("--wrong", action="store_true", help="show what was answered wrongly")
    parser.add_argument(
        "--save", type=Path, help="write all answers to a file, a line of JSON each"
    )
    parser.add_argument(
        "--share", type=float, default=1.0, help="of the exam, for a quick look (default: all)"
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    parser = make_parser()
    args = parser.parse_args(argv)
    if not 0 < args.share <= 1:
        parser.error(f"--share is {args.share}; it must be above 0 and at most 1")
    from tinygpt_hf.loading import load

    model, tokenizer = load(args.model)
    model.eval()
    marks = examine(model, tokenizer, args.share)
    if args.save:
        lines = (json.dumps(vars(mark), ensure_ascii=False) + "\n" for mark in marks)
        args.save.write_text("".join(lines), encoding="utf-8")
    if args.wrong:
        for mark in marks:
            if not mark.right:
                print(f"{mark.part}, {mark.sort}: {mark.asked}\n    {mark.answer}")
    return 0 if report(marks) else 1


def examine(model: Any, tokenizer: Any, share: float = 1.0) -> list[Mark]:
    """All parts of the exam; with a share below one, so much of each."""
    marks: list[Mark] = []
    for part in (questions, conversations, about_stories, requests):
        marks += part(model, tokenizer, share)
    return marks


def report(marks: list[Mark]) -> bool:
    """Prints the figures; whether all of them are good enough."""
    passed = []
    for part, needed in BARS.items():
        if part == "refused":
            asked = [mark for mark in marks if mark.known and mark.part != "people"]
            share = sum(mark.refused for mark in asked) / len(asked)
            good = share <= needed
            bar = f"at most {needed:.0%}"
        else:
            asked = [mark for mark in marks if mark.part == part]
            share = sum(mark.right for mark in asked) / len(asked)
            good = share >= needed
            bar = f"at least {needed:.0%}"
        passed.append(good)
        print(f"{share:7.1%} of {len(asked):5}  {SAYS[part]} ({bar}){'' if good else '  FAILS'}")
        if part == "stories":
            for kind, (right, count) in kinds(asked).items():
                print(f"    {kind:8} {right / count:7.1%} of {count}")
    people = [mark.right for mark in marks if mark.part == "people"]
    if people:
        print(f"{sum(people) / len(people):7.1%} of {len(people):5}  {SAYS['people']}")
    ended = sum(mark.ended for mark in marks)
    repeated = sum(mark.repeated for mark in marks)
    print(f"{ended} of {len(marks)} answers ended by themselves; {repeated} came twice running")
    return all(passed) and ended == len(marks) and not repeated


def kinds(marks: list[Mark]) -> dict[str, tuple[int, int]]:
    right, count = Counter(m.sort for m in marks if m.right), Counter(m.sort for m in marks)
    return {kind: (right[kind], count[kind]) for kind in count}


def some(items: Sequence[Any], share: float) -> list[Any]:
    """So many of them, spread over all."""
    step = 1 / share
    return [items[int(number * step)] for number in range(max(1, round(len(items) * share)))]


def questions(model: Any, tokenizer: Any, share: float) -> list[Mark]:
    """Questions in conversations of their own."""
    asked = [("exam", *item) for item in (*held_out(), *listed("ideas"))]
    asked += [("don't know", *item) for item in listed(UNKNOWN)]
    asked += [("people", *item) for item in listed("people")]
    asked = some(asked, share)
    room = [STORY if wanted == "story" else 0 for _, wanted, _ in asked]
    short = [item for item, tokens in zip(asked, room, strict=True) if not tokens]
    long = [item for item, tokens in zip(asked, room, strict=True) if tokens]
    marks = []
    for items, tokens in ((short, 128), (long, STORY)):
        answers = ask(model, tokenizer, [[text] for *_, text in items], tokens) if items else []
        for (part, wanted, text), answer in zip(items, answers, strict=True):
            label = label_of(answer.text)
            right = Thread().fits(wanted, answer.text) or label.partition(".")[0] == wanted
            known = wanted != UNKNOWN
            refused = known and label == UNKNOWN
            marks.append(Mark(part, wanted, text, answer.text, right, refused, known, answer.ended))
    return marks


def conversations(model: Any, tokenizer: Any, share: float) -> list[Mark]:
    """Conversations turn by turn, each going on from what the model itself said."""
    talks = some(threads(), share)
    states = [Thread() for _ in talks]
    marks = []
    for turn in range(max(map(len, talks))):
        going = [n for n, talk in enumerate(talks) if turn < len(talk)]
        for room in (128, STORY):
            part = [n for n in going if tells(talks[n][turn][1]) == (room == STORY)]
            if part:
                texts = [[*states[n].texts, talks[n][turn][0]] for n in part]
                answers = ask(model, tokenizer, texts, room)
                for n, answer in zip(part, answers, strict=True):
                    asked, wanted = talks[n][turn]
                    marks.append(mark_turn(states[n], asked, wanted, answer))
    return marks


def tells(wanted: list[str]) -> bool:
    return any(label.startswith("story") for label in wanted)


def mark_turn(state: Thread, asked: str, wanted: list[str], answer: Any) -> Mark:
    state.texts.append(asked)
    repeated = state.repeated(answer.text)
    right = state.right(wanted, answer.text)
    state.texts.append(answer.text)
    known = UNKNOWN not in wanted
    refused = known and label_of(answer.text) == UNKNOWN
    sort = "|".join(wanted)
    return Mark(
        "thread", sort, asked, answer.text, right, refused, known, answer.ended, repeated=repeated
    )


def about_stories(model: Any, tokenizer: Any, share: float) -> list[Mark]:
    """Every kind of question about stories whose combinations training never saw."""
    rng = Random(EXAM)
    asked = []
    for told in islice(stories(EXAM, held_out=True), max(1, round(STORIES * share))):
        for fact in facts(told, rng):
            asked.append((told.text, question(fact, rng, exam=True), fact))
    talks = [[rng.choice(ASKED), story, text] for story, text, _ in asked]
    marks = []
    for (_, text, fact), answer in zip(asked, ask(model, tokenizer, talks), strict=True):
        label = label_of(answer.text)
        unsaid = fact.kind == UNSAID
        right = label == UNSAID if unsaid else fact.right(answer.text)
        refused = not unsaid and label in (UNKNOWN, UNSAID)
        found = f"{answer.text} (wanted: {fact.answer})"
        marks.append(
            Mark("stories", fact.kind, text, found, right, refused, not unsaid, answer.ended)
        )
    return marks


def requests(model: Any, tokenizer: Any, share: float) -> list[Mark]:
    """Stories that are asked for with a name, an animal, a place, an ending."""
    rng = Random(EXAM + 1)
    told: Iterator[Any] = stories(EXAM + 1, held_out=True)
    wishes = [wish(one, rng, exam=True) for one in islice(told, max(1, round(REQUESTS * share)))]
    answers = ask(model, tokenizer, [[one.text] for one in wishes], STORY)
    marks = []
    for one, answer in zip(wishes, answers, strict=True):
        missing = one.missing(answer.text)
        found = f"{answer.text} ({'; '.join(missing) or 'fulfilled'})"
        refused = label_of(answer.text) == UNKNOWN
        marks.append(
            Mark("requests", "story", one.text, found, not missing, refused, True, answer.ended)
        )
    return marks


if __name__ == "__main__":
    sys.exit(main())
