"""FSDP: two processes that each hold half of every matrix train as one that holds them whole."""

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tinygpt_hf.loading import load
from training.train import main

ROOT = Path(__file__).parents[3]
STEPS = 12
SHAPE = ["--max_position_embeddings", "32", "--hidden_size", "32", "--num_attention_heads", "2"]
SHAPE += ["--num_hidden_layers", "2", "--max_steps", str(STEPS), "--eval_steps", "6"]
SHAPE += ["--save_steps", "6", "--disable_tqdm", "true", "--bf16", "false"]
SHAPE += ["--learning_rate", "0.003", "--embedding_learning_rate", "0.003"]
PLUGIN = """\
compute_environment: LOCAL_MACHINE
distributed_type: FSDP
mixed_precision: 'no'
num_processes: 2
use_cpu: true
fsdp_config:
  fsdp_version: 2
  fsdp_auto_wrap_policy: TRANSFORMER_BASED_WRAP
  fsdp_transformer_layer_cls_to_wrap: TinyGPTBlock
  fsdp_state_dict_type: {kind}
"""
# A process that never imported us, and runs the code that lies in the folder.
STRANGER = """
import sys
sys.modules["tinygpt_hf"] = None
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
model = AutoModelForCausalLM.from_pretrained(sys.argv[1], trust_remote_code=True)
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1], trust_remote_code=False)
ids = tokenizer("the sea", return_tensors="pt").input_ids
print(float(model(input_ids=ids, labels=ids).loss))
"""


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    path = tmp_path_factory.mktemp("text") / "text.txt"
    words = "the sun rises in east moon lights quiet sea bird sings at dawn rain falls on hills"
    chance = random.Random(0)
    path.write_text(" ".join(chance.choice(words.split()) for _ in range(3_000)), encoding="utf-8")
    recipe = path.with_name("plain.yaml")
    recipe.write_text(f"about: for comparisons\ndata: [{path.as_posix()}]\n", encoding="utf-8")
    return recipe


@pytest.fixture(scope="module", autouse=True)
def surroundings(tmp_path_factory):
    """One thread, and a cache of our own."""
    given = {"TINYGPT_CACHE": str(tmp_path_factory.mktemp("cache")), "OMP_NUM_THREADS": "1"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in given.items():
            patch.setenv(name, value)
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        yield
        torch.set_num_threads(threads)


def launch(tmp_path, *arguments: str, kind: str = "FULL_STATE_DICT") -> subprocess.CompletedProcess:
    """Two processes, as docs/scaling.md says."""
    config = tmp_path / "fsdp.yaml"
    config.write_text(PLUGIN.format(kind=kind), encoding="utf-8")
    command = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(config)]
    command += ["--rdzv_backend", "c10d", "--main_process_ip", "127.0.0.1"]
    command += ["--main_process_port", "0", "-m", "tests.training.loop.sharded", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", env=os.environ)


def losses(run: Path) -> list[float]:
    lines = (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [value for row in map(json.loads, lines) for k, value in row.items() if "_loss" in k]


@pytest.fixture(scope="module")
def sharded(recipe, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sharded")
    run = folder / "run"
    flags = ["--per_device_train_batch_size", "4", "--output_dir", str(run), *SHAPE]
    done = launch(folder, str(recipe), *flags)
    assert done.returncode == 0, done.stderr
    assert "every process keeps the whole model" not in done.stdout + done.stderr
    assert (run / "checkpoint-6" / "pytorch_model_fsdp.bin").is_file()  # so it was sharded
    return run


def test_the_loss_is_that_of_one_process(sharded, recipe, tmp_path):
    """Training and validation, at every step; the validation's batches do not share out evenly."""
    flags = ["--per_device_train_batch_size", "8", "--output_dir", str(tmp_path / "run"), *SHAPE]
    assert main([str(recipe), *flags]) == 0
    ours, theirs = losses(sharded), losses(tmp_path / "run")
    assert len(ours) == len(theirs) == STEPS + 2
    assert max(abs(a - b) for a, b in zip(ours, theirs, strict=True)) < 1e-4


@pytest.mark.slow
def test_the_folder_loads_as_a_stranger(sharded, tmp_path):
    """Published as it is, it would be whole: our classes by name, our code and no other."""
    assert json.loads((sharded / "config.json").read_text("utf-8"))["architectures"] == [
        "TinyGPTForCausalLM"
    ]
    assert not list(sharded.rglob("_fsdp*"))
    from training.hub.staging import stage

    published = stage(sharded, tmp_path / "published").folder
    done = subprocess.run(
        [sys.executable, "-c", STRANGER, str(published)], capture_output=True, encoding="utf-8",
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    model, tokenizer = load(sharded)
    ids = tokenizer("the sea", return_tensors="pt").input_ids
    ours = model(ids, labels=ids).loss.item()
    assert float(done.stdout) == pytest.approx(ours, abs=1e-5)


@pytest.mark.slow
def test_a_run_that_was_cut_off_goes_on(sharded, tmp_path):
    """From the shards of weights and optimizer, to the same numbers."""
    run = tmp_path / "run"
    shutil.copytree(sharded, run)
    shutil.rmtree(run / f"checkpoint-{STEPS}")
    done = launch(tmp_path, "--resume", "--output_dir", str(run), "--disable_tqdm", "true")
    assert done.returncode == 0, done.stderr
    assert "resuming from" in done.stdout + done.stderr
    assert losses(run) == pytest.approx(losses(sharded), abs=1e-6)
    ours, theirs = (load_file(folder / "model.safetensors") for folder in (run, sharded))
    assert all((ours[name] - theirs[name]).abs().max() < 1e-6 for name in theirs)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flags", "kind", "said"),
    [
        (["--muon_learning_rate", "0.02"], "FULL_STATE_DICT", "FSDP shards them: train with AdamW"),
        ([], "SHARDED_STATE_DICT", "set fsdp_state_dict_type to FULL_STATE_DICT"),
    ],
)
def test_what_does_not_work_there_is_refused(flags, kind, said, recipe, tmp_path):
    done = launch(tmp_path, str(recipe), "--output_dir", str(tmp_path / "run"), *SHAPE, *flags,
                  kind=kind)  # fmt: skip
    assert done.returncode != 0
    assert f"error: {'Muon' if flags else 'FSDP'}" in done.stderr
    assert said in done.stderr


def test_what_a_launcher_did_otherwise_is_said(monkeypatch):
    from training.loop.run import surprises

    for name in ("ACCELERATE_USE_CPU", "MASTER_ADDR", "WORLD_SIZE", "ACCELERATE_USE_FSDP"):
        monkeypatch.delenv(name, raising=False)
    assert surprises(sharded=False) == []
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    assert "every process keeps the whole model" in surprises(sharded=False)[0]
    assert surprises(sharded=True) == []


@pytest.mark.slow
def test_accelerate_that_started_one_process_says_so(recipe, tmp_path):
    """`accelerate launch --cpu --num_processes 2` starts one, and says nothing itself."""
    command = [sys.executable, "-m", "accelerate.commands.launch", "--cpu", "--num_processes", "2"]
    command += ["-m", "training.train", str(recipe), "--output_dir", str(tmp_path / "run"), *SHAPE]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", env=os.environ)
    assert done.returncode == 0, done.stderr
    assert "asked for several processes and started one" in done.stdout + done.stderr
