"""Writing to the Hub: one atomic commit, made once, and checked afterwards.

A folder is read once (`read_folder`): hashed, and searched for pickles and tokens, in one pass.
`commit_folder` is the only function that puts files on the Hub. It takes what was read, adds,
changes and removes only what differs, names the parent that it saw, and compares the hashes of what
arrived. After a lost reply the commit is looked up, not repeated.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
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
from huggingface_hub.utils import (
    are_progress_bars_disabled,
    disable_progress_bars,
    enable_progress_bars,
)

from training.hub import errors
from training.hub.errors import (
    TOKEN_PATTERN,
    DamagedError,
    PublishError,
    is_passing,
    one_line,
    patiently,
)

MARK = "Published with TinyGPT-HF."
_PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".npy", ".npz", ".h5")
_CHUNK = 1 << 20
_LONGEST_TOKEN = 4096  # bytes: those that a CI exchanges carry their claims
_LARGE = 50_000_000  # bytes that take a while

Tree = dict[str, RepoFile]


@dataclass(frozen=True)
class LocalFile:
    """A file as the Hub will name it: small ones by git's hash, large ones by their sha256."""

    path: Path
    size: int
    git: str
    sha256: str

    @classmethod
    def read(cls, path: Path) -> LocalFile:
        """In one pass. Refuses pickles, which run code where they are opened, and tokens."""
        size = path.stat().st_size
        git, sha256 = hashlib.sha1(b"blob %d\0" % size), hashlib.sha256()
        own, tail = (get_token() or "").encode(), b""
        with path.open("rb") as file:
            start = file.read(2)
            pickled = start[:1] == b"\x80" and start[1:] in (b"\2", b"\3", b"\4", b"\5")
            if path.suffix in _PICKLES or pickled:
                raise PublishError(
                    f"{path.name} is a pickle or may hide one, which runs code where it is opened: "
                    "not published"
                )
            file.seek(0)
            while chunk := file.read(_CHUNK):
                git.update(chunk)
                sha256.update(chunk)
                window = tail + chunk  # a token may lie across two chunks
                if (own and own in window) or TOKEN_PATTERN.search(window):
                    raise PublishError(f"{path.name} holds an access token: not published")
                tail = window[-_LONGEST_TOKEN:]
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
    keep: list[str]  # on the Hub, and not ours

    @property
    def paths(self) -> list[str]:
        return [*self.add, *self.change, *self.remove]

    def __bool__(self) -> bool:
        return bool(self.paths)

    def __str__(self) -> str:
        return ", ".join(self.paths)


def compare(local: Mapping[str, LocalFile], remote: Tree, owned: Iterable[str] = ()) -> Changes:
    """`owned` are patterns of what is removed if it is not among the local files."""
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
        try:
            local[name] = LocalFile.read(folder / name)
        except OSError as error:
            raise PublishError(f"{folder / name} cannot be read: {error.strerror}") from None
    return local


def tree_at(api: HfApi, repo_id: str, revision: str, repo_type: str = "model") -> Tree:
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
    local: Mapping[str, LocalFile],
    *,
    message: str,
    repo_type: str = "model",
    revision: str = "main",
    parent: str | None = None,
    owned: Iterable[str] = (),
) -> str:
    """Makes a branch hold what was read, in one commit, and returns the commit that does.

    Nothing is committed where nothing differs. `owned` are patterns of what may be removed where it
    is not among the local files. `parent` is the commit that the caller looked at: if the branch
    has moved on since, nothing is written. What arrived is compared by hash: a difference raises
    DamagedError. Whatever else goes wrong is a PublishError.
    """
    with one_line(repo_id):
        owned = tuple(owned)
        seen = parent or head_of(api, repo_id, revision, repo_type)
        changes = compare(local, tree_at(api, repo_id, seen, repo_type), owned)

        def operations() -> list:
            added = [*changes.add, *changes.change]
            return [
                *(CommitOperationAdd(path, local[path].path) for path in added),
                *(CommitOperationDelete(path) for path in changes.remove),
            ]

        def missing(tree: Tree) -> Changes:
            return compare(local, tree, owned)

        if not changes:
            return seen
        landing = _Landing(api, repo_id, repo_type, revision, seen, message, operations, missing)
        return landing.land(_fingerprint(local))


def put_back(api: HfApi, repo_id: str, good: str, bad: str, *, repo_type: str = "model") -> str:
    """Makes `main`, which is at the commit `bad`, hold again what it held at the commit `good`."""
    with one_line(repo_id):
        before = tree_at(api, repo_id, good, repo_type)
        after = tree_at(api, repo_id, bad, repo_type)

        def wrong(tree: Tree) -> list[str]:
            paths = sorted(before.keys() | tree.keys())
            return [path for path in paths if _hash(before.get(path)) != _hash(tree.get(path))]

        def operations() -> list:
            return [
                CommitOperationCopy(path, path, src_revision=good)
                if path in before
                else CommitOperationDelete(path)
                for path in wrong(after)
            ]

        if not wrong(after):
            return bad
        message = f"Put back {good[:7]}"
        landing = _Landing(api, repo_id, repo_type, "main", bad, message, operations, wrong)
        return landing.land(good)


@dataclass(frozen=True)
class _Landing:
    """One commit being made. `missing` says what a tree lacks."""

    api: HfApi
    repo_id: str
    repo_type: str
    revision: str
    parent: str
    message: str
    operations: Callable[[], list]
    missing: Callable[[Tree], object]

    def land(self, fingerprint: str) -> str:
        description = f"{MARK} {fingerprint}"
        for wait in (*errors.WAITS, None):
            try:
                made = self.commit(description)
                break
            except Exception as error:
                # The reply may be lost, and the commit there all the same.
                made = head_of(self.api, self.repo_id, self.revision, self.repo_type)
                if made != self.parent:
                    self.refuse_others(made, description)
                    break
                if wait is None or not is_passing(error):
                    raise
                time.sleep(wait)
        if lacking := self.missing(tree_at(self.api, self.repo_id, made, self.repo_type)):
            where = f"{self.repo_id} at {made[:7]}"
            raise DamagedError(f"{where} does not hold what was sent: {lacking}", made)
        return made

    def commit(self, description: str) -> str:
        operations = self.operations()
        sizes = [op.upload_info.size for op in operations if isinstance(op, CommitOperationAdd)]
        with bars_where_it_takes_long(sizes):
            made = self.api.create_commit(
                self.repo_id,
                operations,
                commit_message=self.message,
                commit_description=description,
                repo_type=self.repo_type,
                revision=self.revision,
                parent_commit=self.parent,
            )
        return str(made.oid)

    def refuse_others(self, made: str, description: str) -> None:
        """The branch has moved: by this very commit, or by somebody else's."""
        commits = patiently(
            lambda: self.api.list_repo_commits(
                self.repo_id, revision=made, repo_type=self.repo_type
            )
        )
        if description not in commits[0].message:
            raise PublishError(
                f"somebody else changed {self.repo_id} meanwhile ({made[:7]}): run this again"
            )


@contextlib.contextmanager
def bars_where_it_takes_long(sizes: Iterable[int]) -> Iterator[None]:
    """The library's bars for small uploads show for a moment, and mostly say 0 of 0."""
    quiet = sum(sizes) < _LARGE and not are_progress_bars_disabled()
    if quiet:
        disable_progress_bars()
    try:
        yield
    finally:
        if quiet:
            enable_progress_bars()


def _fingerprint(local: Mapping[str, LocalFile]) -> str:
    listed = "".join(f"{path} {file.sha256}\n" for path, file in sorted(local.items()))
    return hashlib.sha256(listed.encode()).hexdigest()[:16]


def _hash(file: RepoFile | None) -> str | None:
    if file is None:
        return None
    return file.lfs.sha256 if file.lfs else file.blob_id
