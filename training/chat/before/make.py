"""`python -m training.chat.before.make`: the hand-written files become training data, always alike.

    conversations.jsonl  for `chat`: `messages`, as every chat trainer takes them, and `labels`,
                         which answer each of them got (`token.why`: of the idea token, why)
    text.txt             for `chat-base`: the questions as plain lines, the guide between them
    tokenizer/           of both: a BPE with turn tokens

The last conversations are for validation: they are made of patterns that the rest does not have.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random

from training.chat.material import FOLDER, UNKNOWN, answers, asked, held_out, prose, read
from training.chat.phrases import Reword, expand, runs, several, telegram, typed

MADE = FOLDER / "before" / "made"
SEED = 7
VALIDATION = 0.005
PASSES = 2  # times that every question is asked, typed anew each time
LENGTHS, SHARES = (1, 2, 3, 4, 5, 6), (60, 4, 3, 2, 2, 2)  # of a conversation, in turns
REWORDED = 2  # times that each question is also asked in other words
TELEGRAMS = 0.5  # of the questions are also asked in a hurry
FOLLOWS = 0.3  # how often the next turn is about the last answer, where it can be
LINES = 60  # of questions, then a paragraph of the guide
VOCABULARY, READ = 1536, 8_000  # its tokenizer's size; conversations that it learns from

Turn = tuple[str, str]  # the label of the answer, the question


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.chat.before.make", description=__doc__
    )
    parser.add_argument("--output_dir", type=Path, default=MADE, help="default: %(default)s")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    folder: Path = make_parser().parse_args(argv).output_dir
    from tinygpt_hf.tokenization import train_bpe

    folder.mkdir(parents=True, exist_ok=True)
    lines = conversations()
    write(folder / "conversations.jsonl", lines)
    write(folder / "text.txt", plain_text())
    rows = map(json.loads, lines[:READ])
    said = (message["content"] for row in rows for message in row["messages"])
    train_bpe(said, VOCABULARY, chat=True, show_progress=False).save_pretrained(
        folder / "tokenizer"
    )
    turns = sum(len(json.loads(line)["labels"]) for line in lines)
    print(f"{len(lines):,} conversations with {turns:,} answers: {folder}")
    return 0


def write(path: Path, lines: Sequence[str]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(line + "\n" for line in lines)


def conversations() -> list[str]:
    rng = Random(SEED)
    train, validation = questions(rng)
    learned = [talk for _ in range(PASSES) for talk in compose(train, rng)]
    wanted = round(len(learned) * VALIDATION / (1 - VALIDATION))
    held: list[list[Turn]] = []
    while len(held) < wanted:
        held += compose(validation, rng)
    return [as_line(turns) for turns in learned + held[:wanted]]


def plain_text() -> list[str]:
    """What `chat` is made from before it is tuned: the same words, and no question answered."""
    rng = Random(SEED)
    train, _ = questions(rng)
    paragraphs = prose()
    lines = []
    for number, (_, question) in enumerate(rng.sample(train, len(train))):
        lines.append(typed(question, rng))
        if number % LINES == 0:
            lines += ["", rng.choice(paragraphs), ""]
    return lines


def questions(rng: Random) -> tuple[list[Turn], list[Turn]]:
    """What is asked, for training and for validation; nothing that resembles the exam."""
    taboo = exam_runs()
    train: dict[str, str] = {}
    validation: dict[str, str] = {}
    reword = Reword(read("synonyms")["groups"])
    for item in asked():
        part = validation if item.held else train
        for question in several(item.pattern, item.names, item.readings, rng):
            variants = [question, *(reword(question, rng) for _ in range(REWORDED))]
            variants += [telegram(v, rng) for v in variants if rng.random() < TELEGRAMS]
            for variant in variants:
                if taboo.isdisjoint(runs(variant)):
                    part.setdefault(variant, item.label)
    kept = {q: label for q, label in validation.items() if q not in train}
    return [(label, q) for q, label in train.items()], [(label, q) for q, label in kept.items()]


def exam_runs() -> set[tuple[str, ...]]:
    """What no question for training may have: five words in a row of the exam."""
    return {run for _, question in held_out() for run in runs(question)}


def compose(turns: list[Turn], rng: Random) -> list[list[Turn]]:
    """Conversations in which every question comes once, some of them followed up."""
    rest = rng.sample(turns, len(turns))
    made = []
    while rest:
        talk: list[Turn] = []
        for _ in range(rng.choices(LENGTHS, SHARES)[0]):
            before = talk[-1][0] if talk else ""
            if rng.random() < (FOLLOWS if talk else FOLLOWS / 20):
                talk.append(follow(before, rng))
            elif rest:
                label, question = rest.pop()
                talk.append((label, typed(question, rng)))
        made.append(talk)
    return made


def follow(before: str, rng: Random) -> Turn:
    """ "Why?" and the like: what it means depends on the answer before."""
    facet = rng.choice(("why", "why", "try", "what"))
    pattern = rng.choice(read("frames")["follow"][facet])
    question = typed(expand(pattern, {}, rng), rng)
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
