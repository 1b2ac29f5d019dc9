"""DAMASK as an engine: what it is given, what is read back, and what happens when it fails.

DAMASK itself is not needed. Result files are laid out here as DAMASK 3 documents and writes them,
with fields that its recorded simulations determine: those of a single crystal are uniform. The
program is a stand-in that checks its input and hands out such a file.
"""

from __future__ import annotations

import json
import os
import stat
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
import yaml
from numpy.typing import NDArray
from places import EXAMPLES, ROOT

from polyxtal.algebra.convergence import ConvergenceError
from polyxtal.algebra.rotation import (
    normalize_quaternion,
    quaternion_multiply,
    quaternion_to_matrix,
    random_quaternions,
)
from polyxtal.crystal.elasticity import CubicElasticity
from polyxtal.crystal.laue import CUBIC
from polyxtal.crystal.load_material import load_material, load_materials
from polyxtal.crystal.material import Material
from polyxtal.mechanics.damask import engine as damask_engine
from polyxtal.mechanics.damask.case import NUMERICS, write_damask_case
from polyxtal.mechanics.damask.engine import find_damask, simulate_with_damask
from polyxtal.mechanics.damask.result import read_damask_result
from polyxtal.mechanics.loading.path import LoadPath
from polyxtal.microstructure.io import read
from polyxtal.microstructure.io.vti import read_image
from polyxtal.microstructure.polycrystal import Polycrystal

EXAMPLE = EXAMPLES / "damask_case"
DATA = ROOT / "tests" / "verification" / "data"

Fields = dict[str, NDArray[np.float64]]
"""Local fields by DAMASK's names, (increments, nx, ny, nz, …), SI units."""


def write_result(
    path: Path,
    rve: Polycrystal,
    times: NDArray[np.float64],
    fields: Fields,
    *,
    version: tuple[int, int] = (1, 0),
    shuffle: bool = False,
) -> Path:
    """Lay local fields out as DAMASK 3 does.

    One row per cell and phase; one process numbers them in the order of the cells, several
    (`shuffle`) in an order of their own. Text is padded with blanks, as Fortran does.
    """
    cells = rve.grain_id.numel()
    phase = rve.phase[rve.grain_id].numpy().ravel(order="F")
    rows = np.empty(cells, dtype=np.int64)
    for k in range(len(rve.phase_names)):
        count = int((phase == k).sum())
        order = np.random.default_rng(0).permutation(count) if shuffle else np.arange(count)
        rows[phase == k] = order
    with h5py.File(path, "w") as file:
        file.attrs["DADF5_version_major"], file.attrs["DADF5_version_minor"] = version
        file.attrs["creator"] = "DAMASK_grid 3.0.2"
        file.attrs["created"], file.attrs["call"] = "2024-01-01 00:00:00+0000", "DAMASK_grid"
        geometry = file.create_group("geometry")
        geometry.attrs["cells"] = np.array(rve.grid, dtype=np.int32)
        geometry.attrs["size"] = np.array(rve.size) * 1e-6
        geometry.attrs["origin"] = np.zeros(3)
        file.create_group("setup")
        mapping = file.create_group("cell_to")
        names = [name.encode() for name in rve.phase_names]
        write_mapping(mapping, "phase", [names[k] for k in phase], rows, (cells, 1))
        write_mapping(mapping, "homogenization", [b"SX"] * cells, np.arange(cells), (cells,))
        for number, now in enumerate(times):
            group = file.create_group(f"increment_{number}")
            group.attrs["t/s"] = float(now)
            group.create_group("homogenization/SX/mechanical")
            group["geometry/u_p"] = np.zeros((cells, 3))
            for k, name in enumerate(rve.phase_names):
                mine = np.flatnonzero(phase == k)
                mechanical = group.create_group(f"phase/{name}/mechanical")
                for key, values in fields.items():
                    flat = np.moveaxis(values[number], (0, 1, 2), (2, 1, 0))
                    flat = flat.reshape(cells, *values.shape[4:])
                    table = np.empty_like(flat[mine])
                    table[rows[mine]] = flat[mine]
                    dataset = mechanical.create_dataset(key, data=table)
                    dataset.attrs["unit"] = {"P": "Pa", "O": "q_0 q_1 q_2 q_3"}.get(key, "1")
                    dataset.attrs["description"] = key
    return path


def write_mapping(
    group: h5py.Group, name: str, labels: list[bytes], rows: Any, shape: tuple[int, ...]
) -> None:
    width = max(map(len, labels)) + 2
    text = h5py.h5t.C_S1.copy()
    text.set_size(width)
    text.set_strpad(h5py.h5t.STR_SPACEPAD)
    kind = h5py.h5t.create(h5py.h5t.COMPOUND, width + 8)
    kind.insert(b"label", 0, text)
    kind.insert(b"entry", width, h5py.h5t.STD_I64LE)
    space = h5py.h5s.create_simple(shape)
    dataset = h5py.Dataset(h5py.h5d.create(group.id, name.encode(), kind, space))
    values = np.empty(len(labels), dtype=[("label", f"S{width}"), ("entry", "<i8")])
    values["label"], values["entry"] = labels, rows
    dataset[...] = values.reshape(shape)


def recorded(steps: int = 1) -> tuple[Polycrystal, LoadPath, Any]:
    """Take the first load steps of a recorded simulation of a single crystal."""
    with np.load(DATA / "P_sx_generic_tension.npz") as stored:
        truth = {key: stored[key] for key in stored}
    path = LoadPath(LoadPath.from_damask(json.loads(str(truth["loadsteps_json"]))).steps[:steps])
    for key in ("time", "F_avg", "P_avg", "grain_O_avg"):
        truth[key] = truth[key][: path.increments + 1]
    rve = Polycrystal(
        truth["grain_id"].astype(np.int64), truth["quaternions"], (1e6,) * 3, phase_names=("Al",)
    )
    return rve, path, truth


def uniform(truth: Any, grid: tuple[int, int, int], orientation: str = "O") -> Fields:
    """Fill the grid with the recorded averages of a single crystal."""
    spread = {"F": truth["F_avg"], "P": truth["P_avg"]}
    quaternion = truth["grain_O_avg"][:, 0]
    if orientation == "O":
        spread["O"] = quaternion
    else:
        stretch = np.diag([1.01, 0.99, 1.02])
        spread["F_e"] = quaternion_to_matrix(torch.from_numpy(quaternion)).numpy() @ stretch
    return {
        key: np.broadcast_to(
            values[:, None, None, None], (len(values), *grid, *values.shape[1:])
        ).copy()
        for key, values in spread.items()
    }


def two_phases() -> tuple[Polycrystal, NDArray[np.float64], Fields]:
    """Five grains in two phases, one grain without voxels, every cell different."""
    generator = np.random.default_rng(1)
    grain_id = np.arange(24).reshape(2, 3, 4) % 5
    grain_id += grain_id >= 2  # no voxel is of grain 2
    rve = Polycrystal(
        grain_id, random_quaternions(6, 2), (2.0, 3.0, 4.0), [0, 1, 1, 0, 1, 0], ("soft", "hard")
    )
    start = rve.orientation_field().numpy()
    shape = (3, 2, 3, 4)
    fields = {
        "F": np.eye(3) + 0.1 * generator.random((*shape, 3, 3)),
        "P": 1e8 * generator.random((*shape, 3, 3)),
        "O": np.stack([start, start, start]),
    }
    turned = random_quaternions(6, 5)[rve.grain_id].numpy()
    fields["O"][2] = turned
    return rve, np.array([0.0, 1.5, 2.0]), fields


# What DAMASK is given


def test_the_case_is_the_one_that_damasks_own_library_wrote(tmp_path: Path) -> None:
    rve = read(EXAMPLE / "grid.vti")
    material = load_material(EXAMPLE / "material.yaml")
    path = LoadPath.from_damask(EXAMPLE / "load.yaml")
    write_damask_case(tmp_path / "case", rve, material, path)
    ours, theirs = read_image(tmp_path / "case" / "grid.vti"), read_image(EXAMPLE / "grid.vti")
    assert np.array_equal(ours.cell_array("material"), theirs.cell_array("material"))
    assert (ours.grid, ours.spacing, ours.origin) == (theirs.grid, theirs.spacing, theirs.origin)

    def load(folder: Path, name: str) -> Any:
        return yaml.safe_load((folder / name).read_text(encoding="utf-8"))

    ours, theirs = load(tmp_path / "case", "material.yaml"), load(EXAMPLE, "material.yaml")
    assert ours["homogenization"] == theirs["homogenization"]
    assert ours["material"] == theirs["material"]
    mechanical, expected = (d["phase"]["Al"].pop("mechanical") for d in (ours, theirs))
    assert ours["phase"] == theirs["phase"] == {"Al": {"lattice": "cF"}}
    assert mechanical["output"] == expected["output"] == ["F", "P", "O"]
    for kind in ("elastic", "plastic"):
        assert mechanical[kind].pop("type") == expected[kind].pop("type")
        assert list(mechanical[kind]) == list(expected[kind])
        for key, value in expected[kind].items():
            assert mechanical[kind][key] == pytest.approx(value, rel=1e-14)

    ours, theirs = load(tmp_path / "case", "load.yaml"), load(EXAMPLE, "load.yaml")
    continued = [step.pop("estimate_rate") for step in ours["loadstep"]]
    assert continued == [False, True, False, False]  # a first step never is, whatever it says
    for step in theirs["loadstep"]:
        del step["estimate_rate"]
    assert ours == theirs

    numerics = load(tmp_path / "case", "numerics.yaml")
    with np.load(DATA / "P_N16_G100_random1_tension.npz") as truth:
        used = json.loads(str(truth["numerics_json"]))
    assert numerics == {"solver": {"grid": {"mechanical": used}}}
    assert isinstance(numerics["solver"]["grid"]["mechanical"]["N_iter_max"], int)


def test_only_phases_with_voxels_are_written_under_plain_names(tmp_path: Path) -> None:
    grain_id = np.array([[[0, 1, 3]]])
    rve = Polycrystal(
        grain_id, random_quaternions(4), phase=[2, 0, 1, 2], phase_names=("α: 1", "void", "Fe")
    )
    iron, alpha = Material("iron", CubicElasticity(230e3, 134e3, 116e3)), load_material("AA6022-T4")
    write_damask_case(tmp_path, rve, {"Fe": iron, "α: 1": alpha}, LoadPath.uniaxial(0.01))
    materials = load_materials(tmp_path / "material.yaml")
    assert list(materials) == ["phase_0", "Fe"]
    assert materials["phase_0"].plasticity == alpha.plasticity
    assert materials["Fe"].elasticity.c11 == pytest.approx(230e3)
    back = read(tmp_path / "grid.vti")
    assert torch.equal(back.grain_id, rve.grain_id)
    assert [back.phase_names[k] for k in back.phase] == ["Fe", "phase_0", "phase_0", "Fe"]
    with pytest.raises(ValueError, match=r"`material` must hold every phase .* not 'Fe'"):
        write_damask_case(tmp_path / "other", rve, {"α: 1": alpha}, LoadPath.uniaxial(0.01))
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("numerics", "complaint"),
    [
        ({"eps_rel_p": 1e-4}, "keys among N_iter_min, .*, but has 'eps_rel_p'"),
        ({"eps_rel_P": 0.0}, r"eps_rel_P must be positive, but is 0\.0"),
        ({"eps_rel_P": float("nan")}, "must be positive, but is nan"),
        ({"N_iter_max": 2.5}, r"N_iter_max must be a whole number, but is 2\.5"),
    ],
)
def test_numerics(tmp_path: Path, numerics: dict[str, float], complaint: str) -> None:
    rve, path, _ = recorded()
    write_damask_case(tmp_path, rve, load_material("AA6022-T4"), path, {"N_iter_max": 300.0})
    written = yaml.safe_load((tmp_path / "numerics.yaml").read_text())
    assert written["solver"]["grid"]["mechanical"] == {**NUMERICS, "N_iter_max": 300}
    with pytest.raises(ValueError, match=complaint):
        write_damask_case(tmp_path, rve, load_material("AA6022-T4"), path, numerics)


# What is read back


@pytest.mark.parametrize(
    ("version", "orientation"), [((0, 14), "O"), ((1, 0), "F_e"), ((1, 2), "O")]
)
def test_recorded_curve_of_a_single_crystal(
    tmp_path: Path, version: tuple[int, int], orientation: str
) -> None:
    rve, _, truth = recorded(steps=4)
    fields = uniform(truth, rve.grid, orientation)
    file = write_result(tmp_path / "r.hdf5", rve, truth["time"], fields, version=version)
    response = read_damask_result(file, rve)
    assert np.array_equal(response.time.numpy(), truth["time"])
    assert np.abs(response.F.numpy() - truth["F_avg"]).max() < 1e-14
    assert np.abs(response.P.numpy() - truth["P_avg"] * 1e-6).max() < 1e-12
    assert response.orientations is not None
    assert response.weights is not None
    assert response.weights.tolist() == [1.0]
    expected = torch.from_numpy(truth["grain_O_avg"])
    assert expected.shape == response.orientations.shape
    assert (response.orientations - expected).abs().max() < 1e-12
    assert CUBIC.disorientation(expected[0], expected[-1]).max() > 0.01  # the crystal turned
    deviation = torch.linalg.det(response.F) - torch.from_numpy(np.linalg.det(truth["F_avg"]))
    assert deviation.abs().max() < 1e-13


@pytest.mark.parametrize("shuffle", [False, True])
def test_phases_are_put_back_in_the_order_of_the_voxels(tmp_path: Path, shuffle: bool) -> None:
    rve, times, fields = two_phases()
    file = write_result(tmp_path / "r.hdf5", rve, times, fields, shuffle=shuffle)
    response = read_damask_result(file, rve)
    assert torch.equal(response.time, torch.from_numpy(times))
    assert np.abs(response.F.numpy() - fields["F"].mean((1, 2, 3))).max() < 1e-14
    assert np.abs(response.P.numpy() - fields["P"].mean((1, 2, 3)) * 1e-6).max() < 1e-12
    assert response.orientations is not None
    assert response.weights is not None
    occupied = [0, 1, 3, 4, 5]
    assert torch.equal(response.weights, rve.volume_fractions[occupied])
    for row, expected in enumerate([rve.orientations, rve.orientations, random_quaternions(6, 5)]):
        assert CUBIC.disorientation(response.orientations[row], expected[occupied]).max() < 1e-7


def test_scattered_orientations_are_averaged_over_grains(tmp_path: Path) -> None:
    rve, times, fields = two_phases()
    tilt = np.zeros((*rve.grid, 4))
    tilt[..., 0] = 1.0
    for member, sign in zip(
        np.argwhere(rve.grain_id.numpy() == 3)[:4], (1, -1, 2, -2), strict=True
    ):
        tilt[*member, 1] = 0.01 * sign
    small = normalize_quaternion(torch.from_numpy(tilt))
    fields["O"][1] = quaternion_multiply(rve.orientation_field(), small).numpy()
    response = read_damask_result(write_result(tmp_path / "r.hdf5", rve, times, fields), rve)
    assert response.orientations is not None
    assert CUBIC.disorientation(response.orientations[1, 2], rve.orientations[3]) < 1e-6


def replace(path: str, value: Any) -> Callable[[h5py.File], None]:
    def edit(file: h5py.File) -> None:
        del file[path]
        file[path] = value

    return edit


def set_attribute(path: str, name: str, value: Any) -> Callable[[h5py.File], None]:
    return lambda file: file[path].attrs.__setitem__(name, value)


def delete(path: str) -> Callable[[h5py.File], None]:
    return lambda file: file.__delitem__(path)


def link(path: str, target: Any) -> Callable[[h5py.File], None]:
    def edit(file: h5py.File) -> None:
        if path in file:
            del file[path]
        file[path] = target

    return edit


def edit_mapping(column: str, row: int, value: Any) -> Callable[[h5py.File], None]:
    def edit(file: h5py.File) -> None:
        values = file["cell_to/phase"][()]
        values[column][row, 0] = value
        file["cell_to/phase"][...] = values

    return edit


def boundless(path: str, shape: tuple[int, ...]) -> Callable[[h5py.File], None]:
    def edit(file: h5py.File) -> None:
        del file[path]
        file.create_dataset(path, shape, "f8", chunks=(1,) * len(shape))

    return edit


LAST = "increment_2/phase/hard/mechanical"


@pytest.mark.parametrize(
    ("edit", "complaint"),
    [
        (lambda file: file.attrs.__delitem__("DADF5_version_major"), "no DADF5 version"),
        (set_attribute("/", "DADF5_version_minor", "new"), "must be 1 numbers"),
        (set_attribute("/", "DADF5_version_major", 2), r"of DADF5 0\.14 or 1\.x, but is of 2\.0"),
        (delete("geometry"), "geometry has no cells"),
        (set_attribute("geometry", "cells", [4, 3, 2]), r"on the grid \(2, 3, 4\), but is on"),
        (set_attribute("geometry", "cells", [2, 3]), "must be 3 numbers"),
        (set_attribute("geometry", "size", [1e-6, 3e-6, 4e-6]), "a volume of"),
        (delete("cell_to/phase"), "one crystal in each of 24 cells, but is missing"),
        (replace("cell_to/phase", np.zeros((24, 1))), "must hold label and entry"),
        (replace("cell_to/phase", np.zeros((24, 2))), r"but is \(24, 2\)"),
        (edit_mapping("entry", 3, -1), "every row in one cell"),
        (edit_mapping("entry", 3, 2**40), "every row in one cell"),
        (edit_mapping("label", 3, b"other"), "every row in one cell"),
        (delete("increment_0"), "no 'increment_0'"),
        (set_attribute("increment_2", "t/s", 1.5), "increase"),
        (set_attribute("increment_2", "t/s", np.nan), "must be finite"),
        (lambda file: file["increment_1"].attrs.__delitem__("t/s"), "attribute 't/s', but has not"),
        (link("current", h5py.SoftLink("/increment_2")), "middle of an increment"),
        (delete("increment_2/phase"), "group 'phase'"),
        (delete("increment_2/phase/hard"), "group 'hard'"),
        (delete(f"{LAST}/F"), r"must hold F, but does not .* must be F, P and O"),
        (delete(f"{LAST}/O"), "must hold O or F_e, but does not"),
        (replace(f"{LAST}/P", np.zeros((3, 3, 3))), r"P of shape \(\d+, 3, 3\), but of"),
        (replace(f"{LAST}/P", np.full((10, 3, 3), np.nan)), "finite P"),
        (replace(f"{LAST}/P", np.full((10, 3, 3), b"text")), "must be numbers"),
        (replace(f"{LAST}/O", np.ones((10, 4))), "unit quaternions"),
        (boundless(f"{LAST}/P", (2**40, 3, 3)), "P of shape"),
        (link(f"{LAST}/P", h5py.ExternalLink("other.hdf5", "/P")), "but is a link"),
        (link("increment_2", h5py.SoftLink("/increment_1")), "but is a link"),
    ],
)
def test_files_that_are_refused(
    tmp_path: Path, edit: Callable[[h5py.File], None], complaint: str
) -> None:
    rve, times, fields = two_phases()
    path = write_result(tmp_path / "r.hdf5", rve, times, fields)
    assert rve.phase[rve.grain_id].sum() == 10
    with h5py.File(path, "r+") as file:
        edit(file)
    with pytest.raises(ValueError, match=rf"r\.hdf5: .*{complaint}") as caught:
        read_damask_result(path, rve)
    assert str(caught.value).count(str(path)) == 1


def test_inverted_elastic_deformation_is_refused(tmp_path: Path) -> None:
    rve, times, fields = two_phases()
    del fields["O"]
    fields["F_e"] = quaternion_to_matrix(rve.orientation_field()).numpy()[None].repeat(3, 0)
    fields["F_e"][1, 0, 0, 0] *= -1
    with pytest.raises(ValueError, match="F_e of positive determinant, but 'soft' does not"):
        read_damask_result(write_result(tmp_path / "r.hdf5", rve, times, fields), rve)


def test_another_polycrystal_is_refused(tmp_path: Path) -> None:
    rve, times, fields = two_phases()
    path = write_result(tmp_path / "r.hdf5", rve, times, fields)
    other = Polycrystal(
        rve.grain_id.flip(0), rve.orientations, rve.size, rve.phase, rve.phase_names
    )
    with pytest.raises(ValueError, match=r"must be a result of this polycrystal, but \d+ of 24"):
        read_damask_result(path, other)


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    rve, times, fields = two_phases()
    path = write_result(tmp_path / "r.hdf5", rve, times, fields)
    whole = path.read_bytes()
    for keep in (0, 100, len(whole) // 2, len(whole) - 1000):
        path.write_bytes(whole[:keep])
        with pytest.raises(ValueError, match=r"r\.hdf5: must be an intact HDF5 file"):
            read_damask_result(path, rve)
    with pytest.raises(FileNotFoundError, match="no such file"):
        read_damask_result(tmp_path / "none.hdf5", rve)


# The run


STAND_IN = """#!{python}
import os, shutil, sys, time
from pathlib import Path
options = dict(zip(sys.argv[1::2], sys.argv[2::2], strict=True))
assert list(options) == ["--geom", "--load", "--material", "--numerics", "--jobname"], options
for option in list(options)[:4]:
    assert Path(options[option]).is_file(), option
assert os.environ["OMP_NUM_THREADS"] == "1"
job = options["--jobname"]
print("Working directory:", os.getcwd(), flush=True)
Path("pid").write_text(str(os.getpid()))
times, start = {times}, time.monotonic()
with open(job + ".sta", "w") as progress:
    print("Increment Time CutbackLevel Converged IterationsNeeded StagIterationsNeeded",
          file=progress)
    for number, now in enumerate(times, start=1):
        print(f"          {{number}}  {{now!r}}           0 T           3           2",
              file=progress, flush=True)
        {each}
{end}
"""


def install(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    times: list[float],
    end: str = "",
    each: str = "pass",
) -> None:
    """Put a stand-in for DAMASK on the PATH."""
    folder.mkdir(exist_ok=True)
    program = folder / "DAMASK_grid"
    script = STAND_IN.format(python=sys.executable, times=times, end=end, each=each)
    program.write_text(script)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)


@pytest.mark.parametrize("kept", [True, False])
def test_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: bool) -> None:
    rve, path, truth = recorded()
    source = write_result(tmp_path / "s.hdf5", rve, truth["time"], uniform(truth, rve.grid))
    end = f"shutil.copy({str(source)!r}, job + '.hdf5')"
    times = truth["time"][1:].tolist()
    pieces = [0.5 * times[0], *times]  # the first increment in two pieces
    install(tmp_path / "bin", monkeypatch, pieces, end)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    seen: list[float] = []
    folder = tmp_path / "case" if kept else None
    response = simulate_with_damask(
        rve, load_material("AA6022-T4"), path, folder=folder, on_increment=seen.append
    )
    assert find_damask() == tmp_path / "bin" / "DAMASK_grid"
    assert seen == pytest.approx(times, rel=1e-12)
    assert np.abs(response.P.numpy() - truth["P_avg"] * 1e-6).max() < 1e-12
    assert response.statistics == {
        "increments": 25.0,
        "steps": 26.0,
        "cuts": 1.0,
        "iterations": 78.0,
    }
    assert list(temporary.iterdir()) == []
    if folder:
        left = {file.name for file in folder.iterdir()}
        assert left >= {"grid.vti", "material.yaml", "load.yaml", "numerics.yaml"}
        assert left >= {"result.hdf5", "result.sta", "damask.log"}
        again = simulate_with_damask(rve, load_material("AA6022-T4"), path, folder=folder)
        assert torch.equal(again.P, response.P)


def test_a_line_that_is_being_written_is_left_for_later(tmp_path: Path) -> None:
    progress = tmp_path / "result.sta"
    assert damask_engine._read_steps(progress) == []
    progress.write_text("Increment Time CutbackLevel Converged IterationsNeeded\n 1 0.2 0 T 12\n")
    first = damask_engine._read_steps(progress)
    assert first == [(0.2, 12)]
    with progress.open("a") as file:
        file.write(" 2 0.4 0 T 1")
    assert damask_engine._read_steps(progress) == first


def test_progress_is_reported_while_damask_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rve, path, truth = recorded()
    times = truth["time"][1:].tolist()
    wait = (
        "while number == 3 and not Path('seen').exists() and time.monotonic() < 20 + start: "
        "time.sleep(0.01)"
    )
    install(tmp_path / "bin", monkeypatch, times, end="sys.exit(1)", each=wait)
    monkeypatch.setattr(damask_engine, "POLL_SECONDS", 0.01)

    def see(now: float) -> None:
        if now == pytest.approx(times[2]):
            (tmp_path / "case" / "seen").touch()

    start = time.monotonic()
    with pytest.raises(ConvergenceError, match="stopped with exit status 1 after 5 s"):
        simulate_with_damask(
            rve, load_material("AA6022-T4"), path, folder=tmp_path / "case", on_increment=see
        )
    assert (tmp_path / "case" / "seen").exists()
    assert time.monotonic() - start < 20


@pytest.mark.parametrize("kept", [True, False])
def test_a_run_that_does_not_converge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: bool
) -> None:
    rve, path, _ = recorded()
    end = (
        "print('cutting back')\n"
        "print('error 950: max number of cutbacks exceeded, terminating', file=sys.stderr)\n"
        "sys.exit(9950 % 256)"
    )
    install(tmp_path / "bin", monkeypatch, [0.2, 0.4], end)
    folder = tmp_path / "case" if kept else None
    with pytest.raises(ConvergenceError) as caught:
        simulate_with_damask(rve, load_material("AA6022-T4"), path, folder=folder)
    message = str(caught.value)
    assert "must reach 5 s, but stopped with exit status 222 after 0.4 s" in message
    assert "max number of cutbacks exceeded, terminating" in message
    where = f"its log is {tmp_path / 'case' / 'damask.log'}" if kept else "argument `folder`"
    assert where in message


def test_a_run_that_ends_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rve, path, truth = recorded()
    shorter = {key: values[:11] for key, values in uniform(truth, rve.grid).items()}
    source = write_result(tmp_path / "s.hdf5", rve, truth["time"][:11], shorter)
    end = f"shutil.copy({str(source)!r}, job + '.hdf5')"
    install(tmp_path / "bin", monkeypatch, truth["time"][1:11].tolist(), end)
    with pytest.raises(ConvergenceError, match=r"must finish 25 .*, but finished 10 \(2 s\)"):
        simulate_with_damask(rve, load_material("AA6022-T4"), path)
    install(tmp_path / "bin", monkeypatch, [])
    with pytest.raises(ConvergenceError, match="must leave a result, but did not"):
        simulate_with_damask(rve, load_material("AA6022-T4"), path)


def test_an_old_result_is_not_taken_for_a_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rve, path, truth = recorded()
    material = load_material("AA6022-T4")
    source = write_result(tmp_path / "s.hdf5", rve, truth["time"], uniform(truth, rve.grid))
    install(tmp_path / "bin", monkeypatch, [], f"shutil.copy({str(source)!r}, job + '.hdf5')")
    simulate_with_damask(rve, material, path, folder=tmp_path / "case")
    install(tmp_path / "bin", monkeypatch, [])
    with pytest.raises(ConvergenceError, match="must leave a result"):
        simulate_with_damask(rve, material, path, folder=tmp_path / "case")


def test_an_interruption_ends_damask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rve, path, _ = recorded()
    install(tmp_path / "bin", monkeypatch, [0.2], end="time.sleep(60)")

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        simulate_with_damask(
            rve, load_material("AA6022-T4"), path, folder=tmp_path / "c", on_increment=interrupt
        )
    assert time.monotonic() - start < 30
    pid = int((tmp_path / "c" / "pid").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_without_damask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    rve, path, _ = recorded()
    assert find_damask() is None
    with pytest.raises(RuntimeError, match=r"must find the program DAMASK_grid .* conda-forge"):
        simulate_with_damask(rve, load_material("AA6022-T4"), path, folder=tmp_path / "case")
    assert not (tmp_path / "case").exists()
