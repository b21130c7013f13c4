"""Where the parts of a model are: one description for any TinyGPT, a GPT-2 and a Llama.

A block has two writers: its attention, made of heads, and its MLP. Each adds what it writes to the
stream, or replaces the stream where there is no residual connection.

Shapes in comments: T tokens, C width, H heads, G groups of heads that share keys and values,
D width of a head.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedModel

from tinygpt_hf.modeling_tinygpt import rotation, sinusoids

Rotation = tuple[Tensor, ...]  # cosine and sine


@dataclass(frozen=True)
class Norm:
    """A norm as a formula."""

    kind: str  # "layer", "rms" or "none"
    weight: Tensor | None = None
    bias: Tensor | None = None
    eps: float = 0.0

    def __call__(self, x: Tensor) -> Tensor:
        if self.kind == "none":
            return x
        shape, full = x.shape[-1:], x.float()
        weight, bias = _full(self.weight), _full(self.bias)
        if self.kind == "rms":
            return F.rms_norm(full, shape, weight, self.eps).to(x.dtype)
        return F.layer_norm(full, shape, weight, bias, self.eps).to(x.dtype)

    def back(self, towards: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
        """For each direction after the norm (rows of C), the direction before it, and a constant.

        The norm's scale is held at its value for the vector `seen`. The norm is then a linear map,
        and `norm(x) · towards` is `x · direction + constant` for every part x of `seen`.
        """
        if self.kind == "none":
            return towards, towards.new_zeros(len(towards))
        weight, bias = _full(self.weight), _full(self.bias)
        constant = towards.new_zeros(len(towards)) if bias is None else towards @ bias
        direction = towards if weight is None else towards * weight
        if self.kind == "layer":
            seen = seen - seen.mean()
            direction = direction - direction.mean(-1, keepdim=True)
        return direction * (seen.square().mean() + self.eps).rsqrt(), constant

    def forth(self, part: Tensor, seen: Tensor) -> Tensor:
        """What becomes of one part of the vector `seen`, the scale held at its value for it."""
        if self.kind == "none":
            return part
        if self.kind == "layer":
            seen, part = seen - seen.mean(), part - part.mean()
        part = part * (seen.square().mean() + self.eps).rsqrt()
        weight = _full(self.weight)
        return part if weight is None else part * weight


def _full(parameter: Tensor | None) -> Tensor | None:
    return None if parameter is None else parameter.float()


@dataclass(frozen=True)
class Block:
    module: nn.Module  # takes and gives the stream
    attn: nn.Module  # gives what attention writes, and the weights
    readers: tuple[nn.Module, ...]  # give queries, keys and values; none where all weigh the same
    out: nn.Module | None  # the output projection, which takes the heads side by side
    mlp: nn.Module | None
    down: nn.Module | None  # last layer of the MLP
    attn_norm: Norm
    mlp_norm: Norm
    scaling: float  # of the scores
    bias: Tensor | None = None  # W H, added to the scores, for each distance


@dataclass(frozen=True)
class Anatomy:
    base: nn.Module  # the model below its head
    embed: nn.Module
    blocks: list[Block]
    norm: Norm  # before the head
    head: nn.Linear
    heads: int
    groups: int
    head_dim: int
    residual: bool
    norm_after: bool
    reach: int | None  # how many tokens attention sees; None for all
    places: Callable[[int], Tensor | None]  # vectors added for the position, T C
    rotations: Callable[[int], Rotation | None]  # of queries and keys, each T D

    def start(self, ids: Tensor) -> Tensor:  # 1 T
        """The stream before the first block, T C."""
        stream, places = self.embed(ids)[0], self.places(ids.shape[1])
        return stream if places is None else stream + places


def anatomy(model: PreTrainedModel) -> Anatomy:
    kind = model.config.model_type
    if kind not in _KNOWN:
        known = "TinyGPT, GPT-2 and Llama"
        raise ValueError(f"the model is a {kind!r}; only {known} can be looked into here")
    if model.get_output_embeddings() is None:
        raise ValueError(f"{type(model).__name__} has no head: load it with AutoModelForCausalLM")
    if model.training:
        raise ValueError("the model is in training mode: call model.eval() first")
    return _KNOWN[kind](model)


def _bias(module: Any) -> Tensor | None:
    return getattr(module, "bias", None)


_POSITIONS = ("learned", "sinusoidal", "rotary", "relative", "none")


def _tinygpt(model: Any) -> Anatomy:
    config, base = model.config, model.model
    if config.position_embedding not in _POSITIONS:
        raise ValueError(
            f"position_embedding is {config.position_embedding!r}; "
            f"known here are {', '.join(_POSITIONS)}"
        )
    mean = config.mixer == "mean"

    def norm(module: Any) -> Norm:
        # Without parameters it may be a plain function.
        kind = "rms" if config.norm_type == "rms" else "layer"
        weight = getattr(module, "weight", None)
        return Norm(kind, weight, _bias(module), config.layer_norm_eps)

    def block(module: Any) -> Block:
        attn, mlp = module.attn, module.mlp
        normed = config.norm_position != "none"
        relative = config.position_embedding == "relative"
        return Block(
            module=module,
            attn=attn,
            readers=() if mean else (attn.q_proj, attn.k_proj, attn.v_proj),
            out=None if mean else attn.o_proj,
            mlp=mlp,
            down=None if mlp is None else mlp.down_proj,
            attn_norm=norm(module.attn_norm) if normed else Norm("none"),
            mlp_norm=norm(module.mlp_norm) if normed and mlp is not None else Norm("none"),
            scaling=config.head_dim**-0.5,
            bias=attn.distance_bias.weight if relative else None,
        )

    def places(length: int) -> Tensor | None:
        numbers = torch.arange(length, device=model.device)
        if config.position_embedding == "learned":
            return base.embed_positions(numbers)
        if config.position_embedding == "sinusoidal":
            return sinusoids(numbers, config.hidden_size).to(model.dtype)
        return None

    def rotations(length: int) -> Rotation | None:
        if config.position_embedding != "rotary":
            return None
        numbers = torch.arange(length, device=model.device)[None]
        return tuple(x[0, 0] for x in rotation(numbers, config.head_dim, config.rope_theta))

    return Anatomy(
        base=base,
        embed=base.embed_tokens,
        blocks=[block(module) for module in base.layers],
        norm=norm(base.norm) if config.norm_position == "before" else Norm("none"),
        head=model.get_output_embeddings(),
        heads=config.num_attention_heads,
        groups=config.num_key_value_heads,
        head_dim=config.head_dim,
        residual=config.residual,
        norm_after=config.norm_position == "after",
        reach=None if config.slides_by_recomputing else config.max_position_embeddings,
        places=places,
        rotations=rotations,
    )


def _layer_norm(module: Any) -> Norm:
    return Norm("layer", module.weight, module.bias, module.eps)


def _gpt2(model: Any) -> Anatomy:
    config, base = model.config, model.transformer
    width = config.n_embd // config.n_head

    def block(number: int, module: Any) -> Block:
        scaling = width**-0.5 if config.scale_attn_weights else 1.0
        if config.scale_attn_by_inverse_layer_idx:
            scaling /= number + 1
        return Block(
            module=module,
            attn=module.attn,
            readers=(module.attn.c_attn,),
            out=module.attn.c_proj,
            mlp=module.mlp,
            down=module.mlp.c_proj,
            attn_norm=_layer_norm(module.ln_1),
            mlp_norm=_layer_norm(module.ln_2),
            scaling=scaling,
        )

    return Anatomy(
        base=base,
        embed=base.wte,
        blocks=[block(*numbered) for numbered in enumerate(base.h)],
        norm=_layer_norm(base.ln_f),
        head=model.get_output_embeddings(),
        heads=config.n_head,
        groups=config.n_head,
        head_dim=width,
        residual=True,
        norm_after=False,
        reach=None,
        places=lambda length: base.wpe(torch.arange(length, device=model.device)),
        rotations=lambda length: None,
    )


def _llama(model: Any) -> Anatomy:
    config, base = model.config, model.model

    def norm(module: Any) -> Norm:
        return Norm("rms", module.weight, None, module.variance_epsilon)

    def block(module: Any) -> Block:
        attn = module.self_attn
        return Block(
            module=module,
            attn=attn,
            readers=(attn.q_proj, attn.k_proj, attn.v_proj),
            out=attn.o_proj,
            mlp=module.mlp,
            down=module.mlp.down_proj,
            attn_norm=norm(module.input_layernorm),
            mlp_norm=norm(module.post_attention_layernorm),
            scaling=attn.scaling,
        )

    def rotations(length: int) -> Rotation:
        numbers = torch.arange(length, device=model.device)[None]
        like = torch.ones((), device=model.device)  # for its device and type
        return tuple(x[0] for x in base.rotary_emb(like, numbers))

    return Anatomy(
        base=base,
        embed=base.embed_tokens,
        blocks=[block(module) for module in base.layers],
        norm=norm(base.norm),
        head=model.get_output_embeddings(),
        heads=config.num_attention_heads,
        groups=config.num_key_value_heads,
        head_dim=config.head_dim,
        residual=True,
        norm_after=False,
        reach=None,
        places=lambda length: None,
        rotations=rotations,
    )


_KNOWN: dict[str, Callable[[Any], Anatomy]] = {"tinygpt": _tinygpt, "gpt2": _gpt2, "llama": _llama}
