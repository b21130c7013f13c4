"""The forward pass of a TinyGPT or a GPT-2 without its modules, for many rows at once.

At one token a step most of the time goes into Python, so the weights are taken out of the modules
once and each layer is a handful of calls. The numbers are those of the model to rounding.

Each row has a ring of cells for keys and values; position p lies in cell p mod cells. Rows may be
at different positions: a row's input is padded on the right, and what the padding writes is either
masked (it lies in the future) or in cells that the window has left.

Shapes in comments: B rows, T tokens, C width, H heads, G groups of heads that share keys, D width
of a head, K cells looked at, W window.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import PreTrainedModel

from tinygpt_hf.modeling_tinygpt import rotate, rotation, sinusoids

CHUNK = 64  # tokens of a prompt read in one step, so that a long one does not hold up the others
_CACHE_BYTES = 1 << 30  # address space; memory is used as far as texts reach
_MOST_ROWS = 64
_SCORES = 1 << 24  # numbers in one table of attention scores

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
    return lambda x: F.linear(x, weight, bias)


def _norm(module: Any) -> Fn:
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


class Rows:
    """The forward pass and its cache, with room for `most` rows."""

    def __init__(self, lean: Lean) -> None:
        self.lean = lean
        # One chunk more than the window: what padding writes never reaches a cell still looked at.
        self.cells = lean.window + CHUNK
        row = (lean.groups, self.cells, lean.head_dim)
        each = 2 * len(lean.layers) * lean.groups * self.cells * lean.head_dim * 4
        self.most = max(1, min(_MOST_ROWS, _CACHE_BYTES // max(each, 1)))
        shape = (2 * len(lean.layers), self.most, *row)
        # numpy's zeros are not memory until they are written, torch's are.
        cache = torch.from_numpy(np.zeros(shape, np.float32))
        self._cache = cache.to(lean.embed.device)
        self._places = torch.arange(self.cells, device=lean.embed.device)

    def at_once(self, tokens: int, seen: int) -> int:
        """How many rows may be read together, that many tokens of each, without a huge table."""
        return max(1, _SCORES // max(1, tokens * (seen + tokens) * self.lean.heads))

    def leave(self, row: int, last: int, used: int) -> None:
        """Empties a row and puts the last one into its place, so that rows stay without a gap."""
        used = min(used, self.cells)
        self._cache[:, row, :, :used] = self._cache[:, last, :, :used]
        self._cache[:, last, :, :used] = 0  # an overflow left behind would be 0 times infinity

    @torch.inference_mode()
    def read(self, rows: list[int], tokens: list[list[int]], first: list[int]) -> Tensor:
        """Reads each row's next tokens, the first of them at its position `first`; next logits."""
        lean = self.lean
        lengths = [len(ids) for ids in tokens]
        longest, device = max(lengths), lean.embed.device
        padded = [ids + [0] * (longest - len(ids)) for ids in tokens]
        x = F.embedding(torch.tensor(padded, device=device), lean.embed)  # B T C
        at = torch.tensor(first, device=device)[:, None] + self._places[:longest]  # B T
        seen = min(self.cells, max(first) + longest)
        x, turn = self._place(x, at)
        distance = (at[..., None] - self._places[:seen]) % self.cells  # B T K
        reach = (distance < lean.window) & (distance <= at[..., None])
        distance = torch.where(reach, distance, lean.window)
        mask = torch.zeros_like(distance, dtype=x.dtype).masked_fill_(~reach, -torch.inf)[:, None]
        where = self._where(rows, at, seen)
        for number, layer in enumerate(lean.layers):
            x = self._block(x, number, layer, mask, distance, turn, where)
        last = torch.tensor([length - 1 for length in lengths], device=device)
        x = x[torch.arange(len(rows), device=device), last]  # B C
        return lean.head(lean.norm(x))

    def _place(self, x: Tensor, at: Tensor) -> tuple[Tensor, tuple[Tensor, ...] | None]:
        """Positions: added to the stream, or as a rotation of queries and keys."""
        positions = self.lean.positions
        if isinstance(positions, Tensor):
            return x + F.embedding(at.clamp(max=self.lean.window - 1), positions), None
        if positions == "sinusoidal":
            return x + sinusoids(at, x.shape[-1]), None
        if positions == "rotary":
            return x, rotation(at, self.lean.head_dim, self.lean.theta)
        return x, None

    def _where(self, rows: list[int], at: Tensor, seen: int):
        """How to write new keys and how to read all of them, for these rows."""
        row = torch.tensor(rows, device=at.device)
        cell = at % self.cells
        plain = rows == list(range(len(rows)))  # then a slice will do, which copies nothing

        def join(number: int, new: Tensor) -> Tensor:  # B T G D → B G K D
            store = self._cache[number]
            store[row[:, None], :, cell] = new
            return store[: len(rows), :, :seen] if plain else store[row, :, :seen]

        return join

    def _block(self, x, number, layer, mask, distance, turn, join) -> Tensor:
        lean = self.lean
        h = x if lean.norm_after else layer.attn_norm(x)
        written = layer.out(self._attend(h, number, layer, mask, distance, turn, join))
        x = x + written if lean.residual else written
        x = layer.attn_norm(x) if lean.norm_after else x
        if layer.mlp_norm is None:
            return x
        written = layer.mlp(x if lean.norm_after else layer.mlp_norm(x))
        x = x + written if lean.residual else written
        return layer.mlp_norm(x) if lean.norm_after else x

    def _attend(self, h, number, layer, mask, distance, turn, join) -> Tensor:
        lean = self.lean
        lead = h.shape[:2]  # B T
        if layer.qkv is None:  # every token in reach weighs the same
            value = join(2 * number, h[:, :, None])
            return (mask.softmax(-1) @ value).view(h.shape)
        query, key, value = layer.qkv(h).split(
            [size * lean.head_dim for size in (lean.heads, lean.groups, lean.groups)], dim=-1
        )
        query = query.view(*lead, lean.heads, -1)
        key, value = key.view(*lead, lean.groups, -1), value.view(*lead, lean.groups, -1)
        if turn is not None:
            query, key = (
                rotate(each.transpose(1, 2), *turn).transpose(1, 2) for each in (query, key)
            )
        key, value = join(2 * number, key), join(2 * number + 1, value)  # B G K D
        shared = lean.heads // lean.groups
        query = query.view(*lead, lean.groups, shared, -1).permute(0, 2, 3, 1, 4)
        query = query.reshape(lead[0], lean.groups, shared * lead[1], -1)
        scores = query @ key.transpose(-1, -2) * lean.scaling
        scores = scores.view(lead[0], lean.heads, lead[1], -1)  # B H T K
        if layer.bias is not None:
            scores = scores + F.embedding(distance, layer.bias).permute(0, 3, 1, 2)
        else:
            scores = scores + mask
        weights = scores.softmax(-1).view(lead[0], lean.groups, shared * lead[1], -1)
        out = (weights @ value).view(lead[0], lean.heads, lead[1], -1)
        return out.transpose(1, 2).reshape(*lead, -1)
