"""Runs from the command line to a finished folder: what seeds promise, what is left behind."""

import json

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from tinygpt_hf.loading import load
from training import sample
from training.train import main

QUIET = ["--disable_tqdm", "true", "--save_strategy", "no"]


def greedy(folder, prompt: str, tokens: int, capsys) -> str:
    capsys.readouterr()
    assert (
        sample.main([str(folder), "--prompt", prompt, "--greedy", "--max_new_tokens", str(tokens)])
        == 0
    )
    return capsys.readouterr().out


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYGPT_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("seed", range(5))
def test_hello_repeats_itself_far_past_its_window(seed, tmp_path, capsys):
    run = tmp_path / "run"
    assert main(["hello", "--output_dir", str(run), "--seed", str(seed), *QUIET]) == 0
    assert greedy(run, "hell", 496, capsys) == ("hello " * 84)[:500] + "\n"
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    assert 0.0495 < metrics["train_loss"] < 0.06
    assert metrics["parameters"] == 2_453


def test_next_char_knows_the_sixth_letter_and_cannot_spell(tmp_path, capsys):
    run = tmp_path / "run"
    assert main(["next-char", "--output_dir", str(run), *QUIET]) == 0
    assert greedy(run, "the c", 1, capsys) == "the ca\n"
    assert greedy(run, "sat o", 1, capsys) == "sat on\n"
    assert greedy(run, "the c", 16, capsys) == "the cat sat on hte ma"[:21] + "\n"
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["parameters"] == 1_728
    assert metrics["steps"] == 1_700
    assert metrics["train_loss"] > 0.0815


@pytest.mark.slow
def test_minigpt_learns_its_sentences_and_stops_by_itself(tmp_path, capsys):
    from training.data.corpus import SENTENCES

    run = tmp_path / "run"
    assert main(["minigpt", "--output_dir", str(run), *QUIET]) == 0
    known = SENTENCES.splitlines()
    written = []
    for seed in range(20):
        capsys.readouterr()
        sample.main([str(run), "--prompt", "the ", "--seed", str(seed), "--max_new_tokens", "60"])
        written.append(capsys.readouterr().out.removesuffix("\n"))
    assert sum(text in known for text in written) >= 16, written


def test_a_finished_run_is_all_that_DESIGN_promises(tmp_path, capsys):
    text = tmp_path / "text.txt"
    text.write_text("to be or not to be, that is the question.\n" * 60, encoding="utf-8")
    run = tmp_path / "run"
    flags = ["--max_position_embeddings", "16", "--hidden_size", "16", "--num_attention_heads", "2"]
    flags += ["--num_hidden_layers", "1", "--per_device_train_batch_size", "4", "--max_steps", "20"]
    flags += ["--seed", "7", "--prompt", "to be", "--disable_tqdm", "true"]
    assert main([str(text), "--output_dir", str(run), *flags]) == 0
    printed = capsys.readouterr().out

    model = AutoModelForCausalLM.from_pretrained(run)
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert model.config.use_cache
    assert AutoTokenizer.from_pretrained(run)("to be")["input_ids"]
    names = {path.name for path in run.iterdir()}
    assert {"model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json"} <= names
    assert {"metrics.json", "metrics.jsonl", "loss.png", "README.md", "samples.jsonl"} <= names
    assert not [name for name in names if name.endswith((".bin", ".pt", ".pkl"))]

    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    for key in ("val_loss", "val_bits_per_byte", "train_loss", "train_seconds"):
        assert metrics[key] > 0
    assert metrics["steps"] == 20
    assert metrics["tokens"] == 20 * 4 * 16
    assert metrics["parameters"] == model.num_parameters()
    assert metrics["recipe"] == "text"
    assert metrics["seed"] == 7
    assert metrics["sample"]["text"].startswith("to be")
    assert f"{metrics['val_loss']:.4f}" in printed

    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text("utf-8").splitlines()]
    assert [row["step"] for row in rows] == list(range(1, 21))
    validated = {row["step"]: row["val_loss"] for row in rows if "val_loss" in row}
    assert sorted(validated) == list(range(2, 21, 2))
    assert min(validated.values()) == metrics["val_loss"]


def test_the_validation_loss_is_that_of_the_kept_model_over_the_whole_split(tmp_path):
    """Recomputed with plain tensor code from the saved folder."""
    text = tmp_path / "text.txt"
    content = "".join(f"{n} bottles of beer on the wall\n" for n in range(99, 0, -1))
    text.write_text(content, encoding="utf-8")
    run = tmp_path / "run"
    flags = ["--max_position_embeddings", "16", "--hidden_size", "16", "--num_attention_heads", "2"]
    flags += ["--num_hidden_layers", "1", "--max_steps", "10", "--bf16", "false", *QUIET]
    assert main([str(text), "--output_dir", str(run), *flags]) == 0
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    model, tokenizer = load(run)
    ids = tokenizer(content)["input_ids"]
    held = torch.tensor(ids[int(len(ids) * 0.9) :])
    nats = 0.0
    with torch.no_grad():
        for start in range(0, len(held) - 1, 16):
            window = held[start : start + 17]
            logits = model(window[None, :-1]).logits[0]
            nats += torch.nn.functional.cross_entropy(logits, window[1:], reduction="sum").item()
    assert metrics["val_loss"] == pytest.approx(nats / (len(held) - 1), abs=1e-5)
    assert metrics["val_bits_per_byte"] == pytest.approx(metrics["val_loss"] / 0.6931472, rel=1e-5)


def test_without_evaluations_the_last_model_is_kept(tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("abcdefgh" * 100, encoding="utf-8")
    run = tmp_path / "run"
    flags = ["--max_steps", "2", "--eval_strategy", "no", *QUIET]
    assert main([str(text), "--output_dir", str(run), *flags]) == 0
    load(run)
    assert json.loads((run / "metrics.json").read_text(encoding="utf-8"))["steps"] == 2


def test_a_run_is_not_overwritten(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    short = ["--max_steps", "1", *QUIET]
    assert main(["hello", *short]) == 0
    assert main(["hello", *short]) == 0
    assert (tmp_path / "runs/hello/metrics.json").exists()
    assert (tmp_path / "runs/hello-2/metrics.json").exists()
    assert main(["hello", "--output_dir", "runs/hello", *short]) == 1
    assert "--resume" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("schedule", "more", "halfway"),
    [
        ("linear", [], 0.5),
        ("cosine", [], 0.5),
        ("warmup_stable_decay", ["--lr_scheduler_kwargs", '{"num_decay_steps": 8}'], 1.0),
    ],
)
def test_schedules(schedule, more, halfway, tmp_path):
    run = tmp_path / "run"
    flags = ["--lr_scheduler_type", schedule, *more, "--max_steps", "21", "--learning_rate", "1"]
    assert main(["hello", "--output_dir", str(run), *flags, *QUIET]) == 0
    text = (run / "metrics.jsonl").read_text(encoding="utf-8")
    rates = [json.loads(line)["learning_rate"] for line in text.splitlines()]
    assert rates[0] == 1
    assert rates[10] == pytest.approx(halfway, abs=0.04)
    assert rates[-1] < 0.15


def test_early_stopping_keeps_the_best(tmp_path, capsys):
    """A text that does not go on as it began: validation gets worse from early on."""
    text = tmp_path / "text.txt"
    text.write_text("abcdefgh" * 200 + "hgfedcba" * 20, encoding="utf-8")
    run = tmp_path / "run"
    flags = ["--max_position_embeddings", "16", "--hidden_size", "16", "--num_attention_heads", "2"]
    flags += ["--num_hidden_layers", "1", "--max_steps", "200", "--eval_steps", "5"]
    flags += ["--patience", "3", *QUIET]
    assert main([str(text), "--output_dir", str(run), *flags]) == 0
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text("utf-8").splitlines()]
    losses = {row["step"]: row["val_loss"] for row in rows if "val_loss" in row}
    assert metrics["steps"] < 200
    assert metrics["best_step"] == metrics["steps"] - 15
    assert metrics["val_loss"] == min(losses.values()) == losses[metrics["best_step"]]
    errors = capsys.readouterr().err
    assert "learned by heart" in errors
    assert "3 evaluations in a row" in errors


def test_a_checkpoint_at_each_step_that_was_asked_for(tmp_path):
    run = tmp_path / "run"
    flags = ["--save_at", "0", "1", "2", "4", "--max_steps", "5", "--disable_tqdm", "true"]
    assert main(["hello", "--output_dir", str(run), *flags, "--save_steps", "100"]) == 0
    steps = sorted(int(p.name.split("-")[1]) for p in run.glob("checkpoint-*"))
    assert steps == [0, 1, 2, 4, 5]
    untrained, trained = load(run / "checkpoint-0")[0], load(run)[0]
    assert not torch.equal(untrained.lm_head.weight, trained.lm_head.weight)


def test_what_happens_after_each_pass(tmp_path):
    """The platform's `epoch` strategies mean passes over the text, as anyone would expect."""
    text = tmp_path / "text.txt"
    text.write_text("to be or not to be, that is the question.\n" * 20, encoding="utf-8")
    run = tmp_path / "run"
    flags = ["--max_position_embeddings", "16", "--hidden_size", "16", "--num_attention_heads", "2"]
    flags += ["--num_hidden_layers", "1", "--num_train_epochs", "3", "--eval_strategy", "epoch"]
    flags += ["--per_device_train_batch_size", "2"]
    assert main([str(text), "--output_dir", str(run), *flags, *QUIET]) == 0
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text("utf-8").splitlines()]
    assert [row["step"] for row in rows if "val_loss" in row] == [23, 46, 69]  # 46 windows a pass


def test_label_smoothing_reaches_the_loss(tmp_path):
    first = []
    for name, more in (("plain", []), ("smooth", ["--label_smoothing_factor", "0.3"])):
        run = tmp_path / name
        assert main(["hello", "--output_dir", str(run), "--max_steps", "60", *more, *QUIET]) == 0
        lines = (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
        first.append(json.loads(lines[-1])["train_loss"])
    assert first[0] < 0.1  # learned by heart
    assert first[1] > 0.5  # being sure costs


def test_a_token_is_never_written_into_a_run(tmp_path, capsys):
    run = tmp_path / "run"
    assert main(["hello", "--output_dir", str(run), "--hub_token", "hf_secret"]) == 1
    assert "HF_TOKEN" in capsys.readouterr().err
    assert not run.exists()
