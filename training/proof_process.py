"""Runs `proof.py` as a stranger would: a fresh process, empty caches, no project on its path."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, constants, snapshot_download

from .commit import LocalFile, read_folder
from .patience import Damaged, PublishError, explain, patiently, redact
from .staging import Staged

PROOF = Path(__file__).with_name("proof.py")
TIMEOUT = 1800
# Each names a cache that may be warm, or a mode in which nothing is downloaded.
_NOT_INHERITED = (
    "HF_HUB_CACHE",
    "HUGGINGFACE_HUB_CACHE",
    "HF_MODULES_CACHE",
    "HF_XET_CACHE",
    "HF_ASSETS_CACHE",
    "HF_HUB_OFFLINE",
    "TRANSFORMERS_OFFLINE",
    "HF_DEBUG",
)


def prove(repo_id: str, commit: str, staged: Staged) -> None:
    """Raises PublishError unless a stranger can load a commit, and it answers as the copy does."""
    with tempfile.TemporaryDirectory(prefix="tinygpt-stranger-") as home:
        environment = {k: v for k, v in os.environ.items() if k not in _NOT_INHERITED}
        environment |= {"HF_HOME": home, "HF_TOKEN_PATH": constants.HF_TOKEN_PATH}
        environment |= {"HF_ENDPOINT": HfApi().endpoint, "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
        try:
            ended = subprocess.run(
                [sys.executable, "-I", str(PROOF)],
                input=json.dumps(proof_request(repo_id, commit, staged)),
                capture_output=True,
                cwd=home,
                env=environment,
                encoding="utf-8",
                timeout=TIMEOUT,
            )
        except subprocess.TimeoutExpired:
            raise PublishError(
                f"{repo_id} at {commit[:7]} did not load in {TIMEOUT} seconds"
            ) from None
    written = (ended.stdout if ended.returncode == 0 else ended.stderr).splitlines()
    last = written[-1] if written else f"exit code {ended.returncode}"
    raise_for(json.loads(last)["problem"] if ended.returncode == 0 else last, repo_id, commit)


def raise_for(problem: str | None, repo_id: str, commit: str) -> None:
    if problem:
        trouble = f"{repo_id} at {commit[:7]} does not load as it should: {problem}"
        raise PublishError(redact(trouble))


def proof_request(repo_id: str, commit: str, staged: Staged) -> dict[str, Any]:
    local = read_folder(staged.folder, staged.files)
    hashes = {name: file.sha256 for name, file in local.items()}
    where = {"repo_id": repo_id, "commit": commit, "folder": str(staged.folder)}
    return {**where, "sha256": hashes}


def same_bytes(api: HfApi, repo_id: str, commit: str, local: dict[str, LocalFile]) -> None:
    """Raises Damaged unless a commit comes back byte for byte: what loaded once loads again."""
    with tempfile.TemporaryDirectory(prefix="tinygpt-check-") as scratch:
        try:
            there = patiently(
                lambda: snapshot_download(
                    repo_id,
                    revision=commit,
                    cache_dir=scratch,
                    endpoint=api.endpoint,
                    allow_patterns=list(local),
                )
            )
            differ = [
                name
                for name, file in local.items()
                if LocalFile.read(Path(there, name)).sha256 != file.sha256
            ]
        except Exception as error:  # what cannot be checked is not left there
            trouble = f"{repo_id} at {commit[:7]} cannot be read back ({explain(error, repo_id)})"
            raise Damaged(trouble, commit) from None
    if differ:
        raise Damaged(f"{repo_id} at {commit[:7]} came back changed: {', '.join(differ)}", commit)
