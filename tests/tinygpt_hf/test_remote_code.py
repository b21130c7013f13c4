"""A saved folder carries its code: it works where this project was never installed."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from huggingface_hub import HfApi
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM

from tinygpt_hf import TinyGPTConfig, TinyGPTForCausalLM, TinyGPTModel

STRANGER = Path(__file__).with_name("stranger.py")
SAVED = {
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "configuration_tinygpt.py",
    "modeling_tinygpt.py",
}


CLASSES = ["TinyGPTConfig", "TinyGPTModel", "TinyGPTForCausalLM"]


def save(folder: Path, **switches) -> TinyGPTForCausalLM:
    torch.manual_seed(0)
    sizes = {"vocab_size": 50, "hidden_size": 32, "num_hidden_layers": 2}
    config = TinyGPTConfig(**sizes, max_position_embeddings=8, **switches)
    model = TinyGPTForCausalLM(config).eval()
    model.save_pretrained(folder)
    return model


def ask_stranger(home: Path, *arguments, **variables: str) -> list[dict]:
    """In a process of its own, with an empty home: no code is there from an earlier load."""
    environment = os.environ | {"HF_HOME": str(home), "HF_HUB_OFFLINE": "1"} | variables
    done = subprocess.run(
        [sys.executable, "-I", str(STRANGER), *map(str, arguments)],
        env=environment,
        cwd=home.parent,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_stranger_loads_it_and_writes_the_same(tmp_path):
    """Every auto class finds the code in the folder, and 18 tokens slide over a window of 8."""
    positions = ("relative", "learned", "rotary")
    models = [save(tmp_path / position, position_embedding=position) for position in positions]
    answers = ask_stranger(tmp_path / "home", *(tmp_path / position for position in positions))
    prompt = torch.arange(6)[None]
    for model, answer in zip(models, answers, strict=True):
        assert answer["classes"] == CLASSES
        assert answer["home"] == "transformers_modules"
        tokens = model.generate(prompt, max_new_tokens=12, do_sample=False)[0].tolist()
        assert answer["tokens"] == tokens
        hidden = model.model(prompt).last_hidden_state[0, -1].tolist()
        assert answer["hidden"] == pytest.approx(hidden, abs=1e-6)


@pytest.mark.versions
def test_a_stranger_hands_it_on(tmp_path, hub, ada):
    """From the Hub, trained a step, saved, and again: each copy outlives its source."""
    save(tmp_path / "first")
    HfApi().create_repo("ada/first")
    HfApi().upload_folder(repo_id="ada/first", folder_path=tmp_path / "first")
    online = {"HF_HUB_OFFLINE": "0", "HF_ENDPOINT": os.environ["HF_ENDPOINT"]}
    training = (tmp_path / "home1", "ada/first", "--train-and-save", tmp_path / "second")
    [first] = ask_stranger(*training, **online)
    hub.clear()
    shutil.rmtree(tmp_path / "home1")
    assert {path.name for path in (tmp_path / "second").iterdir()} == SAVED

    training = (tmp_path / "home2", tmp_path / "second", "--train-and-save", tmp_path / "third")
    [second] = ask_stranger(*training)
    shutil.rmtree(tmp_path / "second")
    [third] = ask_stranger(tmp_path / "home3", tmp_path / "third")
    assert first["classes"] == second["classes"] == third["classes"] == CLASSES
    assert first["tokens"] != second["tokens"], "a step of training changes what it writes"
    assert second["tokens"] == third["tokens"]


def test_no_trust_is_asked_where_the_project_is_imported(tmp_path):
    """Importing tinygpt_hf registers its classes: the folder's copies of the code are not run."""
    save(tmp_path)
    assert isinstance(AutoConfig.from_pretrained(tmp_path), TinyGPTConfig)
    assert isinstance(AutoModel.from_pretrained(tmp_path), TinyGPTModel)
    assert isinstance(AutoModelForCausalLM.from_pretrained(tmp_path), TinyGPTForCausalLM)


def test_only_safetensors_and_readable_code_are_saved(tmp_path):
    """Nothing in the folder is a pickle."""
    save(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == SAVED
    for name in ("configuration_tinygpt.py", "modeling_tinygpt.py"):
        ours = Path(__file__).parents[2] / "tinygpt_hf" / name
        assert (tmp_path / name).read_bytes() == ours.read_bytes()
