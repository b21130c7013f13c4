"""Rewrites the tree in architecture.md: every module with the first line of its docstring.

python docs/tree.py          # run it after adding, renaming or redescribing a module
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = Path(__file__).with_name("architecture.md")
BEGIN, END = "<!-- tree: python docs/tree.py -->\n", "<!-- end of tree -->\n"
ROOMS = {  # with a description, if a room has no docstring of its own
    "app.py": "",
    "tinygpt_hf": "",
    "training": "",
    "compare": "",
    "spaces": "Puts the page on a Space: imported by no other room, and never uploaded",
    "benchmarks": "Claims about speed, as commands that print ratios",
    "docs": "",
}
WIDTH = 30  # of the column of names


def tree() -> str:
    listed = subprocess.run(
        ["git", "ls-files", "--", *(f":(glob){room}" for room in patterns())],
        cwd=ROOT,
        capture_output=True,
        check=True,
        encoding="utf-8",
    )
    files = sorted(map(Path, listed.stdout.split()), key=_by_room)
    lines: list[str] = []
    room = ""
    for file in files:
        inside = len(file.parts) > 1
        if inside and file.parts[0] != room:
            room = file.parts[0]
            lines.append(
                f"{f'{room}/':<{WIDTH}} {_first_line(ROOT / room / '__init__.py')}".rstrip()
            )
        if file.name == "__init__.py":
            continue
        name = "  " + "/".join(file.parts[1:]) if inside else file.name
        lines.append(f"{name:<{WIDTH}} {_first_line(ROOT / file)}")
    return "\n".join(["```", *lines, "```", ""])


def patterns() -> list[str]:
    return [room if room.endswith(".py") else f"{room}/**/*.py" for room in ROOMS]


def _by_room(file: Path) -> tuple[int, Path]:
    return list(ROOMS).index(file.parts[0]), file


def _first_line(file: Path) -> str:
    if not file.is_file():
        return ""
    said = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return said.split("\n")[0].removesuffix(".")


def rendered() -> str:
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    return before + BEGIN + tree() + END + rest.split(END)[1]


def main() -> int:
    PAGE.write_text(rendered(), encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
