"""The spectral solver against DAMASK's, and against laminates in closed form."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from polyxtal.algebra.rotation import random_quaternions
from polyxtal.crystal.elasticity import CubicElasticity, Elasticity
from polyxtal.crystal.lattice import Lattice
from polyxtal.mechanics.bounds.grain_stiffness import stiffness_per_grain
from polyxtal.mechanics.elastic.homogenize import homogenize
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.network.laminate import laminate_stiffness

DATA = Path(__file__).parent / "data"
CASES = (
    "E_sx_generic",
    "E_N16_G100_random1",
    "E_N32_G100_random1",
    "E_N32_G100_strong1_copper",
)
ALUMINIUM = CubicElasticity(c11=107.3e3, c12=60.8e3, c44=28.3e3)
STIFF = CubicElasticity(250e3, 110e3, 160e3)
PASCAL = 1e-6  # in MPa
# DAMASK's stiffness is a finite difference at a strain of 1e-6, at finite strain.
FINITE_DIFFERENCE = 5e-6


def distance(stiffness: torch.Tensor, reference: torch.Tensor) -> float:
    return float(torch.linalg.norm(stiffness - reference) / torch.linalg.norm(reference))


def load(case: str) -> tuple[Polycrystal, torch.Tensor, dict[str, np.ndarray]]:
    with np.load(DATA / f"{case}.npz", allow_pickle=False) as file:
        data = dict(file)
    rve = Polycrystal(data["grain_id"].astype(np.int64), data["quaternions"])
    return rve, torch.as_tensor(data["C_mandel"] * PASCAL), data


@pytest.mark.parametrize("case", CASES)
def test_stiffness_is_that_of_damask(case):
    rve, reference, _ = load(case)
    result = homogenize(rve, ALUMINIUM)
    assert distance(result.stiffness, reference) < FINITE_DIFFERENCE
    assert result.residual < 1e-6
    single = homogenize(rve, ALUMINIUM, dtype=torch.float32)
    assert distance(single.stiffness, reference) < FINITE_DIFFERENCE


OTHER_CRYSTALS = ("E_sx_hcpTi", "E_sx_betaSn", "E_N16_G100_hcpTi", "E_N16_G100_contrast10")


def crystals_of(data: dict[str, np.ndarray]) -> tuple[dict[str, Elasticity], list[Lattice]]:
    """Return the phases of a reference file, their constants in MPa."""
    build = {"cF": Elasticity.cubic, "hP": Elasticity.hexagonal, "tI": Elasticity.tetragonal}
    crystals, lattices = {}, []
    for name, phase in json.loads(str(data["material_json"])).items():
        constants = {
            k.replace("C_", "c"): v * PASCAL for k, v in phase["elastic"].items() if "C" in k
        }
        crystals[name] = build[phase["lattice"]](**constants)
        lattices.append(Lattice(phase["lattice"], phase.get("c/a")))
    return crystals, lattices


@pytest.mark.parametrize("case", OTHER_CRYSTALS)
def test_stiffness_of_other_crystals_is_that_of_damask(case):
    """Hexagonal and tetragonal crystals, and two phases of a contrast of ten."""
    with np.load(DATA / f"{case}.npz", allow_pickle=False) as file:
        data = dict(file)
    document = data["material_json"]
    if "lattice" in json.loads(str(document)):
        data["material_json"] = np.array(json.dumps({"crystal": json.loads(str(document))}))
    crystals, lattices = crystals_of(data)
    names = tuple(crystals)
    rve = Polycrystal(
        data["grain_id"].astype(np.int64),
        data["quaternions"],
        phase=data["grain_phase"],
        phase_names=names,
        lattices=lattices,
    )
    reference = torch.as_tensor(data["C_mandel"] * PASCAL)
    for options in ({}, {"compiled": False}, {"dtype": torch.float32}):
        result = homogenize(rve, crystals, **options)
        assert distance(result.stiffness, reference) < FINITE_DIFFERENCE


def test_discretisation_of_damask_can_be_told_from_another():
    # Else the agreement above would prove little: 16^3 voxels see the scheme.
    rve, reference, _ = load("E_N16_G100_random1")
    error = distance(homogenize(rve, ALUMINIUM, scheme="rotated").stiffness, reference)
    assert FINITE_DIFFERENCE < error < 1e-3


def test_mean_stress_of_every_grain_is_that_of_damask():
    rve, _, data = load("E_N16_G100_random1")
    result = homogenize(rve, ALUMINIUM, fields=True)
    load_x = torch.tensor([1e-6, 0, 0, 0, 0, 0], dtype=torch.float64)
    local = result.local_stress(load_x).reshape(-1, 6)
    grains = torch.zeros(rve.grains, 6, dtype=torch.float64)
    grains.index_add_(0, rve.grain_id.reshape(-1), local)
    grains /= torch.as_tensor(data["grain_voxels"])[:, None]
    expected = torch.as_tensor(data["grain_P_avg"][1] * PASCAL)  # first increment: F11 = 1 + 1e-6
    scale = expected[:, 0, 0].mean()
    for m, (i, j) in enumerate([(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)]):
        component = grains[:, m] / (1.0 if i == j else 2**0.5)
        assert float((component - expected[:, i, j]).abs().max() / scale) < 1e-5
    # Grains differ from each other by far more than that.
    assert float(grains[:, 0].std() / scale) > 1e-2


SOFT = CubicElasticity(130e3, 70e3, 75e3)
TITANIUM = Elasticity.hexagonal(162.5e3, 91.8e3, 68.9e3, 180.6e3, 46.8e3)
QUARTZ = Elasticity.trigonal(86.8e3, 7.0e3, 11.9e3, -18.0e3, 105.8e3, 58.2e3)
LAMINATES = {
    "one cubic crystal": (SOFT, SOFT),
    "two cubic crystals": (SOFT, STIFF),
    "hexagonal": (TITANIUM, TITANIUM),
    "trigonal and cubic": (QUARTZ, STIFF),
}


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("voxels", [7, 8])
@pytest.mark.parametrize("crystals", LAMINATES)
def test_laminate_is_exact(axis, voxels, crystals):
    shape = [1, 1, 1]
    shape[axis] = voxels
    layers = (torch.arange(voxels) < 3).to(torch.int64).reshape(shape)
    rve = Polycrystal(
        layers, random_quaternions(2, 5), (1.0, 2.0, 0.5), phase=[0, 1], phase_names=("a", "b")
    )
    elasticity = dict(zip("ab", LAMINATES[crystals], strict=True))
    grains = stiffness_per_grain(rve, elasticity)
    normal = torch.eye(3, dtype=torch.float64)[axis]
    exact = laminate_stiffness(*grains, rve.volume_fractions[0], normal)
    rotated = homogenize(rve, elasticity, 1e-9, scheme="rotated")
    assert distance(rotated.stiffness, exact) < 1e-12
    # Trigonometric collocation has no derivative at the Nyquist frequency, which even grids have.
    fourier = distance(homogenize(rve, elasticity, 1e-9).stiffness, exact)
    assert fourier < 1e-12 if voxels % 2 else 1e-4 < fourier < 3e-2
