"""A small project to deploy, Ada who may, and no long waits."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.hub.spaces import Life, life_of
from training.hub import errors

ROOT = Path(__file__).parents[2]
CARGO = {
    "app.py": "import compare",
    "requirements.txt": "gradio",
    "LICENSE": "Apache-2.0",
    "compare/page.py": "",
    "compare/style.css": "b { color: red }",
    "training/recipes/hello.yaml": "steps: 200",
    "tinygpt_hf/model.py": "import torch",
    "checkpoints/hello/config.json": "{}",
    "checkpoints/hello/model.safetensors": "8 weights",
    "checkpoints/ladder/one/config.json": "{}",
}
LEFT_BEHIND = (
    "README.md",
    ".env",
    "compare/.secret.json",
    "compare/page.pyc",
    "compare/__pycache__/page.py",
    "training/chat/made/conversations.jsonl",
    "checkpoints/hello/optimizer.pt",
    "checkpoints/hello/training_args.bin",
    "checkpoints/hello/checkpoint-4/model.safetensors",
    "tests/test_page.py",
    "spaces/deploy.py",
    "spaces/README.md",
    "docs/guide.md",
    "runs/mine/model.safetensors",
)


@pytest.fixture
def command(monkeypatch):
    """spaces/deploy.py as Python runs it: beside it lie the modules that it finds."""
    monkeypatch.syspath_prepend(str(ROOT / "spaces"))
    modules = {
        name: importlib.import_module(name) for name in ("deploy", "running", "cargo", "static")
    }
    monkeypatch.setattr(errors, "WAITS", (0.01, 0.01, 0.01))
    monkeypatch.setattr(modules["running"], "LOOK", 0.01)
    # The command sets its own client factory; the next test shall not inherit it.
    monkeypatch.setattr(modules["deploy"], "set_client_factory", lambda factory: None)
    yield modules["deploy"]
    for name in modules:
        sys.modules.pop(name, None)


@pytest.fixture
def project(command, monkeypatch, tmp_path) -> Path:
    """In the place of this repository: a few small files, and some that must not travel."""
    root = tmp_path / "project"
    for name in (*CARGO, *LEFT_BEHIND):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(CARGO.get(name, "not for others"), encoding="utf-8")
    monkeypatch.setattr(sys.modules["cargo"], "ROOT", root)
    return root


@pytest.fixture
def answers(command, monkeypatch) -> list[str | None]:
    """The running page answers at once; here is what it was asked to play."""
    asked: list[str | None] = []
    monkeypatch.setattr(
        sys.modules["running"].Running,
        "ask",
        lambda self, model=None: asked.append(model) or "that is the question",
    )
    return asked


@pytest.fixture
def send(hub, ada, command, project, answers) -> Callable[..., list[str]]:
    """Deploys to ada/page and returns what was said."""

    def send(repo_id: str = "ada/page", **options) -> list[str]:
        said: list[str] = []
        command.deploy(repo_id, **options, say=said.append)
        return said

    return send


@pytest.fixture
def life(hub) -> Callable[[], Life]:
    return lambda: life_of(hub.repo("ada/page", "space"))
