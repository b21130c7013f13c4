"""The thin thread through the house: train, load, ask the page, publish, load from the Hub."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.compare.servers import serve

ROOT = Path(__file__).parents[1]
STRANGER = """
import sys
from transformers import AutoModelForCausalLM, AutoTokenizer

where = dict(pretrained_model_name_or_path=sys.argv[1], trust_remote_code=True)
tokenizer = AutoTokenizer.from_pretrained(**where)
model = AutoModelForCausalLM.from_pretrained(**where, use_safetensors=True)
ids = tokenizer("hell", return_tensors="pt")
print(tokenizer.decode(model.generate(**ids, max_new_tokens=20, do_sample=False)[0]))
"""
HELLO = "hello hello hello hello "


def run(*command: str, cwd: Path = ROOT, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        [sys.executable, *command],
        env=os.environ | (env or {}),
        cwd=cwd,
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def hello(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("spine") / "hello"
    run("-m", "training.train", "hello", "--output_dir", str(folder))
    return folder


def test_a_stranger_loads_the_folder(hello, tmp_path):
    assert run("-c", STRANGER, str(hello), cwd=tmp_path).startswith(HELLO)


def test_the_page_answers_with_it(hello):
    from gradio_client import Client

    with serve("app.py", "--model", str(hello), "--baseline", "none") as url:
        client = Client(url, verbose=False)
        answer = client.predict("hell", api_name="/generate", max_new_tokens=40, greedy=True)
    assert HELLO in str(answer)


def test_it_is_published_and_loaded_back(hello, ada, tmp_path):
    online = ada.environment(HF_HUB_OFFLINE="0")
    run("-m", "training.publish", str(hello), "--repo-id", "ada/hello", env=online)
    fresh = online | {"HF_HOME": str(tmp_path / "fresh")}
    assert run("-c", STRANGER, "ada/hello", cwd=tmp_path, env=fresh).startswith(HELLO)
