"""The weights of a model, out of their modules: a layer is a handful of functions.

TinyGPT, GPT-2 and, through its twin, Llama. What is not known here is refused by name, so that a
new kind of position or norm is never quietly left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import PreTrainedModel

from tinygpt_hf.twins import from_llama

# Numbers in a matrix from which its own order in memory pays: for several rows, for any.
_MEDIUM, _LARGE = 1 << 17, 1 << 18
_SEVERAL = 8
_ROWS = 64  # for which a matrix is put into order; others work as well

Fn = Callable[[Tensor], Tensor]


class UnknownShapeError(ValueError):
    """The decode loop does not know this kind of model; `generate` does."""


def _relu2(x: Tensor) -> Tensor:
    x = F.relu(x)
    return x.mul_(x)  # `square` takes longer


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
# What the forward pass carries out, by the field of a TinyGPT's config.
_KNOWN: dict[str, tuple[str, ...]] = {
    "mixer": ("attention", "mean"),
    "position_embedding": ("learned", "sinusoidal", "rotary", "relative", "none"),
    "norm_type": ("layer", "bare", "rms"),
    "norm_position": ("before", "after", "none"),
    "hidden_act": ("relu", "relu2", "gelu", "gelu_new", "swiglu"),
}
_DTYPES = (torch.float32, torch.bfloat16)


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
class Weights:
    """A model taken apart."""

    window: int
    heads: int
    groups: int
    head_dim: int
    scaling: float
    embed: Tensor  # vocabulary C
    positions: str
    table: Tensor | None  # of learned positions
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


def take_apart(model: PreTrainedModel) -> Weights:
    """The model's weights; an UnknownShapeError says what the loop does not know."""
    kind = model.config.model_type
    if model.dtype not in _DTYPES:
        raise UnknownShapeError(f"its weights are {model.dtype}; known are float32 and bfloat16")
    if kind == "tinygpt":
        return _from_tinygpt(model)
    if kind == "gpt2":
        return _from_gpt2(model)
    if kind == "llama":
        try:
            twin = from_llama(model)  # type: ignore[arg-type]  # its kind says so
        except ValueError as error:
            raise UnknownShapeError(str(error)) from None
        return _from_tinygpt(twin)
    raise UnknownShapeError(f"the architecture {kind!r}; known are tinygpt, gpt2 and llama")


def _linear(weight: Tensor, bias: Tensor | None) -> Fn:
    """`F.linear` or, for a large matrix on a CPU, oneDNN over a copy in the order that it likes:
    eight rows of GPT-2 take a bit more than half the time."""
    if weight.numel() < _MEDIUM or weight.device.type != "cpu" or not _one_dnn():
        return lambda x: F.linear(x, weight, bias)
    ordered = torch.ops.mkldnn._reorder_linear_weight(weight.detach().contiguous(), _ROWS)
    multiply = torch.ops.mkldnn._linear_pointwise
    if weight.numel() >= _LARGE:  # and the first copy may go
        return lambda x: multiply(x, ordered, bias, "none", [], "")

    def either(x: Tensor) -> Tensor:
        if x.shape[0] < _SEVERAL:
            return F.linear(x, weight, bias)
        return multiply(x, ordered, bias, "none", [], "")

    return either


def _one_dnn() -> bool:
    ops = torch.ops.mkldnn
    known = hasattr(ops, "_linear_pointwise") and hasattr(ops, "_reorder_linear_weight")
    return torch.backends.mkldnn.is_available() and known


def _norm(module: Any) -> Fn:
    if isinstance(module, torch.nn.Identity):
        return _identity
    if isinstance(module, torch.nn.RMSNorm):
        rms = module
        return lambda x: F.rms_norm(x, rms.normalized_shape, rms.weight, rms.eps)
    if isinstance(module, torch.nn.LayerNorm):
        shape, weight, bias, eps = module.normalized_shape, module.weight, module.bias, module.eps
        return lambda x: torch.layer_norm(x, shape, weight, bias, eps)
    if isinstance(module, torch.nn.Module):
        raise UnknownShapeError(f"the norm {type(module).__name__}")
    return module  # without parameters it is a function already


def _mlp(up: Fn, act: Fn, down: Fn, gate: Fn | None = None) -> Fn:
    if gate is None:
        return lambda x: down(act(up(x)))
    return lambda x: down(act(gate(x)) * up(x))


def _from_tinygpt(model: Any) -> Weights:
    config, base = model.config, model.model
    for name, known in _KNOWN.items():
        if (value := getattr(config, name)) not in known:
            raise UnknownShapeError(f"{name} {value!r}; known are {', '.join(known)}")
    mean = config.mixer == "mean"
    learned = config.position_embedding == "learned"
    return Weights(
        window=config.max_position_embeddings,
        heads=1 if mean else config.num_attention_heads,
        groups=1 if mean else config.num_key_value_heads,
        head_dim=config.hidden_size if mean else config.head_dim,
        scaling=config.head_dim**-0.5,
        embed=base.embed_tokens.weight,
        positions=config.position_embedding,
        table=base.embed_positions.weight if learned else None,
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


def _check_gpt2(config: Any) -> None:
    if config.activation_function not in _ACTS:
        raise UnknownShapeError(f"the activation {config.activation_function!r}")
    if not config.scale_attn_weights:
        raise UnknownShapeError("scale_attn_weights is off")
    odd = ("scale_attn_by_inverse_layer_idx", "reorder_and_upcast_attn", "add_cross_attention")
    for name in odd:
        if getattr(config, name):
            raise UnknownShapeError(f"{name} is on")


def _from_gpt2(model: Any) -> Weights:
    config, base = model.config, model.transformer
    _check_gpt2(config)
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
    return Weights(
        window=config.n_positions,
        heads=config.n_head,
        groups=config.n_head,
        head_dim=config.n_embd // config.n_head,
        scaling=(config.n_embd // config.n_head) ** -0.5,
        embed=base.wte.weight,
        positions="learned",
        table=base.wpe.weight,
        theta=0.0,
        layers=layers,
        norm=_norm(base.ln_f),
        head=_linear(model.lm_head.weight, model.lm_head.bias),
        residual=True,
        norm_after=False,
        recomputes=False,
    )
