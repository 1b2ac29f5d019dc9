"""The accuracies that can be asked for."""

from __future__ import annotations

import math

from polyxtal.argument_types import require_number

ACCURACY = 0.01
"""Default accuracy. [-]"""
FINEST, COARSEST = 1e-4, 0.2
"""Smallest accuracy, the default tolerance of the full field itself, and the largest. [-]"""


def check_accuracy(accuracy: float, seconds: float | None) -> None:
    """Raise ValueError if the wanted accuracy or time is out of range."""
    require_number(accuracy, "accuracy")
    if not FINEST <= accuracy <= COARSEST:
        raise ValueError(
            f"Argument `accuracy` must be from {FINEST:g}, the tolerance of the full field, to "
            f"{COARSEST:g}, such as 0.005 for 0.5 %, but is {accuracy:g}."
        )
    if seconds is not None:
        require_number(seconds, "seconds")
    if seconds is not None and not 0 < seconds < math.inf:
        raise ValueError(f"Argument `seconds` must be positive, but is {seconds:g}.")
