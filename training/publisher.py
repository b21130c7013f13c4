"""Publishing while training goes on: each checkpoint is copied, and pushed by a process beside."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from huggingface_hub import HfApi

from .access import look
from .patience import PublishError, explain, redact
from .staging import ALLOWED, CODE

ROOT = Path(__file__).parents[1]
_NICENESS = 10  # training comes first
_COPIED = (*(name for name in ALLOWED if name not in CODE), "trainer_state.json")


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
        self.repo_id = repo_id
        self.flags = ["--public"] * public + (["--run", run] if run else [])
        self.copies = Path(tempfile.mkdtemp(prefix="tinygpt-publisher-"))
        self.worker = ThreadPoolExecutor(1, thread_name_prefix="publish")
        self.jobs: list[tuple[str, Path, Future[str | None]]] = []
        self.errors: list[str] = []
        self._check()

    def submit(self, checkpoint: str | Path, step: int) -> None:
        copy = self.copies / f"checkpoint-{step}"
        if copy.name in [name for name, _, _ in self.jobs]:
            return
        try:
            _copy(Path(checkpoint), copy)
            self.jobs.append((copy.name, copy, self.worker.submit(self._push, copy)))
        except Exception as error:  # a full disk must not stop the training
            self._report(f"checkpoint-{step} was not published: {error}")

    def finish(self, run_dir: str | Path | None = None) -> list[str]:
        failed = [(name, copy) for name, copy, job in self.jobs if job.result()]
        if run_dir is not None:
            again = [(name, self.worker.submit(self._push, copy)) for name, copy in failed]
            again.append((Path(run_dir).name, self.worker.submit(self._push, Path(run_dir))))
        else:
            again = [(name, job) for name, _, job in self.jobs]
        for name, job in again:
            if problem := job.result():
                self.errors.append(f"{name} was not published: {problem}")
        self.worker.shutdown()
        shutil.rmtree(self.copies, ignore_errors=True)
        return self.errors

    def _check(self) -> None:
        """What waiting does not mend is told before the training, not after it."""
        try:
            look(HfApi(), self.repo_id)
        except PublishError as error:
            if not error.passing:
                raise
            self._show(f"{error}; training goes on, and publishing will be tried")

    def _push(self, folder: Path) -> str | None:
        """Runs in the worker's thread; returns what went wrong, in one line."""
        try:
            problem = _run(folder, self.repo_id, self.flags)
        except Exception as error:
            problem = explain(error, self.repo_id)
        if problem:
            self._show(f"{folder.name} was not published: {problem}")
        elif folder.parent == self.copies:
            shutil.rmtree(folder, ignore_errors=True)
        return problem

    def _report(self, line: str) -> None:
        self.errors.append(line)
        self._show(line)

    def _show(self, line: str) -> None:
        sys.stderr.write(redact(f"--publish: {line}\n"))


def _copy(source: Path, copy: Path) -> None:
    copy.mkdir(parents=True)
    for name in _COPIED:
        if (source / name).is_file():
            shutil.copyfile(source / name, copy / name)


def _run(folder: Path, repo_id: str, flags: list[str]) -> str | None:
    command = [sys.executable, "-m", "training.publish", str(folder.resolve())]
    process = subprocess.Popen(
        [*command, "--repo-id", repo_id, *flags],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        # Ctrl-C ends the training; what is on its way to the Hub arrives whole.
        start_new_session=True,
    )
    if sys.platform != "win32":
        os.setpriority(os.PRIO_PROCESS, process.pid, _NICENESS)
    _, written = process.communicate()
    if process.returncode == 0:
        return None
    lines = [line for line in written.splitlines() if line.strip()]
    last = lines[-1] if lines else f"exit code {process.returncode}"
    return redact(last.removeprefix("error: "))
