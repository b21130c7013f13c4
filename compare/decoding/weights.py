"""The weights of a model, out of their modules: a layer is a handful of functions.

TinyGPT, GPT-2 and, through its twin, Llama. An unknown shape is refused by name, so that a
new kind of position or norm is never quietly left out.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch.nn import functional as F
from transformers import PreTrainedModel

from compare.decoding.forward import ACTS, Fn, Layer, Weights, identity, linear, mlp
from tinygpt_hf.twins import from_llama


class UnknownShapeError(ValueError):
    """The decode loop does not know this kind of model; `generate` does."""


# What the forward pass carries out, by the field of a TinyGPT's config.
_KNOWN: dict[str, tuple[str, ...]] = {
    "mixer": ("attention", "mean"),
    "position_embedding": ("learned", "sinusoidal", "rotary", "relative", "none"),
    "norm_type": ("layer", "bare", "rms"),
    "norm_position": ("before", "after", "none"),
    "hidden_act": ("relu", "relu2", "gelu", "gelu_new", "swiglu"),
}
_DTYPES = (torch.float32, torch.bfloat16)


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
            twin = from_llama(model)
        except ValueError as error:
            raise UnknownShapeError(str(error)) from None
        return _from_tinygpt(twin)
    raise UnknownShapeError(f"the architecture {kind!r}; known are tinygpt, gpt2 and llama")


def _norm(module: Any) -> Fn:
    if isinstance(module, torch.nn.Identity):
        return identity
    if isinstance(module, torch.nn.RMSNorm):
        shape, weight, eps = module.normalized_shape, module.weight, module.eps
        return partial(F.rms_norm, normalized_shape=shape, weight=weight, eps=eps)
    if isinstance(module, torch.nn.LayerNorm):
        shape, weight, bias, eps = module.normalized_shape, module.weight, module.bias, module.eps
        return partial(torch.layer_norm, normalized_shape=shape, weight=weight, bias=bias, eps=eps)
    if isinstance(module, torch.nn.Module):
        raise UnknownShapeError(f"the norm {type(module).__name__}")
    return module  # without parameters it is a function already


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
        head=linear(model.lm_head.weight, model.lm_head.bias),
        residual=config.residual,
        norm_after=config.norm_position == "after",
        recomputes=config.slides_by_recomputing,
    )


def _tiny_layer(block: Any, config: Any) -> Layer:
    attn, inner = block.attn, block.mlp
    qkv: Fn | None = None
    out: Fn = identity
    bias = None
    if config.mixer == "attention":
        parts = [attn.q_proj, attn.k_proj, attn.v_proj]
        weight = torch.cat([part.weight for part in parts])
        joined = torch.cat([part.bias for part in parts]) if config.bias else None
        qkv = linear(weight, joined)
        out = linear(attn.o_proj.weight, attn.o_proj.bias)
    if config.position_embedding == "relative":
        table = attn.distance_bias.weight
        bias = torch.cat([table, torch.full_like(table[:1], -torch.inf)])
    if inner is None:
        return Layer(_norm(block.attn_norm), qkv, bias, out, None, identity)
    matrices = [
        linear(part.weight, part.bias)
        for part in (inner.up_proj, inner.down_proj, *([inner.gate_proj] if inner.gated else []))
    ]
    think = mlp(matrices[0], ACTS[config.hidden_act], *matrices[1:])
    return Layer(_norm(block.attn_norm), qkv, bias, out, _norm(block.mlp_norm), think)


def _check_gpt2(config: Any) -> None:
    if config.activation_function not in ACTS:
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
    act = ACTS[config.activation_function]

    def conv(module: Any) -> Fn:  # GPT-2 stores its matrices transposed
        return linear(module.weight.t(), module.bias)

    layers = [
        Layer(
            _norm(block.ln_1),
            conv(block.attn.c_attn),
            None,
            conv(block.attn.c_proj),
            _norm(block.ln_2),
            mlp(conv(block.mlp.c_fc), act, conv(block.mlp.c_proj)),
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
        head=linear(model.lm_head.weight, model.lm_head.bias),
        residual=True,
        norm_after=False,
        recomputes=False,
    )
