"""Measures of stress and strain against closed forms, and responses as tables."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest
import torch

import polyxtal as px
from polyxtal.mechanics.measures import Averages, cauchy_stress, hencky_strain, von_mises_stress

EYE = torch.eye(3, dtype=torch.float64)


def stretched(stretches: tuple[float, float, float], stress: float) -> Averages:
    """Stretches along x, y, z and a tension along x."""
    F = torch.diag(torch.tensor(stretches, dtype=torch.float64))[None]
    P = torch.zeros(1, 3, 3, dtype=torch.float64)
    P[0, 0, 0] = stress
    return Averages(F, P)


def rotation(seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    q, _ = torch.linalg.qr(torch.randn(3, 3, generator=generator, dtype=torch.float64))
    return q * torch.linalg.det(q)


@pytest.fixture(scope="module")
def two_phases() -> px.FullFieldResponse:
    """Aluminium beside stiff particles that fill an eighth of the volume."""
    ids = torch.zeros(4, 4, 4, dtype=torch.int64)
    ids[2:] = 1
    ids[:2, :2, :2] = 2
    rve = px.Polycrystal(
        ids,
        [[1, 0, 0, 0], [0.8, 0.6, 0, 0], [1, 0, 0, 0]],
        phase=[0, 0, 1],
        phase_names=("Al", "B"),
    )
    particle = px.Material("B", px.CubicElasticity(400e3, 100e3, 150e3))
    materials = {"Al": px.load_material("AA6022-T4"), "B": particle}
    return px.simulate(rve, materials, px.LoadPath.uniaxial(0.004, increments=2))


@pytest.mark.parametrize("axis", ["x", "y", "z"])
def test_uniaxial_tension_along_any_axis(axis):
    """σ = P λ / det F, ε = ln λ, and σ_vM = σ."""
    k = "xyz".index(axis)
    stretches, P = [0.9, 0.9, 0.9], torch.zeros(3, 3, dtype=torch.float64)
    stretches[k], P[k, k] = 1.25, 100.0
    given = Averages(torch.diag(torch.tensor(stretches, dtype=torch.float64)), P)
    assert float(given.strain(axis * 2)) == pytest.approx(0.25)
    assert float(given.strain(axis * 2, "true")) == pytest.approx(math.log(1.25))
    assert float(given.stress(axis * 2)) == 100
    true = 100 / 0.81  # P λ / (λ 0.9²)
    assert float(given.stress(axis * 2, "true")) == pytest.approx(true)
    assert float(given.equivalent_stress) == pytest.approx(true)
    # ln 1.25 and twice ln 0.9: the deviator is ⅔ of their difference along the axis.
    expected = 2 / 3 * (math.log(1.25) - math.log(0.9))
    assert float(given.equivalent_strain) == pytest.approx(expected)


def test_without_change_of_volume_the_equivalent_strain_is_the_axial_one():
    given = stretched((1.5, 1.5**-0.5, 1.5**-0.5), 1.0)
    assert float(given.equivalent_strain) == pytest.approx(math.log(1.5))


def test_simple_shear():
    """ε_vM → γ/√3 and σ_vM → √3 τ for small γ; the engineering strain xy is γ itself."""
    F, P = EYE.clone(), torch.zeros(3, 3, dtype=torch.float64)
    F[0, 1], P[0, 1], P[1, 0] = 1e-4, 5.0, 5.0
    given = Averages(F, P)
    assert float(given.strain("xy")) == pytest.approx(1e-4)
    assert float(given.strain("xy", "true")) == pytest.approx(0.5e-4, rel=1e-3)
    assert float(given.equivalent_strain) == pytest.approx(1e-4 / 3**0.5, rel=1e-3)
    assert float(given.equivalent_stress) == pytest.approx(5 * 3**0.5, rel=1e-3)


def test_true_measures_turn_with_the_sample():
    """Of Q F the Hencky strain is Q ln V Qᵀ; equivalents stay."""
    q, generator = rotation(), torch.Generator().manual_seed(3)
    F = EYE + 0.2 * torch.randn(5, 3, 3, generator=generator, dtype=torch.float64)
    P = torch.randn(5, 3, 3, generator=generator, dtype=torch.float64)
    before, after = Averages(F, P), Averages(q @ F, q @ P)
    torch.testing.assert_close(after.true_strain, q @ before.true_strain @ q.T)
    torch.testing.assert_close(after.true_stress, q @ before.true_stress @ q.T)
    torch.testing.assert_close(after.equivalent_strain, before.equivalent_strain)
    assert float((after.engineering_strain - before.engineering_strain).abs().max()) > 0.1


def test_pressure_and_rotation_leave_no_equivalent():
    assert float(von_mises_stress(-70.0 * EYE)) == pytest.approx(0, abs=1e-12)
    assert float(hencky_strain(rotation()).abs().max()) < 1e-15
    torch.testing.assert_close(cauchy_stress(2 * EYE, EYE), 0.25 * EYE)


@pytest.mark.parametrize("ask", ["strain", "stress"])
def test_an_unknown_measure_is_refused(ask):
    with pytest.raises(ValueError, match="`measure` must be 'engineering' or 'true', but is 'lo"):
        getattr(stretched((1, 1, 1), 0), ask)("xx", "logarithmic")


def test_phases_average_their_grains(two_phases):
    response = two_phases
    assert response.grains.F.shape == (3, 3, 3, 3)
    aluminium, particle = response.phases["Al"], response.phases["B"]
    volume = torch.tensor([0.875, 0.125], dtype=torch.float64)
    for name in ("F", "P"):
        total = volume[0] * getattr(aluminium, name) + volume[1] * getattr(particle, name)
        torch.testing.assert_close(total, getattr(response, name), rtol=0, atol=1e-9)
    torch.testing.assert_close(particle.P, response.grains.P[:, 2])
    assert float(particle.stress("xx")[-1]) > 1.2 * float(aluminium.stress("xx")[-1])
    assert float(particle.equivalent_strain[-1]) < float(aluminium.equivalent_strain[-1])


def test_responses_without_grains_say_so():
    plain = px.FullFieldResponse(torch.zeros(1), EYE[None], EYE[None])
    with pytest.raises(ValueError, match="must have averages over grains, but this one has none"):
        _ = plain.phases
    known = px.FullFieldResponse(
        torch.zeros(1), EYE[None], EYE[None], grain_F=EYE[None, None], grain_P=EYE[None, None]
    )
    with pytest.raises(ValueError, match="must know the phase of every grain"):
        _ = known.phases


def test_pandas_has_what_the_response_has(two_phases):
    frame = two_phases.to_pandas()
    assert frame.index.name == "time [s]"
    np.testing.assert_array_equal(frame.index, two_phases.time)
    np.testing.assert_array_equal(frame["F_yy [-]"], two_phases.F[:, 1, 1])
    np.testing.assert_array_equal(frame["P_xz [MPa]"], two_phases.P[:, 0, 2])
    np.testing.assert_array_equal(frame["true_stress_xx [MPa]"], two_phases.stress("xx", "true"))
    np.testing.assert_array_equal(frame["true_strain_yz [-]"], two_phases.strain("yz", "true"))
    np.testing.assert_array_equal(frame["equivalent_stress [MPa]"], two_phases.equivalent_stress)
    np.testing.assert_array_equal(frame["equivalent_strain [-]"], two_phases.equivalent_strain)
    assert frame.shape == (3, 9 + 9 + 6 + 6 + 2)


def test_xarray_has_names_units_grains_and_fields(two_phases):
    data = two_phases.to_xarray()
    sigma = data["true_stress"].sel(i="x", j="x").isel(time=-1)
    assert float(sigma) == float(two_phases.stress("xx", "true")[-1])
    assert data["P"].attrs["units"] == data["grain_P"].attrs["units"] == "MPa"
    assert data["time"].attrs["units"] == "s"
    assert data["grain_F"].dims == ("time", "crystal", "i", "j")
    assert data["phase"].values.tolist() == [0, 0, 1]
    assert data["weight"].values.tolist() == [0.375, 0.5, 0.125]
    field = two_phases.fields
    assert field is not None
    np.testing.assert_array_equal(data["field_P"].sel(i="y", j="z"), field.P[..., 1, 2])
    np.testing.assert_array_equal(data["orientation"], two_phases.orientations)
    assert [*data["quaternion"].values] == [*"wxyz"]
    bare = px.Response(torch.zeros(1), EYE[None], EYE[None]).to_xarray()
    assert "orientation" not in bare


@pytest.mark.parametrize("name", ["pandas", "xarray"])
def test_a_missing_module_is_named_with_its_remedy(two_phases, name, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=rf"^{name} must be installed .*polyxtal\[notebook\]'\.$"):
        getattr(two_phases, f"to_{name}")()
