"""From the Hub into the cache: only the files that are needed, and never a silent wait."""

import logging
import re
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, ModelInfo, constants, hf_hub_download, is_offline_mode
from huggingface_hub import try_to_load_from_cache as cached
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from . import files
from .files import CONFIG, NEEDED, OPTIONAL, WEIGHTS, LoadError

SECONDS = 5  # within which the Hub must list its files
NOTICE = 5  # seconds after which a line says which file is awaited
_log = logging.getLogger(__name__)


def from_hub(repo_id: str, revision: str) -> Path:
    here = _in_cache(repo_id, revision)
    if here and (is_offline_mode() or re.fullmatch("[0-9a-f]{40}", revision)):
        return here
    if is_offline_mode():
        raise LoadError(f"{repo_id}@{revision} is not in the cache, and HF_HUB_OFFLINE is set")
    try:
        info = _in_thread(lambda: _ask(repo_id, revision), SECONDS, _give_up)
    except RevisionNotFoundError:
        raise LoadError(f"{repo_id} has no branch, tag or commit {revision!r}") from None
    except RepositoryNotFoundError:
        raise LoadError(
            f"{repo_id} is not on the Hub, or is private and this token does not open it"
        ) from None
    except Exception as error:
        if here is None:
            raise LoadError(f"{repo_id} cannot be fetched: {trouble(error)}") from error
        _log.warning("%s; taking %s from the cache", trouble(error), repo_id)
        return here
    sizes = {file.rfilename: file.size for file in info.siblings or []}
    folder = _download(repo_id, str(info.sha), sizes)
    if _in_cache(repo_id, revision) != folder:
        # Asking by name records its commit in the cache, where it is looked up offline.
        with suppress(OSError):
            hf_hub_download(repo_id, CONFIG, revision=revision, etag_timeout=SECONDS)
    return folder


def _ask(repo_id: str, revision: str) -> ModelInfo:
    return HfApi().model_info(repo_id, revision=revision, files_metadata=True, timeout=SECONDS)


def _download(repo_id: str, commit: str, sizes: dict[str, int | None]) -> Path:
    """Only the files that are needed, small ones first, each refused if it is too large."""
    if lacking := [name for name in NEEDED if name not in sizes]:
        raise LoadError(f"{repo_id}: {files.lacks(lacking, list(sizes))}")
    folder = Path()
    for name in (*OPTIONAL, *NEEDED):
        if name not in sizes:
            continue
        largest = files.LARGEST_TEXT
        if name == WEIGHTS:
            largest = _largest_weights(repo_id, folder)
        if (sizes[name] or 0) > largest:
            raise LoadError(
                f"{repo_id}: its {name} has {sizes[name]:,} bytes, and may have {largest:,} at most"
            )
        folder = _fetch(repo_id, name, commit).parent
    return folder


def _largest_weights(repo_id: str, folder: Path) -> int:
    try:
        return files.largest_weights(files.read_config(folder / CONFIG))
    except LoadError as error:
        raise LoadError(f"{repo_id}: {error}") from None


def _fetch(repo_id: str, name: str, commit: str) -> Path:
    def call() -> str:
        return hf_hub_download(repo_id, name, revision=commit, etag_timeout=SECONDS)

    def notice() -> None:
        _log.warning("waiting for %s of %s", name, repo_id)

    try:
        return Path(_in_thread(call, NOTICE, notice))
    except GatedRepoError:
        ask = f"ask for access at {constants.ENDPOINT}/{repo_id}, then log in"
        raise LoadError(f"{repo_id} is gated: {ask}") from None
    except Exception as error:
        raise LoadError(f"{repo_id}: {name} cannot be fetched: {trouble(error)}") from error


def _in_cache(repo_id: str, revision: str) -> Path | None:
    paths = [cached(repo_id, name, revision=revision) for name in NEEDED]
    return Path(str(paths[0])).parent if all(isinstance(path, str) for path in paths) else None


def trouble(error: Exception) -> str:
    """Why the Hub did not give what was asked for."""
    where = constants.ENDPOINT
    if isinstance(error, HfHubHTTPError):
        return f"the Hub at {where} answers {error.response.status_code}"
    reason = " ".join(str(error).split()) or type(error).__name__
    return f"the Hub at {where} cannot be reached ({reason})"


def _give_up() -> None:
    raise TimeoutError(f"no answer within {SECONDS} seconds")


def _in_thread(call: Callable[[], Any], seconds: float, when_slow: Callable[[], None]) -> Any:
    """The client's timeouts are between two bytes, and it retries: this one is for the whole
    call."""
    outcome: dict[str, Any] = {}

    def run() -> None:
        try:
            outcome["value"] = call()
        except Exception as error:
            outcome["error"] = error

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        when_slow()
        thread.join()
    if "error" in outcome:
        raise outcome["error"]
    return outcome["value"]
