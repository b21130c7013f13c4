"""The forward pass of a model without its modules, for many texts at once.

At one token a step most of the time goes into Python and into small operations, so the weights are
taken out of the modules once and each layer is a handful of calls. The numbers equal the model's up
to rounding. Rows may be at different positions; what a row cannot see is masked.

Shapes in comments: B rows, T tokens, N = B T, C width, H heads, G groups of heads that share keys,
D width of a head, K columns looked at, W window.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from compare.decoding.cache import BLOCK, Cache, Tensors
from tinygpt_hf.modeling_tinygpt import rotate, rotation, sinusoids

# Numbers in a matrix from which a memory order of its own pays: for several rows, for any.
_MEDIUM, _LARGE = 1 << 17, 1 << 18
_SEVERAL = 8
_ROWS = 64  # for which a matrix is reordered; others work as well
_SCORES = 1 << 24  # numbers in one table of attention scores


Fn = Callable[[Tensor], Tensor]


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
    """A model's weights, out of its modules."""

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


@dataclass
class _Step:
    """What one pass is about: which rows, where their tokens go and what they see."""

    rows: int
    tokens: int  # of each row, padded on the right
    write: Callable[[int, Tensor], None]  # a layer's new keys and values, B T 2 G D
    read: Callable[[int], tuple[Tensors, Tensors]]  # its keys and values, block by block: B·G K D
    bias: Callable[[int], Tensor]  # of a layer, added to the scores: B H T K or smaller
    turn: tuple[Tensor, ...] | None  # rotary positions: N 1 D


class Forward:
    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self.cache = Cache(
            len(weights.layers),
            weights.groups,
            weights.head_dim,
            weights.window,
            weights.embed.dtype,
            weights.embed.device,
        )
        # L H ...: what is added for the newest token, by distance, the farthest first. Out of
        # reach on both sides, so that whole blocks can be looked at: for any column, a slice.
        tables = [layer.bias[:-1] for layer in weights.layers if layer.bias is not None]
        plain = weights.embed.new_zeros((len(weights.layers), 1, weights.window))
        near = torch.stack([t.flip(0).t() for t in tables]) if tables else plain
        self._near = F.pad(near, (BLOCK, BLOCK), value=-torch.inf).detach()

    def at_once(self, tokens: int, seen: int) -> int:
        """How many rows may be read together, that many tokens of each, without a huge table."""
        return max(1, _SCORES // max(1, tokens * (seen + tokens) * self.weights.heads))

    @torch.inference_mode()
    def read(self, rows: list[int], tokens: list[list[int]], first: list[int]) -> Tensor:
        """Reads each row's next tokens, the first of them at its position `first`; next logits."""
        weights, device = self.weights, self.weights.embed.device
        lengths = [len(ids) for ids in tokens]
        longest = max(lengths)
        padded = [ids + [0] * (longest - len(ids)) for ids in tokens]
        x = F.embedding(torch.tensor(padded, device=device).view(-1), weights.embed)  # N C
        at = torch.tensor(first, device=device)[:, None]
        if longest > 1:
            at = at + torch.arange(longest, device=device)  # B T
        x, turn = self._place(x, at)
        step = self._step(rows, first, at, turn)
        for number, layer in enumerate(weights.layers):
            x = self._block(x, number, layer, step)
        if longest > 1:
            last = torch.tensor([row * longest + n - 1 for row, n in enumerate(lengths)])
            x = x[last.to(device)]  # B C
        return weights.head(weights.norm(x))

    def _place(self, x: Tensor, at: Tensor) -> tuple[Tensor, tuple[Tensor, ...] | None]:
        """Positions: added to the stream, or as a rotation of queries and keys."""
        weights = self.weights
        if weights.positions == "learned":
            assert weights.table is not None
            here = at.view(-1).clamp(max=weights.window - 1)  # padding may lie beyond
            return x + F.embedding(here, weights.table), None
        if weights.positions == "sinusoidal":
            return x + sinusoids(at.view(-1), x.shape[-1]), None
        if weights.positions == "rotary":
            turn = rotation(at.view(-1, 1), weights.head_dim, weights.theta)
            return x, tuple(part[:, 0] for part in turn)
        return x, None

    def _step(
        self, rows: list[int], first: list[int], at: Tensor, turn: tuple[Tensor, ...] | None
    ) -> _Step:
        cache, tokens = self.cache, at.shape[1]
        begins = [cache.begins[row] for row in rows]
        columns = [begin + start for begin, start in zip(begins, first, strict=True)]
        first_block = min(map(cache.low, begins, columns)) // BLOCK
        last_block = (max(columns) + tokens - 1) // BLOCK
        low, high = first_block * BLOCK, (last_block + 1) * BLOCK
        side_by_side = rows[-1] - rows[0] == len(rows) - 1 and rows == sorted(rows)
        if side_by_side and tokens == 1 and min(columns) == max(columns):
            write = cache.write_column(rows, columns[0])
            bias = self._newest(begins, columns[0], low, high)
        else:
            row = torch.tensor(rows, device=at.device)[:, None]
            start = torch.tensor(begins, device=at.device)[:, None]
            write = cache.write_cells(row, start + at)
            bias = self._any(start, at, low, high)
        # Side by side, a slice will do, which copies nothing.
        here = slice(rows[0], rows[-1] + 1) if side_by_side else rows
        read = cache.read(here, first_block, last_block)
        return _Step(len(rows), tokens, write, read, bias, turn)

    def _newest(self, begins: list[int], now: int, low: int, high: int) -> Callable[[int], Tensor]:
        """For one token a row, all in the same column: every distance is the same for all."""
        begin = BLOCK + self.weights.window - 1 - (now - low)
        near = self._near[:, None, :, None, begin : begin + high - low]  # L 1 H 1 K
        if max(begins) > low:
            apart = begins[:1] if min(begins) == max(begins) else begins
            start = torch.tensor(apart, device=near.device)[:, None, None, None]
            nobody = torch.arange(low, high, device=near.device) < start  # B 1 1 K
            near = near.masked_fill(nobody, -torch.inf)
        layers = near.unbind(0)
        return lambda number: layers[number]

    def _any(self, start: Tensor, at: Tensor, low: int, high: int) -> Callable[[int], Tensor]:
        """For rows of several tokens each, wherever they are."""
        window, layers = self.weights.window, self.weights.layers
        column = torch.arange(low, high, device=at.device)
        distance = (start + at)[..., None] - column  # B T K
        reach = (distance >= 0) & (distance < window) & (column >= start[..., None])
        if not layers or layers[0].bias is None:
            mask = torch.zeros_like(distance, dtype=self.weights.embed.dtype)
            mask = mask.masked_fill_(~reach, -torch.inf)[:, None]
            return lambda number: mask
        distance = torch.where(reach, distance, window)

        def biased(number: int) -> Tensor:
            table = layers[number].bias
            assert table is not None
            return F.embedding(distance, table).permute(0, 3, 1, 2)

        return biased

    def _block(self, x: Tensor, number: int, layer: Layer, step: _Step) -> Tensor:
        weights = self.weights
        h = x if weights.norm_after else layer.attn_norm(x)
        written = layer.out(self._attend(h, number, layer, step))
        x = x + written if weights.residual else written
        x = layer.attn_norm(x) if weights.norm_after else x
        if layer.mlp_norm is None:
            return x
        written = layer.mlp(x if weights.norm_after else layer.mlp_norm(x))
        x = x + written if weights.residual else written
        return layer.mlp_norm(x) if weights.norm_after else x

    def _attend(self, h: Tensor, number: int, layer: Layer, step: _Step) -> Tensor:
        weights, (rows, tokens) = self.weights, (step.rows, step.tokens)
        heads, groups, width = weights.heads, weights.groups, weights.head_dim
        if layer.qkv is None:  # every token in reach weighs the same
            return self._mean(h, number, step)
        qkv = layer.qkv(h).view(rows * tokens, heads + 2 * groups, width)
        if step.turn is not None:
            turned = qkv[:, : heads + groups]
            turned.copy_(rotate(turned, *step.turn))
        step.write(number, qkv[:, heads:].view(rows, tokens, 2, groups, width))
        keys, values = step.read(number)
        query = qkv[:, :heads]
        if tokens > 1:
            query = query.view(rows, tokens, heads, width).transpose(1, 2)
        query = query.reshape(rows * groups, -1, width)
        parts = [torch.bmm(query, key.transpose(1, 2)) for key in keys]
        scores = (torch.cat(parts, -1) if len(parts) > 1 else parts[0]).view(
            rows, heads, tokens, -1
        )  # B H T K
        odds = torch.add(step.bias(number), scores, alpha=weights.scaling).softmax(-1)
        out = _weigh(odds.view(rows * groups, -1, odds.shape[-1]), values)
        if tokens > 1:
            out = out.view(rows, heads, tokens, width).transpose(1, 2)
        return out.reshape(rows * tokens, heads * width)

    def _mean(self, h: Tensor, number: int, step: _Step) -> Tensor:
        twice = h.view(step.rows, step.tokens, 1, 1, -1).expand(-1, -1, 2, -1, -1)
        step.write(number, twice)
        _, values = step.read(number)  # B K C
        odds = step.bias(number).flatten(0, 1).softmax(-1)  # B T K
        return _weigh(odds.expand(step.rows, step.tokens, -1), values).view(h.shape)


def _weigh(odds: Tensor, values: Tensors) -> Tensor:
    """The sum of all values by their odds, block by block."""
    parts = odds.split(BLOCK, -1)
    out = torch.bmm(parts[0], values[0])
    for part, value in zip(parts[1:], values[1:], strict=True):
        out = torch.baddbmm(out, part, value)
    return out


# What layers are made of


def _relu2(x: Tensor) -> Tensor:
    x = F.relu(x)
    return x.mul_(x)  # `square` is slower


def _gelu_new(x: Tensor) -> Tensor:
    return F.gelu(x, approximate="tanh")


ACTS: dict[str, Fn] = {
    "relu": F.relu,
    "relu2": _relu2,
    "gelu": F.gelu,
    "gelu_new": _gelu_new,
    "gelu_pytorch_tanh": _gelu_new,
    "swiglu": F.silu,
}


def linear(weight: Tensor, bias: Tensor | None) -> Fn:
    """`F.linear` or, for a large matrix on a CPU, oneDNN over a copy in its own memory order: eight
    rows of GPT-2 take a bit more than half the time."""
    if weight.numel() < _MEDIUM or weight.device.type != "cpu" or not _one_dnn():
        return lambda x: F.linear(x, weight, bias)
    ordered = torch.ops.mkldnn._reorder_linear_weight(weight.detach().contiguous(), _ROWS)
    multiply = torch.ops.mkldnn._linear_pointwise
    if weight.numel() >= _LARGE:  # and the first copy may be freed
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


def mlp(up: Fn, act: Fn, down: Fn, gate: Fn | None = None) -> Fn:
    if gate is None:
        return lambda x: down(act(up(x)))
    return lambda x: down(act(gate(x)) * up(x))


def identity(x: Tensor) -> Tensor:
    return x
