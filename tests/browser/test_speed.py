"""How fast the page is up, how fast it writes, and what it takes of a visitor's memory."""

from __future__ import annotations

import contextlib
import http.server
import json
import queue
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from tests.compare.browser import chromium
from training.exporting import html

pytestmark = [pytest.mark.slow, pytest.mark.browser]
TRIES = 3  # of which the best counts: the machine may be busy
SETTLED = 15  # seconds until the page has written its first text and tidied up
# The page reports by going elsewhere: developer tools would read all of a file a second time.
_WATCH = """
const tasks = [];
new PerformanceObserver((list) => {
    for (const task of list.getEntries()) tasks.push([task.startTime, task.duration]);
}).observe({ type: "longtask", buffered: true });
setTimeout(() => {
    const paint = performance.getEntriesByName("first-contentful-paint")[0].startTime;
    const found = encodeURIComponent(JSON.stringify({ paint, tasks }));
    location.href = "http://127.0.0.1:PORT/?" + found;
}, 8000);
"""


@pytest.fixture(scope="module")
def walks(exported) -> list[dict[str, float]]:
    """The page of `shakespeare`, opened some times in a fresh browser each."""
    found = []
    for _ in range(TRIES):
        with chromium() as visitor:
            context = visitor()
            page = context.new_page()
            began = time.monotonic()
            page.goto(exported("shakespeare").as_uri(), wait_until="commit")
            page.locator(".figures", has_text="first after").wait_for()
            first = time.monotonic() - began
            page.locator("body:not(.busy)").wait_for(timeout=60_000)
            figures = re.match(r"(\d+) tokens/s", page.inner_text(".figures"))
            assert figures
            found.append(
                {
                    "first text, s": first,
                    "tokens/s": float(figures[1]),
                }
            )
            context.close()
    print(*found, sep="\n")  # noqa: T201 (the figures of a closing note)
    return found


def best(walks: list[dict[str, float]], what: str, choose=min) -> float:
    return choose(walk[what] for walk in walks)


def test_the_first_text_is_there_within_a_second(walks):
    assert best(walks, "first text, s") < 1


def test_shakespeare_writes_150_tokens_a_second(walks):
    assert best(walks, "tokens/s", max) >= 150


def test_the_page_stays_alive(exported, tmp_path):
    found = [long_tasks(exported("shakespeare"), tmp_path / f"{i}") for i in range(TRIES)]
    print(*found, sep="\n")  # noqa: T201 (the figures of a closing note)
    assert min(max((d for _, d in one["tasks"]), default=0) for one in found) <= 100
    late = [[d for at, d in one["tasks"] if at > one["paint"]] for one in found]
    assert min(max(one, default=0) for one in late) <= 50


def long_tasks(file: Path, profile: Path) -> dict[str, Any]:
    """Of a page that nobody looks at: when it was painted, and what kept it busy over 50 ms."""
    told: queue.Queue[str] = queue.Queue()

    class Listener(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told.put(unquote(self.path[2:]))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Listener) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        script = _WATCH.replace("PORT", str(server.server_port))
        page = file.read_text(encoding="utf-8")
        own = f"script-src {html._hash(script)} "
        watched = page.replace("script-src ", own, 1).replace(
            "<script>", f"<script>{script}</script><script>", 1
        )
        profile.mkdir()
        (profile / file.name).write_text(watched, encoding="utf-8")
        with opened(profile / file.name, profile):
            found = json.loads(told.get(timeout=60))
        server.shutdown()
    return found


def memory(file: Path, profile: Path) -> float:
    """Of the renderer that shows a page, in MB: its own and its share of what is common.

    Nobody looks on: developer tools would keep a copy of the page.
    """
    with opened(file, profile) as browser:
        time.sleep(SETTLED)
        # The page's is the last that was started; the others are Chromium's own.
        return pss(max(renderers(browser), key=lambda process: int(process.name)))


@contextlib.contextmanager
def opened(file: Path, profile: Path) -> Iterator[int]:
    """A browser of its own with a page in it; its process id."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("no chromium here: apt-get install chromium")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
    process = subprocess.Popen(
        [program, *flags, "--remote-debugging-port=0", f"--user-data-dir={profile}", file.as_uri()],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def renderers(browser: int) -> list[Path]:
    """Those of one browser; others may run beside it."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            parents[int(stat.parent.name)] = int(fields[1])
        except OSError:  # it ended
            continue
    return [
        Path(f"/proc/{process}")
        for process in parents
        if _descends(process, browser, parents) and _is_renderer(process)
    ]


def _descends(process: int, from_: int, parents: dict[int, int]) -> bool:
    while process in parents and process != from_:
        process = parents[process]
    return process == from_


def _is_renderer(process: int) -> bool:
    try:
        return b"--type=renderer" in Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return False


def pss(process: Path) -> float:
    try:
        text = (process / "smaps_rollup").read_text(encoding="utf-8")
    except OSError:  # it ended
        return 0
    found = re.search(r"^Pss: +(\d+) kB", text, re.MULTILINE)
    return int(found[1]) / 1000 if found else 0


@pytest.mark.skipif(
    not Path("/proc/self/smaps_rollup").exists(), reason="only Linux tells it this way"
)
def test_memory_is_at_most_four_times_the_file(exported, tmp_path):
    empty = tmp_path / "empty.html"
    empty.write_text("<!doctype html><title>empty</title><p>.", encoding="utf-8")
    file = exported("shakespeare")
    size = file.stat().st_size / 1e6
    took = [
        memory(file, tmp_path / f"page-{i}") - memory(empty, tmp_path / f"empty-{i}")
        for i in range(TRIES)
    ]
    print(f"{took} MB above an empty page, the file {size:.1f} MB")  # noqa: T201 (for who runs it)
    assert min(took) <= 4 * size + 20
