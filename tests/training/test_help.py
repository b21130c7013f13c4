"""`--help` answers at once: nothing heavy is imported for it."""

import subprocess
import sys

import pytest

HEAVY = ("torch", "transformers", "numpy", "accelerate", "datasets")


@pytest.mark.parametrize("command", ["train", "sample", "evaluate"])
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
    from training.train import main

    assert main(["--help_all"]) == 0
    shown = capsys.readouterr().out
    for flag in ("--minutes", "--hidden_size", "--learning_rate", "--gradient_accumulation_steps"):
        assert flag in shown
