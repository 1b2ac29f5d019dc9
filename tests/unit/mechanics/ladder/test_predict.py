"""The ladder of coarse full fields: its grids, the bounds of its errors, what it answers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import polyxtal as px
from polyxtal.algebra.rotation import random_quaternions
from polyxtal.mechanics.ladder import key_numbers
from polyxtal.mechanics.ladder import predict as ladder
from polyxtal.mechanics.ladder.error import (
    KAPPA,
    KAPPA_LONG,
    KAPPA_PHASES,
    Rung,
    error_bounds,
    relative_error,
)
from polyxtal.mechanics.ladder.grids import coarse_grid
from polyxtal.microstructure.coarse import coarse_voxels

ALUMINIUM = px.load_material("AA6022-T4")
PATH = px.LoadPath.uniaxial(0.02, increments=8)


@pytest.fixture(scope="module")
def rve():
    return px.tessellate(grid=12, grains=60, seed=0)


@pytest.fixture(scope="module")
def full(rve):
    return px.simulate(rve, ALUMINIUM, PATH)


@pytest.fixture(scope="module")
def answer(rve):
    return px.predict(rve, ALUMINIUM, PATH, 0.01)


def of_grid(grid, size=None) -> px.Polycrystal:
    ids = np.zeros(grid, np.int64)
    return px.Polycrystal(ids, torch.tensor([[1.0, 0, 0, 0]]), size or tuple(map(float, grid)))


def test_coarse_grids_are_odd_and_even_sided():
    cube = of_grid((45, 45, 45))
    assert [coarse_grid(cube, n) for n in (1, 125, 343, 3000)] == [
        (3, 3, 3),
        (5, 5, 5),
        (7, 7, 7),
        (15, 15, 15),
    ]
    assert coarse_grid(cube, 45**3) == (45, 45, 45)
    assert coarse_grid(of_grid((100, 100, 1)), 125) == (11, 11, 1)
    assert coarse_grid(of_grid((2, 2, 2)), 3) == (2, 2, 2)
    flat = coarse_grid(of_grid((60, 30, 10)), 700)
    assert flat[0] > flat[1] > flat[2] >= 3
    assert all(n % 2 for n in flat)
    thin_voxels = coarse_grid(of_grid((20, 20, 20), (20.0, 20.0, 80.0)), 400)
    assert thin_voxels[2] > thin_voxels[0]


def test_the_answer_lies_within_its_bounds(answer, full, rve):
    assert answer.error <= 0.01
    assert answer.grid < rve.grid
    assert px.compare(answer, full).maximum < 2 * answer.error
    assert [rung.grid for rung in answer.rungs][-1] == answer.grid
    errors = [rung.error for rung in answer.rungs]
    assert errors == sorted(errors, reverse=True)
    assert answer.stress_bound().shape == answer.time.shape
    assert torch.equal(answer.stress_bound("xx"), answer.bounds.P[:, 0, 0])
    assert float(answer.stress_bound()[0]) == 0
    assert float(answer.bounds.F[:, 0, 0].max()) == 0 or answer.bounds.F[1:, 1, 1].min() > 0


def test_the_finest_rung_is_the_full_field_itself(rve, full):
    answer = px.predict(rve, ALUMINIUM, PATH, 1e-4)
    assert answer.grid == rve.grid
    assert answer.error == 0
    torch.testing.assert_close(answer.P, full.P, rtol=0, atol=1e-9)
    torch.testing.assert_close(answer.orientations, full.orientations, rtol=0, atol=1e-9)


def test_a_time_limit_ends_the_climb(rve, monkeypatch):
    clock = iter(range(1000))
    monkeypatch.setattr(ladder, "perf_counter", lambda: float(next(clock)))
    # Each full field takes one second on this clock, and finer ones as many as they have voxels.
    answer = px.predict(rve, ALUMINIUM, PATH, 1e-4, seconds=3)
    assert len(answer.rungs) == 1
    assert answer.error > 1e-4


def test_grains_without_voxels_follow_the_mean_deformation():
    rve = px.tessellate(grid=12, grains=300, seed=0)
    answer = px.predict(rve, ALUMINIUM, PATH, 0.1)
    assert answer.grid == (5, 5, 5)
    assert answer.orientations.shape == (9, 300, 4)
    assert torch.equal(answer.weights, rve.volume_fractions)
    taylor = px.taylor_response(rve, ALUMINIUM, PATH)
    laue = rve.laue_group()
    turned = laue.disorientation(answer.orientations[-1], rve.orientations)
    assert float(turned.min()) > 1e-4  # none stays as it was
    between = laue.disorientation(answer.orientations[-1], taylor.orientations[-1])
    assert float(between.mean()) < float(turned.mean())
    absent = answer.coarse.volume_fractions == 0
    assert 100 < int(absent.sum()) < 250
    torch.testing.assert_close(answer.grain_F[-1, absent][0], answer.F[-1])
    for name in ("grain_P", "grain_slip"):
        sizes = getattr(answer, name)[-1].flatten(1).norm(dim=1)
        assert float(sizes[absent].mean()) == pytest.approx(float(sizes[~absent].mean()), rel=0.3)
    full = px.simulate(rve, ALUMINIUM, PATH)
    slip, true = (float(r.phase_slip()["crystal"][-1].sum()) for r in (answer, full))
    assert slip == pytest.approx(true, rel=0.1)


def test_two_phases_and_a_void():
    drawn = px.tessellate(grid=9, grains=60, seed=2)
    names = ["Al", "pore", "hard"]
    phase = torch.arange(60) % 10 // 4
    rve = px.Polycrystal(drawn.grain_id, drawn.orientations, phase=phase, phase_names=names)
    hard = px.Material("hard", px.CubicElasticity(404e3, 126e3, 138.8e3))
    materials = {"Al": ALUMINIUM, "pore": None, "hard": hard}
    path = px.LoadPath.uniaxial(0.002, increments=2)
    with pytest.warns(UserWarning, match="longer than the 1e-06 s within which"):
        answer = px.predict(rve, materials, path, 0.2, seconds=1e-6, scheme="rotated")
    assert math.prod(answer.grid) < 9**3  # there is no time for more
    assert torch.isfinite(answer.orientations).all()
    pores = rve.phase == 1
    assert int((answer.coarse.volume_fractions[pores] == 0).sum()) > 0
    assert float(answer.grain_P[:, pores].abs().max()) == 0


def rung(points: int, change: float, strains: float = 0.0) -> Rung:
    """A made-up response of four grains: stresses of 100 + change, with a deviation of 10 MPa.

    Their strains of 0.01 deviate by `strains`, and the modulus of the increment is about 1e4 MPa.
    """
    time = torch.tensor([0.0, 1.0], dtype=torch.float64)
    strain = torch.eye(3, dtype=torch.float64).repeat(2, 1, 1)
    strain[1, 0, 0] = 1.01
    stress = torch.zeros(2, 3, 3, dtype=torch.float64)
    stress[1, 0, 0] = 100.0 + change
    sign = torch.tensor([-1.0, 1.0, -1.0, 1.0], dtype=torch.float64)
    local, deformed = (one[:, None].repeat(1, 4, 1, 1) for one in (stress, strain))
    local[1, :, 0, 0] += 10.0 * sign
    deformed[1, :, 0, 0] += strains * sign
    response = px.FullFieldResponse(time, strain, stress, grain_F=deformed, grain_P=local)
    voxels = torch.arange(points).reshape(-1, 1, 1) * 4 // points
    orientations = px.UniformTexture().orientations(4)
    coarse = px.Polycrystal(voxels, orientations, size=(float(points), 1.0, 1.0))
    return Rung(coarse, response, 1.0)


STRAIN = torch.zeros(2, 3, 3, dtype=torch.bool)
STRESS = torch.zeros(2, 3, 3, dtype=torch.bool)
STRESS[:, 0, 0] = True


def test_bounds_are_those_of_a_sample_mean():
    bounds = error_bounds([rung(100, 0.0)], 10**9, STRAIN)
    assert bounds.kappa == pytest.approx(KAPPA)
    # Student's quantile lies between that of one degree of freedom and the normal one.
    assert 1.64 < float(bounds.P[1, 0, 0]) / (KAPPA * 10 / 10) < 6.4
    assert float(bounds.P[1, 1, 1]) == 0
    assert float(bounds.F.abs().max()) == 0
    finer = error_bounds([rung(400, 0.0)], 10**9, STRAIN)
    torch.testing.assert_close(finer.P, 0.5 * bounds.P, rtol=1e-6, atol=0)
    # The fine grid is a sample, too.
    nearly = error_bounds([rung(100, 0.0)], 125, STRAIN)
    torch.testing.assert_close(nearly.P, math.sqrt(1.8) * bounds.P, rtol=1e-6, atol=0)
    assert float(error_bounds([rung(100, 0.0)], 100, STRAIN).P.abs().max()) == 0


def test_strains_that_differ_count_by_their_stress():
    bounds = error_bounds([rung(100, 0.0)], 10**9, STRAIN)
    series = error_bounds([rung(100, 0.0, strains=1e-3)], 10**9, STRAIN)  # 10 MPa
    torch.testing.assert_close(series.P, math.sqrt(2) * bounds.P, rtol=1e-6, atol=0)


def test_a_prescribed_stress_has_no_error_but_its_strain():
    bounds = error_bounds([rung(100, 0.0)], 10**9, STRESS)
    free = error_bounds([rung(100, 0.0)], 10**9, STRAIN)
    assert float(bounds.P[1, 0, 0]) == 0
    torch.testing.assert_close(bounds.F[1, 0, 0], free.P[1, 0, 0] / 1e4, rtol=1e-6, atol=0)
    response = rung(100, 0.0).response
    assert relative_error(response, bounds, STRESS) == pytest.approx(
        float(bounds.F[1, 0, 0]) / 0.01, rel=1e-6
    )


def test_rungs_that_differ_more_widen_the_bounds():
    bounds = [
        error_bounds([rung(100, change), rung(400, 0.0)], 10**9, STRAIN)
        for change in (0.0, 1.0, 5.0)
    ]
    widths = [float(b.P[1, 0, 0]) for b in bounds]
    assert widths == sorted(widths)
    assert widths[2] > 2 * widths[0]


def test_grains_in_series_are_not_taken_for_certain():
    """They share the stress, so that their strains tell the error."""
    rve = px.tessellate(grid=(150, 1, 1), grains=30, size=(150, 1, 1), seed=1)
    path = px.LoadPath.uniaxial(0.01, increments=4)
    answer = px.predict(rve, ALUMINIUM, path, 0.05)
    error = px.compare(answer, px.simulate(rve, ALUMINIUM, path)).maximum
    assert answer.error > 0.3 * error


def test_stress_driven_loads_have_an_error_of_strain(rve):
    free = math.nan
    stress = ((180.0, free, free), (free, 0.0, free), (free, free, 0.0))
    held = ((free, 0.0, 0.0), (0.0, free, 0.0), (0.0, 0.0, free))
    path = px.LoadPath((px.LoadStep(10.0, 6, held, stress=stress),))
    full = px.simulate(rve, ALUMINIUM, path)
    answer = px.predict(rve, ALUMINIUM, path, 0.2)
    strain = full.strain("xx")
    error = float((answer.strain("xx") - strain).abs().max() / strain.abs().max())
    assert float(answer.bounds.P[:, 0, 0].max()) == 0
    assert 0.2 * error < answer.error < 10 * max(error, 0.01)


def test_a_response_without_spread_has_no_bound():
    crystal = px.Polycrystal(np.zeros((6, 6, 6), np.int64), torch.tensor([[0.6, 0.8, 0.0, 0.0]]))
    answer = px.predict(crystal, ALUMINIUM, PATH)
    assert answer.grid == (5, 5, 5)
    assert answer.error < 1e-4
    whole = px.simulate(crystal, ALUMINIUM, PATH)
    torch.testing.assert_close(answer.P, whole.P, rtol=1e-3, atol=0.1)


@pytest.mark.parametrize("grid", [(1, 1, 1), (2, 2, 2), (6, 1, 1), (2, 7, 1)])
def test_smallest_grids(grid):
    count = math.prod(grid)
    rve = px.Polycrystal(
        np.arange(count).reshape(grid), px.tessellate(grid=4, grains=count, seed=0).orientations
    )
    path = px.LoadPath.uniaxial(0.004, increments=2)
    answer = px.predict(rve, ALUMINIUM, path)
    assert answer.grid == grid
    assert answer.error == 0


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"accuracy": 0},
            "must be from 0.0001, the tolerance of the full field, to 0.2",
        ),
        ({"accuracy": 0.5}, "such as 0.005 for 0.5 %, but is 0.5"),
        ({"accuracy": math.nan}, "but is nan"),
        ({"seconds": 0}, "`seconds` must be positive, but is 0"),
        ({"seconds": math.inf}, "`seconds` must be positive, but is inf"),
        ({"seed": -1}, "`seed` must not be negative"),
    ],
)
def test_bad_arguments(rve, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        px.predict(rve, ALUMINIUM, PATH, **options)
    with pytest.raises(TypeError, match="rve"):
        px.predict(ALUMINIUM, rve, PATH)


def test_the_error_of_rotations_is_estimated(rve, full):
    answer = px.predict(rve, ALUMINIUM, PATH, 0.01)
    assert len(answer.rungs) > 1
    laue = rve.laue_group()
    angle = laue.disorientation(answer.orientations[-1], full.orientations[-1])
    error = float(rve.volume_fractions @ angle)
    assert answer.rotation_error == pytest.approx(error, rel=0.5)
    assert px.predict(rve, ALUMINIUM, PATH, 0.2).rotation_error is None
    assert px.predict(rve, ALUMINIUM, PATH, 1e-4).rotation_error == 0


def test_fields_come_back_to_the_fine_grid(rve, full, answer):
    fields = answer.fields_on(rve)
    assert fields.P.shape == full.fields.P.shape
    assert fields.slip.shape == full.fields.slip.shape
    true = full.fields.P[..., 0, 0]
    error = (fields.P[..., 0, 0] - true).square().mean().sqrt()
    assert float(error) < 0.9 * float(true.std())  # that of the mean stress is the deviation
    grains = torch.unique(answer.coarse.grain_id)
    assert len(grains) > 50
    own = answer.coarse.grain_id.flatten()[coarse_voxels(rve, answer.coarse)]
    known = torch.isin(rve.grain_id, grains)
    assert torch.equal(own[known], rve.grain_id[known])
    whole = px.predict(rve, ALUMINIUM, PATH, 1e-4).fields_on(rve)
    torch.testing.assert_close(whole.P, full.fields.P, rtol=0, atol=1e-9)


def test_progress_names_every_grid(rve):
    seen = []
    answer = px.predict(rve, ALUMINIUM, PATH, 0.02, on_progress=lambda *r: seen.append(r))
    assert [r for r in seen if r[1] == 8] == [(rung.grid, 8, 8) for rung in answer.rungs]


def test_the_same_again(rve, answer):
    again = px.predict(rve, ALUMINIUM, PATH, 0.01)
    assert torch.equal(again.P, answer.P)
    assert again.error == answer.error


def test_hardening_and_r_value_lie_within_their_bounds(rve):
    path = px.LoadPath.uniaxial(0.03, increments=12)
    full, answer = px.simulate(rve, ALUMINIUM, path), px.predict(rve, ALUMINIUM, path, 0.2)
    curve = key_numbers.first_loading(full, "xx")
    exact = {
        "hardening_modulus": key_numbers.hardening_modulus(curve),
        "r_value": key_numbers.r_value(full, "xx"),
        "proof_stress": key_numbers.proof_stress(curve, float(curve.stress[1] / curve.strain[1])),
    }
    for name, value in exact.items():
        estimate = getattr(answer, name)()
        assert 0 < abs(estimate.value - value) < 2 * estimate.bound < abs(value), name
    strain = full.true_strain[-1] - full.true_strain[len(full.time) // 2]
    assert exact["r_value"] == pytest.approx(float(strain[1, 1] / strain[2, 2]), rel=0.02)
    late = (full.P[-1] - full.P[-2])[0, 0] / (full.F[-1] - full.F[-2])[0, 0]
    assert exact["hardening_modulus"] == pytest.approx(float(late), rel=0.02)


def test_numbers_that_a_load_does_not_have(rve, answer):
    shear = px.predict(rve, ALUMINIUM, px.LoadPath.shear(0.02, increments=4), 0.2)
    assert shear.r_value() is None
    elastic = px.predict(rve, ALUMINIUM, px.LoadPath.uniaxial(5e-4, increments=4), 0.2)
    assert elastic.proof_stress() is None
    assert elastic.r_value() is None
    assert answer.hardening_modulus().bound > 0
    exact = px.predict(rve, ALUMINIUM, PATH, 1e-4)
    assert exact.hardening_modulus().bound == exact.r_value().bound == 0
    with pytest.raises(ValueError, match="`slope` must be positive"):
        answer.proof_stress(-1.0)


def test_the_stiffness_of_a_coarse_grid_has_bounds(rve):
    exact = px.estimate_stiffness(rve, ALUMINIUM.elasticity)
    coarse = px.estimate_stiffness(rve, ALUMINIUM.elasticity, 300)
    finer = px.estimate_stiffness(rve, ALUMINIUM.elasticity, 800)
    assert exact.grid == rve.grid
    assert exact.error == 0
    assert 0 < finer.error < coarse.error < 0.01
    off = (coarse.stiffness - exact.stiffness).abs()
    assert float((off <= 2 * coarse.bound).double().mean()) > 0.8
    with pytest.raises(ValueError, match="`points` must be at least 1"):
        px.estimate_stiffness(rve, ALUMINIUM.elasticity, 0)


@pytest.mark.parametrize("grid", [(1, 1, 1), (12, 12, 2), (2, 2, 2)])
def test_a_single_voxel_and_two_along_an_axis_are_answered(grid):
    ids = np.arange(math.prod(grid)).reshape(grid) % 8
    cell = px.Polycrystal(ids, random_quaternions(int(ids.max()) + 1, 0))
    answer = px.predict(cell, ALUMINIUM, px.LoadPath.uniaxial(0.01, increments=3), 0.2)
    assert all(m <= n for m, n in zip(answer.grid, grid, strict=True))
    assert (answer.error == 0) == (answer.grid == grid)


def test_bounds_of_several_phases_and_of_long_voxels_are_wider():
    one = rung(100, 0.0)
    q, grid = one.coarse.orientations, one.coarse.grain_id
    long = px.Polycrystal(grid, q, size=(200.0, 1.0, 1.0))
    mixed = px.Polycrystal(grid, q, (100.0, 1.0, 1.0), phase=[0, 0, 1, 1], phase_names=("a", "b"))
    kappa = [
        error_bounds([one._replace(coarse=coarse)], 10**9, STRAIN).kappa for coarse in (long, mixed)
    ]
    assert kappa == pytest.approx([KAPPA_LONG, KAPPA_PHASES * 100 ** (1 / 6)])
