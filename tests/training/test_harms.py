"""Small harms that a command used to do in silence."""

import errno
import json

import psutil
import pytest
import torch

from tinygpt_hf.loading import load
from training import evaluate
from training.data import corpus
from training.loop import console, trainer
from training.loop.report import _public
from training.loop.trainer import CannotSaveError, whole_or_not_at_all
from training.train import main


def last_line(capsys) -> str:
    return capsys.readouterr().err.strip().splitlines()[-1]


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"),
    ],
)
def test_a_full_disk_is_called_that(tmp_path, error):
    with (
        pytest.raises(CannotSaveError, match="could not be saved: the disk is full"),
        whole_or_not_at_all(tmp_path / "checkpoint-1"),
    ):
        raise error


def test_a_disk_that_a_library_calls_something_else_is_asked(tmp_path, monkeypatch):
    enforced = RuntimeError("[enforce fail at inline_container.cc:672] unexpected pos 64 vs 0")
    with pytest.raises(CannotSaveError, match="enforce fail"), whole_or_not_at_all(tmp_path / "a"):
        raise enforced
    full = type("Usage", (), {"free": 0})
    monkeypatch.setattr(trainer.shutil, "disk_usage", lambda path: full)
    with (
        pytest.raises(CannotSaveError, match="the disk is full"),
        whole_or_not_at_all(tmp_path / "a"),
    ):
        raise enforced


def test_a_mistyped_tracker_is_no_package_to_install(tmp_path, capsys):
    run = str(tmp_path / "run")
    assert main(["hello", "--output_dir", run, "--report_to", "wandbb"]) == 1
    said = last_line(capsys)
    assert "there is no such tracker (nearest: 'wandb')" in said
    assert "pip install" not in said


@pytest.mark.parametrize(
    ("flag", "word"), [(["--report_to", "wandbb"], "tracker"), (["--hidden_size", "33"], "33")]
)
def test_a_wrong_flag_is_refused_before_any_text_is_read(monkeypatch, tmp_path, capsys, flag, word):
    def fetch():
        raise AssertionError("the text was read")

    monkeypatch.setattr(corpus, "fetch_shakespeare", fetch)
    assert main(["llama", "--output_dir", str(tmp_path / "run"), *flag]) == 1
    assert word in last_line(capsys)


def test_where_tiny_shakespeare_comes_from_is_said_before_it_is_asked_for(
    monkeypatch, tmp_path, capsys
):
    def refuse(*_, **__):
        assert corpus.SHAKESPEARE in capsys.readouterr().err
        raise OSError("no network")

    monkeypatch.setenv("TINYGPT_CACHE", str(tmp_path))
    monkeypatch.setattr(corpus.urllib.request, "urlopen", refuse)
    assert main(["bigram", "--output_dir", str(tmp_path / "run")]) == 1
    assert "could not be fetched" in last_line(capsys)


def test_accelerate_that_began_one_process_of_two_is_noticed(monkeypatch):
    def started_by(*command):
        parent = type("Parent", (), {"cmdline": lambda self: ["python", *command]})
        monkeypatch.setattr(psutil, "Process", lambda number: parent())
        return console.launched_alone()

    launch = ["bin/accelerate", "launch", "--cpu"]
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    for flag in (["--num_processes", "2"], ["--num_processes=2"], ["--num-processes", "2"]):
        assert "torchrun --nproc_per_node 2" in started_by(*launch, *flag, "-m", "training.train")
    assert started_by(*launch, "--num_processes", "1") is None
    assert started_by("bash") is None
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert started_by(*launch, "--num_processes", "2") is None


def test_evaluate_says_that_a_model_knows_the_text(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TINYGPT_CACHE", str(tmp_path / "cache"))
    text, other = tmp_path / "my.txt", tmp_path / "other.txt"
    text.write_text("to be or not to be, " * 200, encoding="utf-8")
    other.write_text("to be or not to be! ", encoding="utf-8")
    run = tmp_path / "run"
    flags = ["--max_steps", "2", "--max_position_embeddings", "16", "--disable_tqdm", "true"]
    assert main([str(text), "--output_dir", str(run), *flags]) == 0
    capsys.readouterr()
    assert evaluate.main([str(run), "--text", str(text)]) == 0
    assert f"{run} was trained on this text" in capsys.readouterr().out
    assert evaluate.main([str(run), "--text", str(other), "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["models"]
    assert found["trained_on_it"] is None


def test_weights_that_are_no_numbers_are_said_when_they_are_loaded(run_dir, caplog):
    from safetensors.torch import load_file, save_file

    weights = load_file(run_dir / "model.safetensors")
    name = next(iter(weights))
    weights[name].view(-1)[0] = torch.nan
    save_file(weights, run_dir / "model.safetensors", {"format": "pt"})
    load(run_dir)
    assert "holds NaN or infinity" in caplog.text
    assert name.split(".")[-1] in caplog.text


def test_a_pattern_that_makes_the_library_panic_is_an_error_like_any_other(run_dir):
    """Its PanicException is no Exception: nobody would catch it."""
    from tinygpt_hf.tokenization import encode_ids, train_bpe

    train_bpe(["aaa bbb aab"], 270, show_progress=False).save_pretrained(run_dir)
    path = run_dir / "tokenizer.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    split = {"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Isolated"}
    content["pre_tokenizer"] = split | {"invert": False}
    path.write_text(json.dumps(content), encoding="utf-8")
    from transformers import PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(path))
    with pytest.raises(ValueError, match="this tokenizer cannot cut the text into tokens"):
        encode_ids(tokenizer, "a" * 40 + "b")


def test_the_rungs_of_the_ladder_are_listed_among_what_ships():
    with pytest.raises(ValueError, match="ladder/1-bigram"):
        load("nosuch")


@pytest.mark.parametrize(
    ("remote", "shown"),
    [
        ("https://ada:secret@github.com/ada/tiny.git", "https://github.com/ada/tiny"),
        ("git@github.com:ada/tiny.git", "https://github.com/ada/tiny"),
        ("/srv/git/tiny.git", ""),
        ("../tiny", ""),
        ("", ""),
    ],
)
def test_a_remote_is_named_without_a_secret_or_a_place_of_this_machine(remote, shown):
    assert _public(remote) == shown
