"""The house: arrows run one way, and the same program runs on Windows and Mac."""

import ast
import re
import subprocess
import sys
from collections import Counter
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from tests.conftest import LONG

ROOT = Path(__file__).parents[1]
# What each house may import of the project; app.py → compare → training → tinygpt_hf.
HOUSES = {
    "tinygpt_hf": {"tinygpt_hf"},
    "training": {"training", "tinygpt_hf"},
    "compare": {"compare", "training", "tinygpt_hf"},
    "app.py": {"compare"},
    "spaces": {"training", "tinygpt_hf"},
    "benchmarks": {"benchmarks", "compare", "training", "tinygpt_hf"},
}
# The same for the rooms of training and compare, and file by file for what is on their floors.
# A command may import every room of training; the rest stands here.
COMMANDS = {"train", "sample", "evaluate", "tokenizer", "publish", "export"}
_MAKING = {"training/loop", "training/hub", "training/data", "training/recipes", "tinygpt_hf"}
_ANSWERS = {"compare/engine", "compare/roster", "compare/values"}
PLAN = {
    "training/data": {"tinygpt_hf"},
    "training/recipes": set(),
    "training/hub": {"training/data", "tinygpt_hf"},
    "training/loop": _MAKING - {"training/loop"},
    "training/exporting": _MAKING,
    "training/chat": _MAKING | {"training/stories"},  # it talks about the stories
    "training/stories": _MAKING,
    "compare/values": set(),
    "compare/pace": set(),
    "compare/guests": {"compare/values"},
    "compare/roster": {"compare/guests", "compare/values"},
    "compare/decoding": {"compare/values", "tinygpt_hf"},
    "compare/engine": {"compare/decoding", "compare/roster", "compare/values", "training/stories"}
    | _MAKING,
    "compare/lessons": _ANSWERS | _MAKING | {"training/exporting"},
    "compare/downloads": {"compare/lessons", "compare/roster"},
    "compare/html": {"compare/values"},
    "compare/recorded": {"compare/lessons", "compare/html"} | _ANSWERS | _MAKING,
    "compare/tabs": {"compare/recorded", "compare/lessons", "compare/html", "compare/guests"}
    | {"compare/downloads"}
    | _ANSWERS,
    "compare/lineup": {"compare/html"} | _ANSWERS | _MAKING,
    "compare/api": {"compare/roster", "compare/values"},
    "compare/v1": {"compare/roster", "compare/values"},
    "compare/page": {
        "compare/tabs",
        "compare/html",
        "compare/api",
        "compare/roster",
        "compare/pace",
    },
}
MODEL_ROOM = {"torch", "transformers", "tokenizers", "safetensors", "numpy", "huggingface_hub"}
PROJECT = {"tinygpt_hf", "training", "compare", "spaces", "benchmarks", "app", "tests"}


def _counts():
    """docs/house.py, which is a script and no package."""
    spec = spec_from_file_location("house", ROOT / "docs" / "house.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


house = _counts()


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


@pytest.mark.parametrize("room", HOUSES)
def test_arrows_run_one_way(room):
    for file in files_of(room):
        foreign = (imported(file) & PROJECT) - HOUSES[room]
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


def plan_of(room: str) -> set[str]:
    house, _, name = room.partition("/")
    if house == "tinygpt_hf":
        return {"tinygpt_hf", "tinygpt_hf/inspecting"}
    if house == "training" and name in COMMANDS:
        return {other for other in PLAN if other.startswith("training/")} | {"tinygpt_hf"}
    return PLAN[room] | ({"tinygpt_hf/inspecting"} if "tinygpt_hf" in PLAN[room] else set())


@pytest.mark.parametrize("room", sorted(house.arrows()))
def test_a_room_imports_only_what_the_plan_says(room):
    strangers = house.arrows()[room] - plan_of(room)
    assert not strangers, f"{room} imports {', '.join(sorted(strangers))}"


def test_no_room_can_be_reached_from_itself():
    assert house.circles(house.arrows()) == []


def test_a_planted_arrow_is_found(tmp_path):
    """The counting itself: an import inside a function counts, and a circle is one."""
    for name, text in (
        ("compare/tabs/a.py", "def f():\n    from compare.engine import b\n"),
        ("compare/engine/b.py", "import compare.tabs.a\n"),
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    subprocess.run(["git", "add", "."], cwd=tmp_path, check=True)
    assert house.arrows(tmp_path) == {
        "compare/tabs": {"compare/engine"},
        "compare/engine": {"compare/tabs"},
    }
    assert house.circles(house.arrows(tmp_path)) == ["compare/engine", "compare/tabs"]


def test_no_folder_holds_both_tensors_and_widgets():
    """The floor of compare is looked at file by file."""
    libraries: dict[str, set[str]] = {}
    for path in house.modules():
        libraries.setdefault(house.room_of(path), set()).update(imported(ROOT / path))
    for room, names in libraries.items():
        assert not {"gradio", "torch"} <= names, f"{room} imports both gradio and torch"


def test_no_folder_holds_more_than_a_dozen_modules():
    """An alarm, not a law: the longer ones stand here with their reason."""
    longer = {
        "tinygpt_hf": 13,  # flat for who imports it: a name of the plan is a module of its own
    }
    folders = Counter(path.parent.as_posix() for path in house.modules())
    for folder, count in folders.items():
        assert count <= longer.get(folder, 12), f"{folder} holds {count} modules"


# What may happen when a module is imported, and nothing else: by file, how each statement begins.
EFFECTS = {
    "tinygpt_hf/__init__.py": (
        "AutoConfig.register",
        "TinyGPTConfig.register_for_auto_class",
        "for (auto, model)",
        "for auto, model",
    ),
    "tinygpt_hf/modeling_tinygpt.py": ("TinyGPTForCausalLM.forward.__signature__",),  # measured
    "training/loop/trainer.py": ("sys.modules['lomo_optim'] = None",),  # measured
    "training/recipes/reader.py": ("_Loader.add_implicit_resolver",),  # of a class of its own
}


def effects(body: list[ast.stmt]):
    """Statements that do something: calls, loops, and values put into what others made."""
    for node in body:
        if isinstance(node, ast.If) and "__main__" not in ast.unparse(node.test):
            yield from effects([*node.body, *node.orelse])
        calls = isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant)
        assigned = node.targets[0] if isinstance(node, ast.Assign) else None
        changes = isinstance(assigned, (ast.Attribute, ast.Subscript))
        if calls or changes or isinstance(node, (ast.For, ast.While, ast.With, ast.Try)):
            yield node


def test_an_import_does_nothing_but_what_is_named_here():
    for path in [*house.modules(), Path("tinygpt_hf/__init__.py")]:
        for node in effects(ast.parse((ROOT / path).read_text(encoding="utf-8")).body):
            allowed = EFFECTS.get(path.as_posix(), ())
            assert ast.unparse(node).startswith(allowed), f"{path}:{node.lineno} acts on import"


def test_the_files_that_begin_first_are_there():
    """A name that a rename left behind would be waited for at the end again."""
    for name in LONG:
        assert (ROOT / name).is_file(), f"tests/conftest.py puts {name} first, which is not there"


def test_spaces_is_no_package_and_nobody_imports_it():
    assert not (ROOT / "spaces" / "__init__.py").exists()
    for room in [*HOUSES, "tests"]:
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
    for room in HOUSES:
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
    for room in HOUSES:
        for file in files_of(room):
            text = file.read_text(encoding="utf-8")
            assert "torch.float64" not in text, file
            assert ".double()" not in text, file
            assert 'get_context("fork' not in text, file
            assert 'set_start_method("fork' not in text, file
