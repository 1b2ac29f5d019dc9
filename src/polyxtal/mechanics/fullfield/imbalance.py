"""The distance of a cell from equilibrium."""

from __future__ import annotations

from typing import NamedTuple

from jaxtyping import Complex, Float
from torch import Tensor


class Imbalance(NamedTuple):
    """The distance from equilibrium.

    Attributes:
        force: P̂ k.
        mean_stress: <P>. [MPa]
        error: The larger of the stress out of balance, the rms of P̂ k / |k|, and the largest
            deviation of the mean stress from its prescribed value; relative to the rms of P. [-]
    """

    force: Complex[Tensor, "3 nx ny nz_half"]
    mean_stress: Float[Tensor, "9"]
    error: float
