"""Fixtures around the loopback Hub.

Imported before any test, so that the real client points there and nowhere else.
"""

import json
import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from .hub import LoopbackHub, bind

# huggingface_hub reads its endpoint once, when it is imported. The port is ours from here on, and
# nobody answers on it until a test asks for the Hub: a test that forgets to ask is refused at once,
# and never reaches the real one.
_SOCKET = bind()
ENDPOINT = f"http://127.0.0.1:{_SOCKET.getsockname()[1]}"
assert "huggingface_hub" not in sys.modules, "the loopback Hub must be known before its client"
os.environ["HF_ENDPOINT"] = ENDPOINT
os.environ.pop("HF_TOKEN", None)

MARK = "0123456789abcdef"  # of the run that the fixtures make
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT", "OMP_NUM_THREADS")


def pytest_unconfigure() -> None:
    _SOCKET.close()


@pytest.fixture(scope="session")
def _hub() -> Iterator[LoopbackHub]:
    with LoopbackHub(_SOCKET) as hub:
        yield hub


@pytest.fixture
def hub(_hub: LoopbackHub, monkeypatch, tmp_path: Path) -> Iterator[LoopbackHub]:
    """An empty Hub, and this process online with it, with a cache of its own."""
    from huggingface_hub import constants

    _hub.clear()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)  # for the processes it starts
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub-cache"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
    yield _hub
    _hub.clear()


@dataclass
class User:
    """Somebody with a token, in this process and in the processes it starts."""

    name: str
    token: str
    home: Path
    extra: dict[str, str] = field(default_factory=dict)

    def environment(self, **more: str) -> dict[str, str]:
        """For a fresh process: the Hub and the token, a new home, and no project on the path."""
        passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        return passed | {
            "HF_ENDPOINT": ENDPOINT,
            "HF_HOME": str(self.home),
            "HF_TOKEN": self.token,
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "PYTHONWARNDEFAULTENCODING": "1",
            **self.extra,
            **more,
        }


@pytest.fixture
def ada(hub: LoopbackHub, monkeypatch, tmp_path: Path) -> User:
    """Ada may write. Her token is in the environment, as HF_TOKEN."""
    user = User("ada", "hf_" + secrets.token_hex(17), tmp_path / "home")
    hub.account(user.name, user.token)
    monkeypatch.setenv("HF_TOKEN", user.token)
    return user


@pytest.fixture(scope="session")
def _finished_run(tmp_path_factory) -> Path:
    import torch

    from tinygpt_hf import TinyGPTConfig, TinyGPTForCausalLM
    from tinygpt_hf.tokenization import train_char

    run = tmp_path_factory.mktemp("runs") / "tiny"
    tokenizer = train_char(["First Citizen:\nBefore we proceed any further, hear me speak.\n"])
    for step in (2, 4):
        torch.manual_seed(step)
        config = TinyGPTConfig(
            vocab_size=len(tokenizer),
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            max_position_embeddings=8,
        )
        model = TinyGPTForCausalLM(config)
        for folder in (run / f"checkpoint-{step}", run):
            model.save_pretrained(folder)
            tokenizer.save_pretrained(folder)
        state = {"log_history": [{"step": step, "eval_loss": 6.0 - step}]}
        write_json(run / f"checkpoint-{step}" / "trainer_state.json", state)
        (run / f"checkpoint-{step}" / "optimizer.pt").write_bytes(b"\x80\x02 a pickle")
    write_json(
        run / "metrics.json",
        {
            "val_loss": 2.0,
            "val_bits_per_byte": 2.9,
            "train_loss": 2.1,
            "train_seconds": 1.5,
            "steps": 4,
            "tokens": 512,
            "parameters": model.num_parameters(),
            "recipe": "tiny",
            "seed": 7,
            "run": MARK,
        },
    )
    write_json(run / "run.json", {"facts": {"recipe": "tiny", "seed": 7, "run": MARK}})
    (run / "loss.png").write_bytes(b"\x89PNG\r\n\x1a\n\0 a curve")
    return run


@pytest.fixture
def run_dir(_finished_run: Path, tmp_path: Path) -> Path:
    """A finished run with two checkpoints, for a test to do with as it likes."""
    return Path(shutil.copytree(_finished_run, tmp_path / "runs" / "tiny"))


def write_json(path: Path, content: dict) -> None:
    path.write_text(json.dumps(content, indent=2), encoding="utf-8")
