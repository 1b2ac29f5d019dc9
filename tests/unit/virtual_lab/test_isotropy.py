"""Sheets whose answers are known: isotropic ones, and those turned by 90 degrees."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

import polyxtal as px
from polyxtal.algebra.rotation import quaternion_multiply, quaternion_to_matrix
from polyxtal.virtual_lab.measure import (
    Shares,
    r_value,
    without_bounds,
    work_at,
    yielding,
)
from polyxtal.virtual_lab.programme import (
    deviatoric_tests,
    section_tests,
    shear_test,
    uniaxial_tests,
)

ALUMINIUM = px.load_material("AA6022-T4")
NONE = Shares(math.nan, math.nan)


def icosahedral_rotations() -> torch.Tensor:
    """Return the 60 rotations of the icosahedron as quaternions.

    A tensor of fourth order averaged over them is isotropic, as over all rotations.
    """
    golden = (1 + math.sqrt(5)) / 2
    found = [np.eye(4)[k] for k in range(4)]
    found += [np.array([1.0, *signs]) / 2 for signs in itertools.product((1, -1), repeat=3)]
    even = [p for p in itertools.permutations(range(4)) if np.linalg.det(np.eye(4)[list(p)]) > 0]
    for p in even:
        for signs in itertools.product((1, -1), repeat=3):
            q = np.array([signs[0] * golden, signs[1], signs[2] / golden, 0.0])[list(p)] / 2
            if next(value for value in q if value) > 0:  # q and -q are the same rotation
                found.append(q)
    return torch.from_numpy(np.stack(found))


def test_an_isotropic_polycrystal_with_a_linear_law_yields_as_von_mises():
    """Taylor's model of linear viscous crystals, whose stress is linear in the rate of strain."""
    rotations = icosahedral_rotations()
    assert len(rotations) == 60
    sheet = px.Polycrystal(torch.arange(60).reshape(3, 4, 5), rotations)
    law = replace(
        ALUMINIUM.plasticity,
        stress_exponent=1.0,
        hardening_modulus=0.0,
        slip_rate_reference=1e-3,
        slip_resistance_initial=5.0,  # relaxes within a tenth of a second
    )
    viscous = replace(ALUMINIUM, plasticity=law)
    tests = uniaxial_tests((0.0, 20.0, 45.0), 0.01, 1e-3) + section_tests(8, 0.01, 1e-3, True)
    tests += [shear_test(0.01, 1e-3), *deviatoric_tests(3, 0.01, 1e-3, 0)]
    stiffness = px.voigt_average(sheet, viscous.elasticity)
    compliance = torch.linalg.inv(stiffness)
    made = [without_bounds(t, px.taylor_response(sheet, viscous, t.path)) for t in tests]
    work = work_at(made[0], compliance, 0.002)
    assert work is not None
    stresses = []
    for one in made:
        point = yielding(one, compliance, 0.002, work, NONE)
        assert point is not None
        deviator = point.stress - np.trace(point.stress) / 3 * np.eye(3)
        stresses.append(math.sqrt(1.5) * np.linalg.norm(deviator))
    assert stresses == pytest.approx([stresses[0]] * len(stresses), rel=5e-3)
    for one in made[:3]:
        assert r_value(one, compliance, NONE, math.nan).value == pytest.approx(1, abs=5e-3)


def test_a_full_field_turned_by_90_degrees_answers_alike():
    rve = px.tessellate(grid=3, grains=9, seed=0)
    about_z = torch.tensor([math.sqrt(0.5), 0, 0, math.sqrt(0.5)], dtype=torch.float64)
    grid = rve.grain_id.transpose(0, 1).flip(0).contiguous()
    turned = px.Polycrystal(grid, quaternion_multiply(about_z, rve.orientations))
    path = uniaxial_tests((0.0,), 0.008, 1e-3)[0].path
    one = px.simulate(rve, ALUMINIUM, path, tol=1e-11)
    other = px.simulate(turned, ALUMINIUM, path.turned(90.0), tol=1e-11)
    R = quaternion_to_matrix(about_z)
    for name in ("P", "F"):
        expected = R @ getattr(one, name) @ R.T
        scale = float(expected.abs().max())
        assert float((getattr(other, name) - expected).abs().max()) < 1e-10 * scale
