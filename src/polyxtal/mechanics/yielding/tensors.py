"""Symmetric tensors as Mandel vectors of NumPy, and the directions of tests in the sheet.

x is the rolling direction, y the transverse direction, z the sheet normal; angles count from x
towards y.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyxtal.algebra.mandel import MANDEL_PAIRS
from polyxtal.algebra.number_arrays import number_array

Array = NDArray[np.float64]
Values = Any
"""NDArray[np.float64] of shape (...), which for a single input is an np.float64."""

_ROW, _COLUMN = (list(indices) for indices in zip(*MANDEL_PAIRS, strict=True))
SCALE: Array = np.array([1.0] * 3 + [2.0**0.5] * 3)
"""Factors from components of a tensor to those of its Mandel vector."""
DEVIATOR: Array = np.eye(6)
DEVIATOR[:3, :3] -= 1 / 3
"""Mandel matrix of the projection on traceless tensors."""


def to_vectors(stress: Any, argument: str = "stress") -> Array:
    """Return stresses as Mandel vectors (..., 6). [MPa]

    Args:
        stress: Tensors (..., 3, 3), or their components 11, 22, 33, 23, 13, 12 without factors
            (..., 6). [MPa]
        argument: Name of the caller's argument, for errors.
    Raises:
        ValueError: if the shape is another, a tensor is not symmetric, or a number not finite.
    """
    array = number_array(stress, argument).astype(np.float64)
    if not np.isfinite(array).all():
        raise ValueError(f"Argument `{argument}` must be finite, but holds {array.min()}.")
    if array.shape[-2:] == (3, 3):
        skew = np.abs(array - array.swapaxes(-1, -2)).max(initial=0.0)
        if skew > 1e-6 * np.abs(array).max(initial=0.0):
            raise ValueError(
                f"Argument `{argument}` must hold symmetric tensors, but two components that "
                f"should be equal differ by {skew:.3g}."
            )
        return tensor_to_vector(array)
    if array.shape[-1:] == (6,):
        return array * SCALE
    raise ValueError(
        f"Argument `{argument}` must end in shape (3, 3) or (6,), but has shape {array.shape}."
    )


def tensor_to_vector(tensor: Array) -> Array:
    """Return the Mandel vectors (..., 6) of tensors (..., 3, 3); a skew part is dropped."""
    return 0.5 * (tensor + tensor.swapaxes(-1, -2))[..., _ROW, _COLUMN] * SCALE


def vector_to_tensor(vector: Array) -> Array:
    """Return the symmetric tensors (..., 3, 3) of Mandel vectors (..., 6)."""
    tensor = np.empty((*vector.shape[:-1], 3, 3))
    tensor[..., _ROW, _COLUMN] = tensor[..., _COLUMN, _ROW] = vector / SCALE
    return tensor


def axes_at(angle: Any) -> tuple[Array, Array]:
    """Return the dyads t⊗t along an angle in the sheet and w⊗w across it, as Mandel vectors.

    Args:
        angle: Angles (...) from x towards y. [degrees]
    Raises:
        ValueError: if an angle is not a finite number.
    """
    given = number_array(angle, "angle").astype(np.float64)
    if not np.isfinite(given).all():
        raise ValueError(f"Argument `angle` must be finite, but holds {given.min()} degrees.")
    c, s = np.cos(np.deg2rad(given)), np.sin(np.deg2rad(given))
    return _dyad(c, s), _dyad(-s, c)


def _dyad(x: Values, y: Values) -> Array:
    zero = np.zeros_like(x)
    return np.stack([x * x, y * y, zero, zero, zero, SCALE[5] * x * y], axis=-1)


NORMAL: Array = np.eye(6)[2]
"""The dyad z⊗z of the sheet normal as a Mandel vector."""


def shear_at(angle: Any) -> Array:
    """Return the shear t⊗w + w⊗t at an angle in the sheet, as Mandel vectors (..., 6)."""
    half = number_array(angle, "angle").astype(np.float64) + 45.0
    tension, compression = axes_at(half)
    return tension - compression


def von_mises(vector: Array) -> Values:
    """Return the von Mises equivalent of Mandel vectors, √(3/2 s : s)."""
    return np.sqrt(1.5 * ((vector @ DEVIATOR) ** 2).sum(-1))
