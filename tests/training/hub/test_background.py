"""`--publish`: training computes what it would have without, and no error gets lost."""

import json
import threading
import time
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from training.hub.background import Publisher
from training.hub.errors import PublishError
from training.train import main

STEPS = 30


@pytest.fixture
def train(ada, tmp_path):
    """`training.train hello`, saving often."""

    def train(name: str, *flags: str) -> int:
        steps = ["--max_steps", str(STEPS), "--save_steps", str(STEPS // 2)]
        return main(["hello", "--output_dir", str(tmp_path / name), *steps, *flags])

    return train


def weights(folder: Path) -> dict:
    return {k: v.tobytes() for k, v in load_file(folder / "model.safetensors").items()}


def test_training_under_faults_ends_with_the_same_weights_and_reports(hub, train, tmp_path, capsys):
    assert train("alone") == 0
    capsys.readouterr()
    accidents = {"only": ("500", "lost-reply", "cut-reply"), "rate": 0.05, "most": 5}
    faults = hub.break_for("ada", sure="corrupt-upload", **accidents)
    code = train("beside", "--publish", "ada/hello")
    said = capsys.readouterr().err
    assert weights(tmp_path / "beside") == weights(tmp_path / "alone")
    assert any("corrupt-upload" in line for line in faults.happened)
    # Told when it happened; tried again at the end; the exit tells what is still missing.
    assert "--publish: checkpoint-" in said
    missing = {line.split()[1] for line in said.splitlines() if line.startswith("error: ")}
    assert code == (1 if missing else 0)
    arrived = {f"step-{n}" for n in (STEPS // 2, STEPS) if f"checkpoint-{n}" not in missing}
    assert set(hub.repo("ada/hello").tags) >= arrived
    if "beside" not in missing:
        pushed = hub.files("ada/hello")["model.safetensors"]
        assert pushed == (tmp_path / "beside" / "model.safetensors").read_bytes()


def test_a_hub_that_refuses_costs_an_exit_code_and_nothing_else(hub, train, tmp_path, capsys):
    hub.break_for("ada", only=("403",), rate=1, matching="/commit/")
    assert train("beside", "--publish", "ada/hello") == 1
    said = capsys.readouterr().err
    last = [line for line in said.splitlines() if line.startswith("error: ")]
    assert len(last) == 3  # two checkpoints, and the run
    assert all("was not published: the Hub answered 403" in line for line in last)
    metrics = json.loads((tmp_path / "beside" / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["steps"] == STEPS


def test_without_permission_nothing_is_trained(ada, hub, train, tmp_path, capsys):
    hub.account(ada.name, ada.token, role="read")
    assert train("beside", "--publish", "ada/hello") == 1
    assert "may only read" in capsys.readouterr().err
    assert not (tmp_path / "beside" / "model.safetensors").exists()


def test_the_last_line_is_what_a_stranger_types(hub, train, capsys):
    assert train("beside", "--publish", "ada/hello", "--public") == 0
    said = capsys.readouterr()
    *_, address, last = said.out.splitlines()
    assert address.endswith("/ada/hello, tagged step-15, step-30")
    assert address.startswith("http://127.0.0.1")
    assert last == (
        'for anybody: transformers.AutoModelForCausalLM.from_pretrained("ada/hello", '
        'revision="step-30", trust_remote_code=True, use_safetensors=True)'
    )
    assert not hub.repo("ada/hello").private
    assert "recipe.yaml" in hub.files("ada/hello", "step-15")
    assert "/ada/hello has step-15" in said.err


@pytest.fixture
def publisher(ada):
    started = Publisher("ada/tiny")
    yield started
    started.finish()


def test_what_was_submitted_arrives_and_no_error_is_lost(hub, publisher, run_dir, capsys):
    """Training goes on writing, and rotates its checkpoints away."""
    checkpoint = run_dir / "checkpoint-2"
    before = (checkpoint / "model.safetensors").read_bytes()
    busy = threading.Event()
    publisher.worker.submit(busy.wait)  # whoever waited for the Hub would wait for ever
    publisher.submit(checkpoint, 2)
    (checkpoint / "model.safetensors").write_bytes(b"torn")
    publisher.submit(checkpoint, 3)
    for path in checkpoint.iterdir():
        path.unlink()
    publisher.submit(run_dir / "no-such-folder", 5)
    busy.set()
    errors = publisher.finish(run_dir)
    assert not publisher.copies.exists()
    assert hub.files("ada/tiny", "step-2")["model.safetensors"] == before
    final = (run_dir / "model.safetensors").read_bytes()
    assert hub.files("ada/tiny")["model.safetensors"] == final
    assert set(hub.repo("ada/tiny").tags) == {"step-2", "step-4"}
    assert len(errors) == 2
    assert "checkpoint-3 was not published: model.safetensors is not a whole" in errors[0]
    assert "checkpoint-5 was not published" in errors[1]
    told = capsys.readouterr().err
    assert all(error in told for error in errors)


def test_a_publishing_process_that_dies_is_replaced(hub, publisher, run_dir):
    publisher.submit(run_dir / "checkpoint-2", 2)
    while publisher.process is None:
        assert not publisher.jobs[2].done()
        time.sleep(0.01)
    publisher.process.kill()
    assert publisher.finish(run_dir) == []
    assert set(hub.repo("ada/tiny").tags) == {"step-2", "step-4"}


def test_no_permission_is_told_before_the_training(ada, hub):
    hub.account(ada.name, ada.token, role="read")
    with pytest.raises(PublishError, match="may only read"):
        Publisher("ada/tiny")
    hub.account(ada.name, ada.token)
    with pytest.raises(PublishError, match="may not write to bob/tiny"):
        Publisher("bob/tiny")


def test_a_hub_that_is_down_at_the_start_does_not_keep_anybody_from_training(
    hub, ada, run_dir, monkeypatch, capsys
):
    monkeypatch.setattr("training.hub.errors.WAITS", (0.01,))
    hub.break_for("ada", only=("503",), rate=1, most=2)
    publisher = Publisher("ada/tiny")
    assert "training goes on" in capsys.readouterr().err
    assert publisher.finish() == []
