"""Figures for the README's table: `--keep` writes them, docs/results.py shows them."""

import json
from pathlib import Path

FILE = Path(__file__).with_name("kept.json")


def keep(command: str, figures: dict[str, str]) -> None:
    """The figures of one command, which replace its earlier ones."""
    known = json.loads(FILE.read_text(encoding="utf-8")) if FILE.is_file() else {}
    known[command] = figures
    text = json.dumps(dict(sorted(known.items())), indent=2, ensure_ascii=False)
    FILE.write_text(text + "\n", encoding="utf-8", newline="\n")
