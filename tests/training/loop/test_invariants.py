"""Equal settings train alike: accumulated, in several processes, at once, with loader workers."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file

from training.train import main

ROOT = Path(__file__).parents[3]
STEPS = 100
SHAPE = ["--max_position_embeddings", "32", "--hidden_size", "32", "--num_attention_heads", "2"]
SHAPE += ["--num_hidden_layers", "2", "--max_steps", str(STEPS), "--eval_steps", str(STEPS)]
SHAPE += ["--save_strategy", "no", "--disable_tqdm", "true"]
ADAMW = ["--learning_rate", "0.003", "--embedding_learning_rate", "0.003"]
KINDS = {
    "adamw": ["--bf16", "false", *ADAMW],
    "muon": ["--bf16", "false", "--muon_learning_rate", "0.02", *ADAMW],
    "bf16": ["--bf16", "true", *ADAMW],
}


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    path = tmp_path_factory.mktemp("text") / "text.txt"
    words = "the sun rises in east moon lights quiet sea bird sings at dawn rain falls on hills"
    chance = random.Random(0)
    content = " ".join(chance.choice(words.split()) for _ in range(12_000))
    path.write_text(content, encoding="utf-8")
    recipe = path.with_name("plain.yaml")
    recipe.write_text(f"about: for comparisons\ndata: [{path.as_posix()}]\n", encoding="utf-8")
    return recipe


@pytest.fixture(autouse=True)
def one_thread(tmp_path, monkeypatch):
    import torch

    monkeypatch.setenv("TINYGPT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def train(recipe: Path, folder: Path, kind: str, *flags: str, launcher: tuple = ()) -> Path:
    arguments = [str(recipe), "--output_dir", str(folder), *SHAPE, *KINDS[kind], *flags]
    if launcher:
        command = [sys.executable, "-m", *launcher, "-m", "training.train", *arguments]
        run = subprocess.run(
            command, cwd=ROOT, capture_output=True, encoding="utf-8", env=os.environ
        )
        assert run.returncode == 0, run.stderr
    else:
        assert main(arguments) == 0
    return folder


def losses(run: Path) -> list[float]:
    lines = (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["train_loss"] for line in lines]


def apart(a: Path, b: Path) -> float:
    ours, theirs = losses(a), losses(b)
    assert len(ours) == len(theirs) == STEPS
    return max(abs(x - y) for x, y in zip(ours, theirs, strict=True))


def bit_equal(a: Path, b: Path) -> bool:
    ours, theirs = (load_file(run / "model.safetensors") for run in (a, b))
    return all(ours[name].equal(theirs[name]) for name in theirs) and losses(a) == losses(b)


ONE, TWO, FOUR = (("--per_device_train_batch_size", n) for n in ("8", "4", "4"))
ACCUMULATED = (*TWO, "--gradient_accumulation_steps", "2")


@pytest.mark.parametrize("kind", ["muon", pytest.param("adamw", marks=pytest.mark.slow)])
def test_two_processes_are_two_accumulated_batches_bit_for_bit(kind, text, tmp_path):
    here = ("--standalone", "--local_addr", "127.0.0.1")  # whatever the machine is called
    launcher = ("torch.distributed.run", *here, "--nproc_per_node", "2")
    together = train(text, tmp_path / "together", kind, *FOUR, launcher=launcher)
    accumulated = train(text, tmp_path / "accumulated", kind, *ACCUMULATED)
    assert bit_equal(together, accumulated)
    metrics = [
        json.loads((run / "metrics.json").read_text("utf-8")) for run in (together, accumulated)
    ]
    assert metrics[0]["val_loss"] == pytest.approx(metrics[1]["val_loss"], abs=1e-6)


@pytest.mark.parametrize(("kind", "bound"), [("adamw", 1e-4), ("muon", 2e-3), ("bf16", 2e-3)])
def test_one_batch_is_nearly_two_accumulated_ones(kind, bound, text, tmp_path):
    one = train(text, tmp_path / "one", kind, *ONE)
    accumulated = train(text, tmp_path / "accumulated", kind, *ACCUMULATED)
    difference = apart(one, accumulated)
    print(f"{kind}: {difference:.1e} apart over {STEPS} steps")  # noqa: T201 (shown with -s)
    assert 0 < difference < bound


def test_loader_workers_change_nothing(text, tmp_path):
    none = train(text, tmp_path / "none", "adamw", *ONE, "--max_steps", str(STEPS))
    workers = ("--dataloader_num_workers", "2")
    two = train(text, tmp_path / "two", "adamw", *ONE, *workers)
    assert bit_equal(none, two)


def test_padding_weighs_nothing_however_batches_are_cut(tmp_path):
    """Lines of different length: the mean is over tokens, not over batches."""
    flags = ["--max_steps", "5", "--save_strategy", "no", "--disable_tqdm", "true"]
    flags += ["--bf16", "false", "--dropout", "0"]
    runs = []
    for name, sizes in (("one", ONE), ("accumulated", ACCUMULATED)):
        assert main(["minigpt", "--output_dir", str(tmp_path / name), *flags, *sizes]) == 0
        rows = (tmp_path / name / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
        runs.append([json.loads(row)["train_loss"] for row in rows])
    assert runs[0] == pytest.approx(runs[1], abs=1e-5)
