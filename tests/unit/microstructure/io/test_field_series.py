"""Snapshots of fields: what VTK reads, and the index through kills, resuming and replacing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import torch

from polyxtal.microstructure.io import field_series, pvd
from polyxtal.microstructure.io.field_series import FieldSeries
from polyxtal.microstructure.io.vti import read_image

GRID = (3, 4, 5)
SPACING = (1.0, 2.0, 0.5)  # µm
ORIGIN = (10.0, -20.0, 0.25)
FIELDS = {
    "grain": np.arange(60).reshape(GRID) - 7,
    "gamma_dot / (1/s)": np.arange(60.0).reshape(GRID) * 1e-3,
    "O": np.arange(240.0).reshape(*GRID, 4) + 0.25,
    "slip < 1 & \u03b3": np.arange(720.0).reshape(*GRID, 12) / 8,
    "P [MPa]": np.arange(540.0).reshape(*GRID, 3, 3) - 100,
}


def begin(folder: Path, **options: Any) -> FieldSeries:
    return FieldSeries(folder / "run.vti", GRID, SPACING, ORIGIN, **options)


def scalar(value: float = 1.0) -> dict[str, np.ndarray]:
    return {"s": np.full(GRID, value)}


def fill(folder: Path, **options: Any) -> FieldSeries:
    series = begin(folder, **options)
    for number in (0, 20, 40):
        series.append(number, number / 10, scalar(number))
    return series


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def listed(index: Path) -> list[tuple[str | None, float]]:
    """Read an index as ParaView does, with none of our code."""
    root = ElementTree.parse(index).getroot()
    assert (root.tag, root.get("type")) == ("VTKFile", "Collection")
    return [
        (e.get("file"), float(e.get("timestep", ""))) for e in root.findall("Collection/DataSet")
    ]


def write_listing(index: Path, entries: list[tuple[str, Any]]) -> None:
    sets = "".join(f'<DataSet timestep="{t}" file="{name}"/>' for name, t in entries)
    index.write_text(f'<VTKFile type="Collection"><Collection>{sets}</Collection></VTKFile>')


def open_in_vtk(path: Path) -> tuple[Any, Any]:
    vtk = pytest.importorskip("vtk")
    reader = vtk.vtkXMLImageDataReader()
    reader.SetFileName(str(path))
    reader.Update()
    return reader, reader.GetOutput()


@pytest.mark.parametrize("as_tensors", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_vtk_finds_every_component_in_its_voxel(
    tmp_path: Path, dtype: str, as_tensors: bool
) -> None:
    support = pytest.importorskip("vtk.util.numpy_support")
    fields: dict[str, Any] = FIELDS
    if as_tensors:
        fields = {name: torch.as_tensor(values) for name, values in FIELDS.items()}
        fields["O"].requires_grad_()
    series = begin(tmp_path, dtype=dtype)
    series.append(40, 0.1, fields)
    assert series.files == (tmp_path / "run_0040.vti",)
    reader, image = open_in_vtk(series.files[0])
    assert image.GetExtent() == (0, 3, 0, 4, 0, 5)
    assert np.allclose(image.GetSpacing(), np.array(SPACING) * 1e-6, rtol=1e-15, atol=0)
    assert np.allclose(image.GetOrigin(), np.array(ORIGIN) * 1e-6, rtol=1e-15, atol=0)
    assert image.GetFieldData().GetArray("TimeValue").GetTuple(0) == (0.1,)
    key = reader.GetExecutive().TIME_STEPS()
    assert reader.GetOutputInformation(0).Get(key) == (0.1,)
    data = image.GetCellData()
    assert data.GetNumberOfArrays() == len(FIELDS)
    for name, given in FIELDS.items():
        array = data.GetArray(name)
        flat = given.reshape(*GRID, -1)
        assert array.GetNumberOfComponents() == flat.shape[3]
        values = support.vtk_to_numpy(array).reshape(60, -1)
        assert values.dtype == ("int64" if name == "grain" else dtype)
        for i, j, k in np.ndindex(GRID):
            cell = image.ComputeCellId((i, j, k))
            centre = [0.0] * 3
            image.GetCell(cell).GetParametricCenter(centre)
            bounds = image.GetCell(cell).GetBounds()
            assert np.isclose(bounds[0] * 1e6, ORIGIN[0] + i * SPACING[0])
            assert np.isclose(bounds[2] * 1e6, ORIGIN[1] + j * SPACING[1])
            assert np.isclose(bounds[4] * 1e6, ORIGIN[2] + k * SPACING[2])
            assert np.array_equal(values[cell], flat[i, j, k].astype(values.dtype))
    stress = data.GetArray("P [MPa]")
    cell = image.ComputeCellId((2, 1, 3))
    assert stress.GetComponent(cell, 1) == FIELDS["P [MPa]"][2, 1, 3, 0, 1]


def test_we_read_what_we_write(tmp_path: Path) -> None:
    begin(tmp_path, dtype="float64").append(3, 0.1, FIELDS)
    image = read_image(tmp_path / "run_0003.vti")
    assert (image.grid, image.spacing) == (GRID, (1e-6, 2e-6, 5e-7))
    for name in ("grain", "gamma_dot / (1/s)", "O"):
        assert np.array_equal(image.cell_array(name), FIELDS[name])
    stress = image.cell_array("P [MPa]").reshape(*GRID, 3, 3)
    assert np.array_equal(stress, FIELDS["P [MPa]"])


def test_index_lists_snapshots(tmp_path: Path) -> None:
    series = begin(tmp_path)
    assert series.index == tmp_path / "run.pvd"
    assert listed(series.index) == []
    series.append(0, 0, scalar())
    series.append(12345, 0.1 + 0.2, scalar())
    expected = [("run_0000.vti", 0.0), ("run_12345.vti", 0.1 + 0.2)]
    assert listed(series.index) == expected
    assert series.times == (0.0, 0.1 + 0.2)
    assert names(tmp_path) == sorted(["run.pvd", *(name for name, _ in expected)])


def test_names_that_xml_must_quote(tmp_path: Path) -> None:
    name = 'r"un & <\u00e4> [a-z]+.v2'
    for resume in (False, True):
        series = FieldSeries(tmp_path / f"{name}.vti", GRID, SPACING, resume=resume)
        series.append(1 + len(series.times), 1.0 + len(series.times), scalar())
    assert [file for file, _ in listed(series.index)] == [
        f"{name}_0001.vti",
        f"{name}_0002.vti",
    ]


def test_a_failure_leaves_the_series_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    series = fill(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(path: Path, *_: object) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(field_series, "write_image", full)
        with pytest.raises(OSError, match=r"run_0060.* must be written, but is not \(.*No space"):
            series.append(60, 6.0, scalar())
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert series.times == (0, 2, 4)
    series.append(60, 6.0, scalar())
    assert listed(series.index)[-1] == ("run_0060.vti", 6.0)


def test_what_a_kill_leaves_does_no_harm(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / ".run_0060-0123456789ab.vti").write_bytes(b"half")
    (tmp_path / f".run-0123456789ab{'.pvd'}").write_bytes(b"half")
    (tmp_path / "run_0060.vti").write_bytes(b"whole, but not listed yet")
    series = begin(tmp_path, resume=True)
    assert series.times == (0, 2, 4)
    series.append(60, 6.0, scalar(6))
    assert listed(series.index)[-1] == ("run_0060.vti", 6.0)
    _, image = open_in_vtk(tmp_path / "run_0060.vti")
    assert image.GetCellData().GetArray("s").GetRange() == (6, 6)
    assert begin(tmp_path, replace=True).times == ()
    assert names(tmp_path) == sorted(
        [
            ".run_0060-0123456789ab.vti",
            f".run-0123456789ab{'.pvd'}",
            "run.pvd",
        ]
    )


def test_resume_and_truncate(tmp_path: Path) -> None:
    fill(tmp_path)
    series = begin(tmp_path, resume=True)
    series.truncate(2.5)
    assert series.times == (0, 2)
    assert listed(series.index) == [("run_0000.vti", 0), ("run_0020.vti", 2)]
    assert names(tmp_path) == sorted(["run.pvd", "run_0000.vti", "run_0020.vti"])
    series.truncate(2.0)
    assert series.times == (0, 2)
    series.append(21, 2.1, scalar())
    assert begin(tmp_path, resume=True).times == (0, 2, 2.1)
    series.truncate(-1.0)
    assert names(tmp_path) == ["run.pvd"]
    with pytest.raises(ValueError, match="NaN"):
        series.truncate(float("nan"))


def test_resume_skips_what_a_killed_truncate_removed(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / "run_0040.vti").unlink()
    series = begin(tmp_path, resume=True)
    assert series.times == (0, 2)
    assert len(listed(series.index)) == 2
    assert begin(tmp_path, resume=True).files == series.files
    series.files[0].unlink()
    assert begin(tmp_path, replace=True).times == ()
    assert names(tmp_path) == ["run.pvd"]


def test_resume_without_an_index_begins(tmp_path: Path) -> None:
    assert begin(tmp_path, resume=True).times == ()
    assert listed(tmp_path / "run.pvd") == []


def test_an_existing_series_is_replaced_on_request_only(tmp_path: Path) -> None:
    fill(tmp_path)
    others = ["run.txt", "run_40.vti", "run_00040.vti", "arun_0040.vti", "run_0040.png"]
    for name in others:
        (tmp_path / name).touch()
    before = names(tmp_path)
    with pytest.raises(FileExistsError, match="neither `resume` nor `replace`"):
        begin(tmp_path)
    with pytest.raises(ValueError, match="not both"):
        begin(tmp_path, resume=True, replace=True)
    assert names(tmp_path) == before
    assert begin(tmp_path, replace=True).times == ()
    assert names(tmp_path) == sorted(["run.pvd", *others])


@pytest.mark.parametrize("options", [{}, {"replace": True}, {"resume": True}])
def test_snapshots_that_no_index_lists_are_left_alone(
    tmp_path: Path, options: dict[str, bool]
) -> None:
    stranger = tmp_path / "run_0001.vti"
    stranger.write_text("precious")
    if "replace" in options:
        write_listing(tmp_path / "run.pvd", [])
    with pytest.raises(FileExistsError, match=r"run_0001.* that no index lists, but meets 1"):
        begin(tmp_path, **options)
    assert stranger.read_text() == "precious"


HOSTILE: list[list[tuple[str, Any]]] = [
    [("../victim_0001{s}", 0)],
    [("/etc/passwd", 0)],
    [("victim", 0)],
    [("run_0001{s}/../victim", 0)],
    [("./run_0001{s}", 0)],
    [("run_0001{s}\n", 0)],
    [("run_00001{s}", 0)],
    [("run_1{s}", 0)],
    [("run_0001.png", 0)],
    [("", 0)],
    [("run_\u0660001{s}", 0)],
    [("run_0001{s}", float("nan"))],
    [("run_0001{s}", float("inf"))],
    [("run_0001{s}", "soon")],
    [("run_0001{s}", 0), ("run_0001{s}", 1)],
    [("run_0002{s}", 0), ("run_0001{s}", 1)],
    [("run_0001{s}", 1), ("run_0002{s}", 1)],
]


@pytest.mark.parametrize("entries", HOSTILE)
def test_a_hostile_index_removes_nothing(tmp_path: Path, entries: list[tuple[str, Any]]) -> None:
    folder = tmp_path / "results"
    folder.mkdir()
    for victim in (tmp_path / "victim_0001.vti", folder / "victim"):
        victim.touch()
    for number in (1, 2):
        (folder / f"run_000{number}.vti").touch()
    write_listing(folder / "run.pvd", [(name.replace("{s}", ".vti"), t) for name, t in entries])
    before = [path.name for path in sorted(tmp_path.rglob("*"))]
    for options in ({"replace": True}, {"resume": True}):
        with pytest.raises(ValueError, match=r"run\.pvd") as caught:
            begin(folder, **options)
        assert str(caught.value).count("\n") == 0
    assert [path.name for path in sorted(tmp_path.rglob("*"))] == before


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"<VTKFile type='ImageData'/>",
        b"<VTKFile type='Collection'/>",
        b'<!DOCTYPE V [<!ENTITY a "aaaa">]><VTKFile type="Collection"><Collection/></VTKFile>',
        b'<!DOCTYPE VTKFile><VTKFile type="Collection"><Collection/></VTKFile>',
    ],
)
def test_a_foreign_index_is_refused(tmp_path: Path, content: bytes) -> None:
    index = tmp_path / "run.pvd"
    index.write_bytes(content)
    for options in ({"replace": True}, {"resume": True}):
        with pytest.raises(ValueError, match="must be an index of ParaView, but is not"):
            begin(tmp_path, **options)
    assert index.read_bytes() == content


def test_a_boundless_index_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path)
    monkeypatch.setattr(pvd, "MAX_BYTES", 100)
    with pytest.raises(ValueError, match=r"run\.pvd: must not exceed 100 bytes"):
        begin(tmp_path, resume=True)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    folder = tmp_path / "results"
    folder.mkdir()
    series = fill(folder)
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (folder / "run_0060.vti").symlink_to(victim)
    with pytest.raises(FileExistsError, match=r"run_0060.* but is a link"):
        series.append(60, 6.0, scalar())
    (folder / "run_0040.vti").unlink()
    (folder / "run_0040.vti").symlink_to(victim)
    series.truncate(2.0)
    assert not (folder / "run_0040.vti").is_symlink()
    assert victim.read_text() == "precious"


def test_folders_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileNotFoundError, match="folder to write into must exist"):
        begin(tmp_path / "missing")
    (tmp_path / "file").touch()
    with pytest.raises(FileNotFoundError, match="folder to write into must exist"):
        begin(tmp_path / "file")
    with monkeypatch.context() as patch:  # root may write to any folder
        patch.setattr(os, "access", lambda *_: False)
        with pytest.raises(PermissionError, match=r"run\.vti: .* must be writable, but is not"):
            begin(tmp_path)
    assert names(tmp_path) == ["file"]
    (tmp_path / "gone").mkdir()
    series = begin(tmp_path / "gone")
    series.index.unlink()
    (tmp_path / "gone").rmdir()
    with pytest.raises(OSError, match=r"run_0001\.vti: must be written, but is not"):
        series.append(1, 1.0, scalar())


@pytest.mark.parametrize(
    "name", ["run", "run.vtk", "run.vtkhdf", "run.vti.gz", "run.VTI", ".vti", "ru\nn.vti"]
)
def test_other_names_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"that ends in \.vti, but has not"):
        FieldSeries(tmp_path / name, GRID, SPACING)


@pytest.mark.parametrize(
    "options",
    [
        {"grid": (3, 4)},
        {"grid": (3, 0, 5)},
        {"grid": (2**20, 2**20, 1)},
        {"spacing": (1.0, 1.0)},
        {"spacing": (1.0, 0.0, 1.0)},
        {"spacing": (1.0, float("nan"), 1.0)},
        {"origin": (1.0,)},
        {"origin": (0.0, 0.0, float("inf"))},
        {"dtype": "float16"},
    ],
)
def test_other_arguments_are_refused(tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"Argument `{next(iter(options))}` must be"):
        FieldSeries(tmp_path / "run.vti", **{"grid": GRID, "spacing": SPACING, **options})
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("number", "time", "fields", "sentence"),
    [
        (40, 5.0, scalar(), "number of a snapshot must be 41 to 999999999, but is 40"),
        (10**9, 5.0, scalar(), "number of a snapshot must be 41 to 999999999"),
        (41, 4.0, scalar(), "must be finite and later than 4.0, but is 4.0"),
        (41, float("inf"), scalar(), "must be finite"),
        (41, float("nan"), scalar(), "must be finite"),
        (41, 5.0, {}, "must have fields, but has none"),
        (41, 5.0, {"": np.ones(GRID)}, "name of a field must be printable"),
        (41, 5.0, {".": np.ones(GRID)}, "name of a field must be printable"),
        (41, 5.0, {"a\nb": np.ones(GRID)}, "name of a field must be printable"),
        (41, 5.0, {"a": np.ones((5, 4, 3))}, r"'a' must have the shape \(3, 4, 5\)"),
        (41, 5.0, {"a": np.ones((*GRID, 0))}, "'a' must have the shape"),
        (41, 5.0, {"a": np.ones((*GRID, 101))}, "'a' must have the shape"),
        (41, 5.0, {"a": np.ones((*GRID, 3, 4))}, "'a' must have the shape"),
        (41, 5.0, {"a": np.ones((*GRID, 1, 3, 3))}, "'a' must have the shape"),
        (41, 5.0, {"a": np.ones(GRID, complex)}, "'a' must hold reals or integers"),
        (41, 5.0, {"a": np.ones(GRID, np.uint64)}, "'a' must hold reals or integers"),
        (41, 5.0, {"a": np.full(GRID, "x")}, "'a' must hold reals or integers"),
        (41, 5.0, {"a": np.full(GRID, 1e39)}, "'a' must be within the range of float32"),
    ],
)
def test_other_snapshots_are_refused(
    tmp_path: Path, number: int, time: float, fields: dict[str, Any], sentence: str
) -> None:
    series = fill(tmp_path)
    before = names(tmp_path)
    with pytest.raises(ValueError, match=sentence):
        series.append(number, time, fields)
    assert names(tmp_path) == before


def test_voxels_without_a_value(tmp_path: Path) -> None:
    values = np.where(np.arange(60).reshape(GRID) % 2, np.nan, np.inf)
    begin(tmp_path).append(0, 0.0, {"a": values})
    support = pytest.importorskip("vtk.util.numpy_support")
    _, image = open_in_vtk(tmp_path / "run_0000.vti")
    read = support.vtk_to_numpy(image.GetCellData().GetArray("a")).reshape(GRID, order="F")
    assert np.array_equal(read, values, equal_nan=True)
