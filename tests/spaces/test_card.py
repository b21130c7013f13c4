"""The Space's card says what is so: the versions, the revision, the hardware."""

import re

import pytest
from huggingface_hub import hf_hub_download
from huggingface_hub.hf_api import SpaceHardware

from compare.values.players import BASELINE, BASELINE_REVISION, DEFAULT, STORIES
from tests.hub.metadata import front_matter, problems

from .conftest import ROOT

TEXT = (ROOT / "spaces" / "README.md").read_text(encoding="utf-8")
CARD = front_matter(TEXT) or {}
REQUIREMENTS = dict(
    re.findall(
        r"^([\w-]+)(?:\[.*\])?==(\S+)",
        (ROOT / "requirements.txt").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
)


def test_the_hub_accepts_it():
    assert problems(TEXT, "space") == ([], [])


def test_it_installs_the_gradio_that_is_tested():
    assert CARD["sdk_version"] == REQUIREMENTS["gradio"]


def test_zerogpu_has_that_python_and_that_torch():
    assert CARD["python_version"] in ("3.10", "3.12")
    major, minor = map(int, REQUIREMENTS["torch"].split(".")[:2])
    assert (2, 8) <= (major, minor) <= (2, 13)


def test_it_suggests_hardware_that_there_is():
    assert CARD["suggested_hardware"] in [hardware.value for hardware in SpaceHardware]


def test_its_app_file_travels():
    assert (ROOT / CARD["app_file"]).is_file()


def test_its_words_for_the_variables_are_those_of_the_command(command):
    assert re.findall(r"`(TINYGPT_\w+)`", TEXT) == [command.MODEL, command.BASELINE]
    assert f"| `{STORIES}`, or `{DEFAULT}` where that is not here |" in TEXT


def test_the_baseline_is_preloaded_at_the_revision_that_the_page_asks_for():
    repo_id, files, revision = CARD["preload_from_hub"][0].split()
    assert (repo_id, revision) == (BASELINE, BASELINE_REVISION)
    assert "model.safetensors" in files.split(",")
    assert repo_id in CARD["models"]


@pytest.fixture
def small_gpt2(hub, tmp_path) -> str:
    """Under GPT-2's name, with the files that GPT-2's repository has; returns its commit."""
    from transformers import GPT2Config, GPT2LMHeadModel

    from tinygpt_hf.tokenization import train_bpe

    tokenizer = train_bpe(["the quick brown fox jumps over the lazy dog\n" * 20], 300)
    config = GPT2Config(vocab_size=len(tokenizer), n_positions=16, n_embd=8, n_layer=1, n_head=2)
    folder = tmp_path / "gpt2"
    GPT2LMHeadModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    # GPT-2's older form of the same tokenizer.
    files |= {"vocab.json": b"{}", "merges.txt": b"#version: 0.2\n"}
    files |= {"pytorch_model.bin": b"a pickle", "README.md": b"# GPT-2"}
    return hub.store.put("model", BASELINE, files).sha


def test_what_is_preloaded_is_all_that_the_baseline_needs(hub, monkeypatch, small_gpt2):
    """The files on the card, in the cache as the platform puts them there, and then no network."""
    from huggingface_hub import constants

    from compare.engine.loaders import load_baseline

    for name in CARD["preload_from_hub"][0].split()[1].split(","):
        hf_hub_download(BASELINE, name, revision=small_gpt2)
    hub.layer.requests.clear()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    contestant = load_baseline(f"{BASELINE}@{small_gpt2}")
    assert contestant.facts().layers == 1
    assert hub.layer.requests == []
