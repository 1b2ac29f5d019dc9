"""Symmetric tensors as Mandel vectors and matrices.

Order 11, 22, 33, 23, 13, 12. Shear components carry √2 in stress and in strain alike, so the
Mandel map is an isometry: double contraction is the dot product and rotation is orthogonal.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

MANDEL_PAIRS = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
"""Tensor indices (i, j) of the six Mandel components."""

_ROW = [i for i, _ in MANDEL_PAIRS]
_COLUMN = [j for _, j in MANDEL_PAIRS]
_SQRT2 = 2.0**0.5


def mandel_basis(
    dtype: torch.dtype = torch.float64, device: torch.device | None = None
) -> Float[Tensor, "6 3 3"]:
    """Return the orthonormal symmetric matrices B_m with A = Σ_m a_m B_m. [-]"""
    basis = torch.zeros(6, 3, 3, dtype=dtype, device=device)
    for m, (i, j) in enumerate(MANDEL_PAIRS):
        if i == j:
            basis[m, i, i] = 1.0
        else:
            basis[m, i, j] = basis[m, j, i] = 1.0 / _SQRT2
    return basis


def _require_last(tensor: Tensor, shape: tuple[int, ...], name: str) -> None:
    if tuple(tensor.shape[-len(shape) :]) != shape:
        raise ValueError(
            f"Argument `{name}` must end in shape {shape}, but has shape {tuple(tensor.shape)}."
        )


def matrix_to_mandel(matrix: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 6"]:
    """Return the Mandel vectors of symmetric matrices; a skew part is dropped.

    Raises:
        ValueError: if the last two axes are not (3, 3).
    """
    _require_last(matrix, (3, 3), "matrix")
    symmetric = 0.5 * (matrix + matrix.transpose(-1, -2))
    scale = torch.tensor([1.0] * 3 + [_SQRT2] * 3, dtype=matrix.dtype, device=matrix.device)
    return symmetric[..., _ROW, _COLUMN] * scale


def mandel_to_matrix(vector: Float[Tensor, "*batch 6"]) -> Float[Tensor, "*batch 3 3"]:
    """Return the symmetric matrices of Mandel vectors.

    Raises:
        ValueError: if the last axis is not 6.
    """
    _require_last(vector, (6,), "vector")
    return torch.einsum("...m,mij->...ij", vector, mandel_basis(vector.dtype, vector.device))


def tensor4_to_mandel(tensor: Float[Tensor, "*batch 3 3 3 3"]) -> Float[Tensor, "*batch 6 6"]:
    """Return the Mandel matrices of fourth-order tensors with both minor symmetries.

    Raises:
        ValueError: if the last four axes are not (3, 3, 3, 3).
    """
    _require_last(tensor, (3, 3, 3, 3), "tensor")
    basis = mandel_basis(tensor.dtype, tensor.device)
    return torch.einsum("mij,...ijkl,nkl->...mn", basis, tensor, basis)


def mandel_to_tensor4(matrix: Float[Tensor, "*batch 6 6"]) -> Float[Tensor, "*batch 3 3 3 3"]:
    """Return the fourth-order tensors of Mandel matrices.

    Raises:
        ValueError: if the last two axes are not (6, 6).
    """
    _require_last(matrix, (6, 6), "matrix")
    basis = mandel_basis(matrix.dtype, matrix.device)
    return torch.einsum("mij,...mn,nkl->...ijkl", basis, matrix, basis)


def mandel_rotation(rotation: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 6 6"]:
    """Return the orthogonal 6x6 matrix M that rotates Mandel vectors.

        mandel(R A Rᵀ) = M(R) mandel(A),   M_mn = B_m : (R B_n Rᵀ)

    Raises:
        ValueError: if the last two axes are not (3, 3).
    """
    _require_last(rotation, (3, 3), "rotation")
    basis = mandel_basis(rotation.dtype, rotation.device)
    turned = torch.einsum("...ik,nkl,...jl->...nij", rotation, basis, rotation)
    return torch.einsum("mij,...nij->...mn", basis, turned)


def rotate_mandel(
    matrix: Float[Tensor, "*batch 6 6"], rotation: Float[Tensor, "*batch 3 3"]
) -> Float[Tensor, "*batch 6 6"]:
    """Rotate fourth-order tensors in Mandel form: C' = M C Mᵀ.

    Args:
        matrix: Tensors in the old frame (stiffness [MPa] or compliance [1/MPa]).
        rotation: R with v' = R v.
    """
    m = mandel_rotation(rotation)
    return m @ matrix @ m.transpose(-1, -2)


def _voigt_scale(like: Tensor) -> Tensor:
    return torch.tensor([1.0] * 3 + [_SQRT2] * 3, dtype=like.dtype, device=like.device)


def stiffness_mandel_to_voigt(matrix: Float[Tensor, "*batch 6 6"]) -> Float[Tensor, "*batch 6 6"]:
    """Convert a Mandel stiffness to Voigt notation (engineering shear strain). [MPa]"""
    _require_last(matrix, (6, 6), "matrix")
    s = _voigt_scale(matrix)
    return matrix / (s[:, None] * s[None, :])


def stiffness_voigt_to_mandel(matrix: Float[Tensor, "*batch 6 6"]) -> Float[Tensor, "*batch 6 6"]:
    """Convert a stiffness in Voigt notation (engineering shear strain) to Mandel. [MPa]"""
    _require_last(matrix, (6, 6), "matrix")
    s = _voigt_scale(matrix)
    return matrix * (s[:, None] * s[None, :])
