"""docs/architecture.md shows the tree as it is, and the files that it names are there."""

import importlib.util
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def test_the_tree_is_the_one_that_is_there():
    spec = importlib.util.spec_from_file_location("tree", ROOT / "docs" / "tree.py")
    assert spec
    assert spec.loader
    tree = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tree)
    assert tree.rendered() == TEXT, "run: python docs/tree.py"


def test_the_files_that_it_names_are_there():
    named = re.findall(r"`([\w/]+\.py)`", TEXT.split("## The tree")[0])
    assert len(named) > 5
    for name in named:
        found = [ROOT / name, *ROOT.glob(f"*/{name}")]
        assert any(path.is_file() for path in found) or name == "__init__.py", name
