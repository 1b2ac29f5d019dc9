"""The format of the tables of systems and interaction types."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Types = NDArray[np.int64]
"""Interaction types, 0-based: row = the system that hardens, column = the system that acts."""


@dataclass(frozen=True)
class Family:
    """Systems that are equivalent by the crystal's symmetry.

    Attributes:
        name: Common name.
        table: One system per line: indices of the direction | indices of the plane normal.
    """

    name: str
    table: str

    @cached_property
    def indices(self) -> NDArray[np.int64]:
        """Indices of direction and normal, shape (systems, 6 or 8)."""
        return _numbers(self.table.replace("|", " "))

    @property
    def size(self) -> int:
        """Number of systems."""
        return len(self.indices)


def _numbers(table: str) -> NDArray[np.int64]:
    rows = [line.split() for line in table.strip().splitlines()]
    return np.array(rows, dtype=np.int64)


def types(table: str) -> Types:
    """Read a table of interaction types, 1-based as in DAMASK."""
    return _numbers(table) - 1


def shells(families: Sequence[Family]) -> Types:
    """Number interaction types by pairs of families, in DAMASK's order.

    The k-th family adds 2 k types: earlier families hardened by it, self-interaction, different
    systems within it, and it hardened by the earlier families, the last one first.
    """
    index = np.repeat(np.arange(1, len(families) + 1), [family.size for family in families])
    row, column = np.meshgrid(index, index, indexing="ij")
    above = column * (column - 1) + row
    below = row * row + 1 + row - column
    out = np.where(row < column, above, np.where(row > column, below, row * row + 1))
    np.fill_diagonal(out, index * index)
    return out - 1


def by_families(reacting: Sequence[Family], acting: Sequence[Family], first: str) -> Types:
    """Number interaction types by pairs of families; `first` names the slower index."""
    rows = np.repeat(np.arange(len(reacting)), [family.size for family in reacting])
    columns = np.repeat(np.arange(len(acting)), [family.size for family in acting])
    if first == "reacting":
        return rows[:, None] * len(acting) + columns[None, :]
    return columns[None, :] * len(reacting) + rows[:, None]
