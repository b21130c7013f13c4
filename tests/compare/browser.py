"""Chromium for tests: Debian's, driven by Playwright, talking to loopback only."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
LOOKS = [(phone, dark) for phone in (False, True) for dark in (False, True)]
NAMES = {(p, d): f"{'phone' if p else 'desktop'}-{'dark' if d else 'light'}" for p, d in LOOKS}
SCREENSHOTS = Path(os.environ.get("SCREENSHOTS", "screenshots"))
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextlib.contextmanager
def chromium() -> Iterator[Callable]:
    """A browser; what it yields opens a visitor in it who remembers nothing."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("no chromium here: apt-get install chromium")
    sync_api = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, headless=True, args=_ARGUMENTS
        )

        def visitor(*, phone: bool = False, dark: bool = False):
            device = {"is_mobile": True, "has_touch": True, "device_scale_factor": 2}
            return browser.new_context(
                viewport=PHONE if phone else DESKTOP,
                color_scheme="dark" if dark else "light",
                **(device if phone else {}),
            )

        try:
            yield visitor
        finally:
            browser.close()
