"""The service that lends GPUs, on loopback, for the real `spaces` package."""

from __future__ import annotations

import contextlib
import functools
import http.server
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

SPACES = "spaces==0.51.3"  # from the package index, as a Space on ZeroGPU has it
VISITOR = "visitor.e30.signature"  # a token as the Hub's proxy adds it to a visitor's request


@dataclass
class Lender:
    """`mood` is lends, busy, away, or how many seconds of quota are left where that is too few."""

    url: str = ""
    mood: str = "lends"
    calls: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    @property
    def asked(self) -> list[str]:
        return [path for path, _ in self.calls]

    def answer(self, path: str) -> tuple[int, dict]:
        if path != "/schedule":
            return 200, {}
        if self.mood == "busy":
            return 503, {}
        if self.mood.isdigit():
            return 429, {"left": int(self.mood), "wait": 12_000}
        lent = {"idle": False, "nvidiaIndex": 0, "nvidiaUUID": "GPU-0", "allowToken": "allowed"}
        return 200, lent


@contextlib.contextmanager
def lending() -> Iterator[Lender]:
    lender = Lender()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(asked.query).items()}
            if asked.path == "/mood":
                lender.mood = query["is"]
            elif lender.mood == "away":
                self.close_connection = True
                return
            else:
                lender.calls.append((asked.path, query))
            status, body = lender.answer(asked.path)
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        lender.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield lender
        finally:
            server.shutdown()


def on_zerogpu(lender: Lender, folder: Path) -> dict[str, str]:
    """What a process finds in its environment on ZeroGPU."""
    cgroup = folder / "cgroup"
    cgroup.write_text("0::/a/space\n", encoding="utf-8")
    return {
        "SPACES_ZERO_GPU": "true",
        "SPACES_ZERO_DEVICE_API_URL": lender.url,
        "ZEROGPU_PROC_SELF_CGROUP_PATH": str(cgroup),
    }


@functools.cache
def real_package() -> Path:
    """The folder in which the real `spaces` lies, fetched by the first who asks.

    It is never installed beside the tests: a visitor's machine has none, and a Space may have none.
    """
    cache = Path(os.environ.get("TINYGPT_CACHE") or Path.home() / ".cache" / "tinygpt-hf")
    kept = cache / SPACES.replace("==", "-")
    if not kept.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            _install(Path(folder, "new"))
            try:
                Path(folder, "new").rename(kept)
            except OSError:  # another process was first
                if not kept.exists():
                    raise
    return kept


def _install(folder: Path) -> None:
    """Without what it depends on: the page has that, or it is asked for in vain here."""
    command = [sys.executable, "-m", "pip", "install", SPACES, "--no-deps", "--quiet"]
    patience = ["--retries", "1", "--timeout", "20", "--target", str(folder)]
    ended = subprocess.run([*command, *patience], capture_output=True, encoding="utf-8")
    if ended.returncode:
        pytest.skip(f"{SPACES} cannot be installed: {ended.stderr.strip().splitlines()[-1]}")
