"""Sheets that were strained before their tests."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import polyxtal as px
from polyxtal.virtual_lab.checkpoint import initial_checkpoint
from polyxtal.virtual_lab.prestrain import from_prestrained, then_unloaded

ALUMINIUM = px.load_material("AA6022-T4")
SHEET = px.tessellate(grid=3, grains=8, seed=0)
STRETCH = px.LoadPath.uniaxial(0.02, increments=8)
FEW = px.LaboratorySettings((0.0,), 8, 0, (0.0005,), 0.006, taylor=False)


@pytest.fixture(scope="module")
def stretched(tmp_path_factory) -> px.Laboratory:
    """A laboratory that is interrupted after some tests, and resumed."""
    file, seen = tmp_path_factory.mktemp("lab") / "lab.npz", []

    def stop(name: str, done: int, count: int) -> None:
        seen.append(name)
        if len(seen) == 14:
            raise KeyboardInterrupt

    def run(prestrain: px.LoadPath, on_progress) -> px.Laboratory:
        return px.laboratory(
            SHEET,
            ALUMINIUM,
            FEW,
            threads=1,
            prestrain=prestrain,
            checkpoint=file,
            on_progress=on_progress,
        )

    with pytest.raises(KeyboardInterrupt):
        run(STRETCH, stop)
    assert initial_checkpoint(file).is_file()
    assert file.is_file()
    rest: list[str] = []
    found = run(STRETCH, lambda name, done, count: rest.append(name))
    assert found.initial is not None
    # The first test of each kind is made before any progress is told.
    assert len(rest) <= len(found.records) + len(found.initial.records) - 2 - len(seen)
    with pytest.raises(ValueError, match="of other tests"):
        run(px.LoadPath.uniaxial(0.01), None)
    return found


def section(found: px.Laboratory) -> dict[float, np.ndarray]:
    points = found.yield_points()
    return {p.angle: p.stress for p in points if p.kind == "plane stress" and p.angle is not None}


def test_a_test_goes_on_from_the_prestrain(stretched):
    """The same numbers as one simulation of the prestrain, the unloading and the test."""
    before = then_unloaded(STRETCH)
    for one in (stretched.records[0], stretched.records[3]):
        whole = px.simulate(SHEET, ALUMINIUM, before + one.test.path)
        assert float(whole.P[before.increments].abs().max()) < 0.01  # unloaded
        assert torch.equal(from_prestrained(whole, before).P, one.response.P)
        assert float(whole.F[before.increments, 0, 0]) > 1.015
        torch.testing.assert_close(one.response.F[0], torch.eye(3, dtype=torch.float64))
        torch.testing.assert_close(one.response.true_stress, whole.true_stress[before.increments :])


def test_the_sheet_has_hardened_where_it_was_stretched(stretched):
    now, once = section(stretched), section(stretched.initial)
    assert now[0.0][0, 0] > 1.1 * once[0.0][0, 0]
    # Grains of unlike strength leave stresses that help the reversed load.
    assert abs(now[180.0][0, 0]) < 0.95 * now[0.0][0, 0]
    assert once[180.0][0, 0] == -once[0.0][0, 0]
    assert not stretched.half


def test_back_stress_lowers_the_yield_stress_of_a_reversed_load():
    """A law with back stress, in one crystal, which has no stresses between grains."""
    crystal = px.Polycrystal(torch.zeros(2, 2, 2, dtype=torch.int64), [[1.0, 0, 0, 0]])
    law = px.VoceKinematic(
        1e-3, 20.5, 60.0, 40.0, 300.0, 20.0, 3000.0, 60.0, (1, 1, 1.4, 1, 1, 1.2, 1)
    )
    kinematic = px.Material("kinematic", ALUMINIUM.elasticity, law)
    found = section(px.laboratory(crystal, kinematic, FEW, threads=1, prestrain=STRETCH))
    assert abs(found[180.0][0, 0]) < 0.9 * found[0.0][0, 0]  # without back stress 0.99


def test_taylors_model_starts_from_the_prestrain_too():
    before = then_unloaded(STRETCH)
    whole = px.taylor_response(SHEET, ALUMINIUM, before + STRETCH)
    part = from_prestrained(whole, before)
    assert float(part.true_stress[0].abs().max()) < 0.01
    torch.testing.assert_close(part.true_stress, whole.true_stress[before.increments :])
    torch.testing.assert_close(part.F @ whole.F[before.increments], whole.F[before.increments :])
