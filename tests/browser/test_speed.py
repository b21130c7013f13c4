"""How fast the page is up, how fast it writes, and what it takes of a visitor's memory."""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path

import pytest

from tests.compare.browser import chromium

pytestmark = [pytest.mark.slow, pytest.mark.browser]
TRIES = 3  # of which the best counts: the machine may be busy
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


def memory(address: str, ready: str) -> float:
    """Of the renderer that shows a page, in MB: its own and its share of what is common."""
    with chromium() as visitor:
        before = renderers()
        context = visitor()
        page = context.new_page()
        page.goto(address)
        page.locator(ready).wait_for(timeout=60_000)
        own = renderers() - before
        assert own
        size = sum(pss(process) for process in own)
        context.close()
    return size


def renderers() -> set[Path]:
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if b"chromium" in command and b"--type=renderer" in command:
            found.add(process)
    return found


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
    if shutil.which("chromium") is None:
        pytest.skip("no chromium here")
    empty = tmp_path / "empty.html"
    empty.write_text("<!doctype html><title>empty</title><p>.", encoding="utf-8")
    file = exported("shakespeare")
    nothing = memory(empty.as_uri(), "p")
    page = memory(file.as_uri(), "body:not(.busy)")
    size = file.stat().st_size / 1e6
    print(f"{page:.0f} MB, an empty page {nothing:.0f} MB, the file {size:.1f} MB")  # noqa: T201
    assert page - nothing <= 4 * size + 20
