"""Where text comes from: files, folders, globs, .jsonl, data sets of the Hub, and what is built in.

A corpus is an iterator of strings that can be started again; no file is ever held whole.
"""

import glob
import hashlib
import json
import os
import sys
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from training.data import repeats

HELLO = "hello hello"
THE_CAT = "the cat sat on the mat"
SENTENCES = """\
the sun rises in the east
the moon lights the quiet sea
a small bird sings at dawn
rain falls on the green hills
the river runs to the sea
a red fox sleeps in the den
bread is warm and smells good
we read a book by the fire
stars shine when the night is clear
the old clock ticks all day
snow covers the road in winter
a kind word costs nothing
the baker wakes before the town
children laugh in the garden
a letter came from far away
the train leaves at noon
my cat watches the window
leaves turn gold in the fall
the teacher draws a circle
fish swim below the bridge
"""
BUILT_IN = {"hello": HELLO, "next-char": THE_CAT, "minigpt": SENTENCES}

SHAKESPEARE = (
    "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt"
)
SHAKESPEARE_SHA256 = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"
PIECE = 1 << 20


class BadTextError(ValueError):
    pass


def cache_folder() -> Path:
    """Where fetched text and tokenized corpora are kept."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("TINYGPT_CACHE") or Path(home) / "tinygpt-hf")


@dataclass
class Corpus:
    """Text in pieces, as often as asked, and a key that changes when the text does."""

    name: str
    files: list[Path] = field(default_factory=list)
    text: str | None = None
    hub: str | None = None
    column: str = "text"
    newlines: str = "keep"
    _reading: "Reading | None" = field(default=None, repr=False, compare=False)

    def pieces(self) -> Iterator[str]:
        """The text, cut where it changes no tokens; an empty piece between two documents."""
        first = True
        for document in self.documents():
            if not first:
                yield ""
            first = False
            plain = document if self.newlines == "keep" else plain_newlines(document)
            yield from filter(None, plain)

    def documents(self) -> Iterator[Iterable[str]]:
        from tinygpt_hf.tokenization import read_texts

        if self.text is not None:
            yield [self.text]
        for path in self.files:
            if path.suffix == ".jsonl":
                yield from ([text] for text in read_jsonl(path, self.column))
            else:
                yield read_texts([path])
        if self.hub is not None:
            yield from ([text] for text in read_hub(self.hub, self.column))

    def size(self) -> float:
        """In bytes; a data set of the Hub counts as endless."""
        if self.hub is not None:
            return float("inf")
        return len((self.text or "").encode()) + sum(path.stat().st_size for path in self.files)

    def many(self) -> bool:
        """More than one document, so that tokens stand between them."""
        return (
            self.hub is not None
            or len(self.files) > 1
            or any(p.suffix == ".jsonl" for p in self.files)
        )

    def key(self) -> str:
        """Changes when the text, or its preparation, does."""
        hub = None if self.hub is None else commit_of(self.hub)
        kinds = [path.suffix for path in self.files]
        return hashlib.sha256(
            repr((hub, self.column, kinds, self.newlines, self.read())).encode()
        ).hexdigest()

    def read(self) -> "Reading":
        """Reads all its bytes, once."""
        if self._reading is None:
            self._reading = read_bytes(self.text, self.files)
        return self._reading

    def identity(self) -> dict[str, Any] | None:
        """What identifies the text, so that anybody can compare theirs; a data set of the Hub has a
        commit instead."""
        if self.hub is not None:
            return None
        found = self.read()
        return {"name": self.name, "bytes": found.size, "sha256": found.sha256}


@dataclass(frozen=True)
class Reading:
    """What the bytes of a text are, one file after the other."""

    size: int
    sha256: str
    sizes: tuple[int, ...]
    crlf: bool  # Windows line ends


def read_bytes(text: str | None, files: Sequence[Path]) -> Reading:
    digest, sizes, crlf, last = hashlib.sha256((text or "").encode()), [], False, b""
    for path in files:
        size = 0
        with path.open("rb") as file:
            while chunk := file.read(PIECE):
                digest.update(chunk)
                size += len(chunk)
                crlf = crlf or (path.suffix != ".jsonl" and b"\r\n" in last + chunk)
                last = chunk[-1:]
        sizes.append(size)
    total = len((text or "").encode()) + sum(sizes)
    return Reading(total, digest.hexdigest(), tuple(sizes), crlf)


def plain_newlines(pieces: Iterable[str]) -> Iterator[str]:
    """`\\r\\n`, also where it is cut in two, and a lone `\\r` as `\\n`."""
    held = ""
    for piece in pieces:
        piece = held + piece
        held = "\r" if piece.endswith("\r") else ""
        yield piece.removesuffix("\r").replace("\r\n", "\n").replace("\r", "\n")
    if held:
        yield "\n"


def open_corpus(
    data: Sequence[str],
    built_in: str | None = None,
    column: str = "text",
    made_by: str | None = None,
    newlines: str = "keep",
) -> Corpus:
    """The corpus of files, folders, patterns or a data set; or the built-in one, if none is named.
    `made_by` is the command that writes missing files."""
    if not data and built_in == "shakespeare":
        return Corpus("Tiny Shakespeare", files=[fetch_shakespeare()], newlines=newlines)
    if not data and built_in == "repeat":
        return Corpus("random letters given twice", text=repeats.text())
    if not data and built_in in BUILT_IN:
        return Corpus(built_in, text=BUILT_IN[built_in])
    if not data:
        raise BadTextError("there is no text to train on: name some with --data FILE")
    files: list[Path] = []
    for name in data:
        found = find_files(name)
        if not found and len(data) == 1 and name.count("/") == 1:
            return Corpus(name, hub=name, column=column, newlines=newlines)
        if not found:
            made = f" (the recipe's own: `{made_by}`)" if made_by else ""
            raise BadTextError(f"no such file, folder or pattern: {name}{made}")
        files += found
    return Corpus(Path(data[0]).name, files=files, column=column, newlines=newlines)


def find_files(name: str) -> list[Path]:
    path = Path(name).expanduser()
    if path.is_file():
        return [path]
    if path.is_dir():
        found = sorted(p for p in path.rglob("*") if p.suffix in (".txt", ".md", ".jsonl"))
        if not found:
            raise BadTextError(f"{name} holds no .txt, .md or .jsonl file")
        return found
    return sorted(p for p in map(Path, glob.glob(str(path), recursive=True)) if p.is_file())


def read_rows(path: Path) -> Iterator[tuple[int, dict]]:
    """The numbered objects of a .jsonl file."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError:
                raise BadTextError(f"{path}, line {number}, is not JSON") from None
            if not isinstance(row, dict):
                raise BadTextError(f"{path}, line {number}, is not a JSON object")
            yield number, row


def read_jsonl(path: Path, column: str) -> Iterator[str]:
    for number, row in read_rows(path):
        if not isinstance(row.get(column), str):
            raise BadTextError(f"{path}, line {number}, has no text in a column {column!r}")
        yield row[column]


def commit_of(name: str) -> str:
    """Of a data set, if the Hub can be reached: what was tokenized before a change is stale."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HTTPError, OfflineModeIsEnabled

    from tinygpt_hf.download import trouble

    repo, _, revision = name.partition("@")
    try:
        return f"{repo}@{HfApi().dataset_info(repo, revision=revision or None, timeout=5).sha}"
    except (HfHubHTTPError, OfflineModeIsEnabled):
        return name
    except HTTPError as error:  # now, and not after all of `datasets`' retries
        raise BadTextError(f"{name} cannot be fetched: {trouble(error)}") from None


def read_hub(name: str, column: str) -> Iterator[str]:
    """A data set of the Hub, streamed: it does not have to fit in memory. NAME[@REVISION]."""
    import datasets

    repo, _, revision = name.partition("@")
    rows = datasets.load_dataset(repo, split="train", streaming=True, revision=revision or None)
    for row in rows:
        if column not in row:
            raise BadTextError(f"{name} has no column {column!r}; it has {', '.join(row)}")
        yield row[column]


def fetch_shakespeare() -> Path:
    """Fetches Tiny Shakespeare from its public address, once."""
    path = cache_folder() / "tinyshakespeare.txt"
    if path.is_file():
        return path
    sys.stderr.write(
        f"Tiny Shakespeare, 1.1 MB, is fetched once from {SHAKESPEARE} into {path}; "
        "with a copy of your own: --data tinyshakespeare.txt\n"
    )
    try:
        with urllib.request.urlopen(SHAKESPEARE, timeout=20) as reply:
            content = reply.read(8 * PIECE)
    except OSError as error:
        raise BadTextError(
            f"Tiny Shakespeare could not be fetched ({error}); "
            "with a copy of your own: --data tinyshakespeare.txt"
        ) from None
    if hashlib.sha256(content).hexdigest() != SHAKESPEARE_SHA256:
        raise BadTextError(
            "the file fetched as Tiny Shakespeare is a different text; use --data FILE"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}")
    partial.write_bytes(content)
    partial.replace(path)
    return path
