"""A page's process that borrows a GPU, without torch: so all of `spaces` but CUDA itself runs.

python -m tests.spaces.borrower CASE:MOOD ...: borrows for each CASE while the lender is in that
MOOD, and writes what came of it as lines of JSON.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import threading
import urllib.request
from collections.abc import Iterator
from types import SimpleNamespace

from compare.values import RefusedError

from .lender import VISITOR


def where(word: str) -> Iterator[tuple[str, int, list[str]]]:
    yield word, os.getpid(), [thread.name for thread in threading.enumerate()]
    yield word + "!", os.getpid(), []


def fails(word: str) -> Iterator[str]:
    yield word
    raise ValueError("private details")


def refuses(word: str) -> Iterator[str]:
    yield from ()
    raise RefusedError(f"{word} is too long.")


def borrow(case: str) -> dict:
    from compare.engine import zerogpu

    work = {"where": where, "fails": fails, "refuses": refuses}[case]
    came: dict = {"pid": os.getpid(), "said": [], "refusal": None}
    try:
        for said in zerogpu.borrow(work, "hello", seconds=7):
            came["said"].append(said)
    except RefusedError as refusal:
        came["refusal"] = str(refusal)
    return came


def main() -> None:
    sys.modules["torch"] = None  # type: ignore[assignment]  # importing it fails
    importlib.import_module("compare.engine.zerogpu")
    import gradio as gr

    headers = SimpleNamespace(get={"x-ip-token": VISITOR}.get)
    gr.context.LocalContext.request.set(SimpleNamespace(headers=headers))
    threading.Thread(target=threading.Event().wait, name="decode", daemon=True).start()
    for argument in sys.argv[1:]:
        case, mood = argument.split(":")
        lender = os.environ["SPACES_ZERO_DEVICE_API_URL"]
        urllib.request.urlopen(f"{lender}/mood?is={mood}", data=b"").close()
        sys.stdout.write(f"\n{json.dumps({argument: borrow(case)})}\n")


if __name__ == "__main__":
    main()
