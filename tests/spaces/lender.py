"""The service that lends GPUs, on loopback, for the real `spaces` package."""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

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


def real_package() -> Path:
    """Where the real `spaces` lies; this repository's folder of that name has no origin."""
    found = find_spec("spaces")
    if found is None or found.origin is None:
        pytest.skip("the `spaces` package is not installed: pip install spaces")
    return Path(found.origin).parents[1]
