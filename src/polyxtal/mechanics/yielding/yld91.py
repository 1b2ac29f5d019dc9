"""The yield function of Barlat, Lege and Brem, with one linear transformation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from polyxtal.mechanics.yielding.tensors import Array
from polyxtal.mechanics.yielding.transformed import (
    TransformedNorm,
    require_exponent,
    require_numbers,
)

PAIRS: Array = np.array([[1.0, -1.0, 0.0], [0.0, 1.0, -1.0], [-1.0, 0.0, 1.0]])
"""Differences of three principal values."""


@dataclass(frozen=True)
class Yld91(TransformedNorm):
    """Yld91: Hosford's function of a linearly transformed stress deviator.

        |S_1 - S_2|^m + |S_2 - S_3|^m + |S_3 - S_1|^m = 2 σ̄^m    [Barlat1991]
        S_xx = [c (σ_xx - σ_yy) - b (σ_zz - σ_xx)] / 3,   S_yz = f σ_yz
        S_yy = [a (σ_yy - σ_zz) - c (σ_xx - σ_yy)] / 3,   S_xz = g σ_xz
        S_zz = [b (σ_zz - σ_xx) - a (σ_yy - σ_zz)] / 3,   S_xy = h σ_xy

    With all parameters 1 it is Hosford's isotropic function, and with m = 2 von Mises'. m is
    `exponent`: 8 for cF, 6 for cI crystals.

    Example:
        >>> import polyxtal as px
        >>> sheet = px.Yld91(a=1.1, h=0.95)
        >>> sheet.yield_stress([0, 45, 90]).round(3)
        array([1.   , 1.023, 0.952])
    """

    kind: ClassVar[str] = "yld91"
    names: ClassVar[tuple[str, ...]] = ("a", "b", "c", "f", "g", "h")
    arms: ClassVar[Array] = PAIRS

    a: float = 1.0
    b: float = 1.0
    c: float = 1.0
    f: float = 1.0
    g: float = 1.0
    h: float = 1.0
    exponent: float = 8.0

    def __post_init__(self) -> None:
        """Validate parameters and exponent."""
        require_numbers((self.a, self.b, self.c, self.f, self.g, self.h), 6, "a, b, c, f, g, h")
        require_exponent(self.exponent)

    @property
    def vector(self) -> Array:
        """Parameters a, b, c, f, g, h. [-]"""
        return np.array([self.a, self.b, self.c, self.f, self.g, self.h], dtype=float)

    @classmethod
    def from_vector(cls, vector: Array, exponent: float = 8.0) -> Yld91:
        """Return the function of a, b, c, f, g, h."""
        return cls(*map(float, vector), exponent=exponent)

    @property
    def transforms(self) -> Array:
        """Mandel matrix of the transformation (1, 6, 6). [-]"""
        a, b, c, f, g, h = self.vector
        L = np.diag([(b + c) / 3, (a + c) / 3, (a + b) / 3, f, g, h])
        L[0, 1] = L[1, 0] = -c / 3
        L[0, 2] = L[2, 0] = -b / 3
        L[1, 2] = L[2, 1] = -a / 3
        return L[None]

    @property
    def _count(self) -> float:
        return 2.0
