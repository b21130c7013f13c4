"""`python -m training.stories.make`: stories become training data, always alike.

    stories.jsonl   for `stories`: `text`, and the combination of person, thing, place and plot;
                    after each story a small scene, `text` alone, that teaches who is who, and where
    tokenizer/      of both, a BPE with turn tokens: it has read the guide's words as well
    held_out.jsonl  stories of combinations that training never sees: their openings are the exam

A combination is kept out by its name alone, so more stories or another seed never let one in.
"""

import argparse
import json
import sys
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from .telling.story import combination, small_scene, story

MADE = Path(__file__).parent / "made"
SEED, STORIES, HELD_OUT = 17, 120_000, 2_000
VOCABULARY, READ = 2816, 6_000  # its tokenizer's size; stories that it learns from
NAMES = 60  # times that it reads every name at a beginning, so that it is one token there too
OTHERS = 3  # times that it reads what is said about the ideas (words/talk.txt): it is little
KEPT = 20  # one combination in so many is kept out of training


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training.stories.make", description=__doc__)
    parser.add_argument("--stories", type=int, default=STORIES, help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=SEED, help="default: %(default)s")
    parser.add_argument("--output_dir", type=Path, default=MADE, help="default: %(default)s")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    parser = make_parser()
    args = parser.parse_args(argv)
    if args.stories < 1:
        parser.error(f"--stories is {args.stories}; it must be at least 1")
    args.output_dir.mkdir(parents=True, exist_ok=True)
    write_tokenizer(args.output_dir / "tokenizer", args.seed)
    words = 0
    with (args.output_dir / "stories.jsonl").open("w", encoding="utf-8", newline="\n") as file:
        for number, row in enumerate(rows(args.seed, args.stories, held_out=False)):
            words += len(row["text"].split())
            scene = {"text": small_scene(args.seed, number).text}
            file.writelines(json.dumps(one, ensure_ascii=False) + "\n" for one in (row, scene))
    with (args.output_dir / "held_out.jsonl").open("w", encoding="utf-8", newline="\n") as file:
        for row in rows(args.seed, HELD_OUT, held_out=True):
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    made = f"{args.stories:,} stories of {words:,} words, as many small scenes"
    print(f"{made}, {HELD_OUT:,} held out: {args.output_dir}")
    return 0


def write_tokenizer(folder: Path, seed: int) -> None:
    from tinygpt_hf.tokenization import train_bpe

    from .language.lexicon import FOLDER, people

    texts = [story(seed, number).text for number in range(READ)]
    texts += (FOLDER / "words" / "talk.txt").read_text(encoding="utf-8").splitlines() * OTHERS
    texts += ["\n".join(people())] * NAMES
    tokenizer = train_bpe(texts, VOCABULARY, chat=True, show_progress=False)
    tokenizer.chat_template = None  # its turn tokens are for `chat`: `stories` answers nothing
    tokenizer.save_pretrained(folder)


def rows(seed: int, count: int, held_out: bool) -> Iterator[dict]:
    """Stories of the one or the other sort, in the order of their numbers."""
    number = found = 0
    while found < count:
        told = story(seed, number)
        number += 1
        named = combination(told)
        if is_held_out(named) == held_out:
            found += 1
            yield {"text": told.text, "combination": named}


def is_held_out(combination: str) -> bool:
    return zlib.crc32(combination.encode()) % KEPT == 0


if __name__ == "__main__":
    sys.exit(main())
