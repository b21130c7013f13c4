"""What a Hub keeps: repositories with commits, branches and tags, and large files by their hash."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

LARGE = (".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".pkl", ".npz", ".msgpack", ".h5")
GITATTRIBUTES = "".join(f"*{suffix} filter=lfs diff=lfs merge=lfs -text\n" for suffix in LARGE)
EPOCH = datetime(2025, 1, 1, tzinfo=UTC)


class HubError(Exception):
    """An answer that is not a success, with the headers that the client reads."""

    def __init__(self, status: int, message: str, code: str | None = None, **headers: str):
        super().__init__(message)
        self.status, self.message, self.code, self.headers = status, message, code, headers


def git_oid(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


@dataclass(frozen=True)
class File:
    """One file of a commit: a large one is known by its sha256, a small one holds its content."""

    size: int
    oid: str
    content: bytes = b""
    sha256: str | None = None

    @classmethod
    def small(cls, content: bytes) -> File:
        return cls(len(content), git_oid(content), content)

    @classmethod
    def large(cls, sha256: str, size: int) -> File:
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n"
        return cls(size, git_oid(pointer.encode()), sha256=sha256)

    @property
    def etag(self) -> str:
        return self.sha256 or self.oid

    def describe(self, path: str) -> dict:
        entry: dict = {"type": "file", "path": path, "size": self.size, "oid": self.oid}
        if self.sha256:
            entry["lfs"] = {"oid": self.sha256, "size": self.size, "pointerSize": 134}
        return entry


@dataclass(frozen=True)
class Commit:
    sha: str
    tree: dict[str, File]
    parent: Commit | None
    title: str
    message: str
    author: str
    date: datetime

    def ancestry(self):
        commit: Commit | None = self
        while commit:
            yield commit
            commit = commit.parent


@dataclass
class Repo:
    kind: str  # model, dataset or space
    id: str
    private: bool = False
    gated: bool = False
    sdk: str | None = None
    branches: dict[str, Commit] = field(default_factory=dict)
    tags: dict[str, Commit] = field(default_factory=dict)
    commits: dict[str, Commit] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    hardware: str | None = None
    visitors: set[str] = field(default_factory=set)  # who was let through the gate

    def commit(
        self,
        branch: str,
        tree: dict[str, File],
        title: str,
        message: str = "",
        author: str = "system",
    ) -> Commit:
        parent = self.branches.get(branch)
        number = len(self.commits)
        identity = [self.id, number, parent and parent.sha, title]
        identity += [[path, file.oid] for path, file in sorted(tree.items())]
        sha = hashlib.sha1(json.dumps(identity).encode()).hexdigest()
        made = Commit(sha, tree, parent, title, message, author, EPOCH + timedelta(minutes=number))
        self.commits[sha] = self.branches[branch] = made
        return made

    def at(self, revision: str) -> Commit:
        for found in (self.branches.get(revision), self.tags.get(revision)):
            if found:
                return found
        matches = [
            c for sha, c in self.commits.items() if len(revision) >= 7 and sha.startswith(revision)
        ]
        if len(matches) != 1:
            raise HubError(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return matches[0]

    def file(self, revision: str, path: str) -> tuple[Commit, File]:
        commit = self.at(revision)
        if path not in commit.tree:
            where = {"X-Repo-Commit": commit.sha}
            raise HubError(404, "Entry not found", "EntryNotFound", **where)
        return commit, commit.tree[path]


class Store:
    def __init__(self) -> None:
        self.repos: dict[tuple[str, str], Repo] = {}
        self.objects: dict[str, bytes] = {}  # large files by their sha256

    def create(self, kind: str, repo_id: str, **facts) -> Repo:
        repo = Repo(kind, repo_id, **facts)
        repo.commit(
            "main", {".gitattributes": File.small(GITATTRIBUTES.encode())}, "initial commit"
        )
        self.repos[kind, repo_id] = repo
        return repo

    def holds(self, sha256: str) -> bool:
        """Whether an object is here, and is what its name says."""
        data = self.objects.get(sha256)
        return data is not None and hashlib.sha256(data).hexdigest() == sha256

    def read(self, file: File) -> bytes:
        return self.objects[file.sha256] if file.sha256 else file.content

    def put(
        self, kind: str, repo_id: str, files: dict[str, bytes], title: str = "by hand"
    ) -> Commit:
        """A commit made on the website: what a stranger's repository holds is up to the test."""
        repo = self.repos.get((kind, repo_id)) or self.create(kind, repo_id)
        tree = dict(repo.branches["main"].tree)
        for path, content in files.items():
            if path.endswith(LARGE):
                sha256 = hashlib.sha256(content).hexdigest()
                self.objects[sha256] = content
                tree[path] = File.large(sha256, len(content))
            else:
                tree[path] = File.small(content)
        return repo.commit("main", tree, title)
