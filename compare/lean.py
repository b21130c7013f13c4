"""The weights of a TinyGPT or a GPT-2, out of their modules: a layer is a handful of functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import PreTrainedModel

# From so many numbers in a matrix on, and up to so many rows, the way of multiplying matters.
_LARGE, _FEW = 1 << 18, 64

Fn = Callable[[Tensor], Tensor]


def _relu2(x: Tensor) -> Tensor:
    return F.relu(x).square()


def _gelu_new(x: Tensor) -> Tensor:
    return F.gelu(x, approximate="tanh")


_ACTS: dict[str, Fn] = {
    "relu": F.relu,
    "relu2": _relu2,
    "gelu": F.gelu,
    "gelu_new": _gelu_new,
    "gelu_pytorch_tanh": _gelu_new,
    "swiglu": F.silu,
}


@dataclass
class Layer:
    """One block, as functions."""

    attn_norm: Fn
    qkv: Fn | None  # None: the mean of the window
    bias: Tensor | None  # W+1 H, a number for each distance; the last one is out of reach
    out: Fn
    mlp_norm: Fn | None  # None: no MLP
    mlp: Fn


@dataclass
class Lean:
    """A model taken apart."""

    window: int
    heads: int
    groups: int
    head_dim: int
    scaling: float
    embed: Tensor  # vocabulary C
    positions: Tensor | str | None  # a table, "sinusoidal", "rotary", or nothing to add
    theta: float
    layers: list[Layer]
    norm: Fn
    head: Fn
    residual: bool
    norm_after: bool
    recomputes: bool  # past the window, the last window is read again from position 0

    @property
    def reach(self) -> int:
        """How many tokens back anything can still change the next one: a window a layer."""
        return self.window * max(1, 1 if self.recomputes else len(self.layers))


def take_apart(model: PreTrainedModel) -> Lean | None:
    """The model's weights as a `Lean`; None for an architecture that is not known here."""
    kind = model.config.model_type
    if model.dtype != torch.float32:
        return None
    if kind == "tinygpt":
        return _from_tinygpt(model)
    if kind == "gpt2" and _is_plain_gpt2(model.config):
        return _from_gpt2(model)
    return None


def _linear(weight: Tensor, bias: Tensor | None) -> Fn:
    if weight.numel() < _LARGE or weight.device.type != "cpu" or not _one_dnn():
        return lambda x: F.linear(x, weight, bias)
    # For a few rows and a large matrix, MKL behind F.linear first copies the matrix into another
    # order; oneDNN reads it as it is: eight rows of GPT-2 take 68 ms a step in place of 94.
    few = torch.ops.mkldnn._linear_pointwise

    def multiply(x: Tensor) -> Tensor:
        if 1 < x.numel() // weight.shape[1] <= _FEW:
            return few(x, weight, bias, "none", [], "")
        return F.linear(x, weight, bias)

    return multiply


def _one_dnn() -> bool:
    return torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")


def _norm(module: Any) -> Fn:
    if not hasattr(module, "parameters"):
        return module  # without parameters it is a function already
    shape = getattr(module, "normalized_shape", None)
    if shape is None:
        return lambda x: x
    weight, eps = module.weight, module.eps
    if isinstance(module, torch.nn.RMSNorm):
        return lambda x: F.rms_norm(x, shape, weight, eps)
    bias = module.bias
    return lambda x: F.layer_norm(x, shape, weight, bias, eps)


def _mlp(up: Fn, act: Fn, down: Fn, gate: Fn | None = None) -> Fn:
    if gate is None:
        return lambda x: down(act(up(x)))
    return lambda x: down(act(gate(x)) * up(x))


def _from_tinygpt(model: Any) -> Lean:
    config, base = model.config, model.model
    positions: Tensor | str | None = config.position_embedding
    if positions == "learned":
        positions = base.embed_positions.weight
    elif positions not in ("sinusoidal", "rotary"):
        positions = None
    mean = config.mixer == "mean"
    return Lean(
        window=config.max_position_embeddings,
        heads=1 if mean else config.num_attention_heads,
        groups=1 if mean else config.num_key_value_heads,
        head_dim=config.hidden_size if mean else config.head_dim,
        scaling=config.head_dim**-0.5,
        embed=base.embed_tokens.weight,
        positions=positions,
        theta=float(config.rope_theta),
        layers=[_tiny_layer(block, config) for block in base.layers],
        norm=_norm(base.norm),
        head=_linear(model.lm_head.weight, model.lm_head.bias),
        residual=config.residual,
        norm_after=config.norm_position == "after",
        recomputes=config.slides_by_recomputing,
    )


def _tiny_layer(block: Any, config: Any) -> Layer:
    attn, mlp = block.attn, block.mlp
    qkv: Fn | None = None
    out: Fn = _identity
    bias = None
    if config.mixer == "attention":
        parts = [attn.q_proj, attn.k_proj, attn.v_proj]
        weight = torch.cat([part.weight for part in parts])
        joined = torch.cat([part.bias for part in parts]) if config.bias else None
        qkv = _linear(weight, joined)
        out = _linear(attn.o_proj.weight, attn.o_proj.bias)
    if config.position_embedding == "relative":
        table = attn.distance_bias.weight
        bias = torch.cat([table, torch.full_like(table[:1], -torch.inf)])
    if mlp is None:
        return Layer(_norm(block.attn_norm), qkv, bias, out, None, _identity)
    linear = [
        _linear(part.weight, part.bias)
        for part in (mlp.up_proj, mlp.down_proj, *([mlp.gate_proj] if mlp.gated else []))
    ]
    think = _mlp(linear[0], _ACTS[config.hidden_act], *linear[1:])
    return Layer(_norm(block.attn_norm), qkv, bias, out, _norm(block.mlp_norm), think)


def _identity(x: Tensor) -> Tensor:
    return x


def _is_plain_gpt2(config: Any) -> bool:
    odd = config.scale_attn_by_inverse_layer_idx or config.reorder_and_upcast_attn
    known = config.activation_function in _ACTS and config.scale_attn_weights
    return known and not odd and not config.add_cross_attention


def _from_gpt2(model: Any) -> Lean:
    config, base = model.config, model.transformer
    act = _ACTS[config.activation_function]

    def conv(module: Any) -> Fn:  # GPT-2 keeps its matrices the other way round
        return _linear(module.weight.t(), module.bias)

    layers = [
        Layer(
            _norm(block.ln_1),
            conv(block.attn.c_attn),
            None,
            conv(block.attn.c_proj),
            _norm(block.ln_2),
            _mlp(conv(block.mlp.c_fc), act, conv(block.mlp.c_proj)),
        )
        for block in base.h
    ]
    return Lean(
        window=config.n_positions,
        heads=config.n_head,
        groups=config.n_head,
        head_dim=config.n_embd // config.n_head,
        scaling=(config.n_embd // config.n_head) ** -0.5,
        embed=base.wte.weight,
        positions=base.wpe.weight,
        theta=0.0,
        layers=layers,
        norm=_norm(base.ln_f),
        head=_linear(model.lm_head.weight, model.lm_head.bias),
        residual=True,
        norm_after=False,
        recomputes=False,
    )
