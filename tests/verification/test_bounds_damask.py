"""Voigt's and Reuss's averages against those computed with DAMASK's own tools."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from polyxtal.crystal.elasticity import CubicElasticity
from polyxtal.mechanics.bounds.averages import hill_average, reuss_average, voigt_average
from polyxtal.microstructure.polycrystal import Polycrystal

DATA = Path(__file__).parent / "data"
CASES = ("E_N16_G100_random1", "E_N32_G100_strong1_copper")
ALUMINIUM = CubicElasticity(c11=107.3e3, c12=60.8e3, c44=28.3e3)
MEGAPASCAL = 1e-6
# The reference stiffness is a finite difference: it carries some 1e-6 of C (0.3 MPa).
FINITE_DIFFERENCE = 0.5


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> tuple[Polycrystal, dict[str, torch.Tensor]]:
    with np.load(DATA / f"{request.param}.npz") as file:
        rve = Polycrystal(file["grain_id"], file["quaternions"])
        names = ("C_mandel", "C_voigt_bound_mandel", "C_reuss_bound_mandel")
        return rve, {name: torch.as_tensor(file[name] * MEGAPASCAL) for name in names}


def deviatoric_eigenvalues(difference: torch.Tensor) -> torch.Tensor:
    hydrostatic = torch.tensor([1.0, 1, 1, 0, 0, 0], dtype=torch.float64) / 3**0.5
    basis = torch.linalg.svd(hydrostatic[None])[2][1:]
    return torch.linalg.eigvalsh(basis @ (0.5 * (difference + difference.mT)) @ basis.mT)


def test_averages_match_the_reference(case):
    rve, reference = case
    for average, name in (
        (voigt_average, "C_voigt_bound_mandel"),
        (reuss_average, "C_reuss_bound_mandel"),
    ):
        torch.testing.assert_close(average(rve, ALUMINIUM), reference[name], rtol=0, atol=1e-6)


def test_full_field_stiffness_lies_between_the_bounds(case):
    rve, reference = case
    stiffness = reference["C_mandel"]
    upper = deviatoric_eigenvalues(voigt_average(rve, ALUMINIUM) - stiffness)
    lower = deviatoric_eigenvalues(stiffness - reuss_average(rve, ALUMINIUM))
    assert float(upper.min()) > 10  # strictly inside: far above FINITE_DIFFERENCE
    assert float(lower.min()) > 10
    # Every cubic grain answers a dilatation by the same pressure, so here the bounds meet.
    dilatation = torch.tensor([1.0, 1, 1, 0, 0, 0], dtype=torch.float64)
    expected = 3 * ALUMINIUM.bulk_modulus * dilatation
    torch.testing.assert_close(stiffness @ dilatation, expected, rtol=0, atol=3 * FINITE_DIFFERENCE)


def test_hill_is_closer_to_the_full_field_than_either_bound(case):
    rve, reference = case
    error = {
        average: float(torch.linalg.norm(average(rve, ALUMINIUM) - reference["C_mandel"]))
        for average in (voigt_average, reuss_average, hill_average)
    }
    assert error[hill_average] < 0.25 * min(error[voigt_average], error[reuss_average])
