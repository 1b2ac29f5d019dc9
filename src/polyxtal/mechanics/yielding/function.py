"""A yield function: equivalent stress, flow direction, and what tests on a sheet would measure."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from polyxtal.argument_types import require_number
from polyxtal.mechanics.yielding.tensors import (
    DEVIATOR,
    NORMAL,
    Array,
    Values,
    axes_at,
    tensor_to_vector,
    to_vectors,
    vector_to_tensor,
)


class YieldFunction(ABC):
    """An orthotropic yield function σ̄(σ), homogeneous of degree one and free of pressure.

    A stress yields where σ̄(σ) equals the reference stress, the flow stress of the hardening law.
    The axes are those of the sheet: x rolling, y transverse, z normal. Angles are in degrees from
    x towards y. Plastic strain increments follow the gradient (associated flow).

    Attributes:
        parameters: Names and values of the parameters. [-]
        convex: Whether the yield surface is convex.
    """

    kind: ClassVar[str]
    names: ClassVar[tuple[str, ...]]
    redundant: ClassVar[int] = 0
    """Number of parameters that others can replace without any effect on the function."""
    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {}
    exponent: float

    @property
    @abstractmethod
    def vector(self) -> Array:
        """Parameters in the order of `names`. [-]"""

    @classmethod
    @abstractmethod
    def from_vector(cls, vector: Array, exponent: float) -> YieldFunction:
        """Return the function of given parameters, in the order of `names`."""

    @abstractmethod
    def _evaluate(self, vectors: Array) -> tuple[Values, Array]:
        """Return the equivalent of Mandel vectors (..., 6), and its gradient (..., 6)."""

    @property
    def convex(self) -> bool:
        """Whether the function is convex; overridden where theory answers."""
        return self.minimum_curvature() > -1e-6

    @property
    def parameters(self) -> dict[str, float]:
        """Names and values of the parameters. [-]"""
        return dict(zip(self.names, map(float, self.vector), strict=True))

    def equivalent(self, stress: Any) -> Values:
        """Return the equivalent stress σ̄, in the unit of the stress.

        Args:
            stress: Tensors (..., 3, 3), or components 11, 22, 33, 23, 13, 12 (..., 6).
        Returns:
            Equivalent stress, shape (...).
        Raises:
            ValueError: if the shape is another.
        """
        return self._evaluate(to_vectors(stress))[0]

    def gradient(self, stress: Any) -> Array:
        """Return ∂σ̄/∂σ, the direction of plastic strain increments. [-]

        Args:
            stress: As in `equivalent`; not zero.
        Returns:
            Symmetric tensors, shape (..., 3, 3).
        """
        return vector_to_tensor(self._evaluate(to_vectors(stress))[1])

    def yield_stress(
        self, angle: Any, *, reference: float = 1.0, compression: bool = False
    ) -> Values:
        """Return the yield stress in uniaxial tension, in the unit of `reference`.

        Args:
            angle: Angles (...) between tension and rolling direction. [degrees]
            reference: Value of σ̄ at yield.
            compression: Compress instead; the magnitude is returned.
        """
        along, _ = axes_at(angle)
        return reference / self._evaluate(-along if compression else along)[0]

    def r_value(self, angle: Any, *, compression: bool = False) -> Values:
        """Return the r-value: plastic strain across over that through the thickness. [-]

        Args:
            angle: Angles (...) between tension and rolling direction. [degrees]
            compression: Compress instead.
        """
        along, across = axes_at(angle)
        flow = self._evaluate(-along if compression else along)[1]
        return (across * flow).sum(-1) / flow[..., 2]

    def biaxial_yield_stress(self, *, reference: float = 1.0) -> float:
        """Return the yield stress in equibiaxial tension, in the unit of `reference`."""
        return float(reference / self._evaluate(np.eye(3, 6).sum(0) - NORMAL)[0])

    def biaxial_r_value(self) -> float:
        """Return the plastic strain along y over that along x in equibiaxial tension. [-]"""
        flow = self._evaluate(np.eye(3, 6).sum(0) - NORMAL)[1]
        return float(flow[1] / flow[0])

    def plane_strain_yield_stress(self, angle: Any, *, reference: float = 1.0) -> Values:
        """Return the yield stress in tension of a wide specimen, whose width stays constant.

        Args:
            angle: Angles (...) between tension and rolling direction. [degrees]
            reference: Value of σ̄ at yield.
        """
        along, across = axes_at(angle)
        return reference / self._evaluate(self.with_constant_width(along, across))[0]

    def with_constant_width(self, along: Array, across: Array) -> Array:
        """Return stresses along + q across whose plastic flow across is zero.

        That q minimizes σ̄, a convex function of it. The flow across, its slope, grows with q;
        its root is found by the Illinois variant of false position [Dowell1971].

        Args:
            along: Mandel vectors of unit tension (..., 6). [-]
            across: Mandel vectors of unit tension across it (..., 6). [-]
        Returns:
            Mandel vectors (..., 6). [-]
        """
        q = [np.full(along.shape[:-1], -2.0), np.full(along.shape[:-1], 3.0)]
        slope = [self._flow_across(along, across, end) for end in q]
        for _ in range(9):
            width = np.where(slope[1] == slope[0], 1.0, slope[1] - slope[0])
            new = q[1] - slope[1] * (q[1] - q[0]) / width
            flow = self._flow_across(along, across, new)
            crossed = flow * slope[1] <= 0
            q[0], slope[0] = np.where(crossed, (q[1], slope[1]), (q[0], 0.5 * slope[0]))
            q[1], slope[1] = new, flow
        return along + q[1][..., None] * across

    def _flow_across(self, along: Array, across: Array, q: Values) -> Values:
        return (across * self._evaluate(along + q[..., None] * across)[1]).sum(-1)

    def contour(self, *, shear: float = 0.0, reference: float = 1.0, points: int = 361) -> Array:
        """Return the section of the yield surface by plane stress at a given shear stress.

        Args:
            shear: Stress σ_xy, in the unit of `reference`.
            reference: Value of σ̄ at yield.
            points: Number of points, at equal steps of the angle in the plane of σ_xx and σ_yy.
        Returns:
            σ_xx and σ_yy on the surface, shape (points, 2); the last point is the first.
        Raises:
            ValueError: if the shear stress alone lies outside.
        """
        angle = np.linspace(0.0, 2.0 * np.pi, points)
        ray = np.zeros((points, 6))
        ray[:, 0], ray[:, 1] = np.cos(angle), np.sin(angle)
        offset = tensor_to_vector(np.array([[0, shear, 0], [shear, 0, 0], [0, 0, 0.0]]))
        at_start = float(self._evaluate(offset)[0])
        if not at_start < reference:
            raise ValueError(
                f"Argument `shear` must lie within the yield surface, but σ̄ = {at_start:.6g} "
                f"there, and {reference:.6g} at yield."
            )
        low, high = np.zeros(points), 2.0 * reference / self._evaluate(ray)[0]
        for _ in range(60):
            middle = 0.5 * (low + high)
            inside = self._evaluate(offset + middle[:, None] * ray)[0] < reference
            low, high = np.where(inside, middle, low), np.where(inside, high, middle)
        return ray[:, :2] * low[:, None]

    def minimum_curvature(self, directions: int = 500, seed: int = 0) -> float:
        """Return the smallest eigenvalue of σ̄'s Hessian on the unit sphere of stress deviators.

        The Hessian of a convex function has no negative eigenvalue; rounding leaves about -1e-8.

        Args:
            directions: Number of random stresses on the sphere.
            seed: Seed of their directions.
        """
        require_number(directions, "directions")
        draw = np.random.default_rng(seed).standard_normal((directions, 6)) @ DEVIATOR
        draw *= self._allowed
        draw /= np.linalg.norm(draw, axis=-1, keepdims=True)
        step = 1e-5 * np.eye(6)[self._allowed > 0]
        forth, back = (self._evaluate(draw[:, None] + sign * step)[1] for sign in (1, -1))
        hessian = ((forth - back) / 2e-5)[..., self._allowed > 0]
        return float(np.linalg.eigvalsh(0.5 * (hessian + hessian.swapaxes(-1, -2))).min())

    @property
    def _allowed(self) -> Array:
        """Ones for the stress components that the function knows, zeros for others."""
        return np.ones(6)
