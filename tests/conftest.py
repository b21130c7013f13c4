"""What all tests share: no network but loopback, quiet libraries, the text to train on, and which
file begins first where two processes share the files."""

import os
from collections import Counter
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


# The longest files, longest first: what begins late is what the other process waits for at the end.
LONG = (
    "tests/upstream/test_modeling_upstream.py",
    "tests/compare/tabs/test_compare.py",
    "tests/tinygpt_hf/test_clients.py",
    "tests/tinygpt_hf/test_past_the_window.py",
    "tests/compare/test_page.py",
    "tests/compare/tabs/test_learn.py",
    "tests/training/hub/test_background.py",
    "tests/spaces/test_static.py",
    "tests/versions/test_versions.py",
    "tests/compare/test_journey.py",
    "tests/compare/decoding/test_loop.py",
    "tests/compare/test_hostile.py",
    "tests/compare/test_phone.py",
    "tests/tinygpt_hf/test_engines.py",
)


def pytest_configure(config: pytest.Config) -> None:
    """pytest-xdist would begin with the files of many tests, and the long ones have few."""
    config.option.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Before each process reports what it has found: pytest-xdist hands files out in this order."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return
    files = {item: item.nodeid.partition("::")[0] for item in items}
    tests = Counter(files.values())
    place = {file: number for number, file in enumerate(LONG)}
    items.sort(key=lambda item: (place.get(files[item], len(LONG)), -tests[files[item]]))


@pytest.fixture(scope="session")
def shakespeare() -> str:
    """The last tenth of Tiny Shakespeare, which no model of ours was trained on."""
    return (ROOT / "tests" / "data" / "shakespeare_held_out.txt").read_text(encoding="utf-8")
