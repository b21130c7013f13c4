"""From text to tokens: checked, then written once to a memory-mapped file of small integers.

The file's name depends on the text and the tokenizer, so that nothing stale is ever read.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from tokenizers import decoders
from tqdm.auto import tqdm
from transformers import PreTrainedTokenizerBase

from tinygpt_hf.tokenization import encode_chat, encode_ids, encode_many, smallest_dtype
from training.data.corpus import BadTextError, Corpus, cache_folder, read_jsonl, read_rows
from training.data.examples import (
    AllWindows,
    InOrder,
    RandomWindows,
    Sequences,
    SideBySide,
    Source,
    Split,
)


def look_over(corpus: Corpus, expected: dict[str, Any] | None = None) -> Iterator[str]:
    """A line about each thing that its owner may not know. Raises BadTextError where there is
    nothing to learn. `expected` is the text that a recipe was made from."""
    if corpus.hub is not None:
        return
    found = corpus.read()
    if expected and found.sha256 != expected["sha256"]:
        yield (
            f"this is not the recipe's text: {found.size:,} bytes with SHA-256 "
            f"{found.sha256[:12]}..., and {expected['name']} has {expected['bytes']:,} with "
            f"{expected['sha256'][:12]}...: the model will be a different one"
        )
    if found.crlf and corpus.newlines == "keep":
        yield (
            f"{corpus.name} has Windows line ends (CRLF), which the model will learn and write: "
            "--newlines lf makes them plain"
        )
    if any(path.suffix == ".jsonl" for path in corpus.files):
        return  # separate rows, each checked when it is read
    letters = _letters(corpus)
    if not letters:
        what = "holds nothing but white space" if found.size else "is empty"
        raise BadTextError(f"{corpus.name} {what}: there is nothing to learn")
    if len(letters) == 1:
        yield (
            f"{corpus.name} repeats one letter, {letters.pop()!r}: that is all that a model can "
            "learn from it"
        )


def _letters(corpus: Corpus) -> set[str]:
    """Two different ones are enough; NULs are not letters."""
    letters: set[str] = set()
    for document in corpus.documents():
        for piece in document:
            letters |= {c for c in set(piece) if not c.isspace() and c != "\0"}
            if len(letters) > 1:
                return letters
    return letters


def tokenize(corpus: Corpus, tokenizer: PreTrainedTokenizerBase) -> np.ndarray:
    """The ids of a whole text, read from the disk as they are needed."""
    path = token_file(corpus, tokenizer)
    if not path.stat().st_size:
        raise BadTextError(f"{corpus.name} is empty: there is nothing to learn")
    return np.memmap(path, smallest_dtype(tokenizer), "r")


def split(ids: np.ndarray, validation: float, window: int, name: str):
    """Training and validation, in one cut; at least a window each, or no validation at all."""
    cut = int(len(ids) * (1 - validation))
    parts = {"training": ids[:cut], "validation": ids[cut:]}
    for part, tokens in parts.items():
        if len(tokens) <= window and (part == "training" or validation):
            raise BadTextError(
                f"{name} is too short: {len(tokens)} tokens for {part}, and a window of {window} "
                f"needs {window + 1}; give more text or a smaller --max_position_embeddings"
            )
    return parts["training"], parts["validation"]


def make_examples(
    kind: str,
    corpus: Corpus,
    tokenizer: PreTrainedTokenizerBase,
    window: int,
    share: float,
    batch: int,
    last_only: bool,
) -> tuple[Source, Split | None]:
    """What is trained on, and the share that is held back for validation."""
    if kind in ("lines", "chat"):
        read = read_lines if kind == "lines" else read_chats
        kept, held = split_sequences(read(corpus, tokenizer, window), share)
        return kept, InOrder(held, batch) if held else None
    train, val = split(tokenize(corpus, tokenizer), share, window, corpus.name)
    held_out = SideBySide(val, window, batch) if len(val) else None
    if kind == "all":
        return AllWindows(train, window, last_only), held_out
    if kind == "windows":
        return RandomWindows(train, window), held_out
    raise BadTextError(f"examples is {kind!r}; there are windows, all, lines and chat")


def token_file(corpus: Corpus, tokenizer: PreTrainedTokenizerBase) -> Path:
    rules = f"{tokenizer.backend_tokenizer.to_str()}\0{tokenizer.eos_token_id}"
    key = hashlib.sha256(f"{corpus.key()}\0{rules}".encode()).hexdigest()[:32]
    path = cache_folder() / "tokens" / f"{key}.bin"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, partial = tempfile.mkstemp(dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                write_tokens(file, corpus, tokenizer)
            os.replace(partial, path)
        except BaseException:
            os.unlink(partial)
            raise
    return path


def write_tokens(file: IO[bytes], corpus: Corpus, tokenizer: PreTrainedTokenizerBase) -> None:
    end = np.array([tokenizer.eos_token_id or 0], smallest_dtype(tokenizer))
    bar = tqdm(desc="tokenizing", unit=" tokens", unit_scale=True, delay=2, leave=False)
    with bar:
        for ids in encode_many(tokenizer, corpus.pieces()):
            ids = ids if len(ids) else end  # an empty piece stands between two documents
            file.write(ids.tobytes())
            bar.update(len(ids))


def token_bytes(tokenizer: PreTrainedTokenizerBase) -> np.ndarray:
    """How many bytes of text each token stands for: it makes vocabularies comparable."""
    byte_letters = isinstance(tokenizer.backend_tokenizer.decoder, decoders.ByteLevel)
    sizes = np.zeros(len(tokenizer), np.int64)
    for token, number in tokenizer.get_vocab().items():
        sizes[number] = len(token) if byte_letters else len(token.encode())
    sizes[tokenizer.all_special_ids] = 0
    return sizes


def read_lines(corpus: Corpus, tokenizer: PreTrainedTokenizerBase, window: int) -> Sequences:
    """One line an example, between the tokens that begin and end a text; of .jsonl, one row."""
    sequences = []
    for line in lines_of(corpus):
        ids = encode_ids(tokenizer, line)
        ids = np.concatenate(([tokenizer.bos_token_id], ids, [tokenizer.eos_token_id]))
        check_fits(ids, window, f"the line {line!r}")
        if line.strip():
            sequences.append((ids, np.ones(len(ids), bool)))
    return some(sequences, corpus, tokenizer)


def lines_of(corpus: Corpus) -> Iterator[str]:
    if corpus.files and all(path.suffix == ".jsonl" for path in corpus.files):
        for path in corpus.files:
            yield from read_jsonl(path, corpus.column)
    else:
        yield from "".join(corpus.pieces()).splitlines()


def read_chats(corpus: Corpus, tokenizer: PreTrainedTokenizerBase, window: int) -> Sequences:
    """One conversation a line, as `{"messages": [{"role": ..., "content": ...}]}`.

    Only the answers are learned.
    """
    sequences = []
    for where, messages in conversations(corpus):
        ids, answers = encode_chat(tokenizer, messages)
        check_fits(ids, window, where)
        sequences.append((ids, answers))
    return some(sequences, corpus, tokenizer)


def chat_pieces(corpus: Corpus) -> Iterator[str]:
    """The text of the conversations, to train a tokenizer on."""
    for _, messages in conversations(corpus):
        yield from (message["content"] for message in messages)


def conversations(corpus: Corpus) -> Iterator[tuple[str, list[dict[str, str]]]]:
    for path in corpus.files:
        for number, row in read_rows(path):
            where = f"{path}, line {number},"
            messages = row.get("messages")
            if not isinstance(messages, list) or not all(
                isinstance(m, dict) and isinstance(m.get("content"), str) and "role" in m
                for m in messages
            ):
                raise BadTextError(f"{where} has no `messages` with a role and a content each")
            yield where, messages


def split_sequences(sequences: Sequences, validation: float) -> tuple[Sequences, Sequences | None]:
    cut = int(sequences.per_epoch * (1 - validation))
    if not validation:
        return sequences, None
    if not 0 < cut < sequences.per_epoch:
        raise BadTextError(
            f"{sequences.per_epoch} examples are too few to hold {validation:.0%} back"
        )
    kept, held = sequences.sequences[:cut], sequences.sequences[cut:]
    return Sequences(kept, sequences.pad), Sequences(held, sequences.pad)


def check_fits(ids: np.ndarray, window: int, what: str) -> None:
    if len(ids) > window + 1:
        raise BadTextError(
            f"{what} has {len(ids)} tokens, and a window of {window} takes {window + 1}; "
            "a larger --max_position_embeddings would do"
        )


def some(sequences: list, corpus: Corpus, tokenizer: PreTrainedTokenizerBase) -> Sequences:
    if not sequences:
        raise BadTextError(f"{corpus.name} is empty: there is nothing to learn")
    return Sequences(sequences, tokenizer.pad_token_id)
