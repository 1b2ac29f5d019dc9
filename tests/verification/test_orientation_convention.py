"""Which way round a quaternion turns, against what other programs computed or stored.

A random texture cannot show a transposed rotation; one off-axis crystal does, by 3.4 GPa.
"""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from places import EXAMPLES, SAMPLES

from polyxtal.algebra.rotation import (
    bunge_to_quaternion,
    quaternion_conjugate,
    quaternion_multiply,
    rotation_angle,
)
from polyxtal.crystal.load_material import load_material
from polyxtal.microstructure.io import read, write

CRYSTAL = Path(__file__).parent / "data" / "E_sx_generic.npz"
MEGAPASCAL = 1e-6


def damask_stiffness() -> torch.Tensor:
    with np.load(CRYSTAL) as truth:
        return torch.as_tensor(truth["C_mandel"] * MEGAPASCAL)


def error(orientation: torch.Tensor) -> float:
    """Return the relative error of the one crystal's stiffness against DAMASK's."""
    stiffness = load_material("AA6022-T4").elasticity.stiffness(orientation[0])
    truth = damask_stiffness()
    return float(torch.linalg.norm(stiffness - truth) / torch.linalg.norm(truth))


def test_damask_simulated_the_crystal_that_the_package_reads() -> None:
    rve = read(CRYSTAL)
    assert error(rve.orientations) < 5e-6  # DAMASK's stiffness is a finite difference
    assert error(quaternion_conjugate(rve.orientations)) > 1e-2


@pytest.mark.parametrize("name", ["crystal.vti", "crystal.npz"])
def test_the_crystal_keeps_its_stiffness_through_our_files(tmp_path: Path, name: str) -> None:
    write(read(CRYSTAL), tmp_path / name)
    assert error(read(tmp_path / name).orientations) < 5e-6


def test_damasks_library_wrote_the_quaternion_that_damask_simulated() -> None:
    """`examples/damask_case` is DAMASK's own export: its O is the quaternion as it is used here."""
    case = EXAMPLES / "damask_case"
    with np.load(Path(__file__).parent / "data" / "E_N16_G100_random1.npz") as truth:
        difference = np.abs(read(case / "grid.vti").orientations.numpy() - truth["quaternions"])
    assert difference.max() < 1e-14


def test_dream3d_stores_the_conjugate_of_its_euler_angles() -> None:
    path = SAMPLES / "2phase_irregularGrid_v7.dream3d"
    if not path.is_file():
        pytest.skip("DREAM.3D's file lies outside the repository, in ../shared")
    with h5py.File(path) as file:
        grains = file["DataContainers/SyntheticVolumeDataContainer/Grain Data"]
        stored = torch.as_tensor(grains["AvgQuats"][1:].astype(np.float64))[:, [3, 0, 1, 2]]
        eulers = torch.as_tensor(grains["EulerAngles"][1:].astype(np.float64))
    truth = bunge_to_quaternion(eulers)

    def off(q: torch.Tensor) -> float:
        return float(rotation_angle(quaternion_multiply(quaternion_conjugate(truth), q)).max())

    assert off(quaternion_conjugate(stored)) < 1e-6
    assert off(stored) > 1.0
    assert off(read(path).orientations) < 1e-6


def test_a_crystal_in_a_dream3d_file_has_damasks_stiffness(tmp_path: Path) -> None:
    """Euler angles are common ground: from them DREAM.3D's quaternion follows with P = +1."""
    q = read(CRYSTAL).orientations[0].numpy()
    x_y_z_w = np.array([-q[1], -q[2], -q[3], q[0]])
    with h5py.File(tmp_path / "crystal.dream3d", "w") as file:
        volume = file.create_group("DataContainers/Volume")
        volume["_SIMPL_GEOMETRY/DIMENSIONS"] = [1, 1, 1]
        volume["_SIMPL_GEOMETRY/SPACING"] = [1.0, 1.0, 1.0]
        volume["CellData/FeatureIds"] = np.ones((1, 1, 1, 1), np.int32)
        volume["Features/AvgQuats"] = np.stack([np.zeros(4), x_y_z_w])
    assert error(read(tmp_path / "crystal.dream3d").orientations) < 5e-6


def test_the_reference_would_show_a_transpose() -> None:
    transposed = quaternion_conjugate(read(CRYSTAL).orientations[0])
    wrong = load_material("AA6022-T4").elasticity.stiffness(transposed)
    assert float((wrong - damask_stiffness()).abs().max()) == pytest.approx(3.4e3, rel=0.05)
