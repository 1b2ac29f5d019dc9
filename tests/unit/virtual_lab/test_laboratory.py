"""The virtual laboratory: its tests, what is read from them, and how it resumes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import polyxtal as px
from polyxtal.algebra.rotation import quaternion_multiply
from polyxtal.virtual_lab.earing import ear_profile
from polyxtal.virtual_lab.measure import (
    ACROSS,
    FinishedTest,
    Shares,
    biaxial_r,
    plastic_work,
    r_value,
    sensitivity_of_r,
    work_at,
    yielding,
)
from polyxtal.virtual_lab.programme import deviatoric_tests, section_tests, uniaxial_tests
from polyxtal.virtual_lab.sampling import GrainInfluence

ALUMINIUM = px.load_material("AA6022-T4")
MODULUS, POISSON = 70e3, 0.33
FEW = px.LaboratorySettings((0.0, 90.0), 8, 2, (0.002,), 0.01)


def isotropic_compliance() -> torch.Tensor:
    s = np.full((6, 6), 0.0)
    s[:3, :3] = -POISSON / MODULUS
    np.fill_diagonal(s, [1 / MODULUS] * 3 + [(1 + POISSON) / MODULUS] * 3)
    return torch.from_numpy(s)


def tension(angle: float, r: float, rows: int = 41) -> FinishedTest:
    """A tension of an ideal material: yield at 200 MPa, modulus of hardening 1 GPa, r-value r."""
    test = uniaxial_tests((angle,), 0.01, 1e-3)[0]
    plastic = torch.linspace(0, 0.008, rows, dtype=torch.float64)
    stress = torch.where(plastic > 0, 200 + 1e3 * plastic, 0.0)
    across = -plastic * r / (1 + r)
    principal = torch.stack([plastic, across, -plastic - across], -1)
    elastic = stress[:, None] / MODULUS * torch.tensor([1, -POISSON, -POISSON])
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    R = torch.tensor([[c, -s, 0], [s, c, 0], [0, 0, 1]], dtype=torch.float64)
    F = R @ torch.diag_embed((principal + elastic).exp()) @ R.T
    cauchy = R @ torch.diag_embed(stress[:, None] * torch.tensor([1.0, 0, 0]).double()) @ R.T
    P = torch.linalg.det(F)[:, None, None] * cauchy @ torch.linalg.inv(F).mT
    response = px.Response(torch.arange(rows).double(), F, P)
    spreads = torch.full((rows,), 30.0), torch.full((rows,), 0.3)
    return FinishedTest(test, response, *spreads, influence(rows))


def influence(rows: int) -> GrainInfluence:
    """Contributions of 40 MPa to the stress; of 0.8 and 0.4 to ln r, correlated by one half."""
    covariance = torch.tensor([[0.64, 0.16], [0.16, 0.16]], dtype=torch.float64)
    return GrainInfluence(torch.full((rows,), 40.0), covariance.expand(rows, 2, 2))


@pytest.mark.parametrize(("angle", "r"), [(0.0, 1.0), (45.0, 2.0), (90.0, 0.5)])
def test_numbers_of_an_ideal_tension(angle, r):
    one, compliance, shares = tension(angle, r), isotropic_compliance(), Shares(0.1, 0.2)
    found = r_value(one, compliance, shares, sensitivity=7.0)
    assert found.value == pytest.approx(r, rel=1e-7)
    assert found.grid == pytest.approx(r * 7 * 0.3 * 0.1 * ACROSS, rel=1e-6)
    drawn = math.sqrt(0.64 + 2 * 7 * 0.16 + 49 * 0.16)
    assert found.sampling == pytest.approx(r * drawn * 0.2, rel=1e-6)
    work = plastic_work(one.response, compliance)[-1]
    # The first step is elastic and plastic at once: half of the yield stress is missed there.
    first = 0.008 / 40
    assert float(work) == pytest.approx(200 * 0.008 + 500 * 0.008**2 - 100 * first, rel=1e-9)
    level = work_at(one, compliance, 0.002)
    assert level is not None
    point = yielding(one, compliance, 0.002, level, shares)
    assert point is not None
    assert np.trace(point.stress) == pytest.approx(202, rel=1e-9)
    assert (point.grid, point.sampling) == (pytest.approx(3.0), pytest.approx(8.0))
    assert work_at(one, compliance, 0.02) is None
    assert yielding(one, compliance, 0.02, 100.0, shares) is None


def test_an_elastic_test_has_no_r_value():
    one = tension(0.0, 1.0)
    flat = px.Response(one.response.time[:1], one.response.F[:1], one.response.P[:1])
    alone = FinishedTest(one.test, flat, one.stress_spread[:1], one.cross_spread[:1], one.influence)
    assert math.isnan(r_value(alone, isotropic_compliance(), Shares(0.1, 0.1), 7.0).value)


def test_equibiaxial_r_of_isotropic_plasticity_is_one():
    test = next(t for t in section_tests(8, 0.01, 1e-3, False) if t.angle == 45.0)
    e = torch.linspace(0, 0.01, 5, dtype=torch.float64)
    F = torch.diag_embed(torch.stack([e, e, -2 * e], -1).exp())
    response = px.Response(e, F, torch.zeros(5, 3, 3, dtype=torch.float64))
    one = FinishedTest(test, response, torch.zeros(5), torch.full((5,), 0.2), influence(5))
    found = biaxial_r(one, isotropic_compliance(), Shares(0.1, 0.0), 3.0)
    assert found.value == pytest.approx(1)
    assert found.grid == pytest.approx(0.06 * ACROSS)


def test_the_sensitivity_of_r_is_measured_by_a_stress_across():
    """Flow with ln r = -7 σ_w/σ_l, as of Hosford's yield function of exponent 8."""
    one, crossed = tension(0.0, 1.0), tension(0.0, math.exp(-0.7))
    shorter = px.Response(
        crossed.response.time[:21], crossed.response.F[:21], crossed.response.P[:21]
    )
    other = FinishedTest(crossed.test, shorter, one.stress_spread, one.cross_spread, one.influence)
    found = sensitivity_of_r(one, other, isotropic_compliance())
    assert found == pytest.approx(7, rel=1e-6)
    half = px.Response(one.response.time[:21], one.response.F[:21], one.response.P[:21])
    base = FinishedTest(one.test, half, one.stress_spread, one.cross_spread, one.influence)
    assert sensitivity_of_r(base, crossed, isotropic_compliance()) == pytest.approx(7, rel=1e-6)


def test_directions_of_the_programme():
    half = section_tests(8, 0.01, 1e-3, True)
    assert [t.angle for t in half] == [0.0, 45.0, 90.0, 135.0]
    assert len(section_tests(8, 0.01, 1e-3, False)) == 8
    tests = deviatoric_tests(8, 0.01, 1e-3, seed=1)
    directions = [np.array(t.path.steps[0].basis) for t in tests]
    stresses = []
    for t, basis in zip(tests, directions, strict=True):
        free = t.path.steps[0].stress_controlled.reshape(9)
        (place,) = [k for k in (0, 1, 2, 4, 5, 8) if not free[k]]
        stresses.append(basis[place].reshape(3, 3))
    assert max(abs(np.trace(s)) for s in stresses) < 1e-12
    assert np.linalg.matrix_rank(np.reshape(stresses, (8, 9)), tol=1e-6) == 5
    bases = [[t.path.steps[0].basis for t in deviatoric_tests(8, 0.01, 1e-3, s)] for s in (1, 2)]
    assert bases[0] == [t.path.steps[0].basis for t in tests]
    assert bases[1] != bases[0]


@pytest.fixture(scope="module")
def sheet() -> tuple[px.Polycrystal, px.Laboratory]:
    rve = px.tessellate(grid=5, grains=20, seed=0)
    return rve, px.laboratory(rve, ALUMINIUM, FEW)


def test_a_laboratory_of_a_polycrystal(sheet):
    rve, found = sheet
    assert found.half
    along_x = px.simulate(rve, ALUMINIUM, found.records[0].test.path)
    torch.testing.assert_close(found.curve("uniaxial 0").P, along_x.P)
    zero, ninety = found.yield_stresses()
    assert (zero.angle, ninety.angle) == (0.0, 90.0)
    points = found.yield_points()
    section = [p for p in points if p.kind == "plane stress"]
    assert len(section) == 8
    by_angle = {p.angle: p.stress for p in section}
    np.testing.assert_allclose(by_angle[0.0], -by_angle[180.0])
    # Tension along x is in the section, too, in other increments.
    assert by_angle[0.0][0, 0] == pytest.approx(zero.value, rel=1e-3)
    assert all(p.grid == 0 and p.sampling > 0 for p in points)  # the volume's own grid
    stiffer = found.yield_stresses(model="Taylor")
    assert stiffer[0].value > 1.05 * zero.value
    assert math.isnan(stiffer[0].grid)
    table = found.to_pandas()
    assert len(table) == len(points)
    with pytest.raises(ValueError, match="`level` must be one of"):
        found.yield_points(0.5)
    with pytest.raises(ValueError, match="`name` must be one of uniaxial 0"):
        found.curve("tension")
    with pytest.raises(ValueError, match="at 0, 45 and 90 degrees"):
        found.mean_r()


def test_a_quarter_turn_of_the_sheet_exchanges_its_directions(sheet):
    rve, found = sheet
    about_z = torch.tensor([math.sqrt(0.5), 0, 0, math.sqrt(0.5)], dtype=torch.float64)
    grid = rve.grain_id.transpose(0, 1).flip(0).contiguous()
    turned = px.Polycrystal(grid, quaternion_multiply(about_z, rve.orientations))
    other = px.laboratory(turned, ALUMINIUM, FEW)
    for model, accuracy in ((None, 1e-6), ("Taylor", 1e-10)):
        r = [one.value for one in found.r_values(model)]
        s = [one.value for one in other.r_values(model)]
        assert s == pytest.approx(r[::-1], rel=accuracy)


def test_a_laboratory_resumes_from_its_checkpoint(sheet, tmp_path):
    rve, found = sheet
    file = tmp_path / "lab.npz"
    seen: list[str] = []

    def stop(name: str, done: int, count: int) -> None:
        seen.append(name)
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        px.laboratory(rve, ALUMINIUM, FEW, threads=1, checkpoint=file, on_progress=stop)
    first = set(seen)
    again = px.laboratory(
        rve,
        ALUMINIUM,
        FEW,
        checkpoint=file,
        on_progress=lambda name, done, count: seen.append(name),
    )
    assert len(first) >= 4
    assert not first & set(seen[len(first) :])
    for one, other in zip(again.records, found.records, strict=True):
        assert torch.equal(one.response.P, other.response.P)
        assert torch.equal(one.cross_spread, other.cross_spread)
        for part, whole in zip(one.influence, other.influence, strict=True):
            assert torch.equal(part, whole)
    with pytest.raises(ValueError, match="of other tests, another polycrystal"):
        px.laboratory(rve, ALUMINIUM, FEW, seed=1, checkpoint=file)


def test_materials_with_twins_are_tested_in_both_senses():
    """In-plane compression of a basal texture stretches the c axes, which twins do easily."""
    magnesium = px.load_material("Mg")
    texture = px.basal_texture(magnesium.lattice, halfwidth=0.2)
    rve = px.tessellate(grid=3, grains=6, seed=0, lattice="hP", texture=texture)
    few = px.LaboratorySettings((0.0,), 8, 0, (0.0015,), 0.008, taylor=False)
    found = px.laboratory(rve, magnesium, few)
    assert not found.half
    by_angle = {p.angle: p.stress for p in found.yield_points() if p.kind == "plane stress"}
    assert len(by_angle) >= 6
    assert abs(by_angle[180.0][0, 0]) < 0.9 * by_angle[0.0][0, 0]


def test_ears_of_r_values():
    flat = ear_profile({0.0: 1.0, 45.0: 1.0, 90.0: 1.0}, 90.0, 50.0)
    # q = 1/2: r_c ((R/r_c)^1.5 - 1) / 1.5
    np.testing.assert_allclose(flat[:, 1], 50 * (1.8**1.5 - 1) / 1.5)
    eared = ear_profile({0.0: 0.6, 45.0: 2.0, 90.0: 0.8}, 90.0, 50.0)
    heights = dict(eared.tolist())
    assert abs(float(eared[:90, 1].argmax()) - 45) <= 2
    # The height at 0 is made by the r-value at 90 degrees.
    assert heights[0.0] > heights[90.0]
    np.testing.assert_allclose(eared[:180, 1], eared[180:, 1])
    for wrong, sentence in (
        (({0.0: 1.0, 90.0: 1.0}, 50.0, 90.0), "must be a larger radius"),
        (({0.0: 1.0, 45.0: 1.0}, 90.0, 50.0), "known at 0 and 90 degrees"),
    ):
        with pytest.raises(ValueError, match=sentence):
            ear_profile(*wrong)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"angles": (15.0,)}, "must hold 0"),
        ({"angles": (0.0, 15.0, 15.0)}, "no angle twice"),
        ({"angles": (0.0, 400.0)}, "angles in the plane of the sheet"),
        ({"angles": (0.0, math.nan)}, "angles in the plane of the sheet"),
        ({"section": 9}, "must be even and at least 8"),
        ({"directions": -1}, "must not be negative"),
        ({"levels": ()}, "must be positive and ascend"),
        ({"levels": (0.01, 0.002)}, "must be positive and ascend"),
        ({"strain": 0.01}, "reach the largest of the `levels`"),
        ({"accuracy": 1.0}, "accuracy"),
    ],
)
def test_wrong_settings_get_one_sentence(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        px.LaboratorySettings(**arguments)


def test_a_sheet_has_no_voids():
    rve = px.Polycrystal(torch.zeros(3, 3, 3, dtype=torch.int64), [[1.0, 0, 0, 0]])
    with pytest.raises(ValueError, match="is a void"):
        px.laboratory(rve, {"crystal": None}, FEW)
