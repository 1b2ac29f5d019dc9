"""Full-field crystal plasticity against DAMASK's: 16^3 voxels, 100 grains, AA6022-T4."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import polyxtal as px
from polyxtal.algebra.rotation import quaternion_conjugate, quaternion_multiply, rotation_angle

DATA = Path(__file__).parent / "data"
MATERIAL = px.load_material("AA6022-T4")


def load(case):
    with np.load(DATA / f"{case}.npz", allow_pickle=False) as data:
        rve = px.Polycrystal(data["grain_id"].astype(np.int64), data["quaternions"])
        path = px.LoadPath.from_damask(json.loads(str(data["loadsteps_json"])))
        time, f, p = (torch.tensor(data[key]) for key in ("time", "F_avg", "P_avg"))
        end = torch.tensor(data["grain_O_end"]) if "grain_O_end" in data else None
    return rve, path, px.Response(time, f, p * 1e-6), end


@pytest.mark.parametrize("load_name", ["tension", "shear"])
def test_every_component_follows_damask(load_name):
    rve, path, truth, end = load(f"P_N16_G100_random1_{load_name}")
    response = px.simulate(rve, MATERIAL, path)
    error = px.compare(response, truth, "all")
    # Measured: 7.2e-5 and 7.3e-6 of the largest stress.
    assert error.maximum < 2e-4
    assert error.mean < 5e-5
    torch.testing.assert_close(response.F, truth.F, atol=2e-6, rtol=0)
    assert response.statistics["cuts"] == 0
    # The mean orientation of every grain, measured within 0.0007 degrees.
    between = quaternion_multiply(quaternion_conjugate(response.orientations[-1]), end)
    assert float(rotation_angle(between).max().rad2deg()) < 0.003
    # Its rotation is a thousand times that, so that the test means something.
    start = quaternion_multiply(quaternion_conjugate(rve.orientations), end)
    assert float(rotation_angle(start).mean().rad2deg()) > 1.0


def test_cyclic_loading_of_one_crystal_follows_damask():
    rve, path, truth, _ = load("P_sx_generic_cyclic")
    error = px.compare(px.simulate(rve, MATERIAL, path, tol=1e-7), truth, "all")
    assert error.maximum < 1e-4


def test_the_rotated_scheme_agrees_up_to_discretisation():
    rve, path, truth, _ = load("P_N16_G100_random1_shear")
    short = px.LoadPath(path.steps[:1])
    rows = slice(0, short.increments + 1)
    part = px.Response(truth.time[rows], truth.F[rows], truth.P[rows])
    error = px.compare(px.simulate(rve, MATERIAL, short, scheme="rotated"), part)
    assert 1e-4 < error.maximum < 2e-2
