"""Yield functions of the principal values of linearly transformed stresses.

    σ̄ = [ Σ_k y_k^a / c ]^(1/a),   y = |A λ|,   λ: eigenvalues of the tensors L_p σ

Such a function is convex for a ≥ 1, because y is a symmetric convex function of the eigenvalues of
each tensor and the tensors are linear in σ [Barlat2005]. Its gradient is Σ_p L_pᵀ Q_p
diag(∂σ̄/∂λ_p) Q_pᵀ with the eigenvectors Q_p, also where eigenvalues coincide.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np

from polyxtal.argument_types import require_number, require_type
from polyxtal.mechanics.yielding.function import YieldFunction
from polyxtal.mechanics.yielding.tensors import Array, Values, tensor_to_vector, vector_to_tensor


class TransformedNorm(YieldFunction):
    """A norm of linear combinations `arms` of the eigenvalues of transformed stresses."""

    arms: ClassVar[Array]
    """Combinations A of the eigenvalues of all tensors (arms, tensors * dimension)."""
    dimension: ClassVar[int] = 3
    """Size of the tensors: 2 takes the part in the sheet only."""

    @property
    @abstractmethod
    def transforms(self) -> Array:
        """Mandel matrices L_p (tensors, 6, 6). [-]"""

    @property
    @abstractmethod
    def _count(self) -> float:
        """The divisor c that makes σ̄ the stress of isotropic uniaxial tension."""

    @property
    def convex(self) -> bool:
        """True: such functions are convex for exponents of 1 and more."""
        return True

    def _lengths(self, arms: Array) -> tuple[Array, Array]:
        """Return y and its slope, of the arms A λ."""
        return np.abs(arms), np.sign(arms)

    def _evaluate(self, vectors: Array) -> tuple[Values, Array]:
        d, transforms = self.dimension, self.transforms
        moved = np.einsum("pmn,...n->...pm", transforms, vectors)
        values, axes = np.linalg.eigh(vector_to_tensor(moved)[..., :d, :d])
        flat = values.reshape(*values.shape[:-2], -1)
        lengths, slopes = self._lengths(flat @ self.arms.T)
        tiny = np.finfo(float).tiny  # of no stress, the equivalent and its gradient are zero
        longest = np.maximum(lengths.max(-1, keepdims=True), tiny)
        powers = ((lengths / longest) ** self.exponent).sum(-1) / self._count
        equivalent = longest[..., 0] * powers ** (1.0 / self.exponent)
        weights = (lengths / np.maximum(equivalent, tiny)[..., None]) ** (
            self.exponent - 1.0
        ) / self._count
        by_value = ((weights * slopes) @ self.arms).reshape(values.shape)
        tensor = np.zeros((*values.shape[:-1], 3, 3))
        tensor[..., :d, :d] = (axes * by_value[..., None, :]) @ axes.swapaxes(-1, -2)
        gradient = np.einsum("pmn,...pm->...n", transforms, tensor_to_vector(tensor))
        return equivalent, gradient


def require_exponent(exponent: float) -> None:
    """Make sure that an exponent gives a convex function.

    Raises:
        ValueError: if it is not a number of 1 and more.
    """
    require_number(exponent, "exponent")
    if not 1.0 <= float(exponent) < np.inf:
        raise ValueError(
            "Argument `exponent` must be 1 or more for a convex yield surface, "
            f"but is {float(exponent):g}."
        )


def require_numbers(values: tuple[float, ...], count: int, argument: str) -> None:
    """Make sure that parameters are a tuple of so many finite numbers.

    Raises:
        ValueError: if they are not.
    """
    require_type(values, tuple, argument)
    for value in values:
        require_number(value, argument)
    if len(values) != count or not np.isfinite(values).all():
        raise ValueError(
            f"Argument `{argument}` must hold {count} finite numbers, but is {values}."
        )
