"""Clients that are not among our own packages: TRL, lm-eval, torchao. Each is skipped by its name.

pip install --no-deps --target DIR trl torchao; pip install --target DIR lm_eval
PYTHONPATH=DIR python -m pytest -m slow tests/tinygpt_hf/test_clients_beside.py
"""

import copy

import pytest
import torch
from datasets import Dataset

from tinygpt_hf.tokenization import train_char

from .shapes import ALL, make, tokens

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # theirs: of what they deprecate among themselves
]
TEXT = "First Citizen:\nBefore we proceed any further, hear me speak.\n"
SHAPES = pytest.mark.parametrize("shape", ["gpt2", "llama", "modern"])
STEPS = 6


@pytest.fixture
def tokenizer():
    return train_char([TEXT], chat=True)


def learner(shape, tokenizer):
    ids = {"vocab_size": len(tokenizer), "eos_token_id": 0, "pad_token_id": 1}
    return make(ALL[shape] | ids | {"max_position_embeddings": 64}, "sdpa")


def settings(tmp_path):
    return {
        "output_dir": str(tmp_path),
        "max_steps": STEPS,
        "per_device_train_batch_size": 4,
        "learning_rate": 0.02,
        "logging_steps": 1,
        "report_to": "none",
        "use_cpu": True,
        "bf16": False,
        "max_length": 64,
        "save_strategy": "no",
        "disable_tqdm": True,
    }


def losses(trainer):
    return [row["loss"] for row in trainer.state.log_history if "loss" in row]


@SHAPES
def test_trl_sft(shape, tokenizer, tmp_path):
    """Conversations, the loss on the answers alone: it falls, and every parameter moves."""
    trl = pytest.importorskip("trl")
    model = learner(shape, tokenizer)
    before = copy.deepcopy(model.state_dict())
    chat = [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "Me, further."}]
    trainer = trl.SFTTrainer(
        model=model,
        args=trl.SFTConfig(**settings(tmp_path), assistant_only_loss=True),
        train_dataset=Dataset.from_dict({"messages": [chat] * 8}),
        processing_class=tokenizer,
    )
    trainer.train()
    found = losses(trainer)
    assert len(found) == STEPS
    assert found[-1] < found[0] - 0.1
    moved = [name for name, value in model.state_dict().items() if not value.equal(before[name])]
    assert len(moved) > 0.8 * len(before)


@SHAPES
def test_trl_dpo(shape, tokenizer, tmp_path):
    """With the reference handed over: TRL itself would load it by name, without our code."""
    trl = pytest.importorskip("trl")
    model = learner(shape, tokenizer)
    pairs = {"prompt": ["Who? "] * 8, "chosen": ["Me"] * 8, "rejected": ["further"] * 8}
    trainer = trl.DPOTrainer(
        model=model,
        ref_model=copy.deepcopy(model),
        args=trl.DPOConfig(**settings(tmp_path)),
        train_dataset=Dataset.from_dict(pairs),
        processing_class=tokenizer,
    )
    trainer.train()
    found = losses(trainer)
    assert found[0] == pytest.approx(0.6931, abs=1e-3)  # the reference itself
    assert found[-1] < found[0] - 0.1


@SHAPES
@torch.no_grad()
def test_lm_eval(shape, tokenizer):
    """Its log-likelihoods are the sums of ours."""
    pytest.importorskip("lm_eval")
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    model = learner(shape, tokenizer)
    judge = HFLM(pretrained=model, tokenizer=tokenizer, batch_size=2, device="cpu")
    pairs = [("First Citizen:", " Before we"), ("hear", " me speak.")]
    asked = [Instance("loglikelihood", {}, pair, n) for n, pair in enumerate(pairs)]
    for (begin, end), (odds, _) in zip(pairs, judge.loglikelihood(asked), strict=True):
        ids = tokenizer(begin + end, return_tensors="pt").input_ids
        ours = model(ids[:, :-1], use_cache=False).logits.log_softmax(-1)[0]
        ours = ours.gather(-1, ids[0, 1:, None])[-len(end) :].sum()
        assert odds == pytest.approx(float(ours), abs=1e-3)


@SHAPES
def test_torchao_int8(shape, tokenizer):
    """Eight-bit weights, with gradients on as a user has them: the logits stay near."""
    pytest.importorskip("torchao")
    from torchao.quantization import Int8WeightOnlyConfig, quantize_

    model = learner(shape, tokenizer)
    ids = tokens(model, 2, 16)
    plain = model(ids).logits.detach()
    quantize_(model, Int8WeightOnlyConfig())
    small = model(ids).logits.detach()
    assert not small.equal(plain)
    assert (small - plain).abs().max() < 0.1 * plain.abs().max()
    assert model.generate(ids[:, :4], max_new_tokens=8, do_sample=False).shape == (2, 12)
