"""The postcard: flags first, then the page."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

import app
from compare.lineup import CHECKPOINTS
from tests.compare.protocol import Visitor
from tests.compare.servers import serve

ROOT = Path(__file__).parents[1]


def test_help_is_instant_because_nothing_heavy_is_imported():
    script = (
        "import sys, app\n"
        "try: app.main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'transformers', 'gradio', 'numpy'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, encoding="utf-8", check=False
    )
    assert run.returncode == 0, run.stderr
    for flag in ("--model", "--baseline", "--host", "--port", "--share"):
        assert flag in run.stdout


def test_the_page_is_up_before_torch_is():
    """The loaders import torch when the first model is asked for, the page does not."""
    script = (
        "import sys\n"
        "from compare.page import build_demo\n"
        "from compare.roster import Roster\n"
        "build_demo(Roster(['shakespeare'], lambda name: None))\n"
        "sys.exit('torch is here' if 'torch' in sys.modules else 0)"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, encoding="utf-8", check=False
    )
    assert run.returncode == 0, run.stderr


def test_an_unknown_flag_is_a_line_and_not_a_page(capsys):
    with pytest.raises(SystemExit):
        app.main(["--modle", "x"])
    assert "unrecognized arguments: --modle" in capsys.readouterr().err


def test_a_port_that_is_taken_is_named(monkeypatch, capsys):
    from compare import page

    monkeypatch.delenv("GRADIO_SERVER_PORT", raising=False)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        monkeypatch.setattr(page, "_PORT", other.getsockname()[1])
        page._say_if_taken({"server_port": None})
        assert f"Port {page._PORT} is taken" in capsys.readouterr().err
        page._say_if_taken({"server_port": 1234})  # Gradio refuses that one by itself
        page._say_if_taken({"server_name": "::"})  # nor is this one asked by IPv4
    page._say_if_taken({"server_port": None})
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(not (CHECKPOINTS / "hello").is_dir(), reason="no checkpoints/hello here")
def test_hello_is_served_as_it_ships():
    """`python app.py --model hello` writes hello hello, and says what the stand-in is."""
    with serve("app.py", "--model", "hello", "--baseline", "none") as url:
        visitor = Visitor(url)
        event = visitor.event_of("generate")
        reply = visitor.send(event, visitor.events()[event])
        visitor.close()
    assert reply.success
    assert "hello hello hello" in reply.html()
    assert "hello</h2><span class='size'>" in reply.html()
    assert "2.5k parameters" in reply.html()


@pytest.mark.parametrize("text", ["99999", "-1", "many"])
def test_what_is_no_port_is_said(text, capsys):
    with pytest.raises(SystemExit):
        app.main(["--port", text])
    assert f"{text!r} is no port: 0 to 65535" in capsys.readouterr().err


def test_a_folder_that_is_not_there_is_said_before_the_page_starts(tmp_path, monkeypatch, capsys):
    (tmp_path / "runs").mkdir()
    monkeypatch.chdir(tmp_path)
    for name in ("runs/nothing", str(tmp_path / "nothing")):
        with pytest.raises(SystemExit):
            app.main(["--model", name])
        assert f"--model {name}: there is no such folder" in capsys.readouterr().err
    assert not app.missing("ada/shakespeare")
    assert not app.missing("shakespeare")
    assert not app.missing("runs")
