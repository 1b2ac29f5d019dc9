"""The quadratic yield function of Hill."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import ClassVar

import numpy as np

from polyxtal.argument_types import require_number
from polyxtal.mechanics.yielding.function import YieldFunction
from polyxtal.mechanics.yielding.tensors import Array, Values


@dataclass(frozen=True)
class Hill48(YieldFunction):
    """Hill's quadratic yield function.

        σ̄² = F (σ_yy - σ_zz)² + G (σ_zz - σ_xx)² + H (σ_xx - σ_yy)²
             + 2 L σ_yz² + 2 M σ_xz² + 2 N σ_xy²    [Hill1948]

    The defaults are von Mises'. It is convex where FG + GH + HF, F + G, L, M and N are not
    negative.

    Example:
        >>> import polyxtal as px
        >>> sheet = px.Hill48.from_r_values(0.8, 0.37, 0.54)  # AA6022-T4, 0, 45, 90 degrees
        >>> sheet.r_value([0, 45, 90]).round(3)
        array([0.8 , 0.37, 0.54])
        >>> sheet.yield_stress(90).round(3)
        np.float64(0.888)
    """

    kind: ClassVar[str] = "hill48"
    names: ClassVar[tuple[str, ...]] = ("F", "G", "H", "L", "M", "N")

    F: float = 0.5
    G: float = 0.5
    H: float = 0.5
    L: float = 1.5
    M: float = 1.5
    N: float = 1.5

    def __post_init__(self) -> None:
        """Validate the numbers; convexity is told by `convex`."""
        for name, value in zip(self.names, astuple(self), strict=True):
            require_number(value, name)
            if not np.isfinite(value):
                raise ValueError(f"Argument `{name}` must be finite, but is {value}.")

    @property
    def exponent(self) -> float:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Exponent of the function, which is quadratic. [-]"""
        return 2.0

    @classmethod
    def from_r_values(cls, r0: float, r45: float, r90: float) -> Hill48:
        """Return the function with given r-values, and σ̄ = σ_xx in tension along x.

        G = 1 / (1 + r0), H = r0 G, F = H / r90, N = (F + G) (r45 + ½); L = M = 3/2

        Args:
            r0: r-value along the rolling direction. [-]
            r45: r-value at 45 degrees. [-]
            r90: r-value along the transverse direction. [-]
        Raises:
            ValueError: if an r-value is not positive.
        """
        for name, r in (("r0", r0), ("r45", r45), ("r90", r90)):
            require_number(r, name)
            if not 0 < r < np.inf:
                raise ValueError(f"Argument `{name}` must be positive, but is {r}.")
        G = 1.0 / (1.0 + r0)
        H, F = r0 * G, r0 * G / r90
        return cls(F, G, H, 1.5, 1.5, (F + G) * (r45 + 0.5))

    @classmethod
    def from_yield_stresses(cls, s0: float, s45: float, s90: float, biaxial: float) -> Hill48:
        """Return the function with given yield stresses over the reference stress.

        G + H = 1 / s0², F + H = 1 / s90², F + G = 1 / biaxial², F + G + 2N = 4 / s45²

        Args:
            s0: Yield stress in tension along x. [-]
            s45: Yield stress at 45 degrees. [-]
            s90: Yield stress along y. [-]
            biaxial: Yield stress in equibiaxial tension. [-]
        Raises:
            ValueError: if a stress is not positive.
        """
        given = {"s0": s0, "s45": s45, "s90": s90, "biaxial": biaxial}
        for name, stress in given.items():
            require_number(stress, name)
            if not 0 < stress < np.inf:
                raise ValueError(f"Argument `{name}` must be positive, but is {stress}.")
        gh, fh, fg = s0**-2, s90**-2, biaxial**-2
        F, G, H = 0.5 * (fh + fg - gh), 0.5 * (gh + fg - fh), 0.5 * (gh + fh - fg)
        return cls(F, G, H, 1.5, 1.5, 0.5 * (4.0 * s45**-2 - fg))

    @property
    def vector(self) -> Array:
        """Parameters F, G, H, L, M, N. [-]"""
        return np.array(astuple(self), dtype=float)

    @classmethod
    def from_vector(cls, vector: Array, exponent: float = 2.0) -> Hill48:
        """Return the function of F, G, H, L, M, N; there is no exponent to choose."""
        return cls(*map(float, vector))

    @property
    def matrix(self) -> Array:
        """Mandel matrix P (6, 6) with σ̄² = σ : P : σ. [-]"""
        F, G, H, L, M, N = self.vector
        P = np.diag([G + H, F + H, F + G, L, M, N])
        P[0, 1] = P[1, 0] = -H
        P[0, 2] = P[2, 0] = -G
        P[1, 2] = P[2, 1] = -F
        return P

    @property
    def convex(self) -> bool:
        """Whether no eigenvalue of `matrix` is negative."""
        eigenvalues = np.linalg.eigvalsh(self.matrix)
        return bool(eigenvalues[0] >= -1e-12 * eigenvalues[-1])

    def _evaluate(self, vectors: Array) -> tuple[Values, Array]:
        product = vectors @ self.matrix
        square = (product * vectors).sum(-1)
        equivalent = np.sqrt(np.maximum(square, np.finfo(float).tiny))
        return equivalent, product / equivalent[..., None]
