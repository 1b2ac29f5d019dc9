"""Results in the layout of DAMASK: what its own reader finds, and the file through kills."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

import polyxtal as px
from polyxtal.mechanics.damask.displacement import displacements
from polyxtal.mechanics.damask.result import read_damask_result
from polyxtal.mechanics.damask.series import ResultSeries

MAGNESIUM, ALUMINIUM = px.load_material("Mg"), px.load_material("AA6022-T4")
MATERIALS = {"the matrix": MAGNESIUM, "Al": ALUMINIUM, "pore": None}
PATH = px.LoadPath.uniaxial(0.004, increments=4)


def porous() -> px.Polycrystal:
    """Nine grains of two metals and a void; the first name is none that DAMASK could read."""
    drawn = px.tessellate(grid=(3, 4, 5), grains=9, seed=0, size=(3, 4, 5))
    lattices = [MAGNESIUM.lattice, ALUMINIUM.lattice, None]
    phase = torch.arange(9) % 3
    return px.Polycrystal(
        drawn.grain_id, drawn.orientations, drawn.size, phase, list(MATERIALS), lattices
    )


def run(folder: Path, **options) -> px.FullFieldResponse:
    return px.simulate(porous(), MATERIALS, PATH, scheme="rotated", fields_every=2, **options)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    return folder / "run.hdf5", run(folder, fields=folder / "run.hdf5")


def on_grid(rows: np.ndarray) -> np.ndarray:
    return rows.reshape(5, 4, 3, *rows.shape[1:]).swapaxes(0, 2)


def test_damask_opens_the_file(finished, tmp_path):
    damask = pytest.importorskip("damask")
    file, response = finished
    result = damask.Result(file)
    assert result.increments == ["increment_0", "increment_2", "increment_4"]
    assert list(result.times) == [0.0, 2.0, 4.0]
    assert sorted(result.phases) == ["Al", "phase_0", "pore"]
    assert tuple(result.cells) == (3, 4, 5)
    np.testing.assert_allclose(result.size, (3e-6, 4e-6, 5e-6))
    assert "gamma_tw / 1: accumulated shear of each twin system" in str(result)
    last, fields = result.view(increments=4), response.fields
    for name, expected in (
        ("F", fields.F),
        ("P", 1e6 * fields.P),
        ("O", fields.orientation),
        ("sigma", 1e6 * fields.true_stress),
        ("sigma_vM", 1e6 * fields.equivalent_stress),
        ("epsilon_V^0.0(F)", fields.true_strain),
        ("epsilon_V^0.0(F)_vM", fields.equivalent_strain),
    ):
        placed = np.asarray(last.place(name))
        np.testing.assert_allclose(on_grid(placed), expected.numpy(), rtol=1e-12, atol=1e-12)
    own = last.view(phases="Al").get("gamma_sl")
    inside = fields.slip[porous().phase[porous().grain_id] == 1]
    assert own.shape == (len(inside), 12)  # 18 in magnesium
    np.testing.assert_allclose(own.sum(), float(inside.sum()), rtol=1e-12)
    assert last.view(phases="pore").get("gamma_sl") is None
    result.export_VTK(target_dir=tmp_path, parallel=False)
    assert len(list(tmp_path.glob("run_inc*.vti"))) == 3


def test_damask_computes_the_same_from_the_file(finished, tmp_path):
    damask = pytest.importorskip("damask")
    copy = tmp_path / "copy.hdf5"
    copy.write_bytes(finished[0].read_bytes())
    result = damask.Result(copy).view(protected=False)
    ours = [np.asarray(result.place(name)["increment_4"]) for name in ("sigma", "sigma_vM")]
    result.remove("sigma")
    result.remove("sigma_vM")
    result.add_stress_Cauchy()
    result.add_equivalent_Mises("sigma")
    for name, expected in zip(("sigma", "sigma_vM"), ours, strict=True):
        found = np.asarray(result.place(name)["increment_4"])
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1.0)  # Pa
    result.view(phases="Al").add_IPF_color(l=[0, 0, 1])  # needs the lattice


@pytest.mark.parametrize("grid", [(3, 5, 4), (1, 2, 6)])
def test_displacements_are_those_of_damask(grid):
    filters = pytest.importorskip("damask").grid_filters
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(*grid, 3, 3, generator=generator, dtype=torch.float64)
    deformation, size = torch.eye(3, dtype=torch.float64) + 0.1 * noise, (1.0, 2.0, 3.0)
    centres, corners = displacements(deformation, size)
    expected = filters.displacement_point(np.array(size), deformation.numpy())
    np.testing.assert_allclose(centres.numpy(), expected, atol=1e-12)
    expected = filters.displacement_node(np.array(size), deformation.numpy())
    np.testing.assert_allclose(corners.numpy(), expected, atol=1e-12)


def test_our_reader_finds_the_response(finished):
    file, response = finished
    read = read_damask_result(file, porous())
    torch.testing.assert_close(read.F, response.F[::2], rtol=0, atol=1e-12)
    torch.testing.assert_close(read.P, response.P[::2], rtol=1e-9, atol=1e-9)
    assert [path.name for path in file.parent.iterdir()] == ["run.hdf5"]  # no parts are left


class Stop(Exception):
    """Raised in place of a kill."""


def stopped(folder: Path, increments: int) -> None:
    seen = []

    def stop(time: float) -> None:
        seen.append(time)
        if len(seen) == increments:
            raise Stop

    with pytest.raises(Stop):
        run(
            folder,
            fields=folder / "run.hdf5",
            checkpoint=folder / "run.npz",
            checkpoint_seconds=0,
            on_increment=stop,
        )


def arrays(file: Path) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    with h5py.File(file) as opened:
        for increment in [name for name in opened if name.startswith("increment")]:
            opened[increment].visititems(
                lambda name, node, at=increment: (
                    found.__setitem__(f"{at}/{name}", node[()])
                    if isinstance(node, h5py.Dataset)
                    else None
                )
            )
    return found


def test_an_unfinished_file_can_be_opened_and_goes_on(finished, tmp_path):
    stopped(tmp_path, 3)
    file = tmp_path / "run.hdf5"
    assert sorted(path.name for path in tmp_path.glob("run_*.hdf5")) == [
        "run_0000.hdf5",
        "run_0002.hdf5",
    ]
    damask = pytest.importorskip("damask")
    assert damask.Result(file).increments == ["increment_0", "increment_2"]
    run(tmp_path, fields=file, checkpoint=tmp_path / "run.npz")
    assert list(tmp_path.glob("run_*")) == []
    found, expected = arrays(file), arrays(finished[0])
    assert found.keys() == expected.keys()
    for name in found:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-9, atol=1e-9)


def test_a_finished_file_is_kept_or_replaced(tmp_path):
    file = tmp_path / "run.hdf5"
    run(tmp_path, fields=file, checkpoint=tmp_path / "run.npz")
    before = arrays(file)
    run(tmp_path, fields=file, checkpoint=tmp_path / "run.npz")
    assert arrays(file).keys() == before.keys()
    with pytest.raises(FileExistsError, match="must be new, resumed or replaced"):
        run(tmp_path, fields=file)
    run(tmp_path, fields=file, replace=True)
    assert arrays(file).keys() == before.keys()


def test_gathered_increments_can_be_taken_back(tmp_path):
    file = tmp_path / "run.hdf5"
    run(tmp_path, fields=file)
    load = PATH.to_damask()
    series = ResultSeries(file, porous(), MATERIALS, load, resume=True)
    assert series.times == (0.0, 2.0, 4.0)
    series.truncate(2.0)
    assert ResultSeries(file, porous(), MATERIALS, load, resume=True).times == (0.0, 2.0)
    fields = {"F": torch.eye(3).expand(3, 4, 5, 3, 3), "P": torch.zeros(3, 4, 5, 3, 3)}
    series.append(4, 4.0, fields | {"orientation": torch.ones(3, 4, 5, 4) / 2})
    series.finish()
    assert float(np.abs(arrays(file)["increment_4/phase/Al/mechanical/P"]).max()) == 0


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda f: f.attrs.__delitem__("creator"), "must be a result that polyxtal wrote"),
        (lambda f: f.attrs.__setitem__("polyxtal/times", [0.0]), "must list the time of each"),
        (lambda f: f.attrs.__setitem__("polyxtal/increments", [0.0, 1, 2]), "by whole numbers"),
        (lambda f: f.attrs.__setitem__("polyxtal/times", [0, np.nan, 1.0]), "finite times"),
    ],
)
def test_strange_files_are_not_continued(tmp_path, damage, sentence):
    file = tmp_path / "run.hdf5"
    run(tmp_path, fields=file)
    with h5py.File(file, "a") as opened:
        damage(opened)
    with pytest.raises(ValueError, match=sentence):
        ResultSeries(file, porous(), MATERIALS, {}, resume=True)
    file.write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"run\.hdf5: must be an intact HDF5 file"):
        ResultSeries(file, porous(), MATERIALS, {}, resume=True)


def test_any_increment_is_read_as_a_polycrystal(finished):
    file, response = finished
    start, rve = px.read(file, increment=0), porous()
    assert start.grains == rve.grains
    assert start.size == pytest.approx(rve.size)
    for found in (px.read(file), px.read(file, increment=-1), px.read(file, increment=4)):
        field = response.fields.orientation
        same = (found.orientation_field() * field).sum(-1).abs()
        assert float(same.min()) > 1 - 1e-12
        names = [found.phase_names[k] for k in found.phase[found.grain_id].flatten()]
        plain = {"the matrix": "phase_0"}
        expected = [rve.phase_names[k] for k in rve.phase[rve.grain_id].flatten()]
        assert names == [plain.get(name, name) for name in expected]
        stretch = torch.diagonal(response.F[-1])
        np.testing.assert_allclose(found.size, torch.tensor(rve.size).double() * stretch)
    lattices = dict(zip(found.phase_names, found.lattices, strict=True))
    assert lattices["Al"] == ALUMINIUM.lattice
    assert lattices["phase_0"] == MAGNESIUM.lattice
    with pytest.raises(ValueError, match="`increment` must be one of 0, 2, 4, or count"):
        px.read(file, increment=3)
    with pytest.raises(ValueError, match=r"`increment` must be one of 0, 2, 4, .* but is -4"):
        px.read(file, increment=-4)


def test_damask_reads_the_same_orientations_of_an_increment(finished):
    damask = pytest.importorskip("damask")
    found = px.read(finished[0], increment=2)
    placed = damask.Result(finished[0]).view(increments=2).place("O")
    theirs = torch.from_numpy(on_grid(np.asarray(placed)).copy())
    assert float((found.orientation_field() * theirs).sum(-1).abs().min()) > 1 - 1e-12


def test_a_sheared_volume_is_told(finished, tmp_path):
    with h5py.File(finished[0]) as source, h5py.File(tmp_path / "a.hdf5", "w") as copy:
        copy.attrs.update(source.attrs)
        for name in source:
            source.copy(name, copy)
        for phase in copy["increment_4/phase"].values():
            phase["mechanical/F"][:, 0, 1] += 0.1
    with pytest.warns(UserWarning, match=r"the volume is sheared by 0\.1"):
        px.read(tmp_path / "a.hdf5")


def test_other_hdf5_files_are_no_result(tmp_path):
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        file["crystal_map/data/x"] = np.ones(3)
    with pytest.raises(ValueError, match=r"gives no DADF5 version \(maps of orix end in \.h5\)"):
        px.read(tmp_path / "a.hdf5")
