"""Sachs's model: the polar decomposition it rests on, its limits, and how it converges."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import polyxtal as px
from polyxtal.algebra.mandel import mandel_to_matrix, matrix_to_mandel
from polyxtal.algebra.rotation import quaternion_to_matrix, random_quaternions
from polyxtal.mechanics.loading.stepper import CrystalStepper
from polyxtal.mechanics.mean_field.crystals import crystals_of
from polyxtal.mechanics.mean_field.sachs import Polar, Sachs

ALUMINIUM = px.load_material("AA6022-T4")
X = math.nan
LOADS = {
    "tension": px.LoadPath.uniaxial(0.05),
    "shear": px.LoadPath.shear(0.05),
    "cyclic": px.LoadPath.cyclic(0.02),
}


def grains(orientations: torch.Tensor, voxels: list[int] | None = None) -> px.Polycrystal:
    """Grains one after another along x, each with so many voxels."""
    counts = torch.tensor(voxels or [1] * len(orientations))
    ids = torch.repeat_interleave(torch.arange(len(counts)), counts)
    return px.Polycrystal(ids.reshape(-1, 1, 1), orientations)


# --- polar decomposition --------------------------------------------------------------------------


def a_deformation(seed: int) -> torch.Tensor:
    """A large rotation of a large stretch."""
    generator = torch.Generator().manual_seed(seed)
    stretch = 0.2 * torch.randn(3, 3, generator=generator, dtype=torch.float64)
    turn = quaternion_to_matrix(random_quaternions(1, generator)[0])
    return turn @ (torch.eye(3, dtype=torch.float64) + 0.5 * (stretch + stretch.T))


def random(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("seed", range(4))
def test_the_stress_is_conjugate_to_the_deformation(seed):
    deformation, biot = a_deformation(seed), random(6, seed=seed)
    polar = Polar.of(deformation)
    stress = polar.stress(biot)
    torch.testing.assert_close(
        polar.rotation @ mandel_to_matrix(polar.stretch), deformation, rtol=0, atol=1e-14
    )
    torch.testing.assert_close(
        matrix_to_mandel(polar.rotation.T @ stress), biot, rtol=0, atol=1e-13
    )
    kirchhoff = stress @ deformation.T
    torch.testing.assert_close(kirchhoff, kirchhoff.T, rtol=0, atol=1e-13)
    assert float((stress - stress.T).abs().max()) > 0.1
    step = 1e-5 * random(3, 3, seed=seed + 100)
    stretching = Polar.of(deformation + step).stretch - Polar.of(deformation - step).stretch
    assert float((stress * 2 * step).sum()) == pytest.approx(float(biot @ stretching), rel=1e-7)


@pytest.mark.parametrize("seed", range(4))
def test_the_tangent_is_the_derivative_of_the_stress(seed):
    deformation = a_deformation(seed)
    offset, stiffness = random(6, seed=seed), random(6, 6, seed=seed + 50)  # no symmetry is needed

    def stress(at: torch.Tensor) -> torch.Tensor:
        polar = Polar.of(at)
        return polar.stress(offset + stiffness @ polar.stretch)

    polar = Polar.of(deformation)
    tangent = polar.tangent(offset + stiffness @ polar.stretch, stiffness)
    step = 1e-5
    for k in range(3):
        for m in range(3):
            change = torch.zeros(3, 3, dtype=torch.float64)
            change[k, m] = step
            slope = (stress(deformation + change) - stress(deformation - change)) / (2 * step)
            torch.testing.assert_close(tangent[:, :, k, m], slope, rtol=1e-7, atol=1e-7)


# --- limits ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("load", ["tension", "shear"])
@pytest.mark.parametrize("copies", [1, 3])
def test_one_orientation_answers_as_taylors(load, copies):
    rve = grains(random_quaternions(1, seed=4).repeat(copies, 1))
    path = {"tension": px.LoadPath.uniaxial, "shear": px.LoadPath.shear}[load](0.05, increments=15)
    sachs = px.sachs_response(rve, ALUMINIUM, path)
    taylor = px.taylor_response(rve, ALUMINIUM, path)
    size = float(taylor.P.abs().max())
    assert size > 100  # it has yielded
    torch.testing.assert_close(sachs.P, taylor.P, rtol=0, atol=1e-7 * size)
    torch.testing.assert_close(sachs.F, taylor.F, rtol=0, atol=1e-9)
    assert sachs.orientations is not None
    assert taylor.orientations is not None
    torch.testing.assert_close(sachs.orientations, taylor.orientations, rtol=0, atol=1e-8)
    assert float((sachs.orientations[-1] - sachs.orientations[0]).abs().max()) > 5e-3


def test_small_strain_is_reuss():
    rve = grains(random_quaternions(20, seed=1), list(range(1, 21)))
    elastic = px.Material("crystal", ALUMINIUM.elasticity, None)
    reuss = px.reuss_average(rve, ALUMINIUM.elasticity)
    strain = 1e-7
    for m, column in enumerate(reuss.T):
        unit = mandel_to_matrix(torch.eye(6, dtype=torch.float64)[m])
        target = torch.eye(3, dtype=torch.float64) + strain * unit
        step = px.LoadStep(1.0, 1, tuple(map(tuple, target.tolist())), deformation_kind="F")
        stress = px.sachs_response(rve, elastic, px.LoadPath((step,))).P[-1] / strain
        error = (matrix_to_mandel(stress) - column).abs().max() / column.abs().max()
        assert float(error) < 1e-6
    gap = px.voigt_average(rve, ALUMINIUM.elasticity) - reuss
    assert float(gap.abs().max()) > 1e-3 * float(reuss.abs().max())


def test_volume_is_the_weight():
    orientations = random_quaternions(3, seed=2)
    path = px.LoadPath.uniaxial(0.01, increments=4)
    once = px.sachs_response(grains(orientations, [3, 2, 1]), ALUMINIUM, path)
    apart = grains(orientations[[0, 0, 0, 1, 1, 2]])
    torch.testing.assert_close(
        once.P, px.sachs_response(apart, ALUMINIUM, path).P, rtol=0, atol=1e-5
    )
    other = px.sachs_response(grains(orientations, [1, 2, 3]), ALUMINIUM, path)
    assert float((once.P - other.P).abs().max()) > 1.0
    empty = grains(orientations[[0, 1, 2, 0]], [3, 2, 1, 0])
    left_out = px.sachs_response(empty, ALUMINIUM, path)
    torch.testing.assert_close(once.P, left_out.P, rtol=0, atol=0)
    assert left_out.orientations is not None
    assert left_out.orientations.shape[1] == 3


def test_every_phase_has_its_material():
    """A phase without plasticity bears the stress elastically and takes little of the strain."""
    rve = px.Polycrystal(
        np.arange(4).reshape(4, 1, 1),
        random_quaternions(4, seed=3),
        phase=np.array([0, 1, 0, 1]),
        phase_names=("soft", "hard"),
    )
    hard = px.Material("hard", ALUMINIUM.elasticity, None)
    path = px.LoadPath.uniaxial(0.01)
    mixed = px.sachs_response(rve, {"soft": ALUMINIUM, "hard": hard}, path)
    soft = px.sachs_response(rve, ALUMINIUM, path)
    # Half of the grains must take nearly all of the strain, and harden.
    assert float(mixed.P[-1, 0, 0]) > 1.02 * float(soft.P[-1, 0, 0])
    with pytest.raises(ValueError, match="hard"):
        px.sachs_response(rve, {"soft": ALUMINIUM}, path)


# --- convergence ----------------------------------------------------------------------------------


def test_it_is_a_stepper_of_crystals():
    assert isinstance(Sachs(*crystals_of(grains(random_quaternions(2)), ALUMINIUM)), CrystalStepper)


@pytest.mark.parametrize("load", LOADS)
def test_common_loads_take_few_iterations(load):
    rve = px.tessellate(10, 40, seed=0)
    times: list[float] = []
    response = px.sachs_response(rve, ALUMINIUM, LOADS[load], times.append)
    statistics = response.statistics
    assert times == response.time[1:].tolist()
    assert statistics["increments"] == LOADS[load].increments
    assert statistics["cuts"] == 0
    assert statistics["iterations"] < 3.5 * statistics["increments"]
    assert statistics["residual"] < 1e-8


def test_increments_of_one_percent_need_no_cut():
    """Full steps of Newton's method would leave the path here: the line search keeps them short."""
    rve = px.tessellate(10, 40, seed=0)
    response = px.sachs_response(rve, ALUMINIUM, px.LoadPath.uniaxial(0.05, increments=5))
    assert response.statistics["cuts"] == 0
    fine = px.sachs_response(rve, ALUMINIUM, LOADS["tension"])
    assert float(response.P[-1, 0, 0]) == pytest.approx(float(fine.P[-1, 0, 0]), rel=0.02)


def pull(*stresses: float, increments: int) -> px.LoadPath:
    """Uniaxial stress along x, one after another, the body kept from spinning."""
    f = ((X, X, X), (0.0, X, X), (0.0, 0.0, X))
    steps = (
        px.LoadStep(5.0, increments, f, stress=((p, 0.0, 0.0), (X, 0.0, 0.0), (X, X, 0.0)))
        for p in stresses
    )
    return px.LoadPath(tuple(steps))


def test_stress_may_be_prescribed():
    """Up to 200 MPa, back and down to -200: work of the prescribed stress is part of the energy."""
    response = px.sachs_response(
        px.tessellate(8, 20, seed=0), ALUMINIUM, pull(200.0, 0.0, -200.0, increments=4)
    )
    upper = torch.triu(torch.ones(3, 3, dtype=torch.bool))
    for row, stress in ((4, 200.0), (8, 0.0), (12, -200.0)):
        expected = torch.zeros(3, 3, dtype=torch.float64)
        expected[0, 0] = stress
        torch.testing.assert_close(response.P[row][upper], expected[upper], rtol=0, atol=1e-5)
    strain = response.strain("xx")
    assert float(strain[4]) > float(strain[8]) > 0.01
    assert response.statistics["cuts"] == 0


def test_large_elastic_strains_take_few_iterations():
    """Where stress is comparable to stiffness, the rotation's part of the tangent counts."""
    elastic = px.Material("crystal", ALUMINIUM.elasticity, None)
    response = px.sachs_response(px.tessellate(8, 10, seed=0), elastic, pull(2e4, increments=2))
    assert float(response.strain("xx")[-1]) > 0.2
    assert response.statistics["iterations"] <= 10


@pytest.mark.parametrize("count", [1, 10])
def test_a_held_deformation_relaxes(count):
    """Nothing moves, yet time passes: elastic strain turns into slip."""
    still = ((0.0,) * 3,) * 3
    path = px.LoadPath((*px.LoadPath.shear(0.02).steps, px.LoadStep(100.0, 10, still)))
    rve = grains(random_quaternions(count, seed=6))
    stress = px.sachs_response(rve, ALUMINIUM, path).stress("xy")[-11:]
    assert bool((stress.diff() < 0).all())
    assert float(stress[-1]) < 0.95 * float(stress[0])


def test_a_stress_that_no_grain_can_bear_does_not_converge():
    with pytest.raises(px.ConvergenceError, match=r"P_xx reached \d+\.?\d* MPa of .* 1e\+05 MPa"):
        px.sachs_response(grains(random_quaternions(3, seed=5)), ALUMINIUM, pull(1e5, increments=1))


def test_no_body_is_turned_inside_out():
    """Beyond the largest pressure of the elastic law, its only solutions have det F < 0."""
    elastic = px.Material("crystal", ALUMINIUM.elasticity, None)
    with pytest.raises(px.ConvergenceError, match=r"P_xx reached -\S+ MPa of .* -1e\+05 MPa"):
        px.sachs_response(grains(random_quaternions(3, seed=5)), elastic, pull(-1e5, increments=1))
