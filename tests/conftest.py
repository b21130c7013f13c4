"""What all tests share: no network but loopback, quiet libraries, the text to train on."""

import os
from pathlib import Path

# Before any library is imported: none of them may reach out, or report.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("HF_HUB_DISABLE_XET", "1")
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("MPLBACKEND", "agg")
os.environ.setdefault("PYTHONWARNDEFAULTENCODING", "1")  # for processes that tests start
if "PYTEST_XDIST_WORKER" in os.environ:  # two processes with two threads each wait for each other
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

ROOT = Path(__file__).parents[1]
pytest_plugins = ["tests.fixtures_hub"] if (ROOT / "tests" / "fixtures_hub.py").exists() else []


@pytest.fixture(scope="session")
def shakespeare() -> str:
    """The last tenth of Tiny Shakespeare, which no model of ours was trained on."""
    return (ROOT / "tests" / "data" / "shakespeare_held_out.txt").read_text(encoding="utf-8")
