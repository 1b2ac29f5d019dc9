"""What single grains contribute to the numbers of a test."""

from __future__ import annotations

import math

import pytest
import torch

import polyxtal as px
from polyxtal.mechanics.fullfield.history import FullFieldResponse
from polyxtal.mechanics.ladder.error import Rung
from polyxtal.virtual_lab.programme import section_tests, shear_test, uniaxial_tests
from polyxtal.virtual_lab.sampling import grain_influence

TWO = px.Polycrystal(torch.tensor([[[0, 1]]]), [[1.0, 0, 0, 0], [1.0, 0, 0, 0]])
RIGID = torch.zeros(6, 6, dtype=torch.float64)
ROWS = 5


def tension(stretch: tuple[float, ...], stress: tuple[float, ...], test=None):
    """Tension of two grains whose strains and stresses are the mean ± a diagonal tensor.

    The mean strain grows to 4 % along x, -2 % across; the mean stress is 200 MPa, without
    hardening.
    """
    share = torch.linspace(0, 1, ROWS, dtype=torch.float64)[:, None, None]
    mean = 0.04 * share * torch.diag(torch.tensor([1.0, -0.5, -0.5], dtype=torch.float64))
    sign = torch.tensor([1.0, -1.0], dtype=torch.float64)[None, :, None, None]
    F = torch.eye(3, dtype=torch.float64) + mean
    P = torch.zeros_like(F)
    P[1:, 0, 0] = 200.0
    more = sign * (share * torch.diag(torch.tensor(stretch, dtype=torch.float64)))[:, None]
    excess = sign * torch.diag(torch.tensor(stress, dtype=torch.float64)).expand(ROWS, 1, 3, 3)
    response = FullFieldResponse(
        torch.arange(ROWS).double(), F, P, grain_F=F[:, None] + more, grain_P=P[:, None] + excess
    )
    test = test or uniaxial_tests((0.0,), 0.04, 1e-3)[0]
    return grain_influence(test, Rung(TWO, response, 0.0), response, mean, RIGID)


def test_excess_stresses_count_by_their_work():
    found = tension((0, 0, 0), (20.0, 8.0, 4.0))
    # N = diag(1, -1/2, -1/2): 20 - 4 - 2
    assert found.stress[-1] == pytest.approx(14.0)
    # no strain of its own; (8 - 4) / 200 of the stress across
    torch.testing.assert_close(found.ratio[-1], torch.tensor([[0, 0], [0, 0.02**2]]).double())


def test_pressure_does_nothing():
    found = tension((0, 0, 0), (7.0, 7.0, 7.0))
    assert float(found.stress[-1]) == pytest.approx(0, abs=1e-9)
    assert float(found.ratio[-1].abs().max()) == pytest.approx(0, abs=1e-15)


def test_excess_strains_across_change_r_by_their_share():
    found = tension((0, -0.004, 0.004), (0.0, 6.0, -6.0))
    # -0.004 / -0.02 - 0.004 / -0.02 = 0.4, and (6 + 6) / 200 of the stress
    expected = torch.tensor([[0.16, 0.4 * 0.06], [0.4 * 0.06, 0.0036]], dtype=torch.float64)
    torch.testing.assert_close(found.ratio[-1], expected)


def test_a_grain_with_more_stress_and_less_strain_counts_twice():
    """Along the load: with the modulus E of the first increment, 200 MPa over 1 % of strain."""
    late, early = tension((-0.004, 0, 0), (20.0, 0, 0)), tension((0.004, 0, 0), (20.0, 0, 0))
    first = 200 / 0.01 * 0.001  # the strain of later increments costs nothing: no hardening
    assert float(late.stress[-1]) == pytest.approx(20 + first, rel=1e-6)
    assert float(early.stress[-1]) == pytest.approx(20 - first, abs=1e-3)


def test_only_tension_and_equibiaxial_tension_have_an_r_value():
    assert not tension((0, 0, 0), (0, 8.0, 4.0), shear_test(0.01, 1e-3)).ratio.any()
    biaxial = next(t for t in section_tests(8, 0.01, 1e-3, False) if t.angle == 45.0)
    found = tension((0, 0, 0), (20.0, 8.0, 4.0), biaxial)  # y against x: (8 - 20) / 200
    assert math.sqrt(float(found.ratio[-1, 1, 1])) == pytest.approx(0.06)


def test_elastic_strains_are_no_part_of_r():
    compliance = torch.diag(torch.full((6,), 1e-5, dtype=torch.float64))
    share = torch.linspace(0, 1, ROWS, dtype=torch.float64)[:, None, None]
    mean = 0.04 * share * torch.diag(torch.tensor([1.0, -0.5, -0.5], dtype=torch.float64))
    sign = torch.tensor([1.0, -1.0], dtype=torch.float64)[None, :, None, None]
    excess = sign * (share * torch.diag(torch.tensor([0.0, 20.0, 0.0]).double()))[:, None]
    F = torch.eye(3, dtype=torch.float64) + mean
    P = 200.0 * share.clamp(max=0.25) * 4 * torch.diag(torch.tensor([1.0, 0, 0]).double())
    response = FullFieldResponse(
        torch.arange(ROWS).double(),
        F,
        P,
        grain_F=F[:, None] + 1e-5 * excess,
        grain_P=P[:, None] + excess,
    )
    test = uniaxial_tests((0.0,), 0.04, 1e-3)[0]
    found = grain_influence(test, Rung(TWO, response, 0.0), response, mean, compliance)
    assert float(found.ratio[-1, 0, 0]) == pytest.approx(0, abs=1e-15)
    assert math.sqrt(float(found.ratio[-1, 1, 1])) == pytest.approx(0.1)
