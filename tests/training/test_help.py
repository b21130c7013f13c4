"""What the commands say at once: nothing heavy is imported for it."""

import subprocess
import sys

import pytest

from training.train import main

HEAVY = ("torch", "transformers", "numpy", "accelerate", "datasets")


@pytest.mark.parametrize("command", ["train", "sample", "evaluate", "export"])
def test_help_is_instant(command):
    code = (
        f"import sys\nfrom training.{command} import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        f"heavy = [name for name in {HEAVY} if name in sys.modules]\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True
    )
    assert "usage" in done.stdout


def test_help_all_lists_the_platform(capsys):
    assert main(["--help_all"]) == 0
    shown = capsys.readouterr().out
    for flag in ("--minutes", "--hidden_size", "--learning_rate", "--gradient_accumulation_steps"):
        assert flag in shown


def test_the_list_is_in_columns(capsys):
    assert main(["--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    begin = {len(line) - len(line.partition("  ")[2].lstrip()) for line in lines}
    assert len(lines) > 10
    assert len(begin) == 1


@pytest.mark.parametrize(
    ("typed", "answer"),
    [([], "--list"), (["--minutes", "3"], "--list"), (["shakespear"], "nearest: 'shakespeare'")],
)
def test_what_cannot_be_trained_is_said_at_once(typed, answer):
    heavy = (
        "import sys\nfrom training.train import main\n"
        f"code = main({typed})\n"
        f"assert not [name for name in {HEAVY} if name in sys.modules]\n"
        "sys.exit(code)\n"
    )
    done = subprocess.run([sys.executable, "-c", heavy], capture_output=True, encoding="utf-8")
    assert done.returncode == 1
    assert answer in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        (["modern", "--minutes", "nan"], "--minutes is nan; it must be above 0"),
        (["modern", "--minutes", "-1"], "--minutes is -1.0; it must be above 0"),
        (["modern", "--validation", "2"], "--validation is 2.0; it is a share, below 1"),
        (["hello", "--arch", "llama"], "--arch llama is for a text of your own"),
        (["hello", "--publish", "badname"], "'badname' does not say whose it is"),
    ],
)
def test_numbers_and_names_out_of_range_are_named(typed, answer, tmp_path, capsys):
    run = tmp_path / "run"
    assert main([*typed, "--output_dir", str(run)]) == 1
    assert answer in capsys.readouterr().err
    assert not run.exists()


@pytest.mark.parametrize("typed", [["--temperature", "0"], ["--top_p", "2"], ["--top_k", "-1"]])
def test_a_sampling_that_cannot_be_is_refused(typed, capsys):
    from training.sample import main as sample

    with pytest.raises(SystemExit):
        sample(["hello", "--prompt", "hell", *typed])
    assert typed[0] in capsys.readouterr().err
