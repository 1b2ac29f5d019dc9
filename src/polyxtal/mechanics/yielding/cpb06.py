"""The yield function of Cazacu, Plunkett and Barlat for hexagonal metals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from polyxtal.argument_types import require_number
from polyxtal.mechanics.yielding.tensors import DEVIATOR, Array
from polyxtal.mechanics.yielding.transformed import (
    TransformedNorm,
    require_exponent,
    require_numbers,
)

_PLACES = ("11", "22", "33", "12", "13", "23", "44", "55", "66")
_ISOTROPIC = (1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0)


@dataclass(frozen=True)
class CPB06(TransformedNorm):
    """CPB06: yield in tension and compression may differ.

        (|S_1| - k S_1)^a + (|S_2| - k S_2)^a + (|S_3| - k S_3)^a = c σ̄^a,   S = C s
        c = [⅔ (1 - k)]^a + 2 [⅓ (1 + k)]^a    [Cazacu2006]

    s is the stress deviator, C symmetric: c_11, c_22, c_33, c_12, c_13, c_23 for normal stresses,
    c_44 (yz), c_55 (xz), c_66 (xy) for shear. With the divisor c, the defaults give σ̄ = σ_xx in
    tension along x. Published sets, which fix c_11 = 1, are scaled so by `normalised`. It is convex
    for -1 ≤ k ≤ 1; k = 0 and a = 2 with the default C give von Mises.

    Attributes:
        C: c_11, c_22, c_33, c_12, c_13, c_23, c_44, c_55, c_66. [-]
        k: Asymmetry; positive where tension is the stronger. [-]

    Example:
        >>> import polyxtal as px
        >>> metal = px.CPB06(k=0.3)
        >>> metal.yield_stress(0).round(3), metal.yield_stress(0, compression=True).round(3)
        (np.float64(1.0), np.float64(0.831))
    """

    kind: ClassVar[str] = "cpb06"
    names: ClassVar[tuple[str, ...]] = (*(f"c_{place}" for place in _PLACES), "k")
    redundant: ClassVar[int] = 1
    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {"k": (-1.0, 1.0)}
    arms: ClassVar[Array] = np.eye(3)

    C: tuple[float, ...] = _ISOTROPIC
    k: float = 0.0
    exponent: float = 2.0

    def __post_init__(self) -> None:
        """Validate parameters and exponent."""
        require_numbers(self.C, 9, "C")
        require_number(self.k, "k")
        if not -1.0 <= self.k <= 1.0:
            raise ValueError(
                "Argument `k` must lie between -1 and 1 for a convex yield surface, "
                f"but is {float(self.k):g}."
            )
        require_exponent(self.exponent)

    @property
    def vector(self) -> Array:
        """Parameters of C, then k. [-]"""
        return np.array((*self.C, self.k), dtype=float)

    @classmethod
    def from_vector(cls, vector: Array, exponent: float = 2.0) -> CPB06:
        """Return the function of the parameters of C and k."""
        values = tuple(map(float, vector))
        return cls(values[:9], values[9], exponent)

    def normalised(self) -> CPB06:
        """Return the function with C scaled such that σ̄ = σ_xx in tension along x."""
        scale = float(self.yield_stress(0.0))
        return replace(self, C=tuple(scale * value for value in self.C))

    @property
    def transforms(self) -> Array:
        """Mandel matrix of C on the deviator (1, 6, 6). [-]"""
        C = np.diag([*self.C[:3], *self.C[6:]])
        for (i, j), value in zip(((0, 1), (0, 2), (1, 2)), self.C[3:6], strict=True):
            C[i, j] = C[j, i] = value
        return (C @ DEVIATOR)[None]

    @property
    def _count(self) -> float:
        a = self.exponent
        return (2 * (1 - self.k) / 3) ** a + 2 * ((1 + self.k) / 3) ** a

    def _lengths(self, arms: Array) -> tuple[Array, Array]:
        return np.abs(arms) - self.k * arms, np.sign(arms) - self.k
