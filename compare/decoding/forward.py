"""The forward pass of a model without its modules, for many texts at once.

At one token a step most of the time goes into Python and into small operations, so the weights are
taken out of the modules once and each layer is a handful of calls. The numbers are those of the
model to rounding. Rows may be at different positions; what a row cannot see is masked.

Shapes in comments: B rows, T tokens, N = B T, C width, H heads, G groups of heads that share keys,
D width of a head, K columns looked at, W window.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from compare.decoding.cache import Cache
from compare.decoding.weights import Layer, Weights
from tinygpt_hf.modeling_tinygpt import rotate, rotation, sinusoids

_SCORES = 1 << 24  # numbers in one table of attention scores


@dataclass
class _Step:
    """What one pass is about: which rows, where their tokens go and what they see."""

    rows: int
    tokens: int  # of each row, padded on the right
    write: Callable[[int, Tensor], None]  # a layer's new keys and values, B T 2 G D
    read: Callable[[int], tuple[Tensor, Tensor]]  # a layer's keys and values, B·G K D
    bias: Callable[[int], Tensor | None]  # a layer's, added to the scores: B H T K or smaller
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
        tables = [layer.bias for layer in weights.layers if layer.bias is not None]
        # L H W, the farthest first: for the newest token, the bias of its K columns is a slice.
        self._biases = torch.stack([t[:-1].flip(0).t() for t in tables]) if tables else None

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
        low = min(map(cache.low, begins, columns))
        high = max(columns) + tokens
        side_by_side = rows[-1] - rows[0] == len(rows) - 1 and rows == sorted(rows)
        if side_by_side and tokens == 1 and min(columns) == max(columns):
            write = self._write_column(rows, columns[0])
            bias = self._newest(begins, low, high)
        else:
            row = torch.tensor(rows, device=at.device)[:, None]
            start = torch.tensor(begins, device=at.device)[:, None]
            write = self._write_cells(row, start + at)
            bias = self._any(start, at, low, high)
        # Side by side, a slice will do, which copies nothing.
        here = slice(rows[0], rows[-1] + 1) if side_by_side else rows
        return _Step(len(rows), tokens, write, self._read(here, low, high), bias, turn)

    def _write_column(self, rows: list[int], column: int) -> Callable[[int, Tensor], None]:
        places = self.cache.store[:, :, rows[0] : rows[-1] + 1, :, column].transpose(1, 2)
        layers = places.unbind(0)  # B 2 G D; all views are made at once, Python is what costs

        def write(number: int, new: Tensor) -> None:
            layers[number].copy_(new[:, 0])

        return write

    def _write_cells(self, row: Tensor, column: Tensor) -> Callable[[int, Tensor], None]:
        store = self.cache.store

        def write(number: int, new: Tensor) -> None:
            # Indices on both sides of a slice: their shape comes first.
            store[number][:, row, :, column] = new

        return write

    def _read(
        self, rows: slice | list[int], low: int, high: int
    ) -> Callable[[int], tuple[Tensor, Tensor]]:
        store = self.cache.store
        if not isinstance(rows, slice):

            def gather(number: int) -> tuple[Tensor, Tensor]:
                key, value = store[number][:, rows, :, low:high].flatten(1, 2)
                return key, value

            return gather
        seen = store[:, :, rows, :, low:high].flatten(2, 3)  # L 2 B·G K D, no copy
        keys, values = seen[:, 0].unbind(0), seen[:, 1].unbind(0)
        return lambda number: (keys[number], values[number])

    def _newest(self, begins: list[int], low: int, high: int) -> Callable[[int], Tensor | None]:
        """For one token a row, all in the last column: every distance is the same for all."""
        mask = None
        device = self.weights.embed.device
        if max(begins) > low:  # B K
            start = torch.tensor(begins, device=device)[:, None]
            nobody = torch.arange(low, high, device=device) < start
            mask = torch.zeros_like(nobody, dtype=self.weights.embed.dtype)
            mask = mask.masked_fill_(nobody, -torch.inf)[:, None, None]  # B 1 1 K
        if self._biases is None:
            return lambda number: mask
        near = self._biases[:, None, :, None, self.weights.window - (high - low) :]  # L 1 H 1 K
        each = (near if mask is None else near + mask).unbind(0)
        return lambda number: each[number]

    def _any(
        self, start: Tensor, at: Tensor, low: int, high: int
    ) -> Callable[[int], Tensor | None]:
        """For rows of several tokens each, wherever they are."""
        window, layers = self.weights.window, self.weights.layers
        column = torch.arange(low, high, device=at.device)
        distance = (start + at)[..., None] - column  # B T K
        reach = (distance >= 0) & (distance < window) & (column >= start[..., None])
        if self._biases is None:
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
        key, value = step.read(number)
        query = qkv[:, :heads]
        if tokens > 1:
            query = query.view(rows, tokens, heads, width).transpose(1, 2)
        query = query.reshape(rows * groups, -1, width)
        scores = torch.bmm(query, key.transpose(1, 2)).view(rows, heads, tokens, -1)  # B H T K
        bias = step.bias(number)
        if bias is None:
            scores = scores.mul_(weights.scaling)
        else:
            scores = torch.add(bias, scores, alpha=weights.scaling)
        odds = scores.softmax(-1).view(rows * groups, -1, scores.shape[-1])
        out = torch.bmm(odds, value)
        if tokens > 1:
            out = out.view(rows, heads, tokens, width).transpose(1, 2)
        return out.reshape(rows * tokens, heads * width)

    def _mean(self, h: Tensor, number: int, step: _Step) -> Tensor:
        twice = h.view(step.rows, step.tokens, 1, 1, -1).expand(-1, -1, 2, -1, -1)
        step.write(number, twice)
        _, value = step.read(number)  # B K C
        bias = step.bias(number)
        odds = value.new_zeros(()) if bias is None else bias.flatten(0, 1)  # B T K
        odds = odds.expand(step.rows, step.tokens, value.shape[1]).softmax(-1)
        return torch.bmm(odds, value).view(h.shape)
