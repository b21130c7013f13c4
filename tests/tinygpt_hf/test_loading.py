"""One safe way in: a folder, a shipped name and the Hub are the same model."""

import shutil

import pytest
import torch
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from tests.tinygpt_hf.answers import equal
from tinygpt_hf import TinyGPTConfig, TinyGPTForCausalLM, loading
from tinygpt_hf.loading import LoadError, load
from tinygpt_hf.tokenization import train_bpe, train_char


def test_a_folder_a_checkpoint_a_shipped_name_and_the_hub_are_one_way(
    run_dir, there, monkeypatch, tmp_path
):
    expected = (
        TinyGPTForCausalLM.from_pretrained(run_dir).eval(),
        AutoTokenizer.from_pretrained(run_dir),
    )
    shipped = tmp_path / "checkpoints"
    shutil.copytree(run_dir, shipped / "tiny")
    monkeypatch.setattr(loading, "SHIPPED", shipped)
    repo_id = there()
    for name in (run_dir, str(run_dir), run_dir / "checkpoint-4", "tiny", repo_id):
        model, tokenizer = load(name)
        assert equal((model, tokenizer), expected), name
        assert isinstance(model, TinyGPTForCausalLM)
        assert not model.training
        assert model.dtype == torch.float32


@pytest.mark.parametrize(
    "tokenizer",
    [
        lambda: train_char(["hear me speak, é"]),
        lambda: train_char(["hear me speak"], chat=True),
        lambda: train_char(["hear me speak"], closed="minigpt"),
        lambda: train_bpe(["hear me speak " * 9], 260),
    ],
    ids=["char", "chat", "closed", "bpe"],
)
def test_the_tokenizer_is_the_one_that_transformers_loads(tokenizer, tmp_path):
    tokenizer().save_pretrained(tmp_path / "tokenizer")
    theirs = AutoTokenizer.from_pretrained(tmp_path / "tokenizer")
    config = TinyGPTConfig(vocab_size=len(theirs), hidden_size=16)
    TinyGPTForCausalLM(config).save_pretrained(tmp_path / "tokenizer")
    _, ours = load(tmp_path / "tokenizer")
    assert type(ours) is PreTrainedTokenizerFast
    for text in ("hear me speak", "speak <|endoftext|>", "hear  me\n\tspeak é"):
        assert ours(text)["input_ids"] == theirs(text)["input_ids"]
    ids = list(range(len(theirs)))
    for skip in (True, False):
        assert ours.decode(ids, skip_special_tokens=skip) == theirs.decode(
            ids, skip_special_tokens=skip
        )
    for name in ("bos_token", "eos_token", "pad_token", "unk_token", "chat_template"):
        assert getattr(ours, name) == getattr(theirs, name), name
    for name in ("padding_side", "model_max_length", "all_special_ids"):
        assert getattr(ours, name) == getattr(theirs, name), name


@pytest.mark.parametrize(
    "name",
    ["../x", "a/../b", "eve/..", "no such model", "eve/tiny/more", "nope", "", ".", "..@main"],
)
def test_a_name_that_is_nothing_says_what_could_be(hub, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LoadError, match=r"is neither a folder|has no config"):
        load(name)
    assert not hub.layer.requests


@pytest.mark.parametrize("name", ["runs/nothing", "mine/nothing"])
def test_a_folder_that_is_not_there_is_not_blamed_on_the_hub_alone(
    hub, name, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    with pytest.raises(LoadError, match=f"there is no folder {name}, and on the Hub: {name}"):
        load(name)


@pytest.mark.parametrize("revision", ["../../x", "/etc/passwd", "a b", "-x", "a..b"])
def test_a_revision_that_is_a_path_is_refused(there, revision):
    with pytest.raises(LoadError, match="is not a branch, a tag or a commit"):
        load(f"{there()}@{revision}")


def test_an_unfinished_run_says_so(tmp_path):
    with pytest.raises(LoadError, match=r"no config\.json: is it a finished run"):
        load(tmp_path)


def test_what_was_published_can_be_loaded_our_own_way(ada, hub, run_dir):
    from training.publish import publish

    publish(run_dir, "ada/tiny", prove=lambda *_: None)
    assert equal(load("ada/tiny@step-4"), load(run_dir))
