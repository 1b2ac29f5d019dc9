"""Whether enough of a measured map or stack was measured to speak for all of it."""

from __future__ import annotations

import warnings

from polyxtal.microstructure.ebsd import GrainMap
from polyxtal.microstructure.stack import StackGrains

LARGE_SHARE = 0.2
"""Share of points filled from neighbouring grains that is warned of. [-]"""

MAX_FILLED = 0.5
"""Largest share that is accepted unless told otherwise. [-]"""


def check_filled(grains: GrainMap | StackGrains, max_filled: float | None = None) -> None:
    """Warn of a large share of points that took the grain of a neighbour, refuse a larger one.

    Args:
        grains: Grains of a map or stack.
        max_filled: Largest share that is accepted (default: `MAX_FILLED`). [-]
    Raises:
        ValueError: if the share is larger, or `max_filled` is no share.
    """
    most = MAX_FILLED if max_filled is None else max_filled
    if not 0 <= most <= 1:
        raise ValueError(f"Argument `max_filled` must be a share from 0 to 1, but is {most:g}.")
    source, filled = grains.source, grains.filled
    if filled <= min(most, LARGE_SHARE):
        return
    missing = 1 - float(source.indexed.double().mean()) - source.excluded
    small = max(0.0, filled - missing - source.excluded)
    why = (
        f"{_percent(missing)} not indexed, {_percent(source.excluded)} of excluded phases, "
        f"{_percent(small)} in regions of fewer than {grains.minimum} points"
    )
    if filled > most:
        raise ValueError(
            f"{source.path}: argument `max_filled` must be at least the share of points filled "
            f"from neighbouring grains, but is {most:g}, and {_percent(filled)} are ({why}): the "
            "result would be that of the other points."
        )
    warnings.warn(
        f"{source.path}: {_percent(filled)} of the points are filled from neighbouring grains "
        f"({why}): the result is that of the other points.",
        stacklevel=3,
    )


def _percent(share: float) -> str:
    return f"{100 * abs(share):.3g} %"
