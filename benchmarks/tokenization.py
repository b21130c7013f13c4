"""Encoding a corpus for training, against the library alone, and the memory that a big file takes.

    python -m benchmarks.tokenization [--text FILE] [--mb 24] [--rounds 5] [--memory_mb 64 1024]

Speed: the text is repeated to `--mb` and cut into pieces before the clock starts; the two ways take
turns in one run, and each ratio is the median over the rounds. Memory: a file of that size is made
by repeating the text, and removed again; each task runs in a process of its own, and the number is
the most that it added to what the imports take.
"""

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

TASKS = ("train char", "train bpe", "encode char", "encode bpe")
SIZE = 4096  # of the BPE


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--text", type=Path, help="default: Tiny Shakespeare, fetched once")
    parser.add_argument("--mb", type=int, default=24, help="size of the text for speed; 0 skips it")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory_mb", type=int, nargs="*", default=[64, 1024], metavar="MB")
    parser.add_argument("--task", help=argparse.SUPPRESS)  # one process of the memory part
    return parser


def main(argv: list[str] | None = None) -> int:
    args = make_parser().parse_args(argv)
    if args.task:
        print(json.dumps(run_task(args.task, args.text)))
        return 0
    from training.data.corpus import fetch_shakespeare

    path = args.text or fetch_shakespeare()
    text = path.read_bytes().decode()
    compare_bytes_per_token(text)
    if args.mb:
        compare_speed(text, args.mb, args.rounds)
    for mb in args.memory_mb:
        show_memory(text, mb)
    return 0


def compare_bytes_per_token(text: str) -> None:
    from tokenizers import ByteLevelBPETokenizer

    from tinygpt_hf.tokenization import encode_ids, train_bpe

    theirs = ByteLevelBPETokenizer()
    theirs.train_from_iterator([text], SIZE, 2, False, ["<|endoftext|>"])
    size = len(text.encode())
    ours = size / len(encode_ids(train_bpe([text], SIZE), text))
    print(f"bytes per token, BPE of {SIZE:,}: {ours:.4f}; ", end="")
    print(f"with GPT-2's settings {size / len(theirs.encode(text).ids):.4f}")


def compare_speed(text: str, mb: int, rounds: int) -> None:
    from tinygpt_hf.tokenization import train_bpe, train_char

    accents = text.replace("e", "é").replace("o", "ö")
    print(f"{'encoding':40}{'library':>12}{'ours':>12}{'ratio':>9}")
    for name, tokenizer, written, cores in (
        ("characters, ASCII", train_char([text]), text, 1),
        ("characters, some beyond ASCII", train_char([accents]), accents, 1),
        ("characters, one in eight unknown", train_char([text]), accents, 1),
        ("closed, with <unk>", train_char([text[:200]], closed="minigpt"), text, 1),
        (f"BPE of {SIZE:,}", train_bpe([text], SIZE), text, os.cpu_count() or 1),
    ):
        pieces = list(repeat(written, mb << 20))
        few = pieces if cores > 1 else pieces[: len(pieces) // 8]  # the library is slow
        check_same(tokenizer, pieces[:4])
        library, ours = [], []
        for _ in range(rounds):
            library.append(rate(ask_library, tokenizer, few, cores))
            ours.append(rate(encode, tokenizer, pieces, cores))
        ratio = statistics.median(o / t for o, t in zip(ours, library, strict=True))
        shown = "".join(f"{statistics.median(rates):7.1f} MB/s" for rates in (library, ours))
        print(f"{f'{name}, cores: {cores}':40}{shown}{ratio:8.1f}x", flush=True)


def rate(work: Callable, tokenizer, pieces: list[str], cores: int) -> float:
    """MB a second."""
    os.environ["TOKENIZERS_PARALLELISM"] = str(cores > 1).lower()
    start = time.perf_counter()
    work(tokenizer, pieces)
    return sum(len(piece.encode()) for piece in pieces) / 1e6 / (time.perf_counter() - start)


def ask_library(tokenizer, pieces: list[str]) -> None:
    """What is usually done."""
    tokenizer(pieces, add_special_tokens=False, return_attention_mask=False)["input_ids"]


def encode(tokenizer, pieces: Iterable[str]) -> int:
    from tinygpt_hf.tokenization import encode_many

    return sum(len(ids) for ids in encode_many(tokenizer, pieces))


def check_same(tokenizer, pieces: list[str]) -> None:
    from tinygpt_hf.tokenization import encode_many

    theirs = tokenizer(pieces, add_special_tokens=False)["input_ids"]
    assert [ids.tolist() for ids in encode_many(tokenizer, pieces)] == theirs


def repeat(text: str, size: int) -> Iterator[str]:
    """Pieces as `read_texts` makes them, of `size` bytes in all."""
    piece: list[str] = []
    waiting = 0
    for line in itertools.cycle(text.splitlines(keepends=True)):
        piece.append(line)
        waiting += len(line.encode())
        if waiting >= min(1 << 16, size):
            yield "".join(piece)
            size, piece, waiting = size - waiting, [], 0
            if size <= 0:
                return


def show_memory(text: str, mb: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "text.txt"
        with path.open("w", encoding="utf-8", newline="") as file:
            file.writelines(repeat(text, mb << 20))
        for task in TASKS:
            command = [sys.executable, "-m", "benchmarks.tokenization", "--task", task]
            answer = subprocess.check_output([*command, "--text", str(path)], encoding="utf-8")
            before, added, seconds = json.loads(answer)
            size = path.stat().st_size / 1e6
            print(f"{task:12}{size:6,.0f} MB of text: {added:4.0f} MB more ", end="")
            print(f"than the {before:.0f} MB of the imports, {seconds:.0f} s", flush=True)


def run_task(task: str, path: Path) -> tuple[float, float, float]:
    """The highest memory of this process before the task, how much more in it, and its time."""
    from tinygpt_hf.tokenization import read_texts, train_bpe, train_char

    verb, kind = task.split()
    os.environ["TOKENIZERS_PARALLELISM"] = "true"
    train: Callable = train_char if kind == "char" else lambda texts: train_bpe(texts, SIZE)
    beginning = list(itertools.islice(read_texts([path]), 16))
    before = peak_mb()
    start = time.perf_counter()
    if verb == "train":
        train(read_texts([path]))
    else:
        encode(train(beginning), read_texts([path]))
    return before, peak_mb() - before, time.perf_counter() - start


def peak_mb() -> float:
    """The most memory that this process has held."""
    status = Path("/proc/self/status")
    if status.exists():  # ru_maxrss would count the parent's too
        line = next(x for x in status.read_text(encoding="ascii").splitlines() if "VmHWM" in x)
        return int(line.split()[1]) / 1000
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)


if __name__ == "__main__":
    sys.exit(main())
