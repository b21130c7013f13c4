"""`python -m training.chat.before.check [MODEL]`: the exam. Exits 1 where the model does not pass.

Each question of held_out.txt is asked in a conversation of its own and answered greedily. An answer
counts for the idea whose taught answer it repeats, nearly word for word; anything else is wrong.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from training.chat.material import UNKNOWN, answers, held_out

PASS_IDEAS, PASS_UNKNOWN = 0.9, 0.8
ALIKE = 0.8  # how near to a taught answer counts as that answer
LONGEST = 128  # tokens; the longest taught answer has fewer than half
BATCH = 64


@dataclass(frozen=True)
class Reply:
    """One question of the exam and what became of it."""

    wanted: str  # an idea, or unknown
    question: str
    text: str
    label: str  # of the taught answer that it repeats; "" for none
    ended: bool  # by itself

    @property
    def right(self) -> bool:
        return self.label.partition(".")[0] == self.wanted


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.chat.before.check", description=__doc__
    )
    parser.add_argument("model", nargs="?", default="chat", help="default: the shipped one")
    parser.add_argument("--wrong", action="store_true", help="show what was answered wrongly")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    args = make_parser().parse_args(argv)
    from tinygpt_hf.loading import load

    replies = examine(*load(args.model), held_out())
    about = [r for r in replies if r.wanted != UNKNOWN]
    other = [r for r in replies if r.wanted == UNKNOWN]
    passed = [
        report("the right idea's answer", [r.right for r in about], PASS_IDEAS),
        report('"I don\'t know" to what it was not taught', [r.right for r in other], PASS_UNKNOWN),
        report("ended by itself", [r.ended for r in replies], 1.0),
    ]
    if args.wrong:
        for reply in replies:
            if not reply.right:
                print(f"{reply.wanted}: {reply.question}\n    {reply.label}: {reply.text}")
    return 0 if all(passed) else 1


def report(what: str, outcomes: list[bool], needed: float) -> bool:
    share = sum(outcomes) / len(outcomes)
    print(f"{share:7.1%} of {len(outcomes)}  {what} (at least {needed:.0%})")
    return share >= needed


def examine(model: Any, tokenizer: Any, questions: Sequence[tuple[str, str]]) -> list[Reply]:
    """Asks each question on its own, many at a time."""
    replies = []
    for first in range(0, len(questions), BATCH):
        part = questions[first : first + BATCH]
        written = ask(model, tokenizer, [[question] for _, question in part])
        for (wanted, question), (text, ended) in zip(part, written, strict=True):
            replies.append(Reply(wanted, question, text, nearest(text), ended))
    return replies


def ask(model: Any, tokenizer: Any, talks: Sequence[Sequence[str]]) -> list[tuple[str, bool]]:
    """The next answer in each conversation (its texts in turn), and whether it ended by itself."""
    import torch

    from tinygpt_hf.tokenization import encode_chat

    roles = ("user", "assistant")
    rows = [
        encode_chat(
            tokenizer,
            [{"role": roles[i % 2], "content": text} for i, text in enumerate(talk)],
            add_generation_prompt=True,
        )[0].tolist()
        for talk in talks
    ]
    width = max(map(len, rows))
    ids = torch.tensor([[tokenizer.pad_token_id] * (width - len(row)) + row for row in rows])
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
    out = model.generate(ids, attention_mask=mask, do_sample=False, max_new_tokens=LONGEST)
    new = out[:, width:]
    texts = tokenizer.batch_decode(new, skip_special_tokens=True)
    return [
        (text, tokenizer.eos_token_id in row.tolist()) for text, row in zip(texts, new, strict=True)
    ]


def nearest(text: str) -> str:
    """The label of the taught answer that a text repeats."""
    best, likeness = "", ALIKE
    matcher = SequenceMatcher(None, autojunk=False)
    matcher.set_seq2(text)
    for label, answer in answers().items():
        if text == answer:
            return label
        matcher.set_seq1(answer)
        if matcher.quick_ratio() >= likeness and (ratio := matcher.ratio()) >= likeness:
            best, likeness = label, ratio
    return best


if __name__ == "__main__":
    sys.exit(main())
