"""`python -m training.stories.recall MODEL`: does a model know what was said a moment ago?

Reads stories that were held out, as they are. Wherever one of them says a name, a kind, a place or
a pronoun again, it asks how the model shares out what it gives to all words of that sort. A model
that draws by lot is as unsure as the logarithm of their number.
"""

import argparse
import json
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from .language import lexicon
from .language.patterns import HE, HIM, HIS
from .make import MADE

PRONOUNS = sorted({*HE.values(), *HIM.values(), *HIS.values()})


@dataclass
class Sort:
    """Words of one sort, and what was found where one of them is said again."""

    words: dict[int, str]  # by its token: the word, however it is written
    nats: list[float] = field(default_factory=list)
    said: list[float] = field(default_factory=list)  # what goes to those that were said before


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training.stories.recall", description=__doc__)
    parser.add_argument("model", nargs="?", default="stories", help="default: the shipped one")
    parser.add_argument("--count", type=int, default=100, help="stories (default: %(default)s)")
    parser.add_argument("--made", type=Path, default=MADE, help="what the maker wrote")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    parser = make_parser()
    args = parser.parse_args(argv)
    if args.count < 1:
        parser.error(f"--count is {args.count}; it must be at least 1")
    if not (args.made / "held_out.jsonl").is_file():
        parser.error(f"{args.made} holds no held_out.jsonl; `python -m training.stories.make`")
    from tinygpt_hf.loading import load

    model, tokenizer = load(args.model)
    model.eval()
    found = sorts(tokenizer)
    for text in stories(args.made, args.count):
        ask(model, tokenizer, text, found)
    report(found)
    return 0


def sorts(tokenizer: Any) -> dict[str, Sort]:
    """The words of each sort that are one token, as a sentence begins with them or goes on."""
    words = {
        "names": list(lexicon.people()),
        "kinds": list(lexicon.kinds()),
        "places": list(lexicon.places()),
        "pronouns": [*PRONOUNS, *map(str.title, PRONOUNS)],
    }
    found = {}
    for name, those in words.items():
        forms = [(form, word.lower()) for word in those for form in (word, f" {word}")]
        ids = [(tokenizer.encode(form, add_special_tokens=False), word) for form, word in forms]
        found[name] = Sort({tokens[0]: word for tokens, word in ids if len(tokens) == 1})
    return found


def stories(made: Path, count: int) -> Iterator[str]:
    with (made / "held_out.jsonl").open(encoding="utf-8") as file:
        for line in islice(file, count):
            yield json.loads(line)["text"]


def ask(model: Any, tokenizer: Any, text: str, found: dict[str, Sort]) -> None:
    """One story: at each word that comes again, what the model would have said there."""
    import torch

    from tinygpt_hf.tokenization import encode_ids

    ids = [tokenizer.bos_token_id, *encode_ids(tokenizer, text).tolist()]
    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([ids])).logits[0].float()
    for sort in found.values():
        tokens = torch.tensor(sorted(sort.words))
        said: set[str] = set()
        for at, token in enumerate(ids):
            word = sort.words.get(token)
            if word is None:
                continue
            if word in said:
                shares = logits[at - 1, tokens].softmax(-1).tolist()
                odds = dict(zip(tokens.tolist(), shares, strict=True))
                alike = sum(p for t, p in odds.items() if sort.words[t] == word)
                sort.nats.append(-math.log(max(alike, 1e-9)))
                sort.said.append(sum(p for t, p in odds.items() if sort.words[t] in said))
            said.add(word)


def report(found: dict[str, Sort]) -> None:
    print("                   times    nats  by lot  goes to what was said")
    for name, sort in found.items():
        if not sort.nats:
            print(f"{name:16} {0:7,}")
            continue
        count, lot = len(sort.nats), math.log(len(set(sort.words.values())))
        nats, said = sum(sort.nats) / count, sum(sort.said) / count
        print(f"{name:16} {count:7,} {nats:7.2f} {lot:7.2f} {said:9.1%}")


if __name__ == "__main__":
    sys.exit(main())
