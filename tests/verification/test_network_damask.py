"""The untrained network against DAMASK's full field: 16^3 voxels, 100 grains, AA6022-T4."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import polyxtal as px
from polyxtal.algebra.rotation import (
    normalize_quaternion,
    quaternion_conjugate,
    quaternion_multiply,
)
from polyxtal.crystal.laue import CUBIC

DATA = Path(__file__).parent / "data"
MATERIAL = px.load_material("AA6022-T4")


def load(load_name):
    with np.load(DATA / f"P_N16_G100_random1_{load_name}.npz", allow_pickle=False) as data:
        rve = px.Polycrystal(data["grain_id"].astype(np.int64), data["quaternions"])
        path = px.LoadPath.from_damask(json.loads(str(data["loadsteps_json"])))
        time, f, p = (torch.tensor(data[key]) for key in ("time", "F_avg", "P_avg"))
        end = torch.tensor(data["grain_O_end"])
    return rve, path, px.Response(time, f, p * 1e-6), end


@pytest.mark.parametrize("load_name", ["tension", "shear"])
def test_one_network_follows_the_curve(load_name):
    rve, path, truth, _ = load(load_name)
    response = px.MaterialNetwork.from_polycrystal(rve, leaves=512, seed=0).respond(MATERIAL, path)
    error = px.compare(response, truth)
    assert error.component == {"tension": (0, 0), "shear": (0, 1)}[load_name]
    assert error.mean < 0.010
    assert error.maximum < 0.020
    assert response.statistics["cuts"] == 0
    assert response.statistics["hill_mandel"] < 1e-8
    # Taylor's model is far off, so that passing means something.
    taylor = px.compare(px.taylor_response(rve, MATERIAL, path), truth)
    assert taylor.mean > 10 * error.mean


@pytest.mark.parametrize("load_name", ["tension", "shear"])
def test_an_ensemble_follows_the_curve(load_name):
    rve, path, truth, _ = load(load_name)
    net = px.MaterialNetwork.from_polycrystal(rve, leaves=128, seed=0, ensemble=8)
    error = px.compare(net.respond(MATERIAL, path), truth)
    assert error.mean < 0.007
    assert error.maximum < 0.014


@pytest.mark.slow
@pytest.mark.parametrize("load_name", ["tension", "shear"])
def test_seven_of_eight_networks_follow_the_curve(load_name):
    rve, path, truth, _ = load(load_name)
    errors = [
        px.compare(px.MaterialNetwork.from_polycrystal(rve, 512, s).respond(MATERIAL, path), truth)
        for s in range(8)
    ]
    assert sum(e.mean <= 0.010 and e.maximum <= 0.020 for e in errors) >= 7


@pytest.mark.parametrize(("load_name", "share"), [("tension", 0.9), ("shear", 0.42)])
def test_grains_rotate_as_in_the_full_field(load_name, share):
    """A leaf feels its partner, so leaves of one grain scatter; their mean is what is compared."""
    rve, path, _, end = load(load_name)
    response = px.MaterialNetwork.from_polycrystal(rve, leaves=512, seed=0).respond(MATERIAL, path)
    start, last = response.orientations[0], response.orientations[-1]
    grain = CUBIC.disorientation(start[:, None], rve.orientations[None]).argmin(1)
    spin = quaternion_multiply(last, quaternion_conjugate(start))
    spin = response.weights[:, None] * torch.where(spin[:, :1] < 0, -spin, spin)
    mean_spin = torch.zeros(rve.grains, 4, dtype=torch.float64).index_add_(0, grain, spin)
    predicted = quaternion_multiply(normalize_quaternion(mean_spin), rve.orientations)
    error = rve.volume_fractions @ CUBIC.disorientation(predicted, end)
    rotation = rve.volume_fractions @ CUBIC.disorientation(rve.orientations, end)
    assert float(error) < share * float(rotation)
