"""Publishing while training goes on: each checkpoint is copied, and pushed by a second process."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
import tempfile
import weakref
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from huggingface_hub import HfApi, set_client_factory

from training.hub.access import look
from training.hub.errors import PublishError, bounded_client, redact
from training.hub.shipment import Published
from training.hub.staging import ABOUT, MODEL, RECIPE, facts_of

ROOT = Path(__file__).parents[2]
_NICENESS = 10  # training comes first
_COPIED = (*MODEL, *ABOUT, "trainer_state.json")
_OF_THE_RUN = ("run.json", RECIPE)  # next to its checkpoints: what the run is, before it ends


class Publisher:
    """What `--publish USER/NAME` does.

        publisher = Publisher("ada/shakespeare")  # PublishError: no token, no permission
        publisher.submit(checkpoint_dir, step)    # back once the files are copied; never raises
        errors = publisher.finish(run_dir)        # waits; a line for each thing not published

    Checkpoints go out in order, one at a time, each as `python -m training.publish` would send it.
    An error is shown when it happens and returned at the end: `finish` tries once more what had
    failed, then publishes the finished run, so that `main` ends at it. `finish()` without a run
    only waits. What goes wrong here never stops the training or changes what it computes.

    `run_dir` is a resumed run, whose own earlier steps may already be there. A model of another run
    is never replaced: `PublishError` before the training.
    """

    def __init__(self, repo_id: str, *, public: bool = False, run_dir: str | Path | None = None):
        self.options = {"repo_id": repo_id, "public": public}
        self.published: Published | None = None  # the last that arrived
        self.tags: list[str] = []
        self.copies = Path(tempfile.mkdtemp(prefix="tinygpt-publisher-"))
        # Also where the training ends without a word, once the worker has ended.
        self.clean_up = weakref.finalize(self, shutil.rmtree, self.copies, ignore_errors=True)
        self.worker = ThreadPoolExecutor(1, thread_name_prefix="publish")
        self.process: subprocess.Popen[str] | None = None
        self.jobs: dict[int, Future[str | None]] = {}
        self.errors: list[str] = []
        self._look(repo_id, run_dir)

    def submit(self, checkpoint: str | Path, step: int) -> None:
        if step in self.jobs:
            return
        try:
            copy = self._copy_of(step)
            copy.mkdir()
            for name in _OF_THE_RUN:
                if Path(checkpoint).with_name(name).is_file():
                    shutil.copyfile(Path(checkpoint).with_name(name), self.copies / name)
            for name in _COPIED:
                if Path(checkpoint, name).is_file():
                    shutil.copyfile(Path(checkpoint, name), copy / name)
            self.jobs[step] = self.worker.submit(self._push, copy)
        except OSError as error:  # a full disk must not stop the training
            self.errors.append(f"checkpoint-{step} was not published: {error}")
            self._show(self.errors[-1])

    def finish(self, run_dir: str | Path | None = None) -> list[str]:
        outcome = {self._copy_of(step): job.result() for step, job in self.jobs.items()}
        if run_dir is not None:
            failed = [copy for copy, problem in outcome.items() if problem]
            outcome = {
                folder: self.worker.submit(self._push, folder).result()
                for folder in (*failed, Path(run_dir).resolve())
            }
        self.worker.shutdown()
        if self.process is not None:
            self.process.communicate()  # its input ends, and then it ends too
        self.clean_up()
        for folder, problem in outcome.items():
            if problem:
                self.errors.append(f"{folder.name} was not published: {problem}")
        return self.errors

    def _look(self, repo_id: str, run_dir: str | Path | None) -> None:
        """Errors that waiting does not solve are raised before the training, not after it."""
        try:
            place = look(HfApi(), repo_id)
        except PublishError as error:
            if not error.passing:
                raise
            self._show(f"{error}; training goes on, and publishing will be tried")
        else:
            own = facts_of(Path(run_dir, "checkpoint-0")) if run_dir else {}
            if place.holds_another(own):
                raise PublishError(
                    f"{repo_id} holds the model of another run ({place.described}): choose another "
                    "name, or train first and then put it in its place with "
                    f"`python -m training.publish RUN --repo-id {repo_id} --replace`"
                )

    def _copy_of(self, step: int) -> Path:
        return self.copies / f"checkpoint-{step}"

    def _push(self, folder: Path) -> str | None:
        """Runs in the worker's thread; returns what went wrong, in one line."""
        try:
            problem = self._ask(folder)
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
        if problem:
            self._show(f"{folder.name} was not published: {problem}")
        elif self.published is not None:
            self._show(f"{self.published.address} has {self.published.tag}")
        if not problem and folder.parent == self.copies:
            shutil.rmtree(folder, ignore_errors=True)
        return problem

    def _ask(self, folder: Path) -> str | None:
        process = self.process = self.process or _start(self.copies / "log")
        assert process.stdin
        assert process.stdout
        try:
            # A checkpoint that arrives late gets its tag, and `main` stays at the newer one.
            asked = {"run_dir": str(folder), "beside": True, **self.options}
            process.stdin.write(json.dumps(asked) + "\n")
            process.stdin.flush()
            answer = process.stdout.readline()
        except OSError:
            answer = ""
        if not answer:
            process.communicate()
            self.process = None  # the next job gets another
            log = (self.copies / "log").read_text(encoding="utf-8", errors="replace").splitlines()
            last = log[-1] if log else "no output"
            return redact(f"the process that publishes ended with {process.returncode}: {last}")
        told = json.loads(answer)
        if told["published"]:
            self.published = Published(**told["published"])
            self.tags = list(dict.fromkeys([*self.tags, self.published.tag]))
        return told["problem"]

    def _show(self, line: str) -> None:
        sys.stderr.write(redact(f"--publish: {line}\n"))


def _start(log: Path) -> subprocess.Popen[str]:
    with log.open("w", encoding="utf-8") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "training.hub.background"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=os.environ | {"HF_HUB_DISABLE_PROGRESS_BARS": "1"},
            encoding="utf-8",
            # Ctrl-C ends the training; what is on its way to the Hub arrives whole.
            start_new_session=True,
        )
    if sys.platform != "win32":
        os.setpriority(os.PRIO_PROCESS, process.pid, _NICENESS)
    return process


def main() -> int:
    """The second process: each line it reads names a folder, each answer says what went wrong.

    One proof process checks them all, since it takes longer to start than to check.
    """
    from training.hub.publishing import publish
    from training.hub.verification import Stranger

    set_client_factory(bounded_client)
    answers, sys.stdout = sys.stdout, sys.stderr  # printed text is not an answer
    with Stranger() as stranger:
        for line in sys.stdin:
            problem = published = None
            try:
                published = publish(**json.loads(line), prove=stranger)
            except PublishError as error:
                problem = str(error)
            except Exception as error:
                problem = redact(f"{type(error).__name__}: {error}")
            there = dataclasses.asdict(published) if published else None
            answers.write(json.dumps({"problem": problem, "published": there}) + "\n")
            answers.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
