"""The loop in WebAssembly multiplies as the one in JavaScript does, and is what its source says."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from training.exporting.html import BROWSER

SIZES = [
    {"from": 4, "to": 1, "tokens": 1},
    {"from": 256, "to": 768, "tokens": 1},
    {"from": 16, "to": 5, "tokens": 3},
    {"from": 6, "to": 8, "tokens": 2},  # no whole fours: the other loop does it
    {"from": 96, "to": 245, "tokens": 16},
    {"from": 192, "to": 130, "tokens": 41},  # more tokens than there is room for at once
    {"from": 3072, "to": 768, "tokens": 17},
]


@pytest.fixture(scope="module")
def found() -> dict:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node here: apt-get install nodejs")
    given = json.dumps({"sizes": SIZES, "source": str(BROWSER / "simd.wat")})
    done = subprocess.run(
        [node, Path(__file__).with_name("simd.mjs")],
        input=given,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=True,
    )
    return json.loads(done.stdout)


def test_both_loops_give_the_same_numbers(found):
    odd = [size["from"] % 4 != 0 for size in SIZES]
    assert [difference is None for difference in found["differences"]] == odd
    assert max(difference or 0 for difference in found["differences"]) < 1e-4


def test_the_code_is_what_its_source_says(found):
    if found["same"] is None:
        pytest.skip("wabt is not installed: npm ci")
    assert found["same"]
