"""Kernels of rotations and directions, and the harmonics: closed forms, integrals, scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.special import sph_harm_y

from polyxtal.algebra.rotation import (
    axis_angle_to_quaternion,
    quaternion_multiply,
    quaternion_to_matrix,
    random_quaternions,
    rotation_angle,
)
from polyxtal.crystal.laue import CUBIC
from polyxtal.texture.cubochoric import cubochoric_grid
from polyxtal.texture.harmonics import DEGREES, cubic_harmonics, surface_harmonics
from polyxtal.texture.kernel import (
    concentration,
    direction_density,
    draw_directions,
    draw_rotations,
    halfwidth_of_deviation,
    harmonic_factor,
    rotation_density,
)
from polyxtal.texture.kernel_density import kernel_density

HALFWIDTHS = [math.radians(h) for h in (0.1, 1.0, 10.0, 40.0, 90.0)]
EVEN = cubochoric_grid(20)
NODES, WEIGHTS = np.polynomial.legendre.leggauss(120)


def integral(function, start: float, end: float) -> float:
    """Integrate by Gauss and Legendre's rule."""
    x = torch.from_numpy(start + 0.5 * (end - start) * (NODES + 1))
    return float(0.5 * (end - start) * (torch.from_numpy(WEIGHTS) @ function(x)))


def over_angles(function, halfwidth: float, end: float = math.pi) -> float:
    """Mean over SO(3) of the kernel times a function of ω, whose density is (1 - cos ω) / π."""
    # 2 sin²(ω/2) and exp(-2κ sin²(ω/2)) keep their digits where ω is small.
    end = min(end, 15 / math.sqrt(concentration(halfwidth)))

    def integrand(angle: torch.Tensor) -> torch.Tensor:
        share = 2 * (angle / 2).sin().square() / math.pi
        return rotation_density(angle.cos(), halfwidth) * function(angle) * share

    return integral(integrand, 0.0, end)


def character(degree: int, angle: torch.Tensor) -> torch.Tensor:
    return ((degree + 0.5) * angle).sin() / (0.5 * angle).sin()


@pytest.mark.parametrize("halfwidth", HALFWIDTHS)
def test_rotation_density_has_mean_one_and_drops_to_half(halfwidth):
    assert over_angles(torch.ones_like, halfwidth) == pytest.approx(1, rel=1e-6)
    cosine = torch.tensor([1.0, math.cos(halfwidth)], dtype=torch.float64)
    centre, edge = rotation_density(cosine, halfwidth)
    assert float(edge / centre) == pytest.approx(0.5, rel=1e-9)


@pytest.mark.parametrize("degree", [0, 1, 4, 6, 10])
@pytest.mark.parametrize("halfwidth", HALFWIDTHS[1:])
def test_harmonic_factor_is_the_mean_of_the_character(halfwidth, degree):
    # The mean of χ_l / (2l+1) over scattered rotations, straight from the integral.
    expected = over_angles(lambda w: character(degree, w) / (2 * degree + 1), halfwidth)
    assert harmonic_factor(halfwidth, degree) == pytest.approx(expected, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("halfwidth", HALFWIDTHS)
def test_drawn_angles_follow_the_density(halfwidth):
    count = 8_000
    drawn = draw_rotations(count, halfwidth, torch.Generator().manual_seed(3))
    torch.testing.assert_close(drawn.norm(dim=-1), torch.ones(count).double())
    angle = rotation_angle(drawn).sort().values
    for share in (0.1, 0.5, 0.9):
        end = float(angle[int(share * count)])
        below = over_angles(torch.ones_like, halfwidth, end)
        assert below == pytest.approx(share, abs=4 * math.sqrt(share * (1 - share) / count))
    # No axis is preferred.
    axis = drawn[:, 1:] / drawn[:, 1:].norm(dim=-1, keepdim=True)
    second = axis.T @ axis / count
    torch.testing.assert_close(second, torch.eye(3).double() / 3, atol=0.01, rtol=0)
    assert float(axis.mean(0).abs().max()) < 0.02


@pytest.mark.parametrize("degree", DEGREES)
def test_scatter_shrinks_harmonics_by_the_factor(degree):
    halfwidth = math.radians(15)
    centre = random_quaternions(1, 4)
    scatter = draw_rotations(8_000, halfwidth, torch.Generator().manual_seed(5))
    mean = cubic_harmonics(quaternion_multiply(centre, scatter), degree).mean(0)
    expected = harmonic_factor(halfwidth, degree) * cubic_harmonics(centre, degree)[0]
    assert float((mean - expected).norm()) < 4 / math.sqrt(8_000)


@pytest.mark.parametrize("halfwidth", HALFWIDTHS)
def test_directions_follow_fisher(halfwidth):
    kappa = concentration(halfwidth)
    count = 8_000
    n = draw_directions(count, halfwidth, torch.Generator().manual_seed(6))
    torch.testing.assert_close(n.norm(dim=-1), torch.ones(count).double())
    # Mean of cos θ: Langevin's function.
    langevin = 1 / math.tanh(kappa) - 1 / kappa
    assert float((1 - n[:, 2]).mean()) == pytest.approx(1 - langevin, rel=0.03)
    assert float(n[:, :2].mean(0).norm()) < 4 * math.sqrt((1 - langevin) / count)
    torch.testing.assert_close(n[:, 0].square().mean(), n[:, 1].square().mean(), rtol=0.05, atol=0)
    cosine = torch.tensor([1.0, math.cos(halfwidth)], dtype=torch.float64)
    centre, edge = direction_density(cosine, halfwidth)
    assert float(edge / centre) == pytest.approx(0.5, rel=1e-9)
    start = max(-1.0, 1 - 40 / kappa)
    total = integral(lambda z: 0.5 * direction_density(z, halfwidth), start, 1.0)
    assert total == pytest.approx(1, rel=1e-6)


def test_half_width_and_deviation():
    assert concentration(math.radians(60)) == pytest.approx(2 * math.log(2))
    for sigma in (0.01, 0.1, 1.0):
        assert concentration(halfwidth_of_deviation(sigma)) == pytest.approx(sigma**-2)
    # Components of small rotation vectors are normal with this deviation.
    sigma = math.radians(3)
    drawn = draw_rotations(8_000, halfwidth_of_deviation(sigma), torch.Generator().manual_seed(7))
    drawn = torch.where(drawn[:, :1] < 0, -drawn, drawn)
    deviation = (2 * drawn[:, 1:]).std(0)
    torch.testing.assert_close(
        deviation, torch.full((3,), sigma, dtype=torch.float64), rtol=0.02, atol=0
    )


@pytest.mark.parametrize("halfwidth", [0.0, math.radians(0.05), 1.6, -0.1, float("nan")])
def test_half_widths_out_of_range_are_refused(halfwidth):
    with pytest.raises(ValueError, match=r"0.1 to 90 degrees"):
        concentration(halfwidth)


@pytest.mark.parametrize("sigma", [0.0, -1.0, 1.3, float("nan")])
def test_deviations_out_of_range_are_refused(sigma):
    with pytest.raises(ValueError, match=r"0 to 1.2 rad"):
        halfwidth_of_deviation(sigma)


@pytest.mark.parametrize("halfwidth", [math.radians(h) for h in (0.1, 1.0, 5.0, 30.0)])
def test_density_about_one_centre_is_exact_near_it(halfwidth):
    # 24 copies share the volume; near the centre of a sharp one the others do not count.
    centre = random_quaternions(1, 8)
    angle = torch.linspace(0, 2 * halfwidth, 50, dtype=torch.float64)
    axis = random_quaternions(50, 9)[:, 1:]
    at = quaternion_multiply(centre, axis_angle_to_quaternion(axis, angle))
    one = torch.ones(1, dtype=torch.float64)
    got = kernel_density(at, centre, one, halfwidth)
    between = quaternion_multiply(centre * torch.tensor([1.0, -1, -1, -1]), at)
    cosine = rotation_angle(CUBIC.equivalents(between)).cos()
    torch.testing.assert_close(got, rotation_density(cosine, halfwidth).mean(-1), rtol=1e-3, atol=0)


def test_density_is_the_same_whichever_side_is_copied():
    few, many = random_quaternions(3, 10), random_quaternions(40, 11)
    equal = torch.full((40,), 1 / 40, dtype=torch.float64)
    there = kernel_density(few, many, equal, 0.3)
    each = [
        kernel_density(many, q[None], torch.ones(1, dtype=torch.float64), 0.3).mean() for q in few
    ]
    torch.testing.assert_close(there, torch.stack(each), rtol=1e-5, atol=1e-6)


# Harmonics


@pytest.mark.parametrize("degree", [1, 2, *DEGREES])
def test_surface_harmonics_are_those_of_scipy(degree):
    n = quaternion_to_matrix(random_quaternions(30, 12))[..., 0]
    polar, azimuth = n[:, 2].acos().numpy(), torch.atan2(n[:, 1], n[:, 0]).numpy()
    scale = math.sqrt(4 * math.pi / (2 * degree + 1))
    expected = []
    for m in range(-degree, degree + 1):
        # Condon and Shortley's sign goes, complex pairs become real ones.
        complex_one = (-1) ** m * sph_harm_y(degree, abs(m), polar, azimuth)
        part = complex_one.imag if m < 0 else complex_one.real
        expected.append(scale * part * (math.sqrt(2) if m else 1))
    got = surface_harmonics(n, degree).numpy()
    signs = np.array([np.sign((a * b).sum()) for a, b in zip(got.T, expected, strict=True)])
    np.testing.assert_allclose(got, (signs[:, None] * expected).T, atol=1e-12)


@pytest.mark.parametrize("degree", DEGREES)
def test_harmonics_of_all_degrees_know_crystals(degree):
    q = random_quaternions(40, 13)
    h = cubic_harmonics(q, degree)
    assert h.shape == (40, 2 * degree + 1)
    torch.testing.assert_close(h.norm(dim=-1), torch.ones(40).double())
    copies = cubic_harmonics(CUBIC.equivalents(q), degree)
    torch.testing.assert_close(copies, h[:, None].expand_as(copies), atol=1e-12, rtol=0)
    # A sample rotation is an orthogonal matrix: inner products stay, components do not.
    turned = cubic_harmonics(quaternion_multiply(random_quaternions(1, 14), q), degree)
    torch.testing.assert_close(turned @ turned.T, h @ h.T, atol=1e-12, rtol=0)
    assert float((turned - h).norm(dim=-1).min()) > 0.1
    assert torch.linalg.matrix_rank(h) == min(40, 2 * degree + 1)


@pytest.mark.parametrize("degree", DEGREES)
def test_harmonics_vanish_in_the_mean_of_all_crystals(degree):
    even = EVEN
    assert float(cubic_harmonics(even, degree).mean(0).norm()) < 0.008


def test_other_degrees_are_refused():
    with pytest.raises(ValueError, match="`degree` must be one of"):
        cubic_harmonics(random_quaternions(1), 5)
