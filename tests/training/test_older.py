"""What commit b167178 saved, before a block had one forward pass: it loads and goes on as before.

`tests/data/b167178` was written by the code of that commit: a finished model, a run that stopped
after 6 of its 12 steps, and in `expected.safetensors` what that code computed from both and from
the checkpoints that ship, those of the history among them.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tinygpt_hf import TinyGPTForCausalLM
from tinygpt_hf.loading import SHIPPED, load
from training.train import main

OLDER = Path(__file__).parents[1] / "data" / "b167178"
EXPECTED = load_file(OLDER / "expected.safetensors")
SHIPPED_THEN = sorted(name.split(" ", 1)[1] for name in EXPECTED if name.startswith("shipped "))


@torch.no_grad()
def test_a_model_has_the_logits_that_it_had():
    model, tokenizer = load(OLDER / "model")
    assert len(tokenizer) == model.config.vocab_size
    logits = model(EXPECTED["ids"]).logits
    assert torch.allclose(logits, EXPECTED["logits"], atol=1e-5)


def test_a_half_done_run_ends_with_the_weights_that_it_would_have_had(tmp_path):
    run = tmp_path / "run"
    shutil.copytree(OLDER / "run", run)
    assert main(["--resume", "--output_dir", str(run), "--disable_tqdm", "True"]) == 0
    ends = load_file(run / "checkpoint-12" / "model.safetensors")
    then = {
        name.removeprefix("step 12 "): value
        for name, value in EXPECTED.items()
        if name.startswith("step 12 ")
    }
    begun = load_file(OLDER / "run" / "checkpoint-6" / "model.safetensors")
    assert ends.keys() == then.keys()
    for name, value in then.items():
        assert torch.allclose(ends[name], value, atol=1e-4), name
    assert any(not torch.equal(begun[name], value) for name, value in ends.items())
    assert load(run)[0].config.max_position_embeddings == 16


@pytest.mark.parametrize("name", SHIPPED_THEN)
@torch.no_grad()
def test_what_ships_has_the_logits_that_it_had(name):
    folder, file = name.rsplit(" ", 1)
    model, _ = load(SHIPPED / folder)
    if file != "model":  # a step of the history
        model.load_state_dict(load_file(SHIPPED / folder / f"{file}.safetensors"))
    assert isinstance(model, TinyGPTForCausalLM)
    window, size = model.config.max_position_embeddings, model.config.vocab_size
    ids = (torch.arange(20)[None] % 60 % size)[:, :window]
    then = EXPECTED[f"shipped {name}"]
    now = model(ids).logits[0, -1, : len(then)]
    assert torch.allclose(now, then, atol=1e-4, rtol=1e-4)
