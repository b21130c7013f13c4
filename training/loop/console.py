"""What every command does as a process: it prints on any terminal, begins and ends quickly."""

import gc
import os
import sys
from typing import NoReturn


def print_anything() -> None:
    """A console that cannot write a character shows its number instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(
            stream, "reconfigure"
        ):  # a stream put in its place by a test or notebook may lack it
            stream.reconfigure(errors="backslashreplace")


def fail(error: Exception | str) -> int:
    """One line about it, and a command's exit code."""
    text = str(error)
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        text = f"{error.filename}: {error.strerror[0].lower()}{error.strerror[1:]}"
    print(f"error: {' '.join(text.split())}", file=sys.stderr)
    return 1


def no_bars() -> None:
    """Turns off the library's bars for loading and saving, which do not matter here."""
    from transformers.utils import logging

    logging.disable_progress_bar()


def counted(number: int, what: str) -> str:
    """1 step, 2 steps, 1,000 steps."""
    return f"{number:,} {what}" + ("" if number == 1 else "s")


def launched_alone() -> str | None:
    """What to say if `accelerate launch` was asked for several processes and started only one, as
    it does with --cpu; None otherwise."""
    import psutil  # accelerate needs it too

    try:
        command = psutil.Process(os.getppid()).cmdline()
    except psutil.Error:
        return None
    words = " ".join(command).replace("=", " ").replace("num-processes", "num_processes").split()
    if "launch" not in words or "--num_processes" not in words or "WORLD_SIZE" in os.environ:
        return None
    asked = words[words.index("--num_processes") + 1]
    if not asked.isdigit() or int(asked) < 2:
        return None
    return (
        f"accelerate was asked for {asked} processes and started only this one; on CPUs: "
        f"torchrun --nproc_per_node {asked} -m training.train ..."
    )


def leave(code: int) -> NoReturn:
    """Ends the process without a last search for garbage: after torch that takes a second, and the
    memory goes back with the process anyway. What runs at exit still runs."""
    gc.freeze()
    sys.exit(code)


def hide(package: str) -> None:
    """From now on the process goes as on a machine without this optional package.

    The platform's Trainer imports `datasets`, and pandas with it, to recognise its tables; ours
    trains on none. For a process of our own only: another program may want it.
    """
    if package not in sys.modules:
        sys.modules[package] = None  # type: ignore[assignment]  # Python's mark for "not there"


def show(package: str) -> None:
    """Before the Trainer is imported, which asks once. Does nothing to what is not hidden."""
    if package in sys.modules and sys.modules[package] is None:
        del sys.modules[package]
