"""The same page in Firefox, and the same text for the same seed as in Chromium."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import torch

from tinygpt_hf.loading import load

ROOT = Path(__file__).parents[2]
FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.skipif(FIREFOX is None, reason="no firefox here: apt-get install firefox-esr"),
    pytest.mark.skipif(
        not (ROOT / "node_modules" / "puppeteer-core").is_dir(), reason="npm ci was not run"
    ),
]


def in_firefox(file: Path, profile: Path, what: str = "walk") -> dict:
    profile.mkdir(exist_ok=True)
    done = subprocess.run(
        ["node", ROOT / "tests" / "browser" / "firefox.mjs", FIREFOX, file.as_uri(), profile, what],
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_firefox_computes_shows_and_asks_nobody(exported, open_page, tmp_path):
    file = exported("shakespeare")
    found = in_firefox(file, tmp_path / "profile")
    model, tokenizer = load("shakespeare")
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(parameter.half().float())
        theirs = model(torch.tensor([found["ids"]])).logits[0, -1]
    difference = (torch.tensor(found["logits"]) - theirs).abs().max()
    assert difference <= 1e-4 * theirs.abs().max()
    greedy = model.generate(torch.tensor([found["ids"]]), max_new_tokens=300, do_sample=False)
    assert found["text"] == tokenizer.decode(greedy[0, len(found["ids"]) :])
    assert found["said"] == []
    assert all(url.startswith(("file:", "blob:", "data:")) for url in found["asked"])
    assert all(found["tabs"].values())
    opened = open_page(file)
    opened.wait_until_written()
    assert opened.page.inner_text(".take") == found["shown"]


def test_nothing_that_a_stranger_wrote_is_run_in_firefox(exported, tmp_path, hostile):
    found = in_firefox(exported(str(hostile)), tmp_path / "profile", "hostile")
    assert found == {"ran": None, "images": 0, "said": []}
