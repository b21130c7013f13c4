"""The keys and values of every text under way, packed side by side.

All texts write their next token into the same column, so a step reads one block of memory, and a
key's distance from the newest token is the same for every row. Position p of a row lies in column
`begins[row] + p`; the columns on its left belong to nobody. Memory grows with what the texts need.

Shapes in comments: L layers, B rows, G groups of heads that share keys, K columns, D width of a head.
"""

from __future__ import annotations

import torch
from torch import Tensor

CHUNK = 64  # tokens of a prompt read in one step, so that a long one does not hold up the others
_BYTES = 1 << 30
_MOST_ROWS = 256


class Cache:
    """Room for texts that come and go; the rows in use are always the first ones."""

    def __init__(
        self, layers: int, groups: int, width: int, window: int, dtype: torch.dtype, device
    ) -> None:
        self.window, self.most = window, _MOST_ROWS
        self.now = 0  # the column that this step writes
        self.begins: list[int] = []  # the column of each row's position 0
        self._each = 2 * layers * groups * width * dtype.itemsize  # bytes of one token
        self.groups, self._rows, self._columns = groups, 0, 0
        # L 2 B G K D: of every layer the keys and the values.
        self.store = torch.zeros((layers, 2, 0, groups, 0, width), dtype=dtype, device=device)

    def has_room(self, rows: int, tokens: int) -> bool:
        """Whether so many rows fit, the longest of that many tokens; one always does."""
        columns = _columns_for(min(tokens, self.window))
        fits = _rows_for(rows) * columns * self._each <= _BYTES
        return rows <= 1 or (rows <= self.most and fits)

    def join(self, tokens: int, steps: int) -> None:
        """A new last row, whose prompt of so many tokens is read in that many steps: its last
        token falls into the column that everybody writes by then."""
        begin = self.now + steps - tokens
        if begin < 0:
            self._move(-begin)
            begin = 0
        self.begins.append(begin)
        if len(self.begins) > self._rows or self.now + CHUNK > self._columns:
            self._make_room()

    def leave(self, row: int) -> None:
        """Empties a row and puts the last one into its place, so that rows stay without a gap."""
        last, used = len(self.begins) - 1, self.now + CHUNK
        if row != last:
            self.store[:, :, row, :, :used] = self.store[:, :, last, :, :used]
        self.store[:, :, last, :, :used] = 0  # an overflow left behind would be 0 times infinity
        self.begins[row] = self.begins[last]
        self.begins.pop()

    def advance(self) -> None:
        """To the next column, after everybody has written."""
        self.now = self.now + 1 if self.begins else 0
        if self.begins and self.now + CHUNK > self._columns:
            self._make_room()

    def low(self, begin: int, column: int) -> int:
        """The first column that a row which begins there can see from that one."""
        return max(begin, column - self.window + 1, 0)

    def _make_room(self) -> None:
        """Drops the columns that nobody sees any more; where those are few, makes more."""
        low = min(self.low(begin, self.now) for begin in self.begins)
        columns = _columns_for(self.now - low + 1)
        rows, kept = max(self._rows, _rows_for(len(self.begins))), min(self._columns - low, columns)
        new = self._zeros(rows, columns)
        new[:, :, : self._rows, :, :kept] = self.store[:, :, :, :, low : low + kept]
        self.store = new
        self._rows, self._columns = rows, columns
        self.now -= low
        self.begins = [begin - low for begin in self.begins]

    def free(self) -> None:
        """Gives the memory back while there is nothing to do."""
        self.store = self._zeros(0, 0)
        self._rows = self._columns = self.now = 0

    def _move(self, right: int) -> None:
        """Everything further to the right, for a prompt longer than what the others have."""
        zeros = self._zeros(self._rows, right)
        self.store = torch.cat((zeros, self.store), dim=4)
        self._columns += right
        self.now += right
        self.begins = [begin + right for begin in self.begins]

    def _zeros(self, rows: int, columns: int) -> Tensor:
        layers, two, _, groups, _, width = self.store.shape
        return self.store.new_zeros((layers, two, rows, groups, columns, width))


def _rows_for(rows: int) -> int:
    """In powers of two, so that few arrivals move everything."""
    return max(8, 1 << (rows - 1).bit_length())


def _columns_for(tokens: int) -> int:
    """With a chunk to read ahead, and so many to spare that moving them pays."""
    return tokens + CHUNK + max(CHUNK, tokens // 2)
