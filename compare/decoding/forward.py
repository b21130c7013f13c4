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

import math
import mmap
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from compare.decoding.weights import Layer, Lean
from tinygpt_hf.modeling_tinygpt import rotate, rotation, sinusoids

CHUNK = 64  # tokens of a prompt read in one step, so that a long one does not hold up the others
_CACHE_BYTES = 1 << 30  # address space; memory is used as far as texts reach
_MOST_ROWS = 64
_SCORES = 1 << 24  # numbers in one table of attention scores

Turn = tuple[Tensor, ...] | None
Join = Callable[[int, Tensor], Tensor]


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
        # Not memory until it is written, page by page: torch's zeros are written at once, and
        # numpy asks for pages of 2 MB, of which a few tokens in every row take all.
        size = math.prod(shape)
        memory = mmap.mmap(-1, 4 * max(1, size))
        cache = torch.frombuffer(memory, dtype=torch.float32)[:size].view(shape)
        self._cache = cache.to(lean.embed.device)
        self._places = torch.arange(self.cells, device=lean.embed.device)
        self._written = [0] * self.most  # cells of each row that are not zero

    def at_once(self, tokens: int, seen: int) -> int:
        """How many rows may be read together, that many tokens of each, without a huge table."""
        return max(1, _SCORES // max(1, tokens * (seen + tokens) * self.lean.heads))

    def leave(self, row: int, last: int) -> None:
        """Empties a row and puts the last one into its place, so that rows stay without a gap."""
        used = max(self._written[row], self._written[last])
        self._cache[:, row, :, :used] = self._cache[:, last, :, :used]
        used = self._written[last]
        self._cache[:, last, :, :used] = 0  # an overflow left behind would be 0 times infinity
        self._written[row], self._written[last] = used, 0

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
        for row, start in zip(rows, first, strict=True):
            self._written[row] = max(self._written[row], min(self.cells, start + longest))
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

    def _where(self, rows: list[int], at: Tensor, seen: int) -> Join:
        """How to write new keys and how to read all of them, for these rows."""
        row = torch.tensor(rows, device=at.device)
        cell = at % self.cells
        plain = rows == list(range(len(rows)))  # then a slice will do, which copies nothing

        def join(number: int, new: Tensor) -> Tensor:  # B T G D → B G K D
            store = self._cache[number]
            store[row[:, None], :, cell] = new
            return store[: len(rows), :, :seen] if plain else store[row, :, :seen]

        return join

    def _block(
        self,
        x: Tensor,  # B T C
        number: int,
        layer: Layer,
        mask: Tensor,  # B 1 T K
        distance: Tensor,  # B T K
        turn: Turn,
        join: Join,
    ) -> Tensor:
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

    def _attend(
        self,
        h: Tensor,  # B T C
        number: int,
        layer: Layer,
        mask: Tensor,
        distance: Tensor,
        turn: Turn,
        join: Join,
    ) -> Tensor:
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
