"""Checks what comes back from the Hub: loaded by a stranger, and compared byte for byte.

The stranger is `proof.py`: a fresh process with empty caches and no project on its path.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, constants, snapshot_download

from training.hub.commit import LocalFile, bars_where_it_takes_long
from training.hub.errors import DamagedError, PublishError, explain, patiently, redact
from training.hub.staging import Staged

PROOF = Path(__file__).with_name("proof.py")
TIMEOUT = 1800.0
# Each names a cache that may be warm, or a mode in which nothing is downloaded.
_NOT_INHERITED = (
    "HF_HUB_CACHE",
    "HUGGINGFACE_HUB_CACHE",
    "HF_MODULES_CACHE",
    "HF_XET_CACHE",
    "HF_ASSETS_CACHE",
    "HF_HUB_OFFLINE",
    "TRANSFORMERS_OFFLINE",
)


class Stranger:
    """Proves commits, one after the other: importing torch takes longer than all the rest.

    Started at once, so that it has imported what it needs by the time the first commit is there.
    """

    def __enter__(self) -> Stranger:
        self._home = tempfile.TemporaryDirectory(prefix="tinygpt-stranger-")
        self._process: subprocess.Popen[str] | None = self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        self._home.cleanup()

    def __call__(self, repo_id: str, commit: str, staged: Staged) -> None:
        """Raises PublishError unless a stranger can load a commit, and it answers as the copy
        does."""
        self._process = self._process or self._start()
        timer = threading.Timer(TIMEOUT, self._process.kill)
        timer.start()
        try:
            answer = self._ask(self._process, json.dumps(proof_request(repo_id, commit, staged)))
        finally:
            timer.cancel()
        problem = json.loads(answer)["problem"] if answer else self._last_words()
        raise_for(problem, repo_id, commit)

    def _start(self) -> subprocess.Popen[str]:
        home = self._home.name
        environment = {k: v for k, v in os.environ.items() if k not in _NOT_INHERITED}
        environment |= {"HF_HOME": home, "HF_TOKEN_PATH": constants.HF_TOKEN_PATH}
        environment |= {"HF_ENDPOINT": HfApi().endpoint, "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
        with Path(home, "log").open("w", encoding="utf-8") as log:
            return subprocess.Popen(
                [sys.executable, "-I", str(PROOF)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=home,
                env=environment,
                encoding="utf-8",
            )

    def _end(self) -> int | None:
        if self._process is None:
            return None
        self._process.kill()
        self._process.communicate()
        ended, self._process = self._process, None
        return ended.returncode

    def _ask(self, process: subprocess.Popen[str], line: str) -> str:
        assert process.stdin
        assert process.stdout
        try:
            process.stdin.write(line + "\n")
            process.stdin.flush()
            return process.stdout.readline()
        except OSError:  # it has ended
            return ""

    def _last_words(self) -> str:
        code = self._end()
        lines = Path(self._home.name, "log").read_text(encoding="utf-8").splitlines()
        return f"the process that loads it ended with {code}: {lines[-1] if lines else 'no output'}"


def proof_request(repo_id: str, commit: str, staged: Staged) -> dict[str, Any]:
    hashes = {name: file.sha256 for name, file in staged.local.items()}
    where = {"repo_id": repo_id, "commit": commit, "folder": str(staged.folder)}
    return {**where, "sha256": hashes}


def raise_for(problem: str | None, repo_id: str, commit: str) -> None:
    if problem:
        trouble = f"{repo_id} at {commit[:7]} does not load as it should: {problem}"
        raise PublishError(redact(trouble))


def same_bytes(api: HfApi, repo_id: str, commit: str, local: Mapping[str, LocalFile]) -> None:
    """Raises DamagedError unless files come back byte for byte: what loaded once loads again."""
    try:
        differ = changed_on_the_way(api, repo_id, commit, local)
    except Exception as error:  # what cannot be checked is not left there
        trouble = f"{repo_id} at {commit[:7]} cannot be read back ({explain(error, repo_id)})"
        raise DamagedError(trouble, commit) from None
    if differ:
        raise DamagedError(
            f"{repo_id} at {commit[:7]} came back changed: {', '.join(differ)}", commit
        )


def changed_on_the_way(
    api: HfApi,
    repo_id: str,
    commit: str,
    local: Mapping[str, LocalFile],
    repo_type: str = "model",
) -> list[str]:
    """The files that come back changed: a Hub that lists a hash has not checked the bytes."""
    if not local:
        return []
    with tempfile.TemporaryDirectory(prefix="tinygpt-check-") as scratch:
        with bars_where_it_takes_long(file.size for file in local.values()):
            there = patiently(
                lambda: snapshot_download(
                    repo_id,
                    repo_type=repo_type,
                    revision=commit,
                    cache_dir=scratch,
                    endpoint=api.endpoint,
                    allow_patterns=list(local),
                )
            )
        return [name for name, file in local.items() if _sha256(Path(there, name)) != file.sha256]


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
