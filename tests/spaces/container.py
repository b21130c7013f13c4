"""The staged folder, started as a Space would start it."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.compare.servers import answers, free_port, stop

# Root may write everywhere; without these three capabilities it may as little as anybody else.
_HUMBLE = "-dac_override,-dac_read_search,-fowner"
_CUDA_BUILD = """
import torch  # what ZeroGPU's emulation expects of a CUDA build, and a CPU build lacks
torch.version.cuda, torch._C._cuda_init, torch.cuda._is_in_bad_fork = "12.8", bool, bool
"""


@dataclass
class Container:
    """A home that is read-only but for the cache, with the page in `app`."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def app(self) -> Path:
        return self.home / "app"

    def fill(self, stage) -> list[str]:
        """`stage` puts the files there; then nobody may write to them."""
        (self.home / ".cache").mkdir(parents=True)
        (self.root / "tmp").mkdir()
        staged = stage(self.app)
        self._stand_in("shakespeare")
        self._stand_in("shakespeare-gpt2")
        for path in [self.home, self.app, *self.app.rglob("*")]:
            path.chmod(path.stat().st_mode & ~(stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))
        return staged

    def _stand_in(self, name: str) -> None:
        """Until it ships: a small model that reads any text, under that name."""
        folder = self.app / "checkpoints"
        if not (folder / name).exists():
            shutil.copytree(folder / "bigram", folder / name)

    def written(self) -> set[str]:
        """What is in the home beside what was put there."""
        return {
            str(path.relative_to(self.home))
            for path in self.home.rglob("*")
            if path.stat().st_mode & stat.S_IWUSR and ".cache" not in path.parts
        }

    def on_a_cuda_build(self) -> None:
        """So that the real `spaces` can emulate a GPU on the CPU build of torch too."""
        shim = self.root / "shim"
        shim.mkdir()
        (shim / "sitecustomize.py").write_text(_CUDA_BUILD, encoding="utf-8")
        there = self.environment.get("PYTHONPATH", "")
        self.environment["PYTHONPATH"] = os.pathsep.join([str(shim), there])

    @contextlib.contextmanager
    def run(self, python: str = sys.executable, seconds: float = 300) -> Iterator[str]:
        port = free_port()
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "TMPDIR": str(self.root / "tmp"),
            "SYSTEM": "spaces",
            "SPACE_ID": "ada/page",
            "SPACE_HOST": "ada-page.hf.space",
            "GRADIO_SERVER_NAME": "0.0.0.0",
            "GRADIO_SERVER_PORT": str(port),
            "HF_HUB_OFFLINE": "1",
            "OMP_NUM_THREADS": "1",
            **self.environment,
        }
        log = self.root / "log"
        with log.open("w", encoding="utf-8") as output:
            process = subprocess.Popen(
                [*_humbly(), python, "app.py"],
                cwd=self.app,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        url, until = f"http://127.0.0.1:{port}/", time.monotonic() + seconds
        try:
            while not answers(url):
                said = log.read_text(encoding="utf-8")
                assert process.poll() is None, f"the page ended with {process.returncode}:\n{said}"
                assert time.monotonic() < until, f"no answer within {seconds} s:\n{said}"
                time.sleep(0.1)
            yield url
        finally:
            stop(process)

    def thaw(self) -> None:
        for path in [self.home, *self.home.rglob("*")]:
            path.chmod(path.stat().st_mode | stat.S_IWUSR)


def _humbly() -> list[str]:
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or not shutil.which("setpriv"):
        return []
    return ["setpriv", f"--bounding-set={_HUMBLE}", f"--inh-caps={_HUMBLE}"]
