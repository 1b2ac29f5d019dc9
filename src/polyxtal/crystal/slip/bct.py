"""Slip systems of body-centred tetragonal crystals (tI), in DAMASK's order.

A line of a table is a direction [uvw] | plane normal (hkl).
"""

from __future__ import annotations

import numpy as np

from polyxtal.crystal.slip.tables import Family, Types, shells

SLIP = (
    Family(
        "{100}<001>",
        """
         0  0  1 |  1  0  0
         0  0  1 |  0  1  0
        """,
    ),
    Family(
        "{110}<001>",
        """
         0  0  1 |  1  1  0
         0  0  1 | -1  1  0
        """,
    ),
    Family(
        "{100}<010>",
        """
         0  1  0 |  1  0  0
         1  0  0 |  0  1  0
        """,
    ),
    Family(
        "{110}<1-11>",
        """
         1 -1  1 |  1  1  0
         1 -1 -1 |  1  1  0
        -1 -1 -1 | -1  1  0
        -1 -1  1 | -1  1  0
        """,
    ),
    Family(
        "{110}<1-10>",
        """
         1 -1  0 |  1  1  0
         1  1  0 |  1 -1  0
        """,
    ),
    Family(
        "{100}<011>",
        """
         0  1  1 |  1  0  0
         0 -1  1 |  1  0  0
        -1  0  1 |  0  1  0
         1  0  1 |  0  1  0
        """,
    ),
    Family(
        "{001}<010>",
        """
         0  1  0 |  0  0  1
         1  0  0 |  0  0  1
        """,
    ),
    Family(
        "{001}<110>",
        """
         1  1  0 |  0  0  1
        -1  1  0 |  0  0  1
        """,
    ),
    Family(
        "{011}<01-1>",
        """
         0  1 -1 |  0  1  1
         0 -1 -1 |  0 -1  1
        -1  0 -1 | -1  0  1
         1  0 -1 |  1  0  1
        """,
    ),
    Family(
        "{011}<1-11>",
        """
         1 -1  1 |  0  1  1
         1  1 -1 |  0  1  1
         1  1  1 |  0  1 -1
        -1  1  1 |  0  1 -1
         1 -1 -1 |  1  0  1
        -1 -1  1 |  1  0  1
         1  1  1 |  1  0 -1
         1 -1  1 |  1  0 -1
        """,
    ),
    Family(
        "{011}<100>",
        """
         1  0  0 |  0  1  1
         1  0  0 |  0  1 -1
         0  1  0 |  1  0  1
         0  1  0 |  1  0 -1
        """,
    ),
    Family(
        "{211}<01-1>",
        """
         0  1 -1 |  2  1  1
         0 -1 -1 |  2 -1  1
         1  0 -1 |  1  2  1
        -1  0 -1 | -1  2  1
         0  1 -1 | -2  1  1
         0 -1 -1 | -2 -1  1
        -1  0 -1 | -1 -2  1
         1  0 -1 |  1 -2  1
        """,
    ),
    Family(
        "{211}<-111>",
        """
        -1  1  1 |  2  1  1
        -1 -1  1 |  2 -1  1
         1 -1  1 |  1  2  1
        -1 -1  1 | -1  2  1
         1  1  1 | -2  1  1
         1 -1  1 | -2 -1  1
        -1  1  1 | -1 -2  1
         1  1  1 |  1 -2  1
        """,
    ),
)

TWIN: tuple[Family, ...] = ()


def _slip_slip() -> Types:
    """Number types by pairs of families, with DAMASK's exceptions in the first column of two."""
    out = shells(SLIP)
    sizes = np.array([family.size for family in SLIP])
    for family, odd in ((10, slice(1, 4)), (12, slice(5, 8))):
        first = int(sizes[:family].sum())
        out[first + odd.start : first + odd.stop, first] = out[first, first]
    return out


INTERACTIONS = {"sl-sl": _slip_slip()}
