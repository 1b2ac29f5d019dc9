"""Local fields in few increments, beside those of the full field in its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import polyxtal as px
from polyxtal.mechanics.fullfield.cell import PeriodicCell
from polyxtal.mechanics.fullfield.predicted_fields import grain_means

ALLOY = px.load_material("AA6022-T4")
PATH = px.LoadPath.uniaxial(0.02)


@pytest.fixture(scope="module")
def rve():
    return px.tessellate(grid=8, grains=6, seed=4)


@pytest.fixture(scope="module")
def found(rve):
    return px.predict_fields(rve, ALLOY, PATH, times=[8.0, 20.0])


@pytest.fixture(scope="module")
def truth(rve):
    return px.simulate(rve, ALLOY, PATH)


def test_fields_are_those_of_the_full_field(found, truth):
    for mine, true in (
        (found.equivalent_stress[-1], truth.fields.equivalent_stress),
        (found.equivalent_plastic_strain[-1], truth.fields.equivalent_plastic_strain),
    ):
        assert float((mine - true).square().mean()) < 2e-3 * float(true.var())
    assert found.response.statistics["increments"] < 0.5 * PATH.increments
    turned = torch.rad2deg((found.grain_orientations[-1] - truth.orientations[-1]).norm(dim=-1))
    assert float(turned.max()) < 0.01


def test_plastic_strain_differs_from_the_strain_by_no_more_than_the_elastic_one(found, truth):
    fields = truth.fields
    softest = 0.5 * (ALLOY.elasticity.c11 - ALLOY.elasticity.c12)  # shear modulus, MPa
    elastic = fields.equivalent_stress / (3 * softest)
    difference = fields.equivalent_strain - fields.equivalent_plastic_strain
    assert bool((difference.abs() < 1.05 * elastic).all())
    assert float(difference.mean()) > 0.3 * float(elastic.mean())
    first, last = found.equivalent_plastic_strain.mean((1, 2, 3)).tolist()
    assert first < 0.5 * last


def test_times_are_those_wanted(found):
    np.testing.assert_allclose(found.times, [8.0, 20.0])
    np.testing.assert_allclose(found.strain[:, 0, 0], [0.008, 0.02], rtol=1e-9)
    assert found.equivalent_stress.shape == (2, 8, 8, 8)
    alone = px.predict_fields(found.rve, ALLOY, PATH)
    assert alone.times.tolist() == [20.0]


def test_grains_are_averages_of_voxels(rve, found):
    grain = rve.grain_id.reshape(-1)
    means = found.grain_means("equivalent_stress")
    for g in range(rve.grains):
        mine = found.equivalent_stress[1].reshape(-1)[grain == g].mean()
        torch.testing.assert_close(means[1, g], mine)
    torch.testing.assert_close(found.grains.F[-1], found.response.grain_F[-1])
    assert float(found.grain_rotations[1].mean()) > float(found.grain_rotations[0].mean()) > 0
    with pytest.raises(ValueError, match="must be 'equivalent_stress' or"):
        found.grain_means("F")


def test_a_grain_without_voxels_has_no_mean(rve):
    more = px.Polycrystal(rve.grain_id, torch.cat([rve.orientations, rve.orientations[:1]]))
    ones = torch.ones(1, *rve.grid, dtype=torch.float64)
    assert grain_means(more, ones)[0].tolist() == [1.0] * 6 + [0.0]


def test_voids_carry_nothing(rve):
    phase = torch.tensor([1, 0, 0, 0, 0, 0])
    porous = px.Polycrystal(rve.grain_id, rve.orientations, phase=phase, phase_names=("a", "pore"))
    path = px.LoadPath.uniaxial(0.002)
    given = {"a": ALLOY, "pore": None}
    found = px.predict_fields(porous, given, path, scheme="rotated")
    hole = porous.grain_id == 0
    assert float(found.equivalent_stress[0][hole].abs().max()) == 0.0
    assert float(found.equivalent_stress[0][~hole].min()) > 0.0


def test_fields_are_written_for_paraview(found, tmp_path):
    index = found.write(tmp_path / "run.vti")
    assert index.name == "run.pvd"
    assert len(list(tmp_path.glob("run_*.vti"))) == 2
    text = next(iter(sorted(tmp_path.glob("run_*.vti")))).read_bytes()
    assert b"equivalent_plastic_strain [-]" in text
    with pytest.raises(FileExistsError):
        found.write(tmp_path / "run.vti")


@pytest.mark.parametrize("times", [[], [0.0], [5.0, 4.0], [21.0], [float("nan")]])
def test_wrong_times_are_refused(rve, times):
    with pytest.raises(ValueError, match="Argument `times` must be up to 1000 increasing times"):
        px.predict_fields(rve, ALLOY, PATH, times=times)


def test_progress_counts_increments(rve):
    seen = []
    path = px.LoadPath.uniaxial(0.002)
    px.predict_fields(rve, ALLOY, path, on_increment=lambda *counts: seen.append(counts))
    assert seen[-1][0] == seen[-1][1] == len(seen)


def rms(found, true):
    return float(((found - true).square().mean() / true.square().mean()).sqrt())


def after(number: int, load: px.LoadPath, duration: float) -> px.LoadPath:
    """Return a load up to a time within one of its steps of equal increments."""
    step = load.steps[number]
    share = duration / step.duration
    cut = replace(step, duration=duration, increments=round(share * step.increments))
    return px.LoadPath((*load.steps[:number], cut))


CYCLE = px.LoadPath.cyclic(0.008)
CREEP = px.LoadPath.uniaxial_creep(150.0, 30.0)
LOADS = {
    "creep": (CREEP, CREEP),
    "creep in more increments": (px.LoadPath.uniaxial_creep(150.0, 30.0, increments=100), CREEP),
    "end of a rise": (CREEP, px.LoadPath(CREEP.steps[:1])),
    "within the knee": (PATH, after(0, PATH, 2.4)),
    "elastic after a reversal": (CYCLE, after(2, CYCLE, 1.0)),
    "0.4 % after a reversal": (CYCLE, after(2, CYCLE, 4.0)),
    "reversed strain": (CYCLE, px.LoadPath(CYCLE.steps[:4])),
}


@pytest.mark.parametrize("name", LOADS)
def test_creep_reversals_and_small_strains_are_those_of_the_full_field(rve, name):
    path, up_to = LOADS[name]
    found = px.predict_fields(rve, ALLOY, path, times=[up_to.duration])
    true = px.simulate(rve, ALLOY, up_to, 1e-5).fields
    assert rms(found.equivalent_stress[0], true.equivalent_stress) < 0.02
    assert rms(found.equivalent_plastic_strain[0], true.equivalent_plastic_strain) < 0.02


@pytest.mark.parametrize("name", ["creep", "reversed strain"])
def test_the_tolerance_is_relative_to_what_an_increment_changes(rve, monkeypatch, name):
    seen = []
    attempt = PeriodicCell.attempt

    def spy(self, dt, control, new_direction):
        change = control.deformation_gap(torch.from_numpy(self.averages()[0]).reshape(9)).abs()
        seen.append((float(change.max()), self.tolerance))
        return attempt(self, dt, control, new_direction)

    monkeypatch.setattr(PeriodicCell, "attempt", spy)
    px.predict_fields(rve, ALLOY, LOADS[name][0])
    assert seen
    for strain, tolerance in seen:
        assert 1e-4 <= tolerance <= 3e-3
        assert tolerance == pytest.approx(max(1e-4, 1.2 * strain), rel=1e-6)
