"""What is put on a Space runs there: with the `spaces` package, without it, and on ZeroGPU."""

import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import HfApi

from tests.compare.conftest import new_visitor, visit  # noqa: F401 (fixtures)
from tests.hub.metadata import front_matter
from tests.hub.spaces import life_of

from .conftest import ROOT
from .container import Container
from .lender import lending, on_zerogpu, real_package

PLACES = ["without", *(pytest.param(name, marks=pytest.mark.slow) for name in ("with", "zerogpu"))]


@pytest.fixture(scope="module")
def stage():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "spaces"))
        import cargo

        yield lambda folder: cargo.stage(folder, "ada/page")
        sys.modules.pop("cargo", None)


@pytest.fixture(scope="module")
def container(stage, tmp_path_factory):
    container = Container(tmp_path_factory.mktemp("space"))
    container.fill(stage)
    yield container
    container.thaw()


@pytest.fixture(scope="module", params=PLACES)
def space(request, stage, tmp_path_factory):
    """A running Space; and on ZeroGPU, who was asked for a GPU."""
    container = Container(tmp_path_factory.mktemp(request.param))
    with lending() as lender:
        if request.param != "without":
            container.environment["PYTHONPATH"] = str(real_package())
        if request.param == "zerogpu":
            container.environment |= on_zerogpu(lender, container.root)
            container.on_a_cuda_build()
        container.fill(stage)
        with container.run() as url:
            yield container, url, lender
        container.thaw()


def test_all_of_the_project_that_runs_travels_and_nothing_else(stage, tmp_path):
    files = stage(tmp_path)
    rooms = {name.split("/")[0] for name in files}
    assert rooms - {"thumbnail.png"} == {
        "README.md",
        "LICENSE",
        "app.py",
        "requirements.txt",
        "tinygpt_hf",
        "training",
        "compare",
        "browser",
        "checkpoints",
    }
    page = {f"browser/{path.name}" for path in (ROOT / "browser").glob("*.[jhc]*")}
    assert {"browser/model.js", "browser/index.html", "browser/style.css"} <= page <= set(files)
    for room in ("tinygpt_hf", "training", "compare"):
        code = {f"{room}/{p.relative_to(ROOT / room).as_posix()}" for p in files_of(room)}
        assert code <= set(files)
    stories = ROOT / "training" / "stories"  # the page checks stories: it needs the whole language
    language = {*stories.glob("acts/*.yaml"), *stories.glob("words/*")}
    assert len(language) > 10
    assert {path.relative_to(ROOT).as_posix() for path in language} <= set(files)
    assert not any(name.endswith((".pt", ".bin", ".pyc")) for name in files)
    size = sum((tmp_path / name).stat().st_size for name in files)
    assert size < 84e6, f"{size / 1e6:.0f} MB"


def files_of(room: str) -> list[Path]:
    return [path for path in (ROOT / room).rglob("*.py") if "__pycache__" not in path.parts]


def test_all_of_it_arrives(hub, ada, command, answers, stage, monkeypatch, tmp_path):
    """From a copy: somebody may be at work on the project itself."""
    staged = {name: (tmp_path / name).read_bytes() for name in stage(tmp_path)}
    monkeypatch.setattr(sys.modules["cargo"], "ROOT", tmp_path)
    command.deploy("ada/page")
    there = hub.files("ada/page", kind="space")
    assert there | staged == there
    assert set(there) - set(staged) == {".gitattributes"}


def test_the_deploy_command_finds_that_it_answers(space, hub, ada, command):
    _, url, _ = space
    from running import Running

    hub.store.create("space", "ada/page", sdk="gradio")
    life_of(hub.repo("ada/page", "space")).host = url
    assert Running(HfApi(), "ada/page", print).ask().strip()


@pytest.mark.browser
def test_a_visitor_sees_both_models_write(space, visit):  # noqa: F811 (the fixture)
    _, url, _ = space
    # On a Space gradio itself adds the Hub's header, from the Hub and with a font of Google's.
    with visit(url, forgive=("",)) as page:
        page.click("#generate")
        page.wait_for_function(
            "[...document.querySelectorAll('.out')].every(o => o.ariaBusy === 'false')"
            "&& document.querySelector('.pane.left .figures').textContent"
            ".match(/reached|stopped|end of text/)"
        )
        assert all(text.strip() for text in page.locator(".out").all_inner_texts())


def test_nothing_is_written_but_to_the_cache(space):
    container, url, _ = space
    assert url
    assert container.written() == set()


def test_no_visitor_pays_with_quota_for_a_tiny_model(space):
    """On ZeroGPU the page reports that it is there, and borrows nothing."""
    container, _, lender = space
    on_zerogpu = "SPACES_ZERO_GPU" in container.environment
    assert lender.asked == (["/startup-report"] if on_zerogpu else [])


def test_it_listens_where_the_platform_tells_it_to(space):
    """A container is reached from outside, not over its own loopback."""
    _, url, _ = space
    with socket.create_connection(("127.0.0.2", int(url.rstrip("/").split(":")[-1])), timeout=60):
        pass


def test_the_variables_say_who_plays(container):
    from gradio_client import Client

    container.environment |= {"TINYGPT_MODEL": "hello", "TINYGPT_BASELINE": "none"}
    with container.run() as url:
        client = Client(url, token=False, verbose=False)
        shown = client.predict(api_name="/models")
        client.close()
    assert shown["default"] == "hello"
    assert "--baseline none" in shown["baseline"]["note"]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_its_own_requirements_are_all_that_it_needs(container, tmp_path, hub, ada, command):
    """In a fresh environment, made as the platform makes it: with `spaces`, and then without."""
    from running import Running

    card = front_matter((container.app / "README.md").read_text(encoding="utf-8"))
    interpreter = python_of(card["python_version"])
    subprocess.run([interpreter, "-m", "venv", tmp_path / "venv"], check=True)
    python = str(next((tmp_path / "venv").glob("*/python")))
    pip = [python, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    requirements = ["-r", container.app / "requirements.txt"]
    platform = [f"gradio[oauth,mcp]=={card['sdk_version']}", "spaces"]
    subprocess.run([*pip, "install", *requirements, *platform], check=True)
    subprocess.run([*pip, "check"], check=True)
    hub.store.create("space", "ada/page", sdk="gradio")
    for step in ([], ["uninstall", "--yes", "spaces"]):
        if step:
            subprocess.run([*pip, *step], check=True)
        with container.run(python) as url:
            life_of(hub.repo("ada/page", "space")).host = url
            said = Running(HfApi(), "ada/page", print).ask()
            assert said.strip()
            print(f"{interpreter}, after {step or 'install'}: it writes {said!r}")  # noqa: T201 (for who runs it)
    assert container.written() == set()


def python_of(version: str) -> str:
    """The Space's own Python where it is here, or this one."""
    for name in (f"python{version}", sys.executable):
        found = shutil.which(name)
        if found and subprocess.run([found, "-c", ""], capture_output=True).returncode == 0:
            return found
    raise AssertionError("this very Python does not start")
