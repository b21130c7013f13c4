"""What is generated in the documents is as it is now, and the files that they name are there."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["tree", "results"])
def test_what_is_generated_is_up_to_date(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    written = module.PAGE.read_text(encoding="utf-8")
    assert module.rendered() == written, f"run: python docs/{name}.py"


def test_the_files_that_it_names_are_there():
    named = re.findall(r"`([\w/]+\.py)`", TEXT.split("## The tree")[0])
    assert len(named) > 5
    for name in named:
        found = [ROOT / name, *ROOT.glob(f"*/{name}")]
        assert any(path.is_file() for path in found) or name == "__init__.py", name
