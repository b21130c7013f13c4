"""What our commands print survives any terminal."""

import sys


def print_anything() -> None:
    """A console that cannot write a character shows its number; nothing stops for it."""
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
    """The library's bars for loading and saving say nothing that matters here."""
    from transformers.utils import logging

    logging.disable_progress_bar()


def counted(number: int, what: str) -> str:
    """1 step, 2 steps, 1,000 steps."""
    return f"{number:,} {what}" + ("" if number == 1 else "s")
