"""Images of grain numbers, .vti and .vtk, with materials or a table of grains."""

import json

import numpy as np
import pytest
import torch
from places import SAMPLES
from typer.testing import CliRunner

import polyxtal as px
from polyxtal.cli import app
from polyxtal.microstructure.io.vti import write_image

GRID = (4, 3, 2)
IDS = np.arange(24).reshape(GRID, order="F") % 5 + 1


@pytest.fixture
def table(tmp_path):
    rows = "".join(f"{k},{10 * k},20,30,Fe,cI\n" for k in range(7))
    (tmp_path / "grains.csv").write_text("id,phi1,Phi,phi2,phase,lattice\n" + rows)
    return tmp_path / "grains.csv"


def legacy(path, ids, *, binary=False, points=False, field=False, kind="int"):
    """Write an image with VTK itself."""
    vtk = pytest.importorskip("vtk")
    from vtk.util.numpy_support import numpy_to_vtk

    image = vtk.vtkImageData()
    image.SetDimensions(*(n + (not points) for n in ids.shape))
    image.SetSpacing(0.5, 0.25, 1.0)
    data = image.GetPointData() if points else image.GetCellData()
    for name, values in (("other", ids * 0.5), ("grain", ids)):
        array = numpy_to_vtk(np.ascontiguousarray(values.ravel(order="F").astype(kind)), deep=True)
        array.SetName(name)
        data.AddArray(array)
    if not field:
        data.SetActiveScalars("grain")
    writer = vtk.vtkStructuredPointsWriter()
    writer.SetFileName(str(path))
    writer.SetInputData(image)
    if binary:
        writer.SetFileTypeToBinary()
    writer.Write()
    return path


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("points", [False, True])
@pytest.mark.parametrize("field", [False, True])
@pytest.mark.parametrize("kind", ["int32", "int64", "float64", "uint8"])
def test_images_that_vtk_wrote(binary, points, field, kind, table, tmp_path):
    given = {"binary": binary, "points": points, "field": field, "kind": kind}
    file = legacy(tmp_path / "a.vtk", IDS, **given)
    rve = px.read(file, array="grain", grains=table)
    assert torch.equal(rve.grain_id, torch.from_numpy(IDS))
    assert rve.size == (2.0, 0.75, 2.0)
    assert rve.lattices[0].symbol == "cI"


def test_array_and_table_are_required(table, tmp_path):
    file = legacy(tmp_path / "a.vtk", IDS)
    with pytest.raises(ValueError, match="`array` must name one of the arrays grain, other"):
        px.read(file, grains=table)
    with pytest.raises(ValueError, match="`grains` must name a table of the grains, since"):
        px.read(file, array="grain")
    with pytest.raises(ValueError, match="must hold the array 'id', but holds grain, other"):
        px.read(file, array="id", grains=table)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("# vtk", "# vkt"), "must be a legacy file of VTK, in ASCII or BINARY"),
        (("STRUCTURED_POINTS", "POLYDATA"), "must be STRUCTURED_POINTS, but is .'POLYDATA'"),
        (("DIMENSIONS 5 4 3", "DIMENSIONS 5 4"), "DIMENSIONS must be 1 to"),
        (
            ("DIMENSIONS 5 4 3", "DIMENSIONS 5 4 9"),
            "for each of 96 cells or 180 points",
        ),
        (("SPACING 0.5", "SPACING -0.5"), "SPACING must be three positive lengths"),
        (("CELL_DATA 24", "CELL_DATA x"), "a count must be a number, but is .'x'"),
        (("default\n1 ", "default\nx "), "must hold numbers, but holds something else"),
        (("default\n1 ", "default\n1.5 "), "array 'grain' must be one integer per voxel"),
        (
            ("default\n1 ", "default\n9 "),
            "every grain must have an orientation, but 1 have none",
        ),
    ],
)
def test_damaged_images(change, words, table, tmp_path):
    file = legacy(tmp_path / "a.vtk", IDS)
    text = file.read_text()
    assert change[0] in text
    file.write_text(text.replace(*change, 1))
    with pytest.raises(ValueError, match=words):
        px.read(file, array="grain", grains=table)


def test_a_vti_of_another_program(table, tmp_path):
    write_image(tmp_path / "a.vti", {"Spin": IDS, "energy": 0.1 * IDS}, (0.5, 0.25, 1.0))
    with pytest.raises(ValueError, match="'material', or one named by argument `array`, but h"):
        px.read(tmp_path / "a.vti")
    with pytest.raises(
        FileNotFoundError, match="as the material, or in a table given by argument `grains`"
    ):
        px.read(tmp_path / "a.vti", array="Spin")
    rve = px.read(tmp_path / "a.vti", array="Spin", grains=table)
    assert torch.equal(rve.grain_id, torch.from_numpy(IDS))
    assert rve.size == (2.0, 0.75, 2.0)  # µm, since it is not DAMASK's
    with pytest.raises(ValueError, match="the array 'energy' must be one integer per voxel"):
        px.read(tmp_path / "a.vti", array="energy", grains=table)


def test_an_array_of_a_vti_with_materials(tmp_path):
    rve = px.tessellate(GRID, grains=5, seed=1)
    px.write(rve, tmp_path / "a.vti")
    write_image(tmp_path / "a.vti", {"Spin": rve.grain_id.numpy()}, (1e-6, 1e-6, 1e-6))
    found = px.read(tmp_path / "a.vti", array="Spin")
    assert torch.equal(found.grain_id, rve.grain_id)
    torch.testing.assert_close(found.orientations, rve.orientations)
    assert found.size == pytest.approx(rve.size)


def test_they_are_options(table, tmp_path):
    write_image(tmp_path / "a.vti", {"Spin": IDS}, (0.5, 0.25, 1.0))
    convert = ["convert", str(tmp_path / "a.vti"), str(tmp_path / "a.npz")]
    refused = CliRunner().invoke(app, convert)
    assert "or one named by option --array" in " ".join(refused.output.split())
    done = CliRunner().invoke(app, [*convert, "--array", "Spin", "--grains", str(table)])
    assert done.exit_code == 0, done.output
    assert torch.equal(px.read(tmp_path / "a.npz").grain_id, torch.from_numpy(IDS))
    convert[2] = str(tmp_path / "b.npz")
    told = CliRunner().invoke(app, [*convert, "--array", "Spin", "--grains", str(table), "--json"])
    assert json.loads(told.stdout)["inputs"]["grains"]["name"] == "grains.csv"


@pytest.mark.skipif(not SAMPLES.exists(), reason="needs ../shared/samples")
def test_a_dump_of_spparks(tmp_path):
    rows = "".join(f"{k},{10 * k},20,30\n" for k in range(20))
    (tmp_path / "grains.csv").write_text("id,phi1,Phi,phi2\n" + rows)
    file = SAMPLES / "SPPARKS_dump.vti"
    rve = px.read(file, array="Spin", grains=tmp_path / "grains.csv")
    assert (rve.grid, rve.size) == ((16, 16, 16), (16.0, 16.0, 16.0))
    assert rve.grain_id[:8, 0, 0].tolist() == [1, 1, 1, 3, 3, 3, 3, 0]
