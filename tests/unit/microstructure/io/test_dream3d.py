"""DREAM.3D volumes in both layouts, with any of the ways in which they carry orientations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from places import SAMPLES
from typer.testing import CliRunner

from polyxtal.algebra.rotation import (
    bunge_to_quaternion,
    quaternion_multiply,
    quaternion_to_bunge,
    random_quaternions,
    rotation_angle,
)
from polyxtal.cli import app
from polyxtal.crystal.laue import CUBIC
from polyxtal.microstructure.io import image_geometry, read
from polyxtal.microstructure.io.dream3d import read_dream3d
from polyxtal.microstructure.mean_orientation import average_orientations

GRID, SPACING = (4, 3, 2), (0.5, 1.0, 2.0)
IDS = np.arange(24).reshape(GRID, order="F") % 5 + 1
QUATERNIONS = random_quaternions(5, seed=3)
PHASES = np.array([1, 2, 2, 1, 1])


def to_file(quaternions: torch.Tensor) -> np.ndarray:
    """Write as DREAM.3D does: the conjugate, x, y, z, w, float32."""
    q = quaternions.numpy() * (1, -1, -1, -1)
    return np.roll(q, -1, axis=-1).astype(np.float32)


def cells(values: np.ndarray) -> np.ndarray:
    """Order (nx, ny, nz, …) as DREAM.3D does: z, y, x and a component axis."""
    swapped = np.moveaxis(values, (0, 1, 2), (2, 1, 0))
    return swapped if values.ndim > 3 else swapped[..., None]


def table(values: np.ndarray) -> np.ndarray:
    """Prepend the dummy row 0."""
    rows = values.reshape(len(values), -1)
    return np.concatenate([np.zeros_like(rows[:1]), rows])


def default() -> dict[str, Any]:
    return {
        "Cell Data/FeatureIds": cells(IDS.astype(np.int32)),
        "Grains/AvgQuats": table(to_file(QUATERNIONS)),
        "Grains/Phases": table(PHASES.astype(np.int32)),
        "Ensemble/PhaseName": ["Unknown", "Ferrite", "Austenite"],
        "Ensemble/CrystalStructures": np.array([999, 1, 1], np.uint32)[:, None],
    }


def volume(path: Path, layout: str = "simpl", **changes: Any) -> Path:
    """Write a volume; changes are arrays by Matrix__Array, None to leave one out."""
    arrays = default() | {key.replace("__", "/"): value for key, value in changes.items()}
    with h5py.File(path, "w") as file:
        root = file.create_group("DataContainers" if layout == "simpl" else "DataStructure")
        group = root.create_group("Volume")
        if layout == "simpl":
            group["_SIMPL_GEOMETRY/DIMENSIONS"] = np.array(GRID, np.int64)
            group["_SIMPL_GEOMETRY/SPACING"] = np.array(SPACING, np.float32)
        else:
            group.attrs["_DIMENSIONS"] = np.array(GRID, np.uint64)
            group.attrs["_SPACING"] = np.array(SPACING, np.float32)
        for key, value in arrays.items():
            if value is not None:
                group[key] = value
    return path


def angle(p: torch.Tensor, q: torch.Tensor) -> float:
    inverse = p * torch.tensor([1.0, -1, -1, -1], dtype=p.dtype)
    return float(rotation_angle(quaternion_multiply(inverse, q)).max())


@pytest.mark.parametrize("layout", ["simpl", "nx"])
@pytest.mark.parametrize("kind", ["quaternions", "eulers"])
def test_feature_data(tmp_path: Path, layout: str, kind: str) -> None:
    changes: dict[str, Any] = {}
    if kind == "eulers":
        angles = quaternion_to_bunge(QUATERNIONS).numpy().astype(np.float32)
        changes = {"Grains__AvgQuats": None, "Grains__EulerAngles": table(angles)}
    rve = read(volume(tmp_path / "a.dream3d", layout, **changes))
    assert np.array_equal(rve.grain_id.numpy(), IDS - 1)
    assert rve.size == (2.0, 3.0, 4.0)
    assert angle(rve.orientations, QUATERNIONS) < 1e-6
    assert rve.phase_names == ("Ferrite", "Austenite")
    assert (rve.phase + 1).tolist() == PHASES.tolist()


def test_features_without_voxels_are_left_out(tmp_path: Path) -> None:
    ids = np.where(IDS == 3, 1, IDS).astype(np.int32)
    rve = read(
        volume(tmp_path / "a.dream3d", Cell_Data__x=None, **{"Cell Data/FeatureIds": cells(ids)})
    )
    assert rve.grains == 4
    assert angle(rve.orientations, QUATERNIONS[[0, 1, 3, 4]]) < 1e-6
    assert np.array_equal(rve.grain_id.numpy()[IDS == 5], np.full((IDS == 5).sum(), 3))


@pytest.mark.parametrize("kind", ["quaternions", "eulers"])
def test_cells_are_averaged_over_their_feature(tmp_path: Path, kind: str) -> None:
    generator = torch.Generator().manual_seed(0)
    scatter = 0.02 * torch.randn(24, 3, generator=generator, dtype=torch.float64)
    scatter = torch.cat([scatter, -scatter])  # so that the mean is known
    owner = torch.as_tensor(IDS.ravel(order="F") - 1)
    small = torch.cat([torch.ones(48, 1, dtype=torch.float64), scatter], 1)
    small = small / torch.linalg.vector_norm(small, dim=1, keepdim=True)
    symmetry = CUBIC.rotations[torch.randint(24, (48,), generator=generator)]
    centre = QUATERNIONS[torch.cat([owner, owner])]
    q = quaternion_multiply(quaternion_multiply(centre, small), symmetry)
    mean = average_orientations(q, torch.cat([owner, owner]), [CUBIC] * 5)
    assert float(CUBIC.disorientation(mean, QUATERNIONS).max()) < 1e-6

    noisy = q[:24]
    stored = to_file(noisy)
    name = "Cell Data__Quats"
    if kind == "eulers":
        stored = quaternion_to_bunge(noisy).numpy().astype(np.float32)
        name = "Cell Data__EulerAngles"
    field = np.stack([c.reshape(GRID, order="F") for c in stored.T], -1)
    phase = cells(PHASES[IDS - 1].astype(np.int32))
    path = volume(
        tmp_path / "a.dream3d",
        **{
            "Grains__AvgQuats": None,
            "Grains__Phases": None,
            name: cells(field),
            "Cell Data__Phases": phase,
        },
    )
    rve = read(path)
    assert float(CUBIC.disorientation(rve.orientations, QUATERNIONS).max()) < 0.06
    assert (
        float(
            CUBIC.disorientation(
                rve.orientations, average_orientations(noisy, owner, [CUBIC] * 5)
            ).max()
        )
        < 1e-6
    )
    assert (rve.phase + 1).tolist() == PHASES.tolist()
    with h5py.File(path, "r+") as file:
        file["DataContainers/Volume/Ensemble/CrystalStructures"][2] = 0
    assert [one.laue_group.name for one in read(path).lattices] == ["m-3m", "6/mmm"]
    with h5py.File(path, "r+") as file:
        file["DataContainers/Volume/Ensemble/CrystalStructures"][2] = 999
    with pytest.raises(ValueError, match=r"known symmetry only, but that of phases \[2\]"):
        read(path)


def test_distinct_cells_are_grains_where_there_are_no_features(tmp_path: Path) -> None:
    field = to_file(QUATERNIONS)[IDS - 1]
    path = volume(
        tmp_path / "a.dream3d",
        **{
            "Cell Data__FeatureIds": None,
            "Cell Data__Quats": cells(field),
            "Grains__AvgQuats": None,
        },
    )
    rve = read(path)
    assert rve.grains == 5
    assert angle(rve.orientation_field().reshape(-1, 4), QUATERNIONS[IDS - 1].reshape(-1, 4)) < 1e-6
    assert rve.phase_names == ("Ferrite", "Austenite")


def test_renamed_arrays(tmp_path: Path) -> None:
    arrays = default()
    path = volume(
        tmp_path / "a.dream3d",
        **{
            "Cell Data__FeatureIds": None,
            "Cell Data__grains": arrays["Cell Data/FeatureIds"],
            "Grains__AvgQuats": None,
            "Grains__mean": arrays["Grains/AvgQuats"],
            "Grains__Phases": None,
            "Grains__kind": arrays["Grains/Phases"],
            "Other__mean": arrays["Grains/AvgQuats"] * 0,
        },
    )
    with pytest.raises(ValueError, match=r"must hold orientations .* Cell Data/grains"):
        read_dream3d(path)
    with pytest.raises(ValueError, match=r"could be any of Grains/mean, Other/mean"):
        read_dream3d(path, feature_ids="grains", orientations="mean")
    with pytest.raises(ValueError, match=r"must hold the array 'ids', but holds Cell Data/grains"):
        read_dream3d(path, feature_ids="ids")
    rve = read_dream3d(
        path, container="Volume", feature_ids="grains", orientations="Grains/mean", phases="kind"
    )
    assert angle(rve.orientations, QUATERNIONS) < 1e-6
    assert (rve.phase + 1).tolist() == PHASES.tolist()


def test_the_container_is_chosen(tmp_path: Path) -> None:
    path = volume(tmp_path / "a.dream3d")
    with h5py.File(path, "r+") as file:
        file.copy("DataContainers/Volume", "DataContainers/Other")
        file.copy("DataContainers/Volume/_SIMPL_GEOMETRY", "DataContainers/Empty/_SIMPL_GEOMETRY")
    with pytest.raises(ValueError, match="must choose one image geometry"):
        read(path)
    with pytest.raises(ValueError, match="must choose one image geometry"):
        read_dream3d(path, container="Third")
    assert read_dream3d(path, container="Other").grains == 5


@pytest.mark.parametrize("layout", ["simpl", "nx"])
def test_geometries_may_lie_in_groups(tmp_path: Path, layout: str) -> None:
    path, root = volume(tmp_path / "a.dream3d", layout), "DataContainers"
    root = root if layout == "simpl" else "DataStructure"
    with h5py.File(path, "r+") as file:
        file.move(f"{root}/Volume", f"{root}/Sample/Scan/Volume")
        file[f"{root}/Sample/itself"] = file[f"{root}/Sample"]
    assert read(path).grains == 5
    with h5py.File(path, "r+") as file:
        file.copy(f"{root}/Sample/Scan/Volume", f"{root}/Volume")
    with pytest.raises(ValueError, match=r"None and the file holds Volume, Sample/Scan/Volume"):
        read(path)
    assert read(path, container="Sample/Scan/Volume").grains == 5
    assert read(path, container="Volume").grains == 5
    with pytest.raises(ValueError, match="`container` must be left out except for"):
        read(tmp_path / "a.npz", container="Volume")


def test_the_container_is_an_option(tmp_path: Path) -> None:
    path = volume(tmp_path / "a.dream3d")
    with h5py.File(path, "r+") as file:
        file.copy("DataContainers/Volume", "DataContainers/Other")
    convert = ["convert", str(path), str(tmp_path / "a.npz")]
    refused = CliRunner().invoke(app, convert)
    assert refused.exit_code == 2
    assert "Option --container must choose one image geometry" in " ".join(refused.output.split())
    assert CliRunner().invoke(app, [*convert, "--container", "Other"]).exit_code == 0
    assert read(tmp_path / "a.npz").grains == 5


def test_unassigned_voxels(tmp_path: Path) -> None:
    ids = np.where(IDS == 2, 0, IDS).astype(np.int32)
    changes: dict[str, Any] = {"Cell Data__FeatureIds": cells(ids)}
    path = volume(tmp_path / "a.dream3d", **changes)
    with pytest.raises(ValueError, match="but 5 of 24 are unassigned"):
        read(path)
    zero_based: dict[str, Any] = {
        "Cell Data__FeatureIds": cells(IDS.astype(np.int32) - 1),
        "Grains__AvgQuats": to_file(QUATERNIONS),
        "Grains__Phases": PHASES.astype(np.int32)[:, None],
    }
    rve = read(volume(path, **zero_based))
    assert np.array_equal(rve.grain_id.numpy(), IDS - 1)
    assert angle(rve.orientations, QUATERNIONS) < 1e-6
    for without in ("Phases", "AvgQuats"):
        incomplete = zero_based | {f"Grains__{without}": None}
        if without == "Phases":
            incomplete["Cell Data__Phases"] = cells(np.ones(GRID, np.int32))
        else:
            incomplete["Cell Data__Quats"] = cells(to_file(QUATERNIONS)[IDS - 1])
        with pytest.raises(ValueError, match="but 5 of 24 are unassigned"):
            read(volume(path, **incomplete))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"Grains__AvgQuats": table(to_file(QUATERNIONS))[:5]}, "5 rows and feature 5 is used"),
        ({"Grains__AvgQuats": np.zeros((6, 4), np.float32)}, "unit quaternions"),
        ({"Grains__AvgQuats": np.zeros((6, 5), np.float32)}, "3 or 4 components, but has 5"),
        ({"Grains__Phases": np.zeros((6, 1), np.int32)}, "phase > 0"),
        ({"Grains__Phases": np.ones((5, 1), np.int32)}, "must have 6 rows"),
        ({"Grains__Phases": np.ones((6, 1))}, "must hold integers"),
        ({"Grains__Phases": np.full((6, 1), 101)}, "numbered up to 100, but 101"),
        ({"Cell Data__FeatureIds": cells(IDS - 2)}, "must not be negative"),
        (
            {
                "Grains__Phases": None,
                "Cell Data__Phases": cells(np.arange(24).reshape(GRID) % 2 + 1),
            },
            "one phase per feature",
        ),
        (
            {"Grains__AvgQuats": None, "Grains__EulerAngles": np.full((6, 3), 30.0)},
            "Euler angles",
        ),
        (
            {"Grains__AvgQuats": None, "Cell Data__Quats": np.zeros((2, 3, 4, 4))},
            "but 24 of 24 are none",
        ),
        (
            {"Grains__AvgQuats": None, "Cell Data__Quats": np.ones((23, 4)) / 2},
            "must hold 24 voxels",
        ),
        ({"Ensemble__PhaseName": [1, 2, 3]}, "must be up to 10000 strings"),
        ({"_SIMPL_GEOMETRY__DIMENSIONS": np.array([4, 3, 0])}, "dimensions of '/DataC"),
        ({"_SIMPL_GEOMETRY__DIMENSIONS": np.array([2**20] * 3)}, "must not exceed"),
        ({"_SIMPL_GEOMETRY__SPACING": np.array([1, 1, np.nan])}, "spacing of '/DataC"),
    ],
)
def test_volumes_that_do_not_fit(tmp_path: Path, changes: dict[str, Any], sentence: str) -> None:
    path = volume(tmp_path / "a.dream3d", **{k: v for k, v in changes.items() if k[0] != "_"})
    with h5py.File(path, "r+") as file:
        for key, value in changes.items():
            if key[0] == "_":
                name = "DataContainers/Volume/" + key.replace("__", "/")
                del file[name]
                file[name] = value
    with pytest.raises(ValueError, match=sentence) as error:
        read(path)
    assert str(error.value).startswith(str(path))


@pytest.mark.parametrize("target", ["DataContainers", "DataContainers/Volume/Grains"])
@pytest.mark.parametrize("kind", ["external", "soft"])
def test_links_are_refused(tmp_path: Path, target: str, kind: str) -> None:
    other = volume(tmp_path / "other.dream3d")
    path = volume(tmp_path / "a.dream3d")
    with h5py.File(path, "r+") as file:
        file.move(target, "/moved")
        file[target] = (
            h5py.ExternalLink(str(other), target) if kind == "external" else h5py.SoftLink("/moved")
        )
    with pytest.raises(ValueError, match="must be stored in the file, but is a link"):
        read(path)


def test_data_in_another_file_are_refused(tmp_path: Path) -> None:
    path = volume(tmp_path / "a.dream3d")
    raw = tmp_path / "secret.bin"
    raw.write_bytes(table(to_file(QUATERNIONS)).tobytes())
    name = "DataContainers/Volume/Grains/AvgQuats"
    with h5py.File(path, "r+") as file:
        del file[name]
        file.create_dataset(name, (6, 4), np.float32, external=[(str(raw), 0, 96)])
    with pytest.raises(ValueError, match="is stored elsewhere"):
        read(path)
    with h5py.File(path, "r+") as file:
        del file[name]
        layout = h5py.VirtualLayout((6, 4), np.float32)
        layout[...] = h5py.VirtualSource(str(volume(tmp_path / "b.dream3d")), name, (6, 4))
        file.create_virtual_dataset(name, layout)
    with pytest.raises(ValueError, match="is stored elsewhere"):
        read(path)


def test_files_that_are_no_volume(tmp_path: Path) -> None:
    path = tmp_path / "a.dream3d"
    with pytest.raises(FileNotFoundError, match="no such file"):
        read(path)
    for content in (b"", b"no HDF5", volume(tmp_path / "b.dream3d").read_bytes()[:3000]):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="must be an intact HDF5 file"):
            read(path)
    with h5py.File(path, "w") as file:
        file["x"] = 1
    with pytest.raises(ValueError, match=r"must hold /DataContainers .* but holds x"):
        read(path)


def test_grid_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = volume(tmp_path / "a.dream3d")
    monkeypatch.setattr(image_geometry, "MAX_VOXELS", 24)
    assert read(path).grains == 5
    monkeypatch.setattr(image_geometry, "MAX_VOXELS", 23)
    with pytest.raises(ValueError, match="must not exceed 23 voxels"):
        read(path)


def test_blank_and_repeated_phase_names(tmp_path: Path) -> None:
    rve = read(volume(tmp_path / "a.dream3d", Ensemble__PhaseName=["", "Fe", "Fe", ""]))
    assert rve.phase_names == ("Fe 1", "Fe 2", "phase 3")
    rve = read(volume(tmp_path / "a.dream3d", Ensemble__PhaseName=None))
    assert rve.phase_names == ("phase 1", "phase 2")


def sample(name: str) -> Path:
    path = SAMPLES / name
    if not path.is_file():
        pytest.skip("DREAM.3D's files lie outside the repository, in ../shared")
    return path


def test_a_synthetic_volume_of_dream3d() -> None:
    path = sample("2phase_irregularGrid_v7.dream3d")
    rve = read(path)
    with h5py.File(path) as file:
        stored = file["DataContainers/SyntheticVolumeDataContainer"]
        eulers = stored["CellData/EulerAngles"][()].astype(np.float64)
        phases = stored["CellData/Phases"][..., 0]
    assert rve.grid == (13, 8, 10)
    assert rve.size == pytest.approx((10.4, 6.4, 8.0))
    assert rve.phase_names == ("Primary", "Precipitate")
    assert np.array_equal(rve.phase[rve.grain_id].numpy().T + 1, phases)
    field = rve.orientation_field().permute(2, 1, 0, 3)
    assert angle(field, bunge_to_quaternion(torch.from_numpy(eulers))) < 1e-6


def test_a_measured_map_of_dream3d() -> None:
    path = sample("measured_v8.dream3d")
    rve = read(path)
    with h5py.File(path) as file:
        stored = file["DataStructure/Small IN100/EBSD Scan Data"]
        eulers = stored["EulerAngles"][()].astype(np.float64)
        ids = stored["FeatureIds"][..., 0]
    assert rve.grid == (201, 101, 1)
    assert rve.grains == len(np.unique(ids)) == 621
    field = rve.orientation_field().permute(2, 1, 0, 3)
    cell = bunge_to_quaternion(torch.from_numpy(eulers))
    # Inside a grain neighbours differ by 0.02 rad; the wrong convention is off by 0.5 and more.
    spread = CUBIC.disorientation(field, cell)
    assert float(spread.median()) < 0.04
    assert float(spread.max()) < 0.25


@pytest.mark.skipif(not SAMPLES.exists(), reason="needs ../shared/samples")
def test_files_that_were_refused() -> None:
    assert read(SAMPLES / "faults" / "d3_nx_nested.dream3d").grains == 2
    assert read(SAMPLES / "faults" / "d3_two_geometries.dream3d", container="B").grains == 2
