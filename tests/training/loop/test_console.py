"""Any text can be printed on any console, sample prints the text and nothing else, and a command
neither imports what it does not use nor searches for garbage when it ends."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from training.loop.console import hide, show
from training.train import main

ROOT = Path(__file__).parents[3]
TEXT = "naïve 字🙂 \u202e\x07text\n"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("console")
    os.environ["TINYGPT_CACHE"] = str(folder / "cache")
    (folder / "text.txt").write_text(TEXT * 100, encoding="utf-8")
    flags = ["--max_steps", "3", "--hidden_size", "16", "--num_attention_heads", "2"]
    flags += ["--num_hidden_layers", "1", "--max_position_embeddings", "16"]
    flags += ["--disable_tqdm", "true", "--save_strategy", "no"]
    assert main([str(folder / "text.txt"), "--output_dir", str(folder / "run"), *flags]) == 0
    return folder / "run"


def on_an_old_console(*arguments: str) -> subprocess.CompletedProcess:
    environment = os.environ | {"PYTHONIOENCODING": "cp1252"}
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True)


def test_sample_prints_the_prompt_its_continuation_and_a_newline(run):
    done = on_an_old_console(
        "training.sample", str(run), "--prompt", "  字🙂 ", "--max_new_tokens", "20", "--seed", "1"
    )
    assert done.returncode == 0, done.stderr
    printed = done.stdout.decode("cp1252")
    assert printed.startswith("  \\u5b57\\U0001f642 ")
    assert printed.endswith("\n")


@pytest.fixture(scope="module")
def trained(run, tmp_path_factory):
    """A command that trains, and on standard error also each module that it imports."""
    folder = tmp_path_factory.mktemp("trained")
    flags = ["--max_steps", "1", "--prompt", "字🙂", "--init_from", str(run)]
    text = str(run.parent / "text.txt")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPROFILEIMPORTTIME", "1")
        done = on_an_old_console("training.train", text, "--output_dir", str(folder / "r"), *flags)
    assert done.returncode == 0, done.stderr
    return done


def test_training_prints_its_samples(trained):
    assert b"\\u5b57\\U0001f642" in trained.stderr


def test_training_on_a_file_imports_no_tables(trained):
    imported = {line.rpartition(b"|")[2].strip() for line in trained.stderr.splitlines()}
    assert b"training.loop.trainer" in imported  # so the list is one of modules
    assert not imported & {b"datasets", b"pandas", b"pyarrow"}


def test_a_hidden_package_is_not_there_until_it_is_shown(monkeypatch):
    monkeypatch.delitem(sys.modules, "this", raising=False)
    hide("this")
    try:
        assert importlib.util.find_spec("this") is None
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module("this")
    finally:
        show("this")
    assert importlib.util.find_spec("this")


def test_a_package_that_is_imported_already_is_not_hidden():
    hide("json")
    assert importlib.import_module("json").dumps("x") == '"x"'
    show("json")
    assert "json" in sys.modules


def test_leaving_runs_what_runs_at_exit_and_collects_nothing():
    program = """if True:
        import atexit
        from training.loop.console import leave
        class Circle:
            def __init__(self):
                self.itself = self
            def __del__(self):
                print("collected")
        Circle()
        atexit.register(print, "at exit")
        leave(3)
    """
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, encoding="utf-8"
    )
    assert (done.returncode, done.stdout, done.stderr) == (3, "at exit\n", "")


def test_the_same_seed_gives_the_same_text(run, capsys):
    from training import sample

    texts = []
    for seed in ("1", "1", "2"):
        assert sample.main([str(run), "--prompt", "text", "--seed", seed]) == 0
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1] != texts[2]


@pytest.mark.parametrize("command", ["sample", "evaluate"])
def test_a_model_that_is_not_there_gets_one_line(command, capsys, tmp_path):
    import importlib

    (tmp_path / "text.txt").write_text("text", encoding="utf-8")
    module = importlib.import_module(f"training.{command}")
    more = ["--prompt", "x"] if command == "sample" else ["--text", str(tmp_path / "text.txt")]
    assert module.main(["no-such-model", *more]) == 1
    error = capsys.readouterr().err.strip()
    assert "no-such-model" in error
    assert len(error.splitlines()) == 1
