"""The keys and values of every active text, packed in blocks of columns.

All texts write their next token into the same column, so a step reads whole blocks from end to end
(twice as fast as with gaps between the rows), and a key's distance from the newest token is the
same for every row. Position p of a row lies in column `begins[row] + p`; the columns on its left
are unused. Blocks are added as texts grow and removed when no row sees them any more.

Shapes in comments: L layers, R rows with room, B rows, T tokens, G groups of heads that share keys,
D width of a head, K columns looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

CHUNK = 64  # tokens of a prompt read in one step, so that a long one does not hold up the others
BLOCK = 32  # columns
_BYTES = 1 << 30
_MOST_ROWS = 256

Tensors = Sequence[Tensor]


class Cache:
    """Room for texts that come and go; the rows in use are always the first ones."""

    def __init__(
        self, layers: int, groups: int, width: int, window: int, dtype: torch.dtype, device
    ) -> None:
        self.window, self.most = window, _MOST_ROWS
        self.now = 0  # the column that this step writes
        self.begins: list[int] = []  # the column of each row's position 0
        self.blocks: list[Tensor] = []  # L 2 R G BLOCK D: of every layer the keys and the values
        self._spare: list[Tensor] = []
        self._rows = 0
        self._each = 2 * layers * groups * width * dtype.itemsize  # bytes of one token
        self._nothing = torch.zeros(
            (layers, 2, 0, groups, BLOCK, width), dtype=dtype, device=device
        )

    def has_room(self, rows: int, tokens: int) -> bool:
        """Whether `rows` rows fit, the longest of `tokens` tokens; one row always does."""
        columns = min(tokens, self.window) + CHUNK + 2 * BLOCK
        fits = _rows_for(rows) * columns * self._each <= _BYTES
        return rows <= 1 or (rows <= self.most and fits)

    def join(self, tokens: int, steps: int) -> None:
        """A new last row, whose prompt of so many tokens is read in so many steps: its last token
        falls into the column that all rows write by then."""
        begin = self.now + steps - tokens
        if begin < 0:
            more = -(begin // BLOCK)
            self._grow_rows()
            self.blocks[:0] = [self._block() for _ in range(more)]
            self._shift(more * BLOCK)
            begin += more * BLOCK
        self.begins.append(begin)
        self._grow_rows()
        self._grow_columns()

    def leave(self, row: int) -> None:
        """Empties a row and puts the last one into its place, so that rows stay without a gap."""
        last = len(self.begins) - 1
        self.begins[row] = self.begins[last]
        self.begins.pop()
        if not self.begins:
            self._spare, self.blocks, self.now = self._spare + self.blocks, [], 0
        for block in self.blocks:
            if row != last:
                block[:, :, row] = block[:, :, last]
            block[:, :, last] = 0  # an overflow left behind would be 0 times infinity

    def advance(self) -> None:
        """To the next column, after all rows have written."""
        if not self.begins:
            return
        self.now += 1
        low = min(self.low(begin, self.now) for begin in self.begins)
        for _ in range(low // BLOCK):
            self._spare.append(self.blocks.pop(0))
            self._shift(-BLOCK)
        self._grow_columns()

    def low(self, begin: int, column: int) -> int:
        """The first column that a row which begins at `begin` can see from `column`."""
        return max(begin, column - self.window + 1, 0)

    def write_column(self, rows: list[int], column: int) -> Callable[[int, Tensor], None]:
        """Writes a layer's keys and values of rows that lie side by side into one column."""
        block = self.blocks[column // BLOCK]
        places = block[:, :, rows[0] : rows[-1] + 1, :, column % BLOCK].transpose(1, 2)
        layers = places.unbind(0)  # B 2 G D; all views are made at once, Python is what costs

        def write(number: int, new: Tensor) -> None:
            layers[number].copy_(new[:, 0])

        return write

    def write_cells(self, row: Tensor, column: Tensor) -> Callable[[int, Tensor], None]:
        """The same for any rows and columns."""
        blocks, parts = self.blocks, []
        for at in range(int(column.min()) // BLOCK, int(column.max()) // BLOCK + 1):
            which, token = (column // BLOCK == at).nonzero(as_tuple=True)
            parts.append((at, which, token, row[which, 0], column[which, token] % BLOCK))

        def write(number: int, new: Tensor) -> None:
            for at, which, token, place, cell in parts:
                # Indices on both sides of a slice: their shape comes first.
                blocks[at][number][:, place, :, cell] = new[which, token]

        return write

    def read(
        self, rows: slice | list[int], first: int, last: int
    ) -> Callable[[int], tuple[Tensors, Tensors]]:
        """Keys and values of a layer in those blocks."""
        blocks = self.blocks[first : last + 1]
        if isinstance(rows, slice):
            seen = [block[:, :, rows].flatten(2, 3).unbind(1) for block in blocks]
            keys = list(zip(*(key.unbind(0) for key, _ in seen), strict=True))
            values = list(zip(*(value.unbind(0) for _, value in seen), strict=True))
            return lambda number: (keys[number], values[number])

        def gather(number: int) -> tuple[Tensors, Tensors]:
            parts = [block[number][:, rows].flatten(1, 2).unbind(0) for block in blocks]
            return [key for key, _ in parts], [value for _, value in parts]

        return gather

    def free(self) -> None:
        """Frees the memory while there is nothing to do."""
        self.blocks, self._spare, self._rows = [], [], 0

    def _shift(self, columns: int) -> None:
        self.now += columns
        self.begins = [begin + columns for begin in self.begins]

    def _grow_columns(self) -> None:
        while self.now + CHUNK > len(self.blocks) * BLOCK:
            self.blocks.append(self._block())

    def _grow_rows(self) -> None:
        if len(self.begins) <= self._rows:
            return
        self._rows, self._spare = _rows_for(len(self.begins)), []
        for number, old in enumerate(self.blocks):
            self.blocks[number] = self._block()
            self.blocks[number][:, :, : old.shape[2]] = old

    def _block(self) -> Tensor:
        if self._spare:
            return self._spare.pop().zero_()
        shape = list(self._nothing.shape)
        shape[2] = self._rows
        return self._nothing.new_zeros(shape)


def _rows_for(rows: int) -> int:
    """In powers of two, so that few arrivals move everything."""
    return max(8, 1 << (rows - 1).bit_length())
