"""`python -m training.tokenizer`: train a tokenizer on text, save it, and report on it."""

import argparse
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from training.loop.console import fail, leave, print_anything

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

GPT2 = "openai-community/gpt2"
HELD_OUT = 20  # one part in 20 is kept for the report
MOST_HELD_OUT = 1 << 24  # characters
SHOWN = 6


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.tokenizer",
        description="Train a tokenizer on text and report on it.",
    )
    parser.add_argument(
        "--data", nargs="+", required=True, metavar="FILE", help="text files, folders or patterns"
    )
    parser.add_argument("--kind", choices=("char", "bpe"), required=True)
    parser.add_argument(
        "--vocab_size", type=int, metavar="N", help="size of a BPE: 257 to 50257 (default: 4096)"
    )
    parser.add_argument(
        "--min_freq",
        type=int,
        metavar="N",
        help="how often a character (default: 1) or pair (default: 2) must occur to be a token",
    )
    parser.add_argument(
        "--bpe_cut",
        choices=("lines", "gpt2"),
        help="where a BPE cuts words (default: lines); llama.cpp knows only GPT-2's cut",
    )
    parser.add_argument("--chat", action="store_true", help="add turn tokens and a chat template")
    parser.add_argument("--output_dir", required=True, metavar="DIR")
    parser.add_argument(
        "--against",
        default=GPT2,
        metavar="MODEL",
        help="whose tokenizer to compare with: %(default)s",
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    parser = make_parser()
    args = parser.parse_args(argv)
    if args.kind == "char" and args.vocab_size is not None:
        parser.error("--vocab_size is for --kind bpe; characters are as many as the text has")
    if args.kind == "char" and args.bpe_cut is not None:
        parser.error("--bpe_cut is for --kind bpe; a character is never cut")
    print_anything()
    from tinygpt_hf.tokenization import train_bpe, train_char

    options = {"chat": args.chat}
    if args.min_freq is not None:
        options["min_freq"] = args.min_freq
    held: list[str] = []
    try:
        texts = hold_out(read(args.data), held)
        if args.kind == "char":
            tokenizer = train_char(texts, **options)
        else:
            tokenizer = train_bpe(
                texts, args.vocab_size or 4096, cut=args.bpe_cut or "lines", **options
            )
        tokenizer.save_pretrained(args.output_dir)
    except (ValueError, OSError) as error:
        return fail(error)
    print("\n".join(report(tokenizer, args.against, held)))
    print(f"saved in {args.output_dir}")
    return 0


def read(names: Iterable[str]) -> Iterator[str]:
    """The text of all files that are named."""
    from training.data.corpus import Corpus, find_files

    files = []
    for name in names:
        if not (found := find_files(name)):
            raise ValueError(f"no such file, folder or pattern: {name}")
        files += found
    if not any(file.stat().st_size for file in files):
        raise ValueError(f"{', '.join(names)}: empty, there is nothing to learn")
    yield from Corpus(", ".join(names), files=files).pieces()


def hold_out(texts: Iterable[str], held: list[str]) -> Iterator[str]:
    """The texts, the last lines of each left out and put into `held`: about a twentieth."""
    size = 0
    for text in texts:
        cut = text.find("\n", len(text) - len(text) // HELD_OUT) + 1
        if not cut or size > MOST_HELD_OUT:
            yield text
            continue
        held.append(text[cut:])
        size += len(held[-1])
        yield text[:cut]


def report(tokenizer: "PreTrainedTokenizerBase", against: str, held: list[str]) -> Iterator[str]:
    """Both tokenizers side by side."""
    columns = {"this one": tokenizer}
    if (other := load_other(against)) is not None:
        columns[against.split("/")[-1]] = other
    else:
        yield f"{against}'s tokenizer is not available here: no comparison"

    def row(name: str, values: Iterable[str]) -> str:
        return f"{name:<16}" + "".join(f"{value:>12}" for value in values)

    yield row("", columns)
    yield row("vocabulary", (f"{len(one):,}" for one in columns.values()))
    if held_bytes := sum(len(text.encode()) for text in held):
        ratios = (bytes_per_token(one, held) for one in columns.values())
        yield row("bytes per token", (f"{ratio:.3f}" for ratio in ratios))
        yield f"  (on {held_bytes:,} bytes that were held out of the training)"
    for name, one in columns.items():
        yield f"longest tokens of {name}: {', '.join(longest(one))}"


def load_other(name: str) -> "PreTrainedTokenizerBase | None":
    """Somebody's tokenizer, from the cache or the Hub; None where neither has it."""
    from huggingface_hub import HfApi
    from transformers import AutoTokenizer

    for local in (True, False):
        try:
            if not local:  # ask first: without a network, loading tries again for a minute
                HfApi().model_info(name, timeout=5)
            return AutoTokenizer.from_pretrained(name, local_files_only=local)
        except Exception:  # no network, no such name, no right to it: the report does without
            continue
    return None


def bytes_per_token(tokenizer: "PreTrainedTokenizerBase", texts: list[str]) -> float:
    from tinygpt_hf.tokenization import encode_many

    tokens = sum(len(ids) for ids in encode_many(tokenizer, texts))
    return sum(len(text.encode()) for text in texts) / tokens


def longest(tokenizer: "PreTrainedTokenizerBase") -> list[str]:
    """Its longest tokens, as quoted text, without those that hold only a part of a character."""
    special = set(tokenizer.all_special_ids)
    texts = [tokenizer.decode([i]) for i in range(len(tokenizer)) if i not in special]
    whole = sorted((text for text in texts if "\ufffd" not in text), key=lambda t: (-len(t), t))
    if not whole or len(whole[0]) == 1:
        return ["a character each"]
    return [repr(text if len(text) <= 32 else f"{text[:29]}...") for text in whole[:SHOWN]]


if __name__ == "__main__":
    leave(main())
