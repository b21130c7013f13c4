"""A run that was killed goes on as if nothing had happened; what cannot be saved loses nothing."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from safetensors.torch import load_file
from transformers import TrainerCallback

from training.loop.folder import STATE, last_whole
from training.train import main

ROOT = Path(__file__).parents[3]
# Everything that keeps state: dropout, Muon, a schedule, evaluations, passes that end inside a run.
SHAPE = ["--max_position_embeddings", "16", "--hidden_size", "32", "--num_attention_heads", "2"]
SHAPE += ["--num_hidden_layers", "1", "--dropout", "0.1", "--per_device_train_batch_size", "4"]
SHAPE += ["--eval_steps", "7", "--save_steps", "3", "--disable_tqdm", "true"]


@pytest.fixture
def text(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYGPT_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "text.txt"
    path.write_text("".join(f"{n} times {n} is {n * n}\n" for n in range(60)), encoding="utf-8")
    return path


def command(*flags: object) -> list[str]:
    return [sys.executable, "-m", "training.train", *map(str, flags)]


def start(*flags: object) -> subprocess.Popen:
    return subprocess.Popen(
        command(*flags),
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )


def killed_while_training(seconds: float, *flags: object) -> bool:
    """Waits for the training to begin, then kills after so many seconds; False if it was over."""
    process = start(*flags)
    assert process.stderr is not None
    seen = []
    for line in process.stderr:
        seen.append(line)
        if " parameters on " in line:
            break
    else:
        assert process.wait() == 0, "".join(seen)
        return False
    time.sleep(seconds)
    process.kill()
    process.stderr.close()
    return process.wait() == -signal.SIGKILL


def rows(run: Path) -> list[dict]:
    lines = (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [{k: v for k, v in json.loads(line).items() if k != "seconds"} for line in lines]


def assert_same(run: Path, straight: Path) -> None:
    ours, theirs = (load_file(folder / "model.safetensors") for folder in (run, straight))
    assert all(ours[name].equal(theirs[name]) for name in theirs)
    assert rows(run) == rows(straight)
    a, b = (json.loads((f / "metrics.json").read_text("utf-8")) for f in (run, straight))
    assert a["val_loss"] == b["val_loss"]


@pytest.mark.parametrize("kills", [2, pytest.param(20, marks=pytest.mark.slow)])
def test_killed_at_random_moments_it_ends_bit_for_bit_the_same(kills, text, tmp_path):
    steps = ["--max_steps", 10 + 150 * kills]  # longer than the latest kill
    straight, run = tmp_path / "straight", tmp_path / "run"
    assert main([str(text), "--output_dir", str(straight), *SHAPE, *map(str, steps)]) == 0
    chance = random.Random(kills)
    flags = [text, "--output_dir", run, *SHAPE, *steps]
    done = 0
    while done < kills:
        if not killed_while_training(chance.uniform(0, 0.4), *flags):
            break  # it had finished before
        done += 1
        flags = ["--resume", "--output_dir", run]
    assert done == kills
    finished = subprocess.run(command(*flags), cwd=ROOT, capture_output=True, encoding="utf-8")
    assert finished.returncode == 0, finished.stderr
    assert_same(run, straight)


def test_a_torn_checkpoint_is_skipped_wherever_it_is_cut(text, tmp_path, capsys):
    run = tmp_path / "run"
    assert main([str(text), "--output_dir", str(run), *SHAPE, "--max_steps", "6"]) == 0
    last, before = run / "checkpoint-6", run / "checkpoint-3"
    assert last_whole(run) == (last, [])
    chance = random.Random(0)
    needed = {
        "model.safetensors",
        "optimizer.pt",
        "scheduler.pt",
        "rng_state.pth",
        STATE,
    }
    for name in needed:
        path = last / name
        whole = path.read_bytes()
        for cut in (0, 1, chance.randrange(2, len(whole) - 2), len(whole) - 2):
            path.write_bytes(whole[:cut])
            found, lines = last_whole(run)
            assert found == before, (name, cut)
            assert "checkpoint-6 is torn and skipped" in lines[0]
        path.unlink()
        assert last_whole(run)[0] == before, name
        path.write_bytes(whole)
    assert last_whole(run) == (last, [])


def test_a_torn_checkpoint_loses_nothing_else(text, tmp_path, capsys):
    straight, run = tmp_path / "straight", tmp_path / "run"
    for folder in (straight, run):
        assert main([str(text), "--output_dir", str(folder), *SHAPE, "--max_steps", "12"]) == 0
    (run / "checkpoint-12" / "optimizer.pt").write_bytes(b"torn")
    (run / "metrics.json").unlink()
    assert main(["--resume", "--output_dir", str(run)]) == 0
    errors = capsys.readouterr().err
    assert "checkpoint-12 is torn and skipped" in errors
    assert "resuming from" in errors
    assert_same(run, straight)


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT for one process alone")
def test_ctrl_c_saves_and_says_how_to_go_on(text, tmp_path):
    straight, run = tmp_path / "straight", tmp_path / "run"
    long = [*SHAPE, "--max_steps", "150", "--save_steps", "1000", "--eval_steps", "150"]
    process = start(text, "--output_dir", run, *long)
    while not (run / "metrics.jsonl").exists() or not rows(run):
        time.sleep(0.05)
        assert process.poll() is None
    os.kill(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    step = rows(run)[-1]["step"]
    assert step < 150
    assert f"stopped at step {step} of 150" in errors
    assert f"python -m training.train --resume --output_dir {run}" in errors
    assert (run / f"checkpoint-{step}").is_dir()
    assert main(["--resume", "--output_dir", str(run)]) == 0
    assert main([str(text), "--output_dir", str(straight), *long]) == 0
    assert_same(run, straight)


def test_a_loss_that_is_no_number_stops_the_run(text, tmp_path, capsys):
    run = tmp_path / "run"
    flags = [*SHAPE, "--max_steps", "60", "--bf16", "false", "--optim", "sgd"]
    flags += ["--muon_learning_rate", "1e30", "--learning_rate", "1e30", "--warmup_steps", "20"]
    assert main([str(text), "--output_dir", str(run), *flags]) == 1
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert "the loss is nan at step" in error or "the loss is inf at step" in error
    good, _ = last_whole(run)
    if good is not None:
        assert str(good) in error
        weights = load_file(good / "model.safetensors")
        assert all(value.isfinite().all() for value in weights.values())


def test_a_full_disk_loses_no_checkpoint_that_was_whole(text, tmp_path, capsys):
    """A limit on the size of files, set after the first checkpoint, stands for the full disk."""
    resource = pytest.importorskip("resource", reason="no such limits on Windows")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    class FillDisk(TrainerCallback):
        def on_save(self, args, state, control, **kwargs):
            resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))

    straight, run = tmp_path / "straight", tmp_path / "run"
    flags = [str(text), *SHAPE, "--max_steps", "12", "--output_dir"]
    try:
        assert main([*flags, str(run)], callbacks=[FillDisk()]) == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith(f"error: {run / 'checkpoint-6'} could not be saved")
    assert f"{run / 'checkpoint-3'} is whole" in error
    assert main(["--resume", "--output_dir", str(run)]) == 0
    assert main([*flags, str(straight)]) == 0
    assert_same(run, straight)


def test_resume_without_a_run_says_so(tmp_path, capsys):
    assert main(["--resume", "--output_dir", str(tmp_path)]) == 1
    assert f"no run to resume in {tmp_path}" in capsys.readouterr().err
