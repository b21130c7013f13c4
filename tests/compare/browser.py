"""Chromium for tests: Debian's, driven by Playwright, talking to loopback only."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
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
def browser(folder: Path, *, phone: bool = False, dark: bool = False) -> Iterator:
    """A fresh browser with nothing remembered, as a phone or a desktop."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium here: apt-get install chromium")
    sync_api = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
    device = {"is_mobile": True, "has_touch": True, "device_scale_factor": 2} if phone else {}
    with sync_api.sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            folder,
            executable_path=chromium,
            headless=True,
            args=_ARGUMENTS,
            viewport=PHONE if phone else DESKTOP,
            color_scheme="dark" if dark else "light",
            **device,
        )
        try:
            yield context
        finally:
            context.close()
