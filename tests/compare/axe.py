"""axe-core, the accessibility checker: fetched once into `.cache`, never committed."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from functools import cache
from pathlib import Path

import pytest

VERSION = "4.14.1"
FOLDER = Path(__file__).parents[2] / ".cache" / f"axe-core-{VERSION}"
_RUN = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations
    .filter((v) => ["serious", "critical"].includes(v.impact))
    .map((v) => v.id + ": " + v.help + " " + v.nodes.slice(0, 4).map((n) => n.html.slice(0, 200)
        + " " + (n.any[0]?.message ?? "")).join(" | "))"""


@cache
def script() -> str:
    file = FOLDER / "axe.min.js"
    if not file.exists():
        _fetch(file)
    return file.read_text(encoding="utf-8")


def _fetch(file: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("axe-core is not here and npm neither: apt-get install npm")
    FOLDER.mkdir(parents=True, exist_ok=True)
    packed = subprocess.run(
        [npm, "pack", f"axe-core@{VERSION}"],
        cwd=FOLDER,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    if packed.returncode:
        pytest.skip(f"axe-core cannot be fetched: {packed.stderr.strip().splitlines()[-1]}")
    with tarfile.open(FOLDER / f"axe-core-{VERSION}.tgz") as archive:
        source = archive.extractfile("package/axe.min.js")
        assert source is not None
        file.write_bytes(source.read())


def violations(page) -> list[str]:
    """What axe calls serious or critical on the page as it is now."""
    page.evaluate(script())
    return page.evaluate(_RUN)
