"""Takes the README's picture from the running page: `python docs/screenshot.py`.

Needs a Chromium and `pip install -r requirements-dev.txt`. Nothing is arranged: the page is opened
as it ships, Generate is pressed, and the picture shows what the two panes then hold.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
PICTURE = Path(__file__).with_name("page.png")
PAGE = {"width": 1280, "height": 860}
PATIENCE = 120  # seconds for a slow machine


def main() -> int:
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        print("error: there is no Chromium here (apt-get install chromium)", file=sys.stderr)
        return 1
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen([sys.executable, "app.py", "--port", str(port)], cwd=ROOT)
    try:
        wait_for(port, server)
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            page = browser.new_page(viewport=PAGE, device_scale_factor=1.5)
            page.set_default_timeout(1000 * PATIENCE)
            page.goto(f"http://127.0.0.1:{port}/")
            page.click("#generate")
            page.wait_for_function("document.querySelector('.pane.left .caret')")
            page.wait_for_function("!document.querySelector('.pane .caret')")
            page.screenshot(path=PICTURE)
            browser.close()
    finally:
        server.terminate()
        server.wait()
    print(PICTURE)
    return 0


def wait_for(port: int, server: subprocess.Popen) -> None:
    until = time.monotonic() + PATIENCE
    while server.poll() is None and time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    raise SystemExit("error: the page did not start")


if __name__ == "__main__":
    sys.exit(main())
