"""docs/publishing.md, as it is told: each command is one, and the steps end at a running Space."""

import importlib
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.compare.servers import answers, free_port, stop
from tests.hub.spaces import life_of
from training import publish

ROOT = Path(__file__).parents[1]
TOLD = (ROOT / "docs" / "publishing.md").read_text(encoding="utf-8")
STEPS = TOLD.split("\n## ")[0]
NAMES = {"USER": "ada", "MODEL": "mine", "SPACE": "page", "NAME": "mine"}
TEXT = "".join(f"Line {i}: to be, or not to be, that is the question.\n" for i in range(2_000))


def commands(text: str) -> list[list[str]]:
    """What stands in its boxes, with names in it, without the word `python`."""
    boxes = re.findall(r"^```(\w*)\n(.*?)^```", text, re.S | re.M)
    shown = "".join(box for language, box in boxes if language != "python")
    lines = [line for line in shown.splitlines() if line.startswith("python ")]
    named = [re.sub("|".join(NAMES), lambda word: NAMES[word[0]], line) for line in lines]
    return [shlex.split(line, comments=True)[1:] for line in named]


def test_every_command_that_it_tells_is_one(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "spaces"))
    deploy = importlib.import_module("deploy")
    told = commands(TOLD)
    assert len(told) > 6
    for first, *rest in told:
        if first == "spaces/deploy.py":
            deploy.make_parser().parse_args(rest)
        elif rest[0] == "training.publish":
            publish.make_parser().parse_args(rest[1:])
        else:
            assert rest[0] == "training.train"
    for name in ("deploy", "running", "cargo"):
        sys.modules.pop(name)


class Newcomer:
    """Types what is told, in an empty folder with a text in it."""

    def __init__(self, user, folder: Path):
        self.folder = folder
        quiet = {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "GRADIO_ANALYTICS_ENABLED": "False"}
        self.environment = user.environment(PYTHONPATH=str(ROOT), OMP_NUM_THREADS="1", **quiet)
        (folder / "my.txt").write_text(TEXT, encoding="utf-8")

    def type(self, *command: str) -> str:
        ended = subprocess.run(
            [sys.executable, *command],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            encoding="utf-8",
        )
        assert ended.returncode == 0, (command, ended.stdout, ended.stderr)
        return ended.stdout

    def serve(self, *flags: str) -> tuple[str, subprocess.Popen]:
        port = free_port()
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "app.py"), *flags, "--port", str(port)],
            cwd=self.folder,
            env=self.environment,
        )
        url = f"http://127.0.0.1:{port}/"
        while not answers(url):
            assert process.poll() is None, "the page ended"
        return url, process


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_the_steps_lead_from_a_text_to_a_running_space(hub, ada, tmp_path):
    newcomer = Newcomer(ada, tmp_path)
    train, look, send, look_at_space, deploy = commands(STEPS)
    newcomer.type(*(word if word != "3" else "0.5" for word in train))
    assert "nothing is written" in newcomer.type(*look)
    assert not hub.store.repos
    assert "tagged step-" in newcomer.type(*send)

    snippet = re.search(r"```python\n(.*?)```", STEPS, re.S)
    assert snippet
    told = snippet[1].replace("USER/MODEL", "ada/mine")
    assert newcomer.type("-I", "-c", told).startswith("The")

    script = str(ROOT / look_at_space[0])
    assert "set     TINYGPT_MODEL=ada/mine" in newcomer.type(script, *look_at_space[1:])
    url, process = newcomer.serve("--model", "ada/mine", "--baseline", "none")
    try:
        hub.store.create("space", "ada/page", sdk="gradio")
        life_of(hub.repo("ada/page", "space")).host = url
        said = newcomer.type(script, *deploy[1:])
    finally:
        stop(process)
    assert "asked to continue" in said
    assert hub.repo("ada/page", "space").variables == {"TINYGPT_MODEL": "ada/mine"}
    print(said)  # noqa: T201 (for the record)
