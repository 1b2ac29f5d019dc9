"""Mandel notation: an isometry, and what it has in common with Voigt's."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from polyxtal.algebra.mandel import (
    mandel_basis,
    mandel_rotation,
    mandel_to_matrix,
    mandel_to_tensor4,
    matrix_to_mandel,
    rotate_mandel,
    stiffness_mandel_to_voigt,
    stiffness_voigt_to_mandel,
    tensor4_to_mandel,
)
from polyxtal.algebra.rotation import quaternion_to_matrix, random_quaternions

ROOT2 = 2**0.5


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def symmetric(count: int, seed: int = 0) -> torch.Tensor:
    a = draw(count, 3, 3, seed=seed)
    return a + a.mT


def test_the_order_of_the_components():
    a = torch.tensor([[1.0, 6, 5], [6, 2, 4], [5, 4, 3]], dtype=torch.float64)
    expected = torch.tensor([1, 2, 3, 4 * ROOT2, 5 * ROOT2, 6 * ROOT2], dtype=torch.float64)
    torch.testing.assert_close(matrix_to_mandel(a), expected, rtol=1e-15, atol=0)


def test_double_contraction_is_the_dot_product():
    a, b = symmetric(20, 1), symmetric(20, 2)
    dots = (matrix_to_mandel(a) * matrix_to_mandel(b)).sum(-1)
    torch.testing.assert_close(dots, (a * b).sum((-1, -2)), rtol=0, atol=1e-13)
    basis = mandel_basis()
    gram = torch.einsum("mij,nij->mn", basis, basis)
    torch.testing.assert_close(gram, torch.eye(6, dtype=torch.float64), rtol=0, atol=1e-15)


def test_round_trips():
    a = symmetric(5)
    torch.testing.assert_close(mandel_to_matrix(matrix_to_mandel(a)), a, rtol=1e-15, atol=1e-15)
    c = draw(4, 6, 6)
    back = tensor4_to_mandel(mandel_to_tensor4(c))
    torch.testing.assert_close(back, c, rtol=0, atol=1e-14)
    voigt = stiffness_voigt_to_mandel(stiffness_mandel_to_voigt(c))
    torch.testing.assert_close(voigt, c, rtol=1e-15, atol=0)


def test_the_skew_part_is_dropped():
    a, skew = symmetric(1)[0], torch.tensor([[0.0, 1, 2], [-1, 0, 3], [-2, -3, 0]])
    given = matrix_to_mandel(a + skew.to(a))
    torch.testing.assert_close(given, matrix_to_mandel(a), rtol=0, atol=1e-15 * 4)


def test_tensors_act_as_matrices():
    c, e = draw(6, 6), symmetric(1)[0]
    tensor = mandel_to_tensor4(c)
    stress = torch.einsum("ijkl,kl->ij", tensor, e)
    torch.testing.assert_close(matrix_to_mandel(stress), c @ matrix_to_mandel(e))
    for other in (tensor.transpose(0, 1), tensor.transpose(2, 3)):
        torch.testing.assert_close(other, tensor, rtol=0, atol=1e-15)


def test_rotation_is_orthogonal_and_rotates():
    r = quaternion_to_matrix(random_quaternions(20, 3))
    m, a = mandel_rotation(r), symmetric(20)
    eye = torch.eye(6, dtype=torch.float64).expand(20, 6, 6)
    torch.testing.assert_close(m @ m.mT, eye, rtol=0, atol=1e-14)
    given = (m @ matrix_to_mandel(a)[..., None])[..., 0]
    torch.testing.assert_close(given, matrix_to_mandel(r @ a @ r.mT), rtol=0, atol=1e-13)
    torch.testing.assert_close(mandel_rotation(r[0] @ r[1]), m[0] @ m[1], rtol=0, atol=1e-14)


def test_rotated_tensors_follow_the_index_formula():
    r = quaternion_to_matrix(random_quaternions(1, 3))[0]
    c = draw(6, 6, seed=5)
    expected = torch.einsum("ai,bj,ck,dl,ijkl->abcd", r, r, r, r, mandel_to_tensor4(c))
    given = mandel_to_tensor4(rotate_mandel(c, r))
    torch.testing.assert_close(given, expected, rtol=0, atol=1e-13)


def test_voigt_uses_engineering_shear():
    """τ_23 = c44 γ_23 with γ = 2 ε: Mandel's entry is 2 c44, a coupling entry √2 c14."""
    voigt = torch.zeros(6, 6, dtype=torch.float64)
    voigt[0, 0], voigt[3, 3], voigt[0, 3] = 7.0, 5.0, 3.0
    mandel = stiffness_voigt_to_mandel(voigt)
    assert mandel[0, 0] == 7.0
    assert float(mandel[3, 3]) == pytest.approx(10.0)
    assert float(mandel[0, 3]) == pytest.approx(3 * ROOT2)
    strain = np.zeros((3, 3))
    strain[1, 2] = strain[2, 1] = 0.5e-3  # γ_23 = 1e-3
    stress = mandel_to_matrix(mandel @ matrix_to_mandel(torch.from_numpy(strain)))
    assert float(stress[1, 2]) == pytest.approx(5e-3)
    assert float(stress[0, 0]) == pytest.approx(3e-3)


@pytest.mark.parametrize(
    ("function", "shape"),
    [
        (matrix_to_mandel, (3, 2)),
        (mandel_to_matrix, (5,)),
        (tensor4_to_mandel, (3, 3, 3, 2)),
        (mandel_to_tensor4, (6, 5)),
        (mandel_rotation, (2, 3)),
        (stiffness_mandel_to_voigt, (3, 3)),
        (stiffness_voigt_to_mandel, (3, 3)),
    ],
)
def test_other_shapes_are_refused(function, shape):
    with pytest.raises(ValueError, match="must end in shape"):
        function.__wrapped__(torch.zeros(shape, dtype=torch.float64))
