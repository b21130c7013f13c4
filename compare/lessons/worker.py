"""The other end of `pool.py`: a process that trains one lesson after the other.

It is `training.loop.run.Run`, as on the command line, with one more callback that tells the page
how far it is. torch is imported in the process itself, never by the page that starts it.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import traceback
from multiprocessing.connection import Connection
from pathlib import Path

from compare.lessons.lessons import Lesson, Over
from training.loop.console import hide


def work(connection: Connection) -> None:
    """Trains lessons from the page, until it closes the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the page, which closes the pipe
    if hasattr(os, "nice"):
        os.nice(5)  # visitors who wait for a token come first
    sys.stdout = sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 (until the end)
    gc.disable()  # imports make many objects, and none to collect
    hide("datasets")
    import torch

    from compare.lessons.teach import teach

    gc.enable()
    threads = torch.get_num_threads()
    while True:
        try:
            request = connection.recv()
            if request == "stop":  # it came after the end of its lesson
                continue
            lesson, folder = request
            torch.set_num_threads(threads)  # a small model before may have asked for one
            connection.send(_one(lesson, folder, connection, teach))
        except (EOFError, BrokenPipeError, ConnectionResetError):
            gc.freeze()  # no last search for garbage: the page may wait for the end
            return


def _one(lesson: Lesson, folder: Path, connection: Connection, teach) -> Over:
    try:
        with _own_cache(folder):
            return teach(lesson, folder, connection)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        raise  # the page is gone
    except (ValueError, OSError, RuntimeError) as error:
        traceback.print_exc()
        return Over(problem=" ".join(str(error).split()))


@contextlib.contextmanager
def _own_cache(folder: Path):
    """Tokenized text goes where it is deleted with the lesson."""
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["TINYGPT_CACHE"] = str(folder / "cache")
    try:
        yield
    finally:
        del os.environ["TINYGPT_CACHE"]
