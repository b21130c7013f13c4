"""Until a Space runs the very version that was sent, and its page answers."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from huggingface_hub import HfApi, get_token
from huggingface_hub.errors import HfHubHTTPError, HTTPError

from training.hub.errors import PublishError, patiently, redact

QUESTION = "To be or not to be"
BUILD_LIMIT = 30 * 60  # seconds; the first build installs torch, which takes about five minutes
ANSWER_LIMIT = 5 * 60  # a page that runs may still be loading its models
STALE = 60  # seconds for which the Hub may still report the previous version
LOOK = 3  # seconds
_LAST_LINES = 20
_ON_THE_WAY = {"BUILDING", "RUNNING_BUILDING", "APP_STARTING", "RUNNING_APP_STARTING"}
_ASLEEP = {"PAUSED", "STOPPED", "SLEEPING"}


@dataclass(frozen=True)
class Running:
    """A Space whose files and variables are set."""

    api: HfApi
    repo_id: str
    say: Callable[[str], None]

    @property
    def page(self) -> str:
        return f"{self.api.endpoint}/spaces/{self.repo_id}"

    def wait(self, commit: str, new: bool) -> None:
        """Shows the build's log. `new`: the Hub may still report the previous version."""
        began, told, stage, shown = time.monotonic(), not new, "", 0
        while (waited := time.monotonic() - began) < BUILD_LIMIT:
            runtime = patiently(lambda: self.api.get_space_runtime(self.repo_id))
            if runtime.stage != stage:
                stage = str(runtime.stage)
                self.say(f"{waited:4.0f} s: {stage}")
            if stage in _ON_THE_WAY:
                told, shown = True, self._show_log(shown)
            elif told or waited > STALE:
                if stage != "RUNNING":
                    self._give_up(stage, runtime.raw.get("errorMessage"))
                if runtime.raw.get("sha", commit) == commit:
                    return
            time.sleep(LOOK)
        raise PublishError(
            f"{self.repo_id} is still {stage} after {BUILD_LIMIT / 60:.0f} minutes: "
            f"look at {self.page}?logs=build, or run this again to wait longer"
        )

    def _give_up(self, stage: str, reason: str | None) -> None:
        if stage in _ASLEEP:
            raise PublishError(f"{self.repo_id} is {stage.lower()}: start it at {self.page}")
        which = "container" if stage == "RUNTIME_ERROR" else "build"
        for line in self._log(build=which == "build")[-_LAST_LINES:]:
            self.say(f"  {line}")
        because = f", {redact(reason)}" if reason else ""
        raise PublishError(f"{self.repo_id} ends in {stage}{because}: {self.page}?logs={which}")

    def _show_log(self, shown: int) -> int:
        lines = self._log(build=True)
        for line in lines[shown:]:
            self.say(f"  {line}")
        return max(shown, len(lines))

    def _log(self, build: bool) -> list[str]:
        try:
            parts = list(self.api.fetch_space_logs(self.repo_id, build=build))
        except (HTTPError, HfHubHTTPError):  # only the progress of the build is lost
            return []
        return [redact(line) for line in "".join(parts).splitlines()]

    def ask(self, model: str | None = None) -> str:
        """What the page writes, once `model` is its left one; it may still be loading."""
        os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # read where it is imported
        from gradio_client import Client

        info = patiently(lambda: self.api.space_info(self.repo_id))
        if not info.host:
            raise PublishError(f"the Hub does not say where {self.repo_id} runs: see {self.page}")
        # Without `False` the token would travel to a page that does not need it.
        token: str | bool | None = get_token() if info.private else False
        began = time.monotonic()
        while True:
            try:
                client = Client(info.host, token=token, verbose=False, download_files=False)
                try:
                    return _answer(client, model)
                finally:
                    client.close()
            except Exception as error:  # any error from a page that is not up yet
                if time.monotonic() - began > ANSWER_LIMIT:
                    said = redact(" ".join(str(error).split()) or type(error).__name__)
                    raise PublishError(f"{info.host} runs and does not answer: {said}") from None
            time.sleep(LOOK)


def _answer(client, model: str | None) -> str:
    shown = client.submit(api_name="/models").result(timeout=60)
    if model and shown["default"] != model:
        raise PublishError(f"it plays {shown['default']} and not {model}")
    job = client.submit(QUESTION, max_new_tokens=20, api_name="/generate")
    job.result(timeout=60)
    return str(job.outputs()[-1]["text"])
