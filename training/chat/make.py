"""`python -m training.chat.make`: the hand-written files become conversations.jsonl, always alike.

A line is a conversation: `messages`, as every chat trainer takes them, and `labels`, which answer
each of them got (`token.why`: of the idea token, why). The last tenth is for validation: it is made
of patterns that the rest does not have.
"""

import json
import sys
from collections.abc import Sequence
from random import Random

from .material import FOLDER, UNKNOWN, answers, asked, held_out, read
from .phrases import Reword, expand, runs, several, telegram, typed

CONVERSATIONS = FOLDER / "conversations.jsonl"
SEED = 7
HELD = 8  # one in so many patterns is for validation only
VALIDATION = 0.1
LENGTHS, SHARES = (1, 2, 3, 4, 5, 6), (16, 5, 3, 2, 1, 1)  # of a conversation, in turns
TELEGRAMS = 0.2  # of the questions are also asked without their small words
FOLLOWS = 0.3  # how often the next turn is about the last answer, where it can be

Turn = tuple[str, str]  # the label of the answer, the question


def main(argv: Sequence[str] | None = None) -> int:
    lines = conversations()
    with CONVERSATIONS.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(line + "\n" for line in lines)
    turns = sum(len(json.loads(line)["labels"]) for line in lines)
    print(f"{len(lines):,} conversations, {turns:,} answers: {CONVERSATIONS}")
    return 0


def conversations() -> list[str]:
    rng = Random(SEED)
    train, validation = questions(rng)
    learned = list(compose(train, False, rng))
    wanted = round(len(learned) * VALIDATION / (1 - VALIDATION))
    held: list[list[Turn]] = []
    while len(held) < wanted:
        held += compose(validation, True, rng)
    return [as_line(turns) for turns in learned + held[:wanted]]


def questions(rng: Random) -> tuple[list[Turn], list[Turn]]:
    """What is asked, for training and for validation; nothing that resembles the exam."""
    taboo = {run for _, question in held_out() for run in runs(question)}
    train: dict[str, str] = {}
    validation: dict[str, str] = {}
    reword = Reword(read("synonyms")["groups"])
    for item in asked():
        part = validation if item.place % HELD == HELD - 2 else train
        for question in several(item.pattern, item.names, item.readings, rng):
            variants = [question, reword(question, rng)]
            if rng.random() < TELEGRAMS:
                variants.append(telegram(question, rng))
            for variant in variants:
                if taboo.isdisjoint(runs(variant)):
                    part.setdefault(variant, item.label)
    kept = {q: label for q, label in validation.items() if q not in train}
    return [(label, q) for q, label in train.items()], [(label, q) for q, label in kept.items()]


def compose(turns: list[Turn], validation: bool, rng: Random) -> list[list[Turn]]:
    """Conversations in which every question comes once, some of them followed up."""
    rest = rng.sample(turns, len(turns))
    made = []
    while rest:
        talk: list[Turn] = []
        for _ in range(rng.choices(LENGTHS, SHARES)[0]):
            before = talk[-1][0] if talk else ""
            if rng.random() < (FOLLOWS if talk else FOLLOWS / 20):
                talk.append(follow(before, validation, rng))
            elif rest:
                label, question = rest.pop()
                talk.append((label, typed(question, rng)))
        made.append(talk)
    return made


def follow(before: str, validation: bool, rng: Random) -> Turn:
    """ "Why?" and the like: what it means depends on the answer before."""
    facet = rng.choice(("why", "why", "try", "what"))
    patterns = read("frames")["follow"][facet]
    chosen = [p for i, p in enumerate(patterns) if (i % HELD == HELD - 2) == validation] or patterns
    question = typed(expand(rng.choice(chosen), {}, rng), rng)
    idea, dot, _ = before.partition(".")
    if dot:
        return f"{idea}.{facet}", question
    return UNKNOWN if before == UNKNOWN else "nothing", question


def as_line(turns: list[Turn]) -> str:
    known = answers()
    messages = []
    for label, question in turns:
        messages.append({"role": "user", "content": question})
        messages.append({"role": "assistant", "content": known[label]})
    row = {"messages": messages, "labels": [label for label, _ in turns]}
    return json.dumps(row, ensure_ascii=False)


if __name__ == "__main__":
    sys.exit(main())
