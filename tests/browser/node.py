"""The JavaScript of the page under Node, asked from Python."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

ANSWER = Path(__file__).with_name("answer.mjs")


def ask(folder: Path | str, *asks: dict[str, Any], size: int | None = None) -> list[Any]:
    """What each question gives; an error comes back as one."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node here: apt-get install nodejs")
    request = {"folder": str(folder), "asks": asks} | ({"size": size} if size else {})
    done = subprocess.run(
        [node, ANSWER],
        input=json.dumps(request),
        capture_output=True,
        encoding="utf-8",
        timeout=600,
        check=True,
    )
    return [
        answer["value"] if "value" in answer else RefusedError(answer)
        for answer in json.loads(done.stdout)
    ]


class RefusedError(Exception):
    """An error that a question ended in: its one line, and its class."""

    def __init__(self, answer: dict[str, str]):
        super().__init__(answer["error"])
        self.kind = answer["kind"]
