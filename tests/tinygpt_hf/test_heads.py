"""The heads that label texts and tokens: they learn, hear no padding, and travel like the model."""

import json
import os
import subprocess
import sys

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification

from tests.tinygpt_hf.shapes import ALL
from tinygpt_hf import (
    TinyGPTConfig,
    TinyGPTForCausalLM,
    TinyGPTForSequenceClassification,
    TinyGPTForTokenClassification,
)

HEADS = [TinyGPTForSequenceClassification, TinyGPTForTokenClassification]
heads = pytest.mark.parametrize("head", HEADS, ids=["sequence", "token"])
shapes = pytest.mark.parametrize(
    "fields", [ALL[name] for name in ("modern", "gpt2", "llama", "minigpt")]
)


def build(head, fields, seed=0):
    """With every number random, so that no part can be forgotten without a difference."""
    fields = {**fields, "head_bias": False, "pad_token_id": 0}
    torch.manual_seed(seed)
    model = head(TinyGPTConfig(**fields, num_labels=3)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape))
    return model


@pytest.mark.versions
@heads
@shapes
@pytest.mark.parametrize("side", ["left", "right"])
@torch.no_grad()
def test_a_padded_text_is_labelled_as_if_alone(head, fields, side):
    model = build(head, fields)
    rows = [torch.randint(1, 31, (length,)) for length in (9, 4, 1)]
    ids = torch.zeros(3, 9, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for i, row in enumerate(rows):
        here = slice(9 - len(row), 9) if side == "left" else slice(0, len(row))
        ids[i, here], mask[i, here] = row, 1
    logits = model(ids, attention_mask=mask).logits
    for i, row in enumerate(rows):
        alone = model(row[None]).logits[0]
        found = logits[i] if logits.ndim == 2 else logits[i][mask[i].bool()]
        torch.testing.assert_close(found, alone, atol=1e-4, rtol=1e-4)


def examples(head, rows, seed):
    """Which of two marks stands in the text; or whether the token before is a small one."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(3, 13, (rows, 10), generator=generator)
    if head is TinyGPTForTokenClassification:
        return ids, torch.cat([ids[:, :1] * 0, (ids[:, :-1] < 8).long()], dim=1)
    labels = torch.randint(0, 2, (rows,), generator=generator)
    places = torch.randint(0, 9, (rows,), generator=generator)
    ids[torch.arange(rows), places] = labels + 1
    return ids, labels


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(TinyGPTForSequenceClassification, marks=pytest.mark.slow),
        TinyGPTForTokenClassification,
    ],
    ids=["sequence", "token"],
)
def test_a_head_learns_a_small_task(head):
    """From a language model's body, to 95 % of texts that it has not seen."""
    torch.manual_seed(0)
    sizes = {"vocab_size": 13, "hidden_size": 64, "num_hidden_layers": 1, "zero_init": True}
    config = TinyGPTConfig(**sizes, max_position_embeddings=16, pad_token_id=0)
    body = TinyGPTForCausalLM(config).model
    model = head(config)
    model.model.load_state_dict(body.state_dict())
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for step in range(200):
        ids, labels = examples(head, 64, seed=step)
        model(ids, labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    ids, labels = examples(head, 500, seed=10_000)
    with torch.no_grad():
        right = (model.eval()(ids).logits.argmax(-1) == labels).float().mean()
    assert right > 0.95


LOADS = """
import json, sys
sys.modules.update(dict.fromkeys(("tinygpt_hf", "training", "compare")))
import torch, transformers
for auto, folder in zip(sys.argv[1::2], sys.argv[2::2]):
    model = getattr(transformers, auto).from_pretrained(folder, trust_remote_code=True).eval()
    assert type(model).__module__.startswith("transformers_modules"), type(model)
    with torch.no_grad():
        print(json.dumps(model(torch.arange(1, 7)[None]).logits.tolist()))
"""


@pytest.mark.versions
def test_a_stranger_loads_the_heads(tmp_path):
    models, asked = [], []
    for head in HEADS:
        models.append(build(head, ALL["modern"]))
        models[-1].save_pretrained(tmp_path / head.__name__)
        asked += [head.__name__.replace("TinyGPTFor", "AutoModelFor"), tmp_path / head.__name__]
    done = subprocess.run(
        [sys.executable, "-I", "-c", LOADS, *asked],
        env=os.environ | {"HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    for model, line in zip(models, done.stdout.splitlines(), strict=True):
        with torch.no_grad():
            ours = model(torch.arange(1, 7)[None]).logits
        torch.testing.assert_close(torch.tensor(json.loads(line)), ours, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("auto", "head"),
    [
        (AutoModelForSequenceClassification, TinyGPTForSequenceClassification),
        (AutoModelForTokenClassification, TinyGPTForTokenClassification),
    ],
)
def test_a_language_model_grows_a_head(auto, head, tmp_path):
    """The body is that of the saved model; no trust is asked where the package is imported."""
    source = TinyGPTForCausalLM(TinyGPTConfig(**ALL["modern"]))
    source.save_pretrained(tmp_path)
    model = auto.from_pretrained(tmp_path, num_labels=4)
    assert type(model) is head
    assert model.score.out_features == 4
    for name, tensor in source.model.state_dict().items():
        assert torch.equal(tensor, model.model.state_dict()[name]), name
