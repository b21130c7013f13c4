"""The ways in: a shipped name, a folder, a stranger's repo, any causal LM as the baseline."""

from __future__ import annotations

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from compare.engine.loaders import load_baseline, load_stranger, load_tiny
from compare.roster import Roster
from compare.values import RefusedError, Sampling
from tinygpt_hf.tokenization import train_bpe

MODEL = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")


@pytest.fixture
def files(run_dir):
    return {name: (run_dir / name).read_bytes() for name in MODEL}


def test_a_run_is_a_contestant(run_dir):
    who = load_tiny(str(run_dir))
    assert who.facts().source == str(run_dir)
    assert who.facts().revision is None
    assert list(who.stream("hear", Sampling(max_new_tokens=3)))[-1].tokens == 3


def test_a_repo_of_the_hub_shows_the_commit_that_is_served(hub, files):
    commit = hub.store.put("model", "eve/tiny", files)
    facts = load_stranger("eve/tiny@main").facts()
    assert facts.source == "eve/tiny"
    assert len(facts.revision) == 40
    if isinstance(commit, str):
        assert facts.revision == commit


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"config.json": b'{"model_type": "gpt2"}'}, "only 'tinygpt' models"),
        ({"config.json": b"not json"}, "is not JSON"),
        ({"model.safetensors": None, "pytorch_model.bin": b"pickle"}, "a pickle"),
    ],
)
def test_a_hostile_repo_is_a_sentence(hub, files, changed, sentence):
    content = {k: v for k, v in (files | changed).items() if v is not None}
    hub.store.put("model", "eve/evil", content)
    roster = Roster([], load_tiny, left="a", load_stranger=load_stranger)
    with pytest.raises(RefusedError, match=sentence):
        roster.get("eve/evil")


def test_a_config_that_asks_for_a_huge_model_is_refused_before_it_is_built(hub, files, monkeypatch):
    monkeypatch.setenv("TINYGPT_MAX_PARAMETERS", "1000")
    hub.store.put("model", "eve/huge", files)
    with pytest.raises(RefusedError, match="the limit is 1000"):
        Roster([], load_tiny, left="a", load_stranger=load_stranger).get("eve/huge")


def test_any_causal_lm_may_be_the_baseline(tmp_path):
    tokenizer = train_bpe(["to be or not to be " * 9], 280, show_progress=False)
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=len(tokenizer),
        n_positions=32,
        n_embd=16,
        n_layer=1,
        n_head=2,
        bos_token_id=0,
        eos_token_id=0,
    )
    GPT2LMHeadModel(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    who = load_baseline(str(tmp_path))
    assert who.model.dtype == torch.float32
    assert not who.facts().slides
    assert list(who.stream("to be", Sampling(max_new_tokens=3)))[-1].tokens


def test_a_baseline_of_pickles_is_refused(tmp_path):
    tokenizer = train_bpe(["to be " * 9], 280, show_progress=False)
    tokenizer.save_pretrained(tmp_path)
    GPT2Config(vocab_size=280).save_pretrained(tmp_path)
    (tmp_path / "pytorch_model.bin").write_bytes(b"pickle")
    with pytest.raises(OSError, match="safetensors"):
        load_baseline(str(tmp_path))
