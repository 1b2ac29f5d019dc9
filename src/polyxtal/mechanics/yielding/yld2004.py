"""The yield function of Barlat et al. with two transformations of the full stress."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from polyxtal.mechanics.yielding.tensors import DEVIATOR, Array
from polyxtal.mechanics.yielding.transformed import (
    TransformedNorm,
    require_exponent,
    require_numbers,
)

_PLACES = ("12", "13", "21", "23", "31", "32", "44", "55", "66")


@dataclass(frozen=True)
class Yld2004(TransformedNorm):
    """Yld2004-18p: eighteen parameters for any stress.

        Σ_i Σ_j |S'_i - S''_j|^a = 4 σ̄^a,   S' = C' s,   S'' = C'' s    [Barlat2005]

    s is the stress deviator, and C (primed or twice primed) has -c_12, -c_13, -c_21, -c_23, -c_31,
    -c_32 beside a zero diagonal for normal stresses, and c_44 (yz), c_55 (xz), c_66 (xy) for shear.
    With all parameters 1 it is Hosford's isotropic function, and with a = 2 von Mises'. Two of
    the 18 parameters are redundant [vandenBoogaard2016]. a is `exponent`.

    Attributes:
        first: C': c_12, c_13, c_21, c_23, c_31, c_32, c_44, c_55, c_66. [-]
        second: C'' likewise. [-]

    Example:
        >>> import polyxtal as px
        >>> px.Yld2004(exponent=2).equivalent([0, 0, 0, 0, 0, 1]).round(6)  # √3, von Mises
        np.float64(1.732051)
    """

    kind: ClassVar[str] = "yld2004"
    names: ClassVar[tuple[str, ...]] = tuple(
        f"c{prime}_{place}" for prime in ("'", "''") for place in _PLACES
    )
    redundant: ClassVar[int] = 2
    arms: ClassVar[Array] = np.hstack([np.repeat(np.eye(3), 3, 0), -np.tile(np.eye(3), (3, 1))])

    first: tuple[float, ...] = (1.0,) * 9
    second: tuple[float, ...] = (1.0,) * 9
    exponent: float = 8.0

    def __post_init__(self) -> None:
        """Validate parameters and exponent."""
        require_numbers(self.first, 9, "first")
        require_numbers(self.second, 9, "second")
        require_exponent(self.exponent)

    @property
    def vector(self) -> Array:
        """Parameters of C', then those of C''. [-]"""
        return np.array(self.first + self.second, dtype=float)

    @classmethod
    def from_vector(cls, vector: Array, exponent: float = 8.0) -> Yld2004:
        """Return the function of the parameters of C', then those of C''."""
        values = tuple(map(float, vector))
        return cls(values[:9], values[9:], exponent)

    @property
    def transforms(self) -> Array:
        """Mandel matrices of C' and C'' on the deviator (2, 6, 6). [-]"""
        c = self.vector.reshape(2, 9)
        C = np.zeros((2, 6, 6))
        C[:, [0, 0, 1, 1, 2, 2], [1, 2, 0, 2, 0, 1]] = -c[:, :6]
        C[:, [3, 4, 5], [3, 4, 5]] = c[:, 6:]
        return C @ DEVIATOR

    @property
    def _count(self) -> float:
        return 4.0
