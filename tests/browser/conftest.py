"""The exported page, opened from a disk in a real browser that has no network."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.compare.browser import chromium
from training.exporting.html import page

ROOT = Path(__file__).parents[2]


@dataclass
class Opened:
    """A page, what it said on the console and what it asked of anybody."""

    page: Any
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def wait_until_written(self) -> None:
        self.page.locator("body:not(.busy)").wait_for(timeout=120_000)

    def is_quiet(self) -> bool:
        own = [url for url in self.asked if not url.startswith(("file:", "blob:", "data:"))]
        assert (self.said, own) == ([], [])  # what the console says, and requests
        return True


@pytest.fixture(scope="session")
def exported(tmp_path_factory) -> Callable[..., Path]:
    """The page of a model, or of two; made once."""
    made: dict[tuple[str, ...], Path] = {}

    def export(*models: str) -> Path:
        if models not in made:
            made[models] = tmp_path_factory.mktemp("page") / "model.html"
            made[models].write_bytes(page(*models))
        return made[models]

    return export


@pytest.fixture(scope="module")  # one at a time: two drivers in one process disturb each other
def visitors() -> Iterator[Callable]:
    with chromium() as visitor:
        yield visitor


@pytest.fixture
def open_page(visitors) -> Iterator[Callable[..., Opened]]:
    contexts = []

    def open_page(file: Path, **look: bool) -> Opened:
        context = visitors(**look)
        context.set_offline(True)
        contexts.append(context)
        opened = Opened(context.new_page())
        opened.page.on("console", lambda message: opened.said.append(message.text))
        opened.page.on("pageerror", lambda error: opened.said.append(str(error)))
        opened.page.on("request", lambda request: opened.asked.append(request.url))
        opened.page.goto(file.as_uri(), wait_until="commit")
        opened.page.locator(".figures").first.wait_for(state="attached")
        return opened

    yield open_page
    for context in contexts:
        context.close()


HOSTILE = "</script><!--<script><img src=x onerror=globalThis.ran=1>\u2028'\"`${globalThis.ran=1}"


@pytest.fixture(scope="session")
def hostile(tmp_path_factory) -> Path:
    """A model that is sound, and everything that a stranger may write about it is not."""
    folder = tmp_path_factory.mktemp("hostile") / "img src=x onerror=globalThis.ran=1 <b>"
    shutil.copytree(ROOT / "checkpoints" / "hello", folder)
    vocabulary = ["<", ">", "\u2028", "</script>", HOSTILE]
    tokens = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    tokens["model"]["vocab"] = {token: i for i, token in enumerate(vocabulary)}
    (folder / "tokenizer.json").write_text(json.dumps(tokens), encoding="utf-8")
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    metrics |= {"recipe": HOSTILE, "data": HOSTILE, "seed": HOSTILE}
    metrics["sample"] = {"prompt": "<>\u2028", "text": HOSTILE}
    (folder / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
    rows = [{"step": step, "text": HOSTILE} for step in (1, 100, 200)]
    lines = "\n".join(json.dumps(row) for row in rows)
    (folder / "samples.jsonl").write_text(lines, encoding="utf-8")
    (folder / "README.md").write_text(f"---\nlicense: {HOSTILE}\n---\n{HOSTILE}", encoding="utf-8")
    return folder
