"""Writing to the Hub: one atomic commit, made once, and looked at afterwards.

`commit_folder` is the only function here that puts files on the Hub, and nothing else in the project does. It looks
at every file first (`check_file`), changes only what differs, names the parent that it saw, and compares the hashes
of what arrived. After a lost reply the commit is looked for, not repeated.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationCopy,
    CommitOperationDelete,
    HfApi,
    RepoFile,
    get_token,
)
from huggingface_hub.errors import HfHubHTTPError, HTTPError

MARK = "Published with TinyGPT-HF."
WAITS = (1.0, 2.0, 4.0)  # seconds between attempts at what the client does not retry by itself
_PASSING = {408, 425, 429, 500, 502, 503, 504}
_PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".npy", ".npz", ".h5")
_LOOKS_LIKE_A_TOKEN = re.compile(rb"hf_[A-Za-z0-9]{30,}")
_CHUNK = 1 << 20


class PublishError(Exception):
    """One clear line: what did not get through, and the way out."""


class Damaged(PublishError):
    """A commit that landed, and is not what was sent."""

    def __init__(self, message: str, commit: str):
        super().__init__(message)
        self.commit = commit


@dataclass(frozen=True)
class LocalFile:
    """A file as the Hub will name it: small ones by git's hash, large ones by their sha256."""

    path: Path
    size: int
    git: str
    sha256: str

    @classmethod
    def read(cls, path: Path) -> LocalFile:
        size = path.stat().st_size
        git, sha256 = hashlib.sha1(b"blob %d\0" % size), hashlib.sha256()
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                git.update(chunk)
                sha256.update(chunk)
        return cls(path, size, git.hexdigest(), sha256.hexdigest())

    def same_as(self, there: RepoFile) -> bool:
        expected = self.sha256 if there.lfs else self.git
        return self.size == there.size and expected == _hash(there)


@dataclass(frozen=True)
class Changes:
    """What separates a folder from a revision, in paths."""

    add: list[str]
    change: list[str]
    remove: list[str]
    same: list[str]
    keep: list[str]  # on the Hub, and none of our business

    def __bool__(self) -> bool:
        return bool(self.add or self.change or self.remove)

    def __str__(self) -> str:
        return ", ".join([*self.add, *self.change, *self.remove])


def compare(
    local: dict[str, LocalFile], remote: dict[str, RepoFile], owned: Iterable[str] = ()
) -> Changes:
    owned = tuple(owned)
    foreign = sorted(remote.keys() - local.keys())
    ours = [path for path in foreign if any(fnmatch(path, pattern) for pattern in owned)]
    shared = sorted(local.keys() & remote.keys())
    return Changes(
        add=sorted(local.keys() - remote.keys()),
        change=[path for path in shared if not local[path].same_as(remote[path])],
        remove=ours,
        same=[path for path in shared if local[path].same_as(remote[path])],
        keep=[path for path in foreign if path not in ours],
    )


def read_folder(folder: Path, files: Iterable[str]) -> dict[str, LocalFile]:
    """The files of a commit, each looked at before it may leave this machine."""
    local = {}
    for name in files:
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise PublishError(f"{name} is not a path inside {folder}")
        check_file(folder / name)
        local[name] = LocalFile.read(folder / name)
    return local


def check_file(path: Path) -> None:
    """Refuses pickles, which run code where they are opened, and files that hold a token."""
    with path.open("rb") as file:
        start = file.read(4)
        pickled = start[:1] == b"\x80" and start[1:2] in b"\x02\x03\x04\x05"
        if path.suffix in _PICKLES or pickled:
            raise PublishError(
                f"{path.name} is a pickle or may hold one, which runs code where it is opened: not published"
            )
        file.seek(0)
        token, tail = (get_token() or "").encode(), b""
        while chunk := file.read(_CHUNK):
            window = tail + chunk
            if (token and token in window) or _LOOKS_LIKE_A_TOKEN.search(window):
                raise PublishError(f"{path.name} holds an access token: not published")
            tail = window[-256:]  # a token may lie across two chunks


def tree_at(
    api: HfApi, repo_id: str, revision: str, repo_type: str = "model"
) -> dict[str, RepoFile]:
    listed = patiently(
        lambda: list(
            api.list_repo_tree(repo_id, revision=revision, repo_type=repo_type, recursive=True)
        )
    )
    return {entry.path: entry for entry in listed if isinstance(entry, RepoFile)}


def head_of(api: HfApi, repo_id: str, revision: str, repo_type: str = "model") -> str:
    info = patiently(lambda: api.repo_info(repo_id, revision=revision, repo_type=repo_type))
    return str(info.sha)


def commit_folder(
    api: HfApi,
    repo_id: str,
    folder: Path,
    files: Iterable[str],
    *,
    message: str,
    repo_type: str = "model",
    revision: str = "main",
    parent: str | None = None,
    owned: Iterable[str] = (),
) -> str:
    """Makes a branch hold `files` of `folder`, in one commit, and returns the commit that does.

    Nothing is committed where nothing differs. `owned` are patterns of what may be removed when it is not among
    `files`. `parent` is the commit that the caller looked at: if the branch has moved on since, nothing is written.
    What arrived is compared by hash; a difference is a PublishError, and so is everything else that went wrong.
    """
    local, owned = read_folder(folder, files), tuple(owned)
    seen = parent or head_of(api, repo_id, revision, repo_type)
    changes = compare(local, tree_at(api, repo_id, seen, repo_type), owned)

    def operations() -> list:
        added = [
            CommitOperationAdd(path, local[path].path) for path in [*changes.add, *changes.change]
        ]
        return added + [CommitOperationDelete(path) for path in changes.remove]

    if not changes:
        return seen
    return _land(
        api,
        repo_id,
        operations,
        lambda tree: compare(local, tree, owned),
        message=message,
        repo_type=repo_type,
        revision=revision,
        parent=seen,
    )


def put_back(api: HfApi, repo_id: str, good: str, bad: str, *, repo_type: str = "model") -> str:
    """Makes `main`, which is at the commit `bad`, hold again what it held at the commit `good`."""
    before = tree_at(api, repo_id, good, repo_type)
    after = tree_at(api, repo_id, bad, repo_type)

    def wrong(tree: dict[str, RepoFile]) -> list[str]:
        paths = before.keys() | tree.keys()
        return [p for p in paths if _hash(before.get(p)) != _hash(tree.get(p))]

    def operations() -> list:
        return [
            CommitOperationCopy(path, path, src_revision=good)
            if path in before
            else CommitOperationDelete(path)
            for path in wrong(after)
        ]

    message = f"Put back {good[:7]}"
    return _land(api, repo_id, operations, wrong, message=message, repo_type=repo_type, parent=bad)


def _land(
    api: HfApi,
    repo_id: str,
    operations: Callable[[], list],
    missing: Callable[[dict[str, RepoFile]], object],
    *,
    message: str,
    repo_type: str,
    parent: str,
    revision: str = "main",
) -> str:
    """The one commit. `missing` says what a tree lacks of what was meant."""
    for wait in (*WAITS, None):
        try:
            made = api.create_commit(
                repo_id,
                operations(),
                commit_message=message,
                commit_description=MARK,
                repo_type=repo_type,
                revision=revision,
                parent_commit=parent,
            ).oid
        except Exception as error:
            # The reply may be lost, and the commit there all the same.
            made = head_of(api, repo_id, revision, repo_type)
            if made == parent and wait is not None and is_passing(error):
                time.sleep(wait)
                continue
            if made == parent:
                raise PublishError(explain(error, repo_id)) from error
            if missing(tree_at(api, repo_id, made, repo_type)):
                raise PublishError(
                    f"somebody else changed {repo_id} meanwhile ({made[:7]}): run this again"
                ) from error
        if lacking := missing(tree_at(api, repo_id, made, repo_type)):
            raise Damaged(f"{repo_id} at {made[:7]} does not hold what was sent: {lacking}", made)
        return made
    raise AssertionError("the last attempt either returns or raises")


def patiently(call: Callable):
    """Tries again what failed for a passing reason; for what may be done twice without harm."""
    for wait in WAITS:
        try:
            return call()
        except Exception as error:
            if not is_passing(error):
                raise
            time.sleep(wait)
    return call()


def is_passing(error: BaseException | None) -> bool:
    """Whether it may work a moment later: the Hub is busy, or the connection broke."""
    while error is not None:
        if isinstance(error, HfHubHTTPError):
            return error.response.status_code in _PASSING
        # The client reads a body as JSON before it looks at the status: a proxy's HTML lands here.
        if isinstance(error, (HTTPError, ConnectionError, TimeoutError, json.JSONDecodeError)):
            return True
        error = error.__cause__
    return False


def explain(error: BaseException, repo_id: str) -> str:
    """An error of the client in one line, without the token."""
    while isinstance(error, RuntimeError) and error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, PublishError):
        text = str(error)
    elif isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        text = f"the Hub answered {status} for {repo_id}: {error.server_message or error}"
    elif is_passing(error):
        text = f"the Hub at {HfApi().endpoint} cannot be reached ({type(error).__name__}: {error})"
    else:
        text = f"{repo_id}: {error}"
    return redact(" ".join(text.split()))


def redact(text: str) -> str:
    token = get_token()
    text = text.replace(token, "<token>") if token else text
    return re.sub(_LOOKS_LIKE_A_TOKEN.pattern.decode(), "<token>", text)


def _hash(file: RepoFile | None) -> str | None:
    if file is None:
        return None
    return file.lfs.sha256 if file.lfs else file.blob_id
