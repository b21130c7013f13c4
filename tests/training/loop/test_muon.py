"""Muon and AdamW as one optimizer: every parameter once, each by its own rule."""

import copy
from types import SimpleNamespace

import pytest
import torch

from tinygpt_hf import TinyGPTConfig, TinyGPTForCausalLM
from training.loop.muon import make_optimizer, orthogonalize, sort_parameters

ARGS = SimpleNamespace(
    learning_rate=0.01,
    weight_decay=0.1,
    adam_beta1=0.9,
    adam_beta2=0.95,
    adam_epsilon=1e-8,
    bf16=False,
)
SHAPE = {"vocab_size": 40, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
KINDS = {
    "modern": {},
    "gpt2": {"position_embedding": "learned", "bias": True, "norm_type": "layer",
             "tie_word_embeddings": True},
    "llama": {"position_embedding": "rotary", "norm_type": "rms", "hidden_act": "swiglu",
              "num_key_value_heads": 1},
}  # fmt: skip


def make_model(kind: str = "modern") -> TinyGPTForCausalLM:
    torch.manual_seed(0)
    return TinyGPTForCausalLM(TinyGPTConfig(**SHAPE, **KINDS[kind]))


def step(model, optimizer) -> None:
    ids = torch.arange(64).view(2, 32) % 40
    model(input_ids=ids, labels=ids).loss.backward()
    optimizer.step()
    optimizer.zero_grad()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("muon", [None, 0.02])
def test_every_parameter_is_in_one_group_and_moves(kind, muon):
    model = make_model(kind)
    optimizer = make_optimizer(model, ARGS, muon=muon, embedding=0.03)
    grouped = [p for group in optimizer.param_groups for p in group["params"]]
    assert sorted(map(id, grouped)) == sorted(map(id, model.parameters()))
    before = copy.deepcopy(model.state_dict())
    for _ in range(3):
        step(model, optimizer)
    for name, value in model.state_dict().items():
        assert not torch.equal(value, before[name]), name


def test_what_goes_where():
    model = make_model("gpt2")
    kinds = sort_parameters(model)
    names = {id(p): n for n, p in model.named_parameters()}
    sorted_names = {k: {names[id(p)] for p in v} for k, v in kinds.items()}
    assert set(sorted_names) == {"tables", "matrices", "others"}  # the head is tied to a table
    assert sorted_names["tables"] == {"model.embed_tokens.weight", "model.embed_positions.weight"}
    assert all(n.endswith("proj.weight") for n in sorted_names["matrices"])
    assert len(sorted_names["matrices"]) == 12
    assert all("norm" in n or n.endswith("bias") for n in sorted_names["others"])
    modern = make_model()
    assert sort_parameters(modern)["head"] == [modern.lm_head.weight]
    biases = sort_parameters(modern)["others"]
    assert [p.shape for p in biases] == [(256, 2)] * 2  # a number for each distance and head


@pytest.mark.parametrize("shape", [(3, 32, 32), (2, 64, 32), (2, 32, 96)])
def test_directions_a_hundred_times_weaker_are_learned_at_the_same_pace(shape):
    torch.manual_seed(0)
    left, _, right = torch.linalg.svd(torch.randn(shape), full_matrices=False)
    spread = torch.logspace(-2, 0, min(shape[-2:]))  # a spread of 100
    result = orthogonalize(left * spread @ right)
    pace = torch.linalg.diagonal(left.mT @ result @ right.mT)  # along the same directions
    assert pace.min() > 0.15
    assert pace.max() < 1.9


def test_matrices_of_one_shape_do_not_mix():
    torch.manual_seed(0)
    x = torch.randn(3, 32, 48)
    alone = torch.stack([orthogonalize(row[None])[0] for row in x])
    torch.testing.assert_close(orthogonalize(x), alone, atol=1e-4, rtol=0)


def test_without_muon_it_is_adamw():
    ours, theirs = make_model(), make_model()
    mine = make_optimizer(ours, ARGS)
    groups = [
        {"params": params, "weight_decay": 0.1 if kind in ("matrices", "head") else 0.0}
        for kind, params in sort_parameters(theirs).items()
    ]
    adamw = torch.optim.AdamW(groups, lr=0.01, betas=(0.9, 0.95), fused=True)
    for _ in range(3):
        step(ours, mine)
        step(theirs, adamw)
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(a, b)


def test_muon_takes_the_step_that_its_paper_writes():
    """One step from rest, by hand: momentum, Nesterov, orthogonalize, scale by the shape."""
    model = make_model()
    weight = model.model.layers[0].mlp.up_proj.weight  # 128 x 32
    optimizer = make_optimizer(model, ARGS, muon=0.02, momentum=0.9)
    ids = torch.arange(64).view(2, 32) % 40
    model(input_ids=ids, labels=ids).loss.backward()
    before, grad = weight.detach().clone(), weight.grad.clone()
    optimizer.step()
    momentum = 0.1 * grad
    nesterov = 0.1 * grad + 0.9 * momentum
    expected = before * (1 - 0.02 * 0.1) - 0.02 * 2.0 * orthogonalize(nesterov[None])[0]
    torch.testing.assert_close(weight.detach(), expected, atol=1e-6, rtol=0)


def test_its_state_is_saved_and_loaded_without_pickles(tmp_path):
    straight, stopped = make_model(), make_model()
    one, two = (make_optimizer(m, ARGS, muon=0.02) for m in (straight, stopped))
    for _ in range(2):
        step(straight, one)
        step(stopped, two)
    torch.save(two.state_dict(), tmp_path / "optimizer.pt")
    again = make_optimizer(stopped, ARGS, muon=0.02)
    again.load_state_dict(torch.load(tmp_path / "optimizer.pt", weights_only=True))
    for _ in range(2):
        step(straight, one)
        step(stopped, again)
    for a, b in zip(straight.parameters(), stopped.parameters(), strict=True):
        assert torch.equal(a, b)
