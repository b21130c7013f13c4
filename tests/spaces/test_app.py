"""What app.py has to do for a Space, seen without starting one."""

import subprocess
import sys

import app

from .conftest import ROOT


def test_a_space_has_variables_in_the_place_of_flags(monkeypatch):
    """So that a Space which somebody duplicates needs no edit."""
    for name in ("TINYGPT_MODEL", "TINYGPT_BASELINE"):
        monkeypatch.delenv(name, raising=False)
    arguments = app.make_parser().parse_args([])
    assert (arguments.model, arguments.baseline) == (None, None)
    monkeypatch.setenv("TINYGPT_MODEL", "ada/tiny@step-4")
    monkeypatch.setenv("TINYGPT_BASELINE", "none")
    arguments = app.make_parser().parse_args([])
    assert (arguments.model, arguments.baseline) == ("ada/tiny@step-4", "none")
    assert app.make_parser().parse_args(["--model", "hello"]).model == "hello"


def test_where_nobody_says_otherwise_the_platform_says_where_to_listen():
    """A given name would win over GRADIO_SERVER_NAME, and nobody would reach the container."""
    assert app.make_parser().parse_args([]).host is None


def test_zerogpu_is_spoken_to_before_gradio_is_imported():
    script = (
        "import sys; sys.modules['gradio'] = None; import app\n"
        "try: app.main([])\n"
        "except ImportError: sys.exit('compare.engine.zerogpu' not in sys.modules)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, encoding="utf-8"
    )
    assert ended.returncode == 0, ended.stderr
