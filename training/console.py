"""What our commands print survives any terminal."""

import sys


def print_anything() -> None:
    """A console that cannot write a character shows its number instead of stopping the program."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a stream put in its place by a test or notebook may lack it
            stream.reconfigure(errors="backslashreplace")
