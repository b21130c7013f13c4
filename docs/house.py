"""Counts the house: modules in each room, arrows between rooms, circles, arrows against the plan.

    python docs/house.py [ROOT]        # ROOT: another checkout, to compare

A room is a folder; a file on the floor of training/ or compare/ is a room of its own. An arrow is
an import, wherever in a file it stands. tests/test_house.py holds the plan.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HOUSE = ("tinygpt_hf", "training", "compare")
FLOORS = ("training", "compare")  # whose files are rooms of their own


@cache
def modules(root: Path = ROOT) -> list[Path]:
    """Every module of the house, as paths below the root."""
    listed = subprocess.run(
        ["git", "ls-files", "--", *(f":(glob){room}/**/*.py" for room in HOUSE)],
        cwd=root,
        capture_output=True,
        check=True,
        encoding="utf-8",
    )
    return [path for name in listed.stdout.split() if (path := Path(name)).name != "__init__.py"]


def room_of(path: Path) -> str:
    """compare/tabs/train/live.py is in compare/tabs; compare/page.py is alone."""
    folder = "/".join(path.parts[:2]) if len(path.parts) > 2 else path.parts[0]
    return path.with_suffix("").as_posix() if folder in FLOORS else folder


@cache
def imports(path: Path, root: Path = ROOT) -> set[Path]:
    """The modules of the house that a module imports."""
    known, found = set(modules(root)), set()
    for node in ast.walk(ast.parse((root / path).read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            package = path.parent.parts[: len(path.parent.parts) + 1 - node.level]
            start = ".".join(package) if node.level else ""
            base = ".".join(filter(None, (start, node.module)))
            names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        for name in names:
            target = Path(*name.split(".")).with_suffix(".py")
            found |= {target} & known
            package = Path(*name.split("."), "__init__.py")
            found |= {package} if (root / package).is_file() and len(package.parts) > 2 else set()
    return found


@cache
def arrows(root: Path = ROOT) -> dict[str, set[str]]:
    """From each room, the rooms that it imports."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in modules(root):
        found[room_of(path)] |= {room_of(other) for other in imports(path, root)}
    return {room: others - {room} for room, others in found.items()}


def circles(graph: dict[str, set[str]]) -> list[str]:
    """Rooms that can be reached from themselves."""

    def reach(room: str, seen: set[str]) -> set[str]:
        for other in graph.get(room, set()) - seen:
            seen |= {other}
            reach(other, seen)
        return seen

    return sorted(room for room in graph if room in reach(room, set()))


def main(argv: list[str]) -> int:
    root = Path(argv[0]).resolve() if argv else ROOT
    folders = Counter(path.parent.as_posix() for path in modules(root))
    for folder, count in sorted(folders.items()):
        print(f"{folder:<24} {count:>3} modules")
    files = {path: imports(path, root) for path in modules(root)}
    for room in FLOORS:
        inside = [
            (a, b) for a in files for b in files[a] if a.parts[0] == b.parts[0] == room and a != b
        ]
        between = {(room_of(a), room_of(b)) for a, b in inside if room_of(a) != room_of(b)}
        print(f"{room}: {len(inside)} arrows between files, {len(between)} between rooms")
    print(f"rooms in a circle: {', '.join(circles(arrows(root))) or 'none'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
