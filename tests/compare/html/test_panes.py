"""The lines under a pane write the text of the pane."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from compare.engine.contestant import Contestant
from compare.html.panes import code_for
from compare.values import Facts, Sampling
from tinygpt_hf import TinyGPTConfig, TinyGPTForCausalLM
from tinygpt_hf.tokenization import train_bpe, train_char

ROOT = Path(__file__).parents[3]
TEXT = "To be, or not to be: that is the question.\n" * 20
SETTINGS = [
    Sampling(seed=7, max_new_tokens=90),
    Sampling(greedy=True, repetition_penalty=1.3, max_new_tokens=30),
]


def saved(kind: str, folder: Path) -> Contestant:
    torch.manual_seed(0)
    if kind == "gpt2":
        tokenizer = train_bpe([TEXT], 300, show_progress=False)
        config = GPT2Config(
            vocab_size=len(tokenizer),
            n_positions=128,
            n_embd=32,
            n_layer=2,
            n_head=2,
            bos_token_id=0,
            eos_token_id=0,
        )
        model = GPT2LMHeadModel(config)
    else:
        closed = "minigpt" if kind == "minigpt" else None
        tokenizer = train_char([TEXT], closed=closed)
        config = TinyGPTConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            num_hidden_layers=2,
            max_position_embeddings=32,
            bos_token_id=2 if closed else None,
            eos_token_id=3 if closed else None,
        )
        model = TinyGPTForCausalLM(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return Contestant(kind, model, tokenizer, source=str(folder))


@pytest.mark.parametrize("kind", ["shakespeare", "minigpt", "gpt2"])
def test_the_code_prints_what_the_pane_shows(kind, tmp_path):
    who = saved(kind, tmp_path)
    prompt = "To be 'or' \"not\"\\n\n" if kind != "minigpt" else "To be"
    programs = [code_for(who.facts(), prompt, sampling) for sampling in SETTINGS]
    expected = [prompt + list(who.stream(prompt, sampling))[-1].text for sampling in SETTINGS]
    script = tmp_path / "code.py"
    script.write_text("\nprint('=====')\n".join(programs), encoding="utf-8")
    run = subprocess.run(
        [sys.executable, script],
        capture_output=True,
        check=False,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
    )
    assert run.returncode == 0, run.stderr.decode()
    assert run.stdout.decode() == "\n=====\n".join(expected) + "\n"


def test_a_model_of_the_hub_is_named_with_its_commit():
    facts = Facts("ada/tiny", 1, 1, 1, 1, 8, 5, source="ada/tiny", revision="c0ffee")
    code = code_for(facts, "x", Sampling())
    assert "from_pretrained('ada/tiny', revision='c0ffee', trust_remote_code=True" in code
    gpt2 = Facts("GPT-2", 1, 1, 1, 1, 8, 5, slides=False, source="gpt2", revision="607a30d")
    assert "trust_remote_code" not in code_for(gpt2, "x", Sampling())
