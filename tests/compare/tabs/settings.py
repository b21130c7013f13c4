"""What the real page accepts from an address, for tests without a server."""

from __future__ import annotations

import asyncio
import gc
import os
import warnings
from dataclasses import replace
from functools import cache

from compare.tabs.address import Settings
from tests.compare.fakes import fake_roster


@cache
def of_the_page() -> Settings:
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # gradio leaves loops and sockets open
        from compare.page import build_page

        known = build_page(fake_roster()).settings.known
        bare = {name: replace(setting, component=None) for name, setting in known.items()}
        del known
        asyncio.set_event_loop(None)  # gradio's, which a later test would be blamed for
        gc.collect()
    return Settings(bare)
