"""How fast the page is up, how fast it writes, and what it takes of a visitor's memory."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.compare.browser import chromium

pytestmark = [pytest.mark.slow, pytest.mark.browser]
TRIES = 3  # of which the best counts: the machine may be busy
SETTLED = 15  # seconds until the page has written its first text and tidied up
_WATCH = """
globalThis.tasks = [];
new PerformanceObserver((list) => {
    for (const task of list.getEntries()) tasks.push([task.startTime, task.duration]);
}).observe({ type: "longtask", buffered: true });
"""
_PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"


@pytest.fixture(scope="module")
def walks(exported) -> list[dict[str, float]]:
    """The page of `shakespeare`, opened some times in a fresh browser each."""
    found = []
    for _ in range(TRIES):
        with chromium() as visitor:
            context = visitor()
            page = context.new_page()
            page.add_init_script(_WATCH)
            began = time.monotonic()
            page.goto(exported("shakespeare").as_uri(), wait_until="commit")
            page.locator(".figures", has_text="first after").wait_for()
            first = time.monotonic() - began
            page.locator("body:not(.busy)").wait_for(timeout=60_000)
            paint = page.evaluate(_PAINT)
            tasks = page.evaluate("globalThis.tasks")
            figures = re.match(r"(\d+) tokens/s", page.inner_text(".figures"))
            assert figures
            found.append(
                {
                    "first text, s": first,
                    "tokens/s": float(figures[1]),
                    "longest task": max((d for _, d in tasks), default=0),
                    "after paint": max((d for at, d in tasks if at > paint), default=0),
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


def test_the_page_stays_alive(walks):
    assert best(walks, "longest task") <= 100
    assert best(walks, "after paint") <= 50


def memory(file: Path, profile: Path) -> float:
    """Of the renderer that shows a page, in MB: its own and its share of what is common.

    Nobody looks on: developer tools would keep a copy of the page.
    """
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("no chromium here: apt-get install chromium")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
    opened = subprocess.Popen(
        [program, *flags, "--remote-debugging-port=0", f"--user-data-dir={profile}", file.as_uri()],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        time.sleep(SETTLED)
        # The page's is the last that was started; the others are Chromium's own.
        return pss(max(renderers(opened.pid), key=lambda process: int(process.name)))
    finally:
        opened.terminate()
        opened.wait()


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
    print(f"{took} MB above an empty page, the file {size:.1f} MB")  # noqa: T201
    assert min(took) <= 4 * size + 20
