"""transformers' own tests, from its source distribution: fetched once, never copied in here.

They become the package `upstream_tests`. The distribution lacks some of the modules that they
import; `stand_ins` holds small ones of our own, which are found first.
"""

import hashlib
import importlib
import importlib.metadata
import os
import subprocess
import sys
import tarfile
import tempfile
import types
import warnings
from pathlib import Path

import pytest

# The versions whose tests are run, and the SHA-256 of their archives.
KNOWN = {
    "5.23.0": "19d647a4d5d903a7c644ca5cde2d86efc3dde7d8c687ae7988806ff2205efa71",
    "5.24.0": "906cb8c3cb2123575e263962586a4d21a979ce97feeb95fe6aaf66fe6ae88bf3",
}
VERSION = importlib.metadata.version("transformers")
PACKAGE = "upstream_tests"
STAND_INS = Path(__file__).parent / "stand_ins"


class Unavailable(Exception):
    """Why these tests cannot be downloaded."""


def cache() -> Path:
    folder = os.environ.get("TINYGPT_CACHE") or Path.home() / ".cache" / "tinygpt-hf"
    return Path(folder) / f"transformers-{VERSION}-tests"


def download(folder: str) -> Path:
    """The archive, by name and pinned version."""
    wanted = [f"transformers=={VERSION}", "--no-deps", "--no-binary", "transformers"]
    patience = ["--retries", "1", "--timeout", "20", "--dest", folder, "--quiet"]
    try:
        subprocess.run(
            [sys.executable, "-m", "pip", "download", *wanted, *patience],
            check=True,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=180,
        )
    except subprocess.TimeoutExpired:
        raise Unavailable("pip did not answer within 180 seconds") from None
    except subprocess.CalledProcessError as error:
        raise Unavailable(error.stderr.strip().splitlines()[-1]) from None
    return Path(folder) / f"transformers-{VERSION}.tar.gz"


def unpack(archive: Path, folder: str) -> Path:
    """Its `tests`, with the `__init__.py` that the distribution leaves out."""
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != KNOWN[VERSION]:
        raise Unavailable(f"{archive.name} has SHA-256 {found}; {KNOWN[VERSION]} is pinned")
    with tarfile.open(archive) as tar:
        tests = [member for member in tar if member.name.split("/")[1:2] == ["tests"]]
        tar.extractall(folder, tests, filter="data")
    unpacked = Path(folder) / f"transformers-{VERSION}" / "tests"
    (unpacked / "__init__.py").touch()
    return unpacked


def fetch() -> Path:
    """The folder of upstream's tests, downloaded by the first who asks."""
    kept = cache()
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
            unpacked = unpack(download(folder), folder)
            try:
                unpacked.rename(kept)
            except OSError:  # another process was first
                if not kept.exists():
                    raise
    return kept


def load(name: str) -> types.ModuleType:
    """A module of upstream's tests, those of the installed version; where they cannot be
    downloaded, the asking test module is skipped."""
    if PACKAGE not in sys.modules:
        if VERSION not in KNOWN:  # a failure: another version must not pass for want of tests
            pytest.fail(f"transformers {VERSION} is installed; add its archive to {__name__}.KNOWN")
        try:
            folder = fetch()
        except Unavailable as why:
            reason = f"no source distribution of transformers {VERSION}: {why}"
            pytest.skip(reason, allow_module_level=True)
        package = types.ModuleType(PACKAGE)
        package.__path__ = [str(STAND_INS), str(folder)]
        sys.modules[PACKAGE] = package
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(f"{PACKAGE}.{name}")
