"""Pages served from a process of their own: gradio leaves loops and sockets open."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as reply:
            return reply.status == 200
    except OSError:
        return False


def start(
    *command: str, port: int, seconds: float = 300, log: Path | None = None
) -> subprocess.Popen:
    """Runs `python *command --port PORT` and waits until it answers; `log` gets what it says."""
    quiet = {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1"}
    with contextlib.ExitStack() as stack:
        said = stack.enter_context(log.open("w", encoding="utf-8")) if log else None
        process = subprocess.Popen(
            [sys.executable, *command, "--port", str(port)],
            cwd=ROOT,
            env=os.environ | quiet,
            stdout=said,
            stderr=said,
        )
    until = time.monotonic() + seconds
    while not answers(f"http://127.0.0.1:{port}/"):
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}")
        if time.monotonic() > until:
            stop(process)
            raise TimeoutError(f"no answer within {seconds} s")
        time.sleep(0.05)
    return process


def stop(process: subprocess.Popen) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextlib.contextmanager
def serve(*command: str, log: Path | None = None) -> Iterator[str]:
    port = free_port()
    process = start(*command, port=port, log=log)
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        stop(process)
