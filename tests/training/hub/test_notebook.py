"""The notebook that goes along runs from its first cell to its last, for somebody without ours."""

import json
import subprocess
import sys

import pytest

from training.publish import publish


def cells(text: str, kind: str) -> list[str]:
    return ["".join(c["source"]) for c in json.loads(text)["cells"] if c["cell_type"] == kind]


@pytest.mark.parametrize("source", ["run", pytest.param("chat-base", marks=pytest.mark.slow)])
def test_a_stranger_runs_every_cell(hub, ada, run_dir, tmp_path, source):
    publish(run_dir if source == "run" else source, "ada/tiny", prove=lambda *_: None)
    notebook = hub.files("ada/tiny")["notebook.ipynb"].decode()
    assert "{" not in "".join(cells(notebook, "markdown")), "a mark that was not filled"
    ended = subprocess.run(
        [sys.executable, "-I", "-c", "\n".join(cells(notebook, "code"))],
        cwd=tmp_path,
        env=ada.environment(OMP_NUM_THREADS="1"),
        capture_output=True,
        encoding="utf-8",
    )
    assert ended.returncode == 0, ended.stderr
    assert "bits per byte over" in ended.stdout
    before, after = map(float, ended.stdout.splitlines()[-1].split()[1:4:2])
    assert after < before  # it learned
