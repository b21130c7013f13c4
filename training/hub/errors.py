"""Errors on the way to the Hub: retried if they may pass, else reported in one line."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from huggingface_hub import constants, get_token
from huggingface_hub.errors import HfHubHTTPError, HTTPError, OfflineModeIsEnabled
from huggingface_hub.utils._http import default_client_factory

WAITS = (1.0, 2.0, 4.0)  # seconds between attempts at what the client does not retry by itself
TIMEOUT = 60.0  # seconds without a byte; the client itself would wait for ever
TOKENS = "https://huggingface.co/settings/tokens"
# An account's, and those that a CI job gets in exchange for its identity.
TOKEN_PATTERN = re.compile(rb"hf_(?:jwt_[\w.-]{30,}|[A-Za-z0-9]{30,})")
_PASSING = {408, 425, 429, 500, 502, 503, 504}

T = TypeVar("T")


class PublishError(Exception):
    """One clear line: what did not get through, and the way out.

    `passing` says whether waiting may solve it. What the client raised is left out on purpose: an
    answer of the Hub may repeat what was sent.
    """

    def __init__(self, message: str, passing: bool = False):
        super().__init__(message)
        self.passing = passing


class DamagedError(PublishError):
    """A commit that arrived, and is not what was sent."""

    def __init__(self, message: str, commit: str):
        super().__init__(message)
        self.commit = commit


def patiently(call: Callable[[], T]) -> T:
    """Retries what failed for a passing reason; only for what may safely be done twice."""
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
        if isinstance(error, OfflineModeIsEnabled):
            return False
        # The client reads a body as JSON before it looks at the status: a proxy's HTML lands here.
        if isinstance(error, (HTTPError, ConnectionError, TimeoutError, json.JSONDecodeError)):
            return True
        error = error.__cause__
    return False


@contextmanager
def one_line(repo_id: str) -> Iterator[None]:
    """Whatever the client or the disk raises inside, as a PublishError."""
    try:
        yield
    except PublishError:
        raise
    except (HTTPError, OSError, RuntimeError, ValueError) as error:
        raise PublishError(explain(error, repo_id), is_passing(error)) from None


def explain(error: BaseException, repo_id: str) -> str:
    """An error of the client in one line, without the token."""
    while isinstance(error, RuntimeError) and error.__cause__ is not None:
        error = error.__cause__  # the client wraps what an upload raised
    if isinstance(error, PublishError):
        text = str(error)
    elif isinstance(error, OfflineModeIsEnabled):
        text = "HF_HUB_OFFLINE is set, so the Hub is not asked: unset it"
    elif isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        text = f"the Hub answered {status} for {repo_id}: {error.server_message or error}"
        text += f" (the token's permissions: {TOKENS})" if status in (401, 403) else ""
    elif is_passing(error):
        text = f"the Hub at {constants.ENDPOINT} cannot be reached: {error or type(error).__name__}"
    else:
        text = f"{repo_id}: {error or type(error).__name__}"
    return redact(" ".join(text.split()))


def redact(text: str) -> str:
    token = get_token()
    text = text.replace(token, "<token>") if token else text
    return re.sub(TOKEN_PATTERN.pattern.decode(), "<token>", text)


def bounded_client():
    """For `set_client_factory`: the client's own, but it gives up on a Hub that does not answer."""
    client = default_client_factory()
    client.timeout = TIMEOUT
    return client
