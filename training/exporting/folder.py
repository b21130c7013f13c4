"""The folder that an export writes: complete, or as it was before."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from training.exporting.errors import ExportError


@contextlib.contextmanager
def whole(target: Path) -> Iterator[Path]:
    """An empty folder to write to; its files then replace those of the same names in `target`."""
    if target.exists() and not target.is_dir():
        raise ExportError(f"--output {target} is a file; this export is a folder")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as scratch:
        yield Path(scratch)
        target.mkdir(exist_ok=True)
        for file in sorted(Path(scratch).iterdir()):
            shutil.move(file, target / file.name)
