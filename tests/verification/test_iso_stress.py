"""Grains of equal stress and of equal strain: published yield ratios, a closed form, full fields.

In uniaxial tension of fcc crystals without texture, σ / τ at yield is

    2.24   the mean over grains of 1 / m, m the largest Schmid factor           [Sachs1928]
    3.07   all grains strained alike                                            [Taylor1938]

Grains of one stress follow σ = τ (ε̇ / (γ̇_0 Σ_g f_g Σ_a |m_ga|^(n+1)))^(1/n): 2 τ for large n.
"""

from __future__ import annotations

import json
from dataclasses import replace
from math import nan as X
from pathlib import Path

import numpy as np
import pytest
import torch

import polyxtal as px
from polyxtal.algebra.rotation import quaternion_to_matrix, random_quaternions
from polyxtal.crystal.lattice import Lattice
from polyxtal.crystal.slip.systems import slip_systems

DATA = Path(__file__).parent / "data"
ALUMINIUM = px.load_material("AA6022-T4")
RATE, GRAINS = 1e-3, 400


pytestmark = pytest.mark.filterwarnings("ignore:Elastic constants should")  # rigid crystals


@pytest.fixture(scope="module")
def random_texture() -> px.Polycrystal:
    return px.Polycrystal(
        np.arange(GRAINS).reshape(GRAINS, 1, 1), random_quaternions(GRAINS, seed=11)
    )


def perfectly_plastic(exponent: float) -> px.Material:
    """No hardening, and so stiff that plastic flow is steady before any grain has rotated."""
    assert ALUMINIUM.plasticity is not None
    plasticity = replace(
        ALUMINIUM.plasticity,
        stress_exponent=exponent,
        hardening_modulus=0.0,
        slip_rate_reference=RATE,
    )
    e = ALUMINIUM.elasticity
    stiff = px.CubicElasticity(1e4 * e.c11, 1e4 * e.c12, 1e4 * e.c44)
    return px.Material("perfectly plastic", stiff, plasticity)


def tension(strain: float = 2e-6, increments: int = 20) -> px.LoadPath:
    """Uniaxial stress along x, the body kept from spinning."""
    f = ((RATE, X, X), (0.0, X, X), (0.0, 0.0, X))
    p = ((X, 0.0, 0.0), (X, 0.0, 0.0), (X, X, 0.0))
    return px.LoadPath((px.LoadStep(strain / RATE, increments, f, stress=p),))


def yield_ratio(response: px.Response) -> float:
    stress = response.P[:, 0, 0]
    assert float(stress[-1] / stress[-2] - 1) < 1e-4  # it flows
    assert ALUMINIUM.plasticity is not None
    return float(stress[-1]) / ALUMINIUM.plasticity.slip_resistance_initial


def schmid_factors(rve: px.Polycrystal) -> torch.Tensor:
    """|m| of every system of every grain, (grains, 12). [-]"""
    axis = quaternion_to_matrix(rve.orientations)[:, 0]  # x in crystal axes: Rᵀ e_x
    return torch.einsum(
        "gi,aij,gj->ga", axis, slip_systems(Lattice("cF"), [12]).schmid(), axis
    ).abs()


def test_sachs_own_yield_ratio(random_texture):
    """The texture and the slip systems are the literature's."""
    mean = (1 / schmid_factors(random_texture).amax(1)).mean()
    assert float(mean) == pytest.approx(2.238, rel=0.005)


@pytest.mark.parametrize("exponent", [5.0, 20.0, 100.0])
def test_equal_stress_yields_as_the_closed_form(random_texture, exponent):
    factors = schmid_factors(random_texture)
    expected = float((factors ** (exponent + 1)).sum(1).mean() ** (-1 / exponent))
    answer = px.sachs_response(random_texture, perfectly_plastic(exponent), tension())
    ratio = yield_ratio(answer)
    assert ratio == pytest.approx(expected, rel=2e-5)
    if exponent >= 20:
        # Above the softest grain, below what each grain would bear on its own.
        assert 2.0 < ratio < 2.238


def test_equal_strain_yields_as_taylor(random_texture):
    """3.07 for a vanishing rate sensitivity; what is left of it and 400 grains make 1 %."""
    answer = px.taylor_response(random_texture, perfectly_plastic(100.0), tension(4e-6, 40))
    assert yield_ratio(answer) == pytest.approx(3.067, rel=0.015)


@pytest.mark.parametrize("load", ["tension", "shear"])
def test_the_full_field_lies_between_equal_stress_and_equal_strain(load):
    """DAMASK's 16^3 voxels and 100 grains, from the first increment to the last of loading."""
    with np.load(DATA / f"P_N16_G100_random1_{load}.npz", allow_pickle=False) as data:
        rve = px.Polycrystal(data["grain_id"].astype(np.int64), data["quaternions"])
        path = px.LoadPath.from_damask(json.loads(str(data["loadsteps_json"])))
        truth = torch.tensor(data["P_avg"]) * 1e-6
    component = {"tension": "xx", "shear": "xy"}[load]
    soft, stiff = (model(rve, ALUMINIUM, path) for model in (px.sachs_response, px.taylor_response))
    loading = slice(1, int(soft.strain(component).argmax()) + 1)
    below, full, above = (
        response.stress(component)[loading]
        for response in (soft, px.Response(soft.time, soft.F, truth), stiff)
    )
    assert len(full) > 60
    assert bool((below < full).all())
    assert bool((full < above).all())
    assert 0.75 < float(below[-1] / full[-1]) < 0.85
    assert 1.15 < float(above[-1] / full[-1]) < 1.25
