"""A Python of its own for each version of transformers; torch and all else are those installed."""

import importlib.metadata
import os
import re
import subprocess
import sys
import venv
from pathlib import Path

OLD_DEPENDENCIES = "4."  # these versions want other tokenizers and another huggingface_hub


class UnavailableError(Exception):
    """Why an environment cannot be made: one line."""


def cache() -> Path:
    folder = os.environ.get("TINYGPT_CACHE") or Path.home() / ".cache" / "tinygpt-hf"
    return Path(folder) / "versions"


def python_with(version: str) -> Path:
    """Its executable; made by the first who asks, then kept."""
    if version == installed():
        return Path(sys.executable)
    tag = f"{sys.version_info.major}.{sys.version_info.minor}"
    home = cache() / f"transformers-{version}-python-{tag}"
    python = home / ("Scripts" if os.name == "nt" else "bin") / "python"
    done = home / "done"
    if done.exists():
        return python
    venv.create(home, clear=True, with_pip=False, symlinks=os.name != "nt")
    own = Path(ask(python, "import sysconfig; print(sysconfig.get_path('purelib'))"))
    # After its own packages come those of this process: its transformers is found first.
    shared = [path for path in sys.path if path.endswith("site-packages")]
    (own / "shared.pth").write_text("\n".join(shared) + "\n", encoding="utf-8")
    install(version, own)
    found = ask(python, "from importlib.metadata import version as v; print(v('transformers'))")
    if found != version:
        raise UnavailableError(f"the environment for transformers {version} has {found}")
    done.touch()
    return python


def installed() -> str:
    return importlib.metadata.version("transformers")


def install(version: str, folder: Path) -> None:
    alone = [] if version.startswith(OLD_DEPENDENCIES) else ["--no-deps"]
    command = ["-m", "pip", "install", f"transformers=={version}", *alone, "--target", str(folder)]
    patience = ["--quiet", "--retries", "1", "--timeout", "20", "--disable-pip-version-check"]
    try:
        done = subprocess.run(
            [sys.executable, *command, *patience],
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=300,
        )
    except subprocess.TimeoutExpired:
        raise UnavailableError("pip did not answer within 300 seconds") from None
    if done.returncode:
        raise UnavailableError((done.stderr.strip().splitlines() or ["pip failed"])[-1])


def ask(python: Path, program: str) -> str:
    """What a one-line program prints there."""
    done = subprocess.run(
        [python, "-c", program], capture_output=True, text=True, encoding="utf-8", check=True
    )
    return done.stdout.strip()


def newest(series: str) -> str:
    """The newest release whose number begins so, such as `4.57`."""
    done = subprocess.run(
        [sys.executable, "-m", "pip", "index", "versions", "transformers"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
    )
    found = re.findall(rf"\b{re.escape(series)}\.\d+\b", done.stdout)
    if not found:
        said = (done.stderr.strip().splitlines() or ["pip knows none"])[-1]
        raise UnavailableError(f"there is no transformers {series}: {said}")
    return max(found, key=lambda version: int(version.rpartition(".")[2]))
