"""Limits on the size of networks, without importing torch."""

from __future__ import annotations

from numbers import Integral

from polyxtal.argument_types import require_type

MAX_LEAVES, MAX_ENSEMBLE = 2**20, 4096


def check_size(leaves: int, seed: int = 0, ensemble: int = 1) -> None:
    """Validate the size and number of networks.

    Raises:
        ValueError: if `leaves`, `ensemble` or `seed` is out of bounds.
    """
    for name, value, most in (
        ("leaves", leaves, MAX_LEAVES),
        ("ensemble", ensemble, MAX_ENSEMBLE),
    ):
        whole = isinstance(value, Integral) and not isinstance(value, bool)
        if not (whole and 1 <= value <= most):
            raise ValueError(
                f"Argument `{name}` must be at least 1, at most {most} and whole, but is {value}."
            )
    require_type(seed, Integral, "seed")
    if not -(2**63) <= seed < 2**63:
        raise ValueError(f"Argument `seed` must fit into 64 bits, but is {seed}.")
