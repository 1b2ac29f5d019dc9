"""Sizes of elastic constants that betray another unit."""

from __future__ import annotations

import warnings

USUAL_STIFFNESS = 1e3, 2e6
"""Range of the largest elastic constant of a crystal: 1 GPa to twice that of diamond. [MPa]"""


def warn_of_units(largest: float, stacklevel: int = 4) -> None:
    """Warn of elastic constants that are not in MPa, judging by their size.

    Args:
        largest: Largest constant. [MPa]
        stacklevel: Frames between the caller and the warning, see `warnings.warn`.
    """
    low, high = USUAL_STIFFNESS
    if not low <= largest <= high:
        warnings.warn(
            f"Elastic constants should be {1e-3 * low:g} to {1e-3 * high:g} GPa, but the largest "
            f"is {1e-3 * largest:g} GPa: constants are in MPa in Python, in GPa on the command "
            "line and in Pa in DAMASK's files.",
            stacklevel=stacklevel,
        )
