"""The house: arrows run one way, and the same program runs on Windows and Mac."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# What each room may import of the project; app.py → compare → training → tinygpt_hf.
ROOMS = {
    "tinygpt_hf": {"tinygpt_hf"},
    "training": {"training", "tinygpt_hf"},
    "compare": {"compare", "training", "tinygpt_hf"},
    "app.py": {"compare"},
    "spaces": {"training", "tinygpt_hf"},
    "benchmarks": {"benchmarks", "compare", "training", "tinygpt_hf"},
}
MODEL_ROOM = {"torch", "transformers", "tokenizers", "safetensors", "numpy", "huggingface_hub"}
PROJECT = {"tinygpt_hf", "training", "compare", "spaces", "benchmarks", "app", "tests"}


def tracked() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, encoding="utf-8"
    )
    return [name for name in listed.stdout.split("\0") if name]


def files_of(room: str) -> list[Path]:
    path = ROOT / room
    return [path] if path.is_file() else sorted(path.rglob("*.py"))


def imported(file: Path) -> set[str]:
    """The top-level names that a file imports, wherever in the file it does."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module.split(".")[0]} if node.level == 0 and node.module else set()
    return names


@pytest.mark.parametrize("room", ROOMS)
def test_arrows_run_one_way(room):
    for file in files_of(room):
        foreign = (imported(file) & PROJECT) - ROOMS[room]
        if file.name == "zerogpu.py":
            foreign -= {"spaces"}  # the real package, not our folder
        assert not foreign, f"{file.relative_to(ROOT)} imports {foreign}"


def test_the_model_needs_only_what_travels_with_it():
    for file in files_of("tinygpt_hf"):
        foreign = imported(file) - set(sys.stdlib_module_names) - MODEL_ROOM - {"tinygpt_hf"}
        assert not foreign, f"{file.name} imports {foreign}"


def test_the_sealed_pair_imports_nothing_that_a_stranger_lacks():
    """Their relative imports are found by a regular expression, in docstrings too."""
    for name in ("configuration_tinygpt.py", "modeling_tinygpt.py"):
        file = ROOT / "tinygpt_hf" / name
        allowed = set(sys.stdlib_module_names) | {"torch", "transformers", "huggingface_hub"}
        assert imported(file) <= allowed
        relative = re.findall(
            r"^\s*from\s+(\.\S*)\s+import|^\s*import\s+(\.\S*)",
            file.read_text(encoding="utf-8"),
            flags=re.MULTILINE,
        )
        assert [a or b for a, b in relative] in ([], [".configuration_tinygpt"])


def test_the_engine_knows_no_widget_and_the_page_no_tensor():
    for file in files_of("compare"):
        names = imported(file)
        assert not {"gradio", "torch"} <= names, f"{file.name} imports both gradio and torch"


def test_spaces_is_no_package_and_nobody_imports_it():
    assert not (ROOT / "spaces" / "__init__.py").exists()
    for room in [*ROOMS, "tests"]:
        for file in files_of(room):
            if file.name != "zerogpu.py" and not file.name.startswith("test_zerogpu"):
                assert "spaces" not in imported(file), file


def test_file_names_are_good_on_every_system():
    reserved = {"con", "prn", "aux", "nul", *(f"{p}{i}" for p in ("com", "lpt") for i in range(10))}
    names = tracked()
    assert len({name.lower() for name in names}) == len(names)
    for name in names:
        assert not set(name) & set('<>:"|?*\\'), name
        for part in Path(name).parts:
            assert part.split(".")[0].lower() not in reserved, name
            assert not part.endswith((" ", ".")), name


def test_text_files_are_opened_with_an_encoding():
    """`open` and friends without one read differently on Windows; the interpreter warns of those
    that a test reaches, this of the others."""
    opens = {"open", "read_text", "write_text"}
    for room in ROOMS:
        for file in files_of(room):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if not isinstance(node, ast.Call):
                    continue
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                if name not in opens or _opens_bytes(node) or _is_not_a_file(node):
                    continue
                assert any(word.arg == "encoding" for word in node.keywords), (
                    f"{file.relative_to(ROOT)}:{node.lineno} opens text without encoding="
                )


def _opens_bytes(call: ast.Call) -> bool:
    given = [*call.args, *(word.value for word in call.keywords if word.arg == "mode")]
    return any(
        isinstance(v, ast.Constant)
        and isinstance(v.value, str)
        and "b" in v.value
        and set(v.value) <= set("rwxab+")
        for v in given
    )


def _is_not_a_file(call: ast.Call) -> bool:
    """`webbrowser.open`, `Image.open` and the like."""
    owner = getattr(call.func, "value", None)
    return isinstance(owner, ast.Name) and owner.id in {"webbrowser", "Image", "os", "memmap"}


def test_workers_are_spawned_and_nothing_is_float64():
    for room in ROOMS:
        for file in files_of(room):
            text = file.read_text(encoding="utf-8")
            assert "torch.float64" not in text, file
            assert ".double()" not in text, file
            assert 'get_context("fork' not in text, file
            assert 'set_start_method("fork' not in text, file
