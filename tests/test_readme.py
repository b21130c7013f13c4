"""What the README tells its readers to type."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.compare.fakes import NAMES
from tests.compare.servers import serve

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
PAGE = "http://127.0.0.1:7860"


def block(language: str, word: str) -> str:
    found = [b for b in re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL) if word in b]
    assert len(found) == 1
    return found[0]


def test_a_program_asks_the_page():
    with serve("-m", "tests.compare.fakes") as url:
        code = block("python", "gradio_client").replace(PAGE, url.rstrip("/"))
        command = [sys.executable, "-W", "ignore", "-c", code]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=120)
    assert done.returncode == 0, done.stderr
    assert "shakespeare" in NAMES
    assert done.stdout.splitlines()[-1] == "2.5"  # the bits per byte of every fake


def test_a_program_looks_inside():
    command = [sys.executable, "-W", "ignore", "-c", block("python", "tinygpt_hf.inspecting")]
    done = subprocess.run(command, capture_output=True, cwd=ROOT, encoding="utf-8", timeout=120)
    assert done.returncode == 0, done.stderr
    layers, shares, text = done.stdout.split("\n", 2)
    assert len(layers.split(", ")) == 6  # before the first block and after each of five
    assert "'block 0 head 0'" in shares
    assert text.startswith("To be, or not to b")


def test_where_the_tools_are():
    servers = json.loads(block("json", "mcpServers"))["mcpServers"]
    assert servers["tinygpt"]["url"] == f"{PAGE}/gradio_api/mcp/"  # test_api.py calls them there


def recipes_of_the_table() -> list[str]:
    table = TEXT.split("## Recipes")[1].split("\n## ")[0]
    return re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)


def test_every_recipe_of_the_table_is_there():
    """The table shows the recipes that a newcomer wants; `train --list` shows all of them."""
    from training.recipes import reader

    rows = recipes_of_the_table()
    assert len(rows) > 8
    assert {row for row in rows if not row.endswith("/*")} <= set(reader.names())
    folders = {name.split("/")[0] for name in reader.names() if "/" in name}
    assert {row.removesuffix("/*") for row in rows if row.endswith("/*")} <= folders


MODULES = sorted(set(re.findall(r"python -m (training(?:\.\w+)+)", TEXT)))


@pytest.mark.parametrize("module", MODULES)
def test_every_command_is_there_and_takes_the_flags_that_are_shown(module):
    command = [sys.executable, "-m", module, "--help"]
    done = subprocess.run(command, capture_output=True, cwd=ROOT, encoding="utf-8", timeout=120)
    assert done.returncode == 0, done.stderr
    lines = re.findall(rf"python -m {re.escape(module)} ([^`#\n]*(?:\n--[^`]*)?)", TEXT)
    shown = {flag for line in lines for flag in re.findall(r"--[\w-]+", line)}
    assert all(flag in done.stdout for flag in shown - {"--help"}), shown


def test_the_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", TEXT):
        assert target.startswith("http") or (ROOT / target).exists(), target
