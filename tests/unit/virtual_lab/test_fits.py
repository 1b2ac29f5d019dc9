"""Yield functions fitted to a laboratory."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import polyxtal as px
from polyxtal.virtual_lab.measure import FinishedTest
from polyxtal.virtual_lab.programme import proportional_test
from polyxtal.virtual_lab.sampling import GrainInfluence

LEVELS = px.LaboratorySettings((0.0, 45.0, 90.0), 8, 4, (0.002,), 0.02, taylor=False)
TRUTH = px.Hill48(F=0.4, G=0.6, H=0.4, L=1.5, M=1.5, N=1.9)
MODULUS, POISSON, YIELD, SLOPE = 70e3, 0.33, 200.0, 1000.0


def ideal(test, rows=81):
    """The response of a rigid-plastic sheet with Hill's function and linear hardening."""
    step = test.path.steps[0]
    if test.kind == "plane strain":
        angle = math.radians(test.angle)
        along = np.array([math.cos(angle), math.sin(angle), 0])
        across = np.array([-math.sin(angle), math.cos(angle), 0])
        q = np.linspace(0, 1, 2001)
        stresses = np.einsum("i,j->ij", along, along) + np.einsum("q,i,j->qij", q, across, across)
        flow = TRUTH.gradient(stresses)
        N = stresses[np.abs(np.einsum("i,qij,j->q", across, flow, across)).argmin()]
    else:
        free = step.stress_controlled.reshape(9)
        (place,) = [k for k in (0, 1, 2, 4, 5, 8) if not free[k]]
        N = np.array(step.basis[place]).reshape(3, 3)
    equivalent = np.linspace(0, 0.025, rows)
    stress = np.where(equivalent > 0, YIELD + SLOPE * equivalent, 0.0)
    size = stress / float(TRUTH.equivalent(N))
    plastic = equivalent[:, None, None] * TRUTH.gradient(N)
    cauchy = size[:, None, None] * N
    trace = np.trace(cauchy, axis1=1, axis2=2)[:, None, None] * np.eye(3)
    elastic = ((1 + POISSON) * cauchy - POISSON * trace) / MODULUS
    F = torch.linalg.matrix_exp(torch.from_numpy(plastic + elastic))
    P = torch.linalg.det(F)[:, None, None] * torch.from_numpy(cauchy) @ torch.linalg.inv(F).mT
    response = px.Response(torch.arange(rows).double(), F, P)
    spreads = torch.full((rows,), 10.0), torch.full((rows,), 0.1)
    influence = GrainInfluence(torch.full((rows,), 10.0), torch.eye(2).expand(rows, 2, 2) / 10)
    return FinishedTest(test, response, *spreads, influence)


@pytest.fixture(scope="module")
def sheet():
    stiffness = px.Elasticity.isotropic(young=MODULUS, poisson=POISSON).stiffness()
    tests = LEVELS.tests(half=True, seed=0)
    records = tuple(ideal(test) for test in tests)
    return px.Laboratory(LEVELS, (5, 5, 5), (9, 9, 9), 0.01, True, stiffness, records, {}, 0.0)


def test_the_numbers_of_a_sheet_of_hill(sheet):
    for one in sheet.r_values():
        assert one.value == pytest.approx(float(TRUTH.r_value(one.angle)), rel=1e-6)
    along_x = sheet.yield_stresses()[0].value
    for one in sheet.yield_stresses():
        expected = TRUTH.yield_stress(one.angle) / TRUTH.yield_stress(0.0)
        assert one.value / along_x == pytest.approx(float(expected), rel=2e-3)
    assert sheet.biaxial_r().value == pytest.approx(TRUTH.biaxial_r_value(), rel=1e-6)
    # The bounds are those of the stress's norm, √2 times either of its two components.
    point = next(p for p in sheet.yield_points() if (p.kind, p.angle) == ("plane stress", 45.0))
    assert sheet.biaxial().grid == pytest.approx(point.grid / math.sqrt(2))
    assert sheet.biaxial().sampling == pytest.approx(point.sampling / math.sqrt(2))
    r0, r45, r90 = (float(TRUTH.r_value(a)) for a in (0, 45, 90))
    assert sheet.mean_r().value == pytest.approx((r0 + 2 * r45 + r90) / 4, rel=1e-6)
    assert sheet.planar_anisotropy().value == pytest.approx((r0 - 2 * r45 + r90) / 2, rel=1e-5)


def test_hill_is_found_again(sheet):
    fits = px.fit_laboratory(sheet, ["hill48"])
    found, scale = fits["hill48"].function, fits["hill48"].reference
    assert fits["hill48"].rms_stress < 2e-3
    assert fits["hill48"].rms_ratio < 5e-3
    angles = np.array([0, 30, 60, 90.0])
    np.testing.assert_allclose(found.r_value(angles), TRUTH.r_value(angles), rtol=0.01)
    expected = TRUTH.yield_stress(angles, reference=1.0) / TRUTH.yield_stress(0.0) * scale
    np.testing.assert_allclose(found.yield_stress(angles, reference=scale), expected, rtol=5e-3)


def test_points_of_the_plane_alone_for_plane_stress(sheet):
    every, in_plane = px.yield_data(sheet), px.yield_data(sheet, in_plane=True)
    assert len(every) - len(in_plane) == LEVELS.directions
    fit = px.fit_laboratory(sheet, ["yld2000"], exponent=2.0)["yld2000"]
    assert fit.rms_stress < 5e-3  # of exponent 2 it holds Hill's function in the plane


def test_the_flow_curve_along_x(sheet):
    flow = px.flow_curve(sheet)
    # Tension along x: ε_p = Δλ ∂σ̄/∂σ_xx, σ = (Y + H Δλ) / σ̄(e_x ⊗ e_x).
    unit = float(TRUTH.equivalent(np.diag([1.0, 0, 0])))
    assert float(flow.law.stress([0.01])[0]) == pytest.approx(
        (YIELD + SLOPE * 0.01 / unit) / unit, rel=5e-3
    )
    assert px.flow_curve(sheet, "ludwik").law.kind == "ludwik"


def test_a_function_that_cannot_be_fitted_is_left_out(sheet):
    with pytest.raises(ValueError, match="must be one of hill48"):
        px.fit_laboratory(sheet, ["tresca"])
    with pytest.warns(UserWarning, match="tresca is left out"):
        assert set(px.fit_laboratory(sheet, ["hill48", "tresca"])) == {"hill48"}


def test_the_programme_reaches_what_it_says():
    path = proportional_test(np.diag([1.0, 0, 0]), 0.02, 1e-3)
    assert path.duration == pytest.approx(20.0)
    assert path.increments == 10 + 10 + 3
