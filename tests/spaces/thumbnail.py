"""A picture of the running page, with what its models really write.

python -m tests.spaces.thumbnail [FILE] [--model NAME] [--width 1200] [--height 630]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.compare.browser import chromium
from tests.compare.servers import serve

ROOT = Path(__file__).parents[2]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("file", nargs="?", type=Path, default=ROOT / "spaces" / "thumbnail.png")
    parser.add_argument("--model", default="shakespeare")
    parser.add_argument("--width", type=int, default=1200)
    parser.add_argument("--height", type=int, default=630)
    given = parser.parse_args()
    with serve("app.py", "--model", given.model) as url, chromium() as visitor:
        page = visitor().new_page()
        page.set_viewport_size({"width": given.width, "height": given.height})
        page.set_default_timeout(60_000)
        page.goto(url)
        page.locator("#sizes table").wait_for(state="attached")
        page.click("#generate")
        page.wait_for_function(
            "[...document.querySelectorAll('.out')].every(o => o.ariaBusy === 'false')"
            "&& document.querySelector('.pane.left .figures').textContent"
            ".match(/reached|end of text/)"
        )
        page.screenshot(path=given.file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
