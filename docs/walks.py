"""Three walks through the house: which files a call passes through, traced as it happens.

    python docs/walks.py               # all three; or: text, commit, prompt

text     a text file to the first training step, through training/
commit   a finished run to the commit on `main`, through training/, against a Hub on this machine
prompt   a prompt to the text in a pane, through compare/, with a model that ships

A stay is one call from a file into another. A file that calls one which is waiting for it further
up the tree, other than its own caller, makes the walk hard to follow: there should be none.
Modules of plain values (compare/values) and tinygpt_hf are left out.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import astuple
from inspect import CO_OPTIMIZED
from io import StringIO
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
VALUES = "compare/values/"
PIECES = {"<lambda>", "<genexpr>", "<listcomp>", "<dictcomp>", "<setcomp>"}
PROMPT = "To be"
TEXT = "".join(f"{n} bottles of beer on the wall\n" for n in range(2000))


class FirstStepError(Exception):
    """The first training step is made: the walk is over."""


class Walk:
    """The tree of calls between the files of a folder."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.on = True
        self.stays = 0
        self.edges: dict[tuple[str, str], int] = {}
        self.up: set[tuple[str, str]] = set()

    def name(self, frame: FrameType) -> str | None:
        file = frame.f_code.co_filename
        if not file.startswith(str(ROOT)):
            return None
        name = Path(file).relative_to(ROOT).as_posix()
        inside = name.startswith(self.folder) and not name.startswith(VALUES)
        return name if inside and not name.endswith("__init__.py") else None

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        code = frame.f_code
        if event != "call" or not self.on or not code.co_flags & CO_OPTIMIZED:
            return  # a module or a class that is being made is no call
        if code.co_name in PIECES or code.co_code[max(frame.f_lasti, 0) + 1] & 3:
            return  # nor is a piece of its caller, or a coroutine that resumes
        callee = self.name(frame)
        if callee is None:
            return
        above = self.callers(frame)
        if not above or above[0] == callee:
            return
        caller = above[0]
        self.stays += 1
        self.edges[caller, callee] = self.edges.get((caller, callee), 0) + 1
        own_caller = next((name for name in above if name != caller), None)
        if callee in above and callee != own_caller:
            self.up.add((caller, callee))

    def callers(self, frame: FrameType) -> list[str]:
        names = []
        while frame.f_back is not None:
            frame = frame.f_back
            if (name := self.name(frame)) is not None:
                names.append(name)
        return names

    @property
    def files(self) -> list[str]:
        return sorted({name for edge in self.edges for name in edge})

    def trace(self, walk: Callable[[], Any]) -> None:
        threading.setprofile(self)
        sys.setprofile(self)
        try:
            with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
                walk()
        finally:
            sys.setprofile(None)
            threading.setprofile(None)

    def report(self, title: str) -> str:
        lines = [f"{title}: {len(self.files)} files, {self.stays} stays, {len(self.up)} calls up"]
        lines += [f"  {name}" for name in self.files]
        lines += [f"  up: {caller} calls {callee}" for caller, callee in sorted(self.up)]
        return "\n".join(lines)


def text_to_first_step(folder: Path) -> Walk:
    from transformers import Trainer

    from training.train import main

    text, run = folder / "bottles.txt", folder / "run"
    text.write_text(TEXT, encoding="utf-8")
    walk, step = Walk("training/"), Trainer.training_step

    def first(self: Any, *args: Any, **kwargs: Any) -> Any:
        loss = step(self, *args, **kwargs)
        if self.args.eval_strategy == "no":  # some steps before are only timed
            return loss
        raise FirstStepError

    Trainer.training_step = first  # type: ignore[method-assign]
    try:
        with suppress(FirstStepError):
            walk.trace(lambda: main([str(text), "--output_dir", str(run), "--minutes", "1"]))
    finally:
        Trainer.training_step = step  # type: ignore[method-assign]
    return walk


def run_to_commit(folder: Path) -> Walk:
    """The model that ships as `hello`, published on a Hub that this process starts."""
    from tests.hub import LoopbackHub
    from training.publish import main

    run, token = folder / "hello", "hf_" + secrets.token_hex(17)
    shutil.copytree(ROOT / "checkpoints" / "hello", run)
    walk = Walk("training/")
    with LoopbackHub(SOCKET) as hub:
        hub.account("ada", token)
        os.environ["HF_TOKEN"] = token
        walk.trace(lambda: main([str(run), "--repo-id", "ada/hello"]))
        assert "model.safetensors" in hub.files("ada/hello")
    return walk


def prompt_to_text(folder: Path) -> Walk:
    """A press of Generate in Compare, until both panes are full."""
    from compare.lineup import lineup
    from compare.tabs.compare import _writer
    from compare.tabs.duel import Duels
    from compare.values import Sampling
    from compare.values.players import SEAT

    walk, roster = Walk("compare/"), lineup(None, "none")
    walk.on = False
    write = _writer(SimpleNamespace(duels=Duels(roster)), takes=1)  # what a press of Generate runs
    visitor = SimpleNamespace(session_hash="a visitor")
    settings = astuple(Sampling(seed=1))

    async def press() -> None:
        shown: tuple[Any, ...] = ()
        async for update in write(visitor, PROMPT, False, roster.left, SEAT, *settings):
            shown = update
        assert all("data-written" in pane for pane in shown[:2]), shown

    def twice() -> None:
        asyncio.run(press())  # the models are loaded by then, and their threads run
        walk.on = True
        asyncio.run(press())

    walk.trace(twice)
    return walk


WALKS = {
    "text": ("a text to the first step", text_to_first_step),
    "commit": ("a run to the commit", run_to_commit),
    "prompt": ("a prompt to the text", prompt_to_text),
}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("walks", nargs="*", default=list(WALKS), metavar="WALK")
    for name in parser.parse_args(argv).walks:
        title, walk = WALKS[name]
        with tempfile.TemporaryDirectory() as folder:
            os.environ["TINYGPT_CACHE"] = folder
            print(walk(Path(folder)).report(title), flush=True)
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    from tests.hub import bind

    SOCKET = bind()  # the client reads where the Hub is once, when it is imported
    os.environ["HF_ENDPOINT"] = f"http://127.0.0.1:{SOCKET.getsockname()[1]}"
    os.environ |= {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    sys.exit(main())
