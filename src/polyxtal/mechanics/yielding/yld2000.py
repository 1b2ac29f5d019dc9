"""The plane-stress yield function of Barlat et al., with two linear transformations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from polyxtal.mechanics.yielding.tensors import Array, Values
from polyxtal.mechanics.yielding.transformed import (
    TransformedNorm,
    require_exponent,
    require_numbers,
)

_FIRST: Array = np.array([[2, 0], [-1, 0], [0, -1], [0, 2]]) / 3.0
"""L'_11, L'_12, L'_21, L'_22 by α_1 and α_2."""
_SECOND: Array = np.array([[-2, 2, 8, -2], [1, -4, -4, 4], [4, -4, -4, 1], [-2, 8, 2, -2]]) / 9.0
"""L''_11, L''_12, L''_21, L''_22 by α_3, α_4, α_5 and α_6."""


@dataclass(frozen=True)
class Yld2000(TransformedNorm):
    """Yld2000-2d: eight parameters for a sheet in plane stress.

        |X'_1 - X'_2|^a + |2 X''_2 + X''_1|^a + |2 X''_1 + X''_2|^a = 2 σ̄^a
        X' = L' σ,   X'' = L'' σ    [Barlat2003]

    X'_i and X''_i are principal values in the sheet. Pressure has no effect, so a stress σ_zz is
    subtracted from all normal stresses; shear out of the sheet is refused. With all α = 1 it is
    Hosford's isotropic function. a is `exponent`: 8 for cF, 6 for cI crystals.

    Attributes:
        alpha: α_1 to α_8. [-]

    Example:
        >>> import polyxtal as px
        >>> alloy = px.Yld2000(  # 2090-T3 [Barlat2003]
        ...     (0.4865, 1.3783, 0.7536, 1.0246, 1.0363, 0.9036, 1.2321, 1.4858)
        ... )
        >>> alloy.yield_stress([0, 45, 90]).round(3)
        array([1.   , 0.811, 0.91 ])
        >>> alloy.r_value([0, 45, 90]).round(2)
        array([0.21, 1.58, 0.69])
    """

    kind: ClassVar[str] = "yld2000"
    names: ClassVar[tuple[str, ...]] = tuple(f"alpha_{i}" for i in range(1, 9))
    arms: ClassVar[Array] = np.array([[1.0, -1, 0, 0], [0, 0, 1, 2], [0, 0, 2, 1]])
    dimension: ClassVar[int] = 2

    alpha: tuple[float, ...] = (1.0,) * 8
    exponent: float = 8.0

    def __post_init__(self) -> None:
        """Validate parameters and exponent."""
        require_numbers(self.alpha, 8, "alpha")
        require_exponent(self.exponent)

    @property
    def vector(self) -> Array:
        """Parameters α_1 to α_8. [-]"""
        return np.array(self.alpha, dtype=float)

    @classmethod
    def from_vector(cls, vector: Array, exponent: float = 8.0) -> Yld2000:
        """Return the function of α_1 to α_8."""
        return cls(tuple(map(float, vector)), exponent)

    @property
    def transforms(self) -> Array:
        """Mandel matrices of L' and L'' (2, 6, 6), on stresses less σ_zz. [-]"""
        alpha = self.vector
        L = np.zeros((2, 6, 6))
        L[0, :2, :2] = (_FIRST @ alpha[:2]).reshape(2, 2)
        L[1, :2, :2] = (_SECOND @ alpha[2:6]).reshape(2, 2)
        L[:, :2, 2] = -L[:, :2, :2].sum(-1)
        L[:, 5, 5] = alpha[6:]
        return L

    @property
    def _count(self) -> float:
        return 2.0

    @property
    def _allowed(self) -> Array:
        return np.array([1.0, 1, 1, 0, 0, 1])

    def _evaluate(self, vectors: Array) -> tuple[Values, Array]:
        outside = np.abs(vectors[..., 3:5]).max(initial=0.0)
        if outside > 1e-9 * np.abs(vectors).max(initial=0.0):
            raise ValueError(
                "A stress for Yld2000-2d must be free of shear out of the sheet, but one has "
                f"{outside / 2**0.5:.6g} in 23 or 13."
            )
        return super()._evaluate(vectors)
