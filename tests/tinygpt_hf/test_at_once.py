"""The short way through a block gives what the long way gives, and stands aside when it must."""

import pytest
import torch
from torch import nn

from tests.tinygpt_hf.shapes import ALL, make, tokens
from tinygpt_hf.modeling_tinygpt import TinyGPTBlock

USUAL = {name: ALL[name] for name in ("modern", "gpt2", "llama", "minigpt")}
shapes = pytest.mark.parametrize("fields", USUAL.values(), ids=USUAL)


@pytest.fixture
def taken(monkeypatch):
    """How many blocks went the short way."""
    count = [0]
    short = TinyGPTBlock.forward_at_once

    def counting(self, *args, **kwargs):
        count[0] += 1
        return short(self, *args, **kwargs)

    monkeypatch.setattr(TinyGPTBlock, "forward_at_once", counting)
    return count


def the_long_way(model, ids, **kwargs):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TinyGPTBlock, "may_run_at_once", lambda self: False)
        return model(ids, **kwargs)


@shapes
@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_both_ways_give_the_same(fields, attention, taken):
    model = make(fields, attention)
    ids = tokens(model, 2, 9)
    with torch.no_grad():
        short = model(ids).logits
        assert taken[0] == 2
        torch.testing.assert_close(short, the_long_way(model, ids).logits, atol=1e-5, rtol=1e-5)
        assert taken[0] == 2
        greedy = {"max_new_tokens": 20, "do_sample": False, "pad_token_id": 0}
        assert torch.equal(model.generate(ids, **greedy)[:, :9], ids)
        assert taken[0] > 2


@shapes
def test_both_ways_give_the_same_gradients(fields, taken):
    model = make(fields).train()
    ids = tokens(model, 2, 9)
    model(ids, labels=ids).loss.backward()
    assert taken[0] == 2
    short = {name: p.grad.clone() for name, p in model.named_parameters()}
    model.zero_grad()
    the_long_way(model, ids, labels=ids).loss.backward()
    for name, p in model.named_parameters():
        torch.testing.assert_close(short[name], p.grad, atol=1e-5, rtol=1e-4)


def test_dropout_is_the_same_both_ways(taken):
    model = make(USUAL["modern"] | {"dropout": 0.3}).train()
    ids = tokens(model, 2, 9)
    torch.manual_seed(0)
    short = model(ids).logits
    torch.manual_seed(0)
    torch.testing.assert_close(short, the_long_way(model, ids).logits, atol=1e-5, rtol=1e-5)


def replace_a_linear(model):
    old = model.model.layers[1].attn.v_proj
    new = nn.Sequential(old, nn.Identity())
    new.weight = old.weight  # even where the new one carries the old one's names
    model.model.layers[1].attn.v_proj = new


def replace_a_norm(model):
    model.model.layers[1].mlp_norm = nn.Identity()


def hook_a_linear(model):
    model.model.layers[1].mlp.up_proj.register_forward_hook(lambda m, args, out: out * 2)


def hook_before_attention(model):
    model.model.layers[1].attn.register_forward_pre_hook(lambda m, args: (args[0] * 2,))


def patch_a_forward(model):
    """As accelerate's device map does."""
    part = model.model.layers[1].mlp.down_proj
    part.forward = lambda x, old=part.forward: old(x) * 2


def reparametrise_a_linear(model):
    """As weight norm does: the weight is computed, and the module's class changes in place."""
    nn.utils.parametrizations.weight_norm(model.model.layers[1].attn.q_proj)


def hook_a_gradient(model):
    model.model.layers[1].attn.o_proj.register_full_backward_hook(lambda m, inp, out: None)


@pytest.mark.parametrize(
    "touch",
    [
        replace_a_linear,
        replace_a_norm,
        hook_a_linear,
        hook_before_attention,
        patch_a_forward,
        reparametrise_a_linear,
        hook_a_gradient,
    ],
)
@torch.no_grad()
def test_a_touched_block_goes_the_long_way(touch, taken):
    model = make(USUAL["modern"])
    ids = tokens(model, 2, 9)
    model(ids)
    assert taken[0] == 2
    touch(model)
    touched = model(ids).logits
    assert taken[0] == 3  # the untouched block still takes the short way
    torch.testing.assert_close(touched, the_long_way(model, ids).logits, atol=1e-5, rtol=1e-5)


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated")  # peft 0.21
@torch.no_grad()
def test_lora_and_back(taken):
    from peft import LoraConfig, get_peft_model

    model = make(USUAL["modern"])
    ids = tokens(model, 2, 9)
    plain = model(ids).logits
    tuned = get_peft_model(model, LoraConfig(target_modules="all-linear", r=2))
    for name, parameter in tuned.named_parameters():
        if "lora" in name:
            parameter.normal_(std=0.3)
    taken[0] = 0
    changed = tuned(ids).logits
    assert taken[0] == 0
    assert (changed - plain).abs().max() > 1e-2
    back = tuned.unload()
    torch.testing.assert_close(back(ids).logits, plain)
    assert taken[0] == 2


@torch.no_grad()
def test_attentions_and_hidden_states_are_those_of_the_long_way():
    model = make(USUAL["modern"])
    ids = tokens(model, 2, 9)
    ask = {"output_attentions": True, "output_hidden_states": True}
    out, expected = model(ids, **ask), the_long_way(model, ids, **ask)
    assert len(out.attentions) == 2
    for mine, theirs in zip(
        (*out.attentions, *out.hidden_states),
        (*expected.attentions, *expected.hidden_states),
        strict=True,
    ):
        torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-5)


class Int8Linear(nn.Module):
    """A quantised stand-in: keeps the linear layer's names, holds rounded weights."""

    def __init__(self, linear: nn.Linear):
        super().__init__()
        self.weight, self.bias = linear.weight, linear.bias  # stale: must not be read
        self.scale = linear.weight.abs().amax(1, keepdim=True) / 127
        self.rounded = (linear.weight / self.scale).round()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.linear(x, self.rounded * self.scale, self.bias)


@torch.no_grad()
def test_quantised_layers_are_used(taken):
    model = make(USUAL["modern"])
    ids = tokens(model, 2, 9)
    plain = model(ids).logits
    for block in model.model.layers:
        block.mlp.up_proj = Int8Linear(block.mlp.up_proj)
    taken[0] = 0
    rounded = model(ids).logits
    assert taken[0] == 0
    assert not torch.equal(rounded, plain)
    assert torch.equal(rounded, the_long_way(model, ids).logits)
