"""Publishing while training goes on: each checkpoint is copied, and pushed by a process beside."""

from __future__ import annotations

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
from training.hub.staging import ABOUT, MODEL

ROOT = Path(__file__).parents[2]
_NICENESS = 10  # training comes first
_COPIED = (*MODEL, *ABOUT, "trainer_state.json")


class Publisher:
    """What `--publish USER/NAME` does.

        publisher = Publisher("ada/shakespeare")  # PublishError: no token, no permission
        publisher.submit(checkpoint_dir, step)    # back once the files are copied; never raises
        errors = publisher.finish(run_dir)        # waits; a line for each thing not published

    Checkpoints go out in order, one at a time, each as `python -m training.publish` would send it.
    An error is shown when it happens and returned at the end: `finish` tries once more what had
    failed, then publishes the finished run, so that `main` ends at it. `finish()` without a run
    only waits. What goes wrong here never stops the training or changes what it computes.
    """

    def __init__(self, repo_id: str, *, public: bool = False, run: str | None = None):
        self.options = {"repo_id": repo_id, "public": public, "run": run}
        self.copies = Path(tempfile.mkdtemp(prefix="tinygpt-publisher-"))
        # Also where the training ends without a word, once the worker has ended.
        self.clean_up = weakref.finalize(self, shutil.rmtree, self.copies, ignore_errors=True)
        self.worker = ThreadPoolExecutor(1, thread_name_prefix="publish")
        self.process: subprocess.Popen[str] | None = None
        self.jobs: dict[int, Future[str | None]] = {}
        self.errors: list[str] = []
        self._look(repo_id)

    def submit(self, checkpoint: str | Path, step: int) -> None:
        if step in self.jobs:
            return
        try:
            copy = self._copy_of(step)
            copy.mkdir()
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
            self.process.communicate()  # its input ends, and so does it
        self.clean_up()
        for folder, problem in outcome.items():
            if problem:
                self.errors.append(f"{folder.name} was not published: {problem}")
        return self.errors

    def _look(self, repo_id: str) -> None:
        """What waiting does not mend is told before the training, not after it."""
        try:
            tags = look(HfApi(), repo_id).tags
        except PublishError as error:
            if not error.passing:
                raise
            self._show(f"{error}; training goes on, and publishing will be tried")
        else:
            if tags:
                taken = ", ".join(sorted(tags))
                self._show(f"{repo_id} has {taken}: other weights of the same name are refused")

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
        elif folder.parent == self.copies:
            shutil.rmtree(folder, ignore_errors=True)
        return problem

    def _ask(self, folder: Path) -> str | None:
        process = self.process = self.process or _start(self.copies / "log")
        assert process.stdin
        assert process.stdout
        try:
            process.stdin.write(json.dumps({"run_dir": str(folder), **self.options}) + "\n")
            process.stdin.flush()
            answer = process.stdout.readline()
        except OSError:
            answer = ""
        if not answer:
            process.communicate()
            self.process = None  # the next job gets another
            log = (self.copies / "log").read_text(encoding="utf-8", errors="replace").splitlines()
            last = log[-1] if log else "no word"
            return redact(f"the process that publishes ended with {process.returncode}: {last}")
        return json.loads(answer)["problem"]

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
    """The process beside: a folder to publish in each line it reads, what went wrong in its answer.

    One stranger proves them all, since it takes longer to start than to prove.
    """
    from training.hub.publishing import publish
    from training.hub.verification import Stranger

    set_client_factory(bounded_client)
    answers, sys.stdout = sys.stdout, sys.stderr  # whoever prints, it is no answer
    with Stranger() as stranger:
        for line in sys.stdin:
            problem = None
            try:
                publish(**json.loads(line), prove=stranger)
            except PublishError as error:
                problem = str(error)
            except Exception as error:
                problem = redact(f"{type(error).__name__}: {error}")
            answers.write(json.dumps({"problem": problem}) + "\n")
            answers.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
