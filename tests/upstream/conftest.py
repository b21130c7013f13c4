"""Lets upstream's tests run under our pytest, and remembers which of them were skipped."""

import pytest

collect_ignore = ["stand_ins"]  # named like tests, since upstream imports them by those names

# Marks on upstream's tests; `--strict-markers` wants to know them.
MARKS = """
    accelerate_tests flash_attn_test flash_attn_3_test flash_attn_4_test torch_compile_test
    is_training_test is_tensor_parallel_test
"""
OUTCOMES = pytest.StashKey[dict[str, dict[str, str]]]()


def pytest_configure(config):
    config.stash[OUTCOMES] = {}
    for mark in MARKS.split():
        config.addinivalue_line("markers", f"{mark}: set by transformers on its own tests")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if item.cls is not None and (report.when == "call" or report.outcome != "passed"):
        outcomes = item.config.stash[OUTCOMES].setdefault(item.cls.__name__, {})
        reason = report.longrepr[2] if report.outcome == "skipped" else ""
        outcomes.setdefault(item.name, reason)
    return report


@pytest.fixture
def outcomes(pytestconfig):
    """Class name -> test name -> why it was skipped ('' where it ran)."""
    return pytestconfig.stash[OUTCOMES]
