"""Formats of other programs: what is written is read back equal."""

import re

import h5py
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import polyxtal as px
from polyxtal.algebra.rotation import quaternion_to_matrix, random_quaternions
from polyxtal.cli import app
from polyxtal.microstructure.io.abaqus_writer import labels

GRID, SIZE = (4, 3, 5), (2.0, 3.0, 10.0)
LATTICES = (px.Lattice("c"), px.Lattice.of_laue_group("6/mmm", 1.587))


def polycrystal(lattices=LATTICES, names=("Al", "Ti")):
    """Six grains of ten voxels each, no symmetry between the axes; a phase a half."""
    ids = torch.arange(60).reshape(5, 3, 4).permute(2, 1, 0) // 10
    phase = torch.arange(6) % len(names)
    return px.Polycrystal(ids, random_quaternions(6, 4), SIZE, phase, names, lattices)


def check_same(one, other, rounding=0.0, phases=True):
    assert torch.equal(one.grain_id, other.grain_id)
    dots = (one.orientations * other.orientations).sum(-1).abs()
    assert float((1 - dots).abs().max()) <= rounding + 1e-14
    assert one.size == pytest.approx(other.size, rel=1e-6)
    if phases:
        assert torch.equal(one.phase, other.phase)
        assert one.phase_names == other.phase_names


def test_dream3d_reads_back(tmp_path):
    px.write(polycrystal(), tmp_path / "a.dream3d")
    found = px.read(tmp_path / "a.dream3d")
    check_same(found, polycrystal(), 1e-6)
    assert found.lattices == LATTICES
    unknown = polycrystal((None, None), ("x", "a long name"))
    px.write(unknown, tmp_path / "b.dream3d")
    assert px.read(tmp_path / "b.dream3d").lattices == (None, None)
    assert px.read(tmp_path / "b.dream3d").phase_names == ("x", "a long name")


def test_dream3d_has_the_layout_of_nx(tmp_path):
    """Attributes that DREAM3D-NX stores, as in its files."""
    px.write(polycrystal(), tmp_path / "a.dream3d")
    numbers, kinds = [], {}
    with h5py.File(tmp_path / "a.dream3d") as file:
        assert file.attrs["FileVersion"] == b"8.0"
        root = file["DataStructure"]

        def look(name, member):
            numbers.append(int(member.attrs["ObjectId"][0]))
            kinds[name] = member.attrs["ObjectType"].decode()
            assert int(member.attrs["Importable"][0]) == 1
            if isinstance(member, h5py.Dataset):
                tuples = tuple(member.attrs["TupleDimensions"].tolist())
                components = tuple(member.attrs["ComponentDimensions"].tolist())
                assert member.shape in ((*tuples, *components), tuples)
                assert tuple(member.parent.attrs["TupleDims"].tolist()) == tuples

        root.visititems(look)
        geometry = root["Volume"]
        assert geometry.attrs["_DIMENSIONS"].tolist() == list(GRID)
        assert geometry.attrs["_SPACING"].tolist() == pytest.approx([0.5, 1.0, 2.0])
        assert int(geometry.attrs["Cell Data ID"][0]) == numbers[sorted(kinds).index("Volume")] + 1
        assert geometry["Cell Data/FeatureIds"].shape == (5, 3, 4, 1)
        assert sorted(numbers) == list(range(1, len(numbers) + 1))
        assert int(root.attrs["NextObjectId"][0]) == len(numbers) + 1
        q = geometry["Cell Feature Data/AvgQuats"][1]
        expected = polycrystal().orientations[0].numpy()
        assert q == pytest.approx([*-expected[1:], expected[0]], abs=1e-6)
    assert kinds["Volume"] == "ImageGeom"
    assert kinds["Volume/Cell Data"] == "AttributeMatrix"
    assert kinds["Volume/Cell Data/FeatureIds"] == "DataArray<int32>"
    assert kinds["Volume/Cell Ensemble Data/CrystalStructures"] == "DataArray<uint32>"
    assert kinds["Volume/Cell Ensemble Data/MaterialName"] == "StringArray"


@pytest.mark.parametrize(
    ("lattice", "name"),
    [(LATTICES[0], "cubic"), (LATTICES[1], "hexagonal"), (None, "triclinic")],
)
def test_tesr_reads_back(tmp_path, lattice, name):
    rve = polycrystal((lattice,), ("crystal",))
    px.write(rve, tmp_path / "a.tesr")
    found = px.read(tmp_path / "a.tesr")
    check_same(found, rve)
    group = found.lattices[0] and found.lattices[0].laue_group
    assert group == (lattice and lattice.laue_group)
    words = (tmp_path / "a.tesr").read_text().split()
    assert words[words.index("*crysym") + 1] == name


def test_tesr_says_that_it_stores_no_phases(tmp_path):
    with pytest.warns(UserWarning, match=r"a.tesr: a .tesr stores no phases, but .*Al.*Ti"):
        px.write(polycrystal(), tmp_path / "a.tesr")
    words = (tmp_path / "a.tesr").read_text().split()
    assert words[words.index("*crysym") + 1] == "triclinic"
    assert words.index("*id") < words.index("*ori")  # Neper needs them in this order
    check_same(px.read(tmp_path / "a.tesr"), polycrystal(), phases=False)


def parse_inp(path):
    """Keyword blocks of an Abaqus input: (keyword, parameters, rows of text)."""
    blocks = []
    for line in path.read_text(encoding="ascii").splitlines():
        if line.startswith("**"):
            continue
        if line.startswith("*"):
            keyword, *rest = (part.strip() for part in line[1:].split(","))
            blocks.append((keyword, dict(part.split("=") for part in rest), []))
        else:
            blocks[-1][2].append([part.strip() for part in line.split(",")])
    return blocks


def test_inp_is_a_mesh_of_the_voxels(tmp_path):
    rve = polycrystal()
    px.write(rve, tmp_path / "a.inp")
    blocks = parse_inp(tmp_path / "a.inp")
    [nodes] = [np.array(rows, float) for word, _, rows in blocks if word == "NODE"]
    [mesh] = [(of, np.array(rows, int)) for word, of, rows in blocks if word == "ELEMENT"]
    assert mesh[0] == {"TYPE": "C3D8", "ELSET": "ALL"}
    assert nodes[:, 0].tolist() == list(range(1, 5 * 4 * 6 + 1))
    assert nodes[:, 1:].min(0).tolist() == [0, 0, 0]
    assert nodes[:, 1:].max(0) == pytest.approx(SIZE)
    elements = mesh[1]
    assert elements[:, 0].tolist() == list(range(1, 61))
    corners = nodes[elements[:, 1:] - 1, 1:]
    step = np.array(rve.spacing)
    # First four nodes anticlockwise below, seen from above, the others above them.
    assert corners[:, 1] - corners[:, 0] == pytest.approx(np.tile([step[0], 0, 0], (60, 1)))
    assert corners[:, 2] - corners[:, 0] == pytest.approx(np.tile([*step[:2], 0], (60, 1)))
    assert corners[:, 3] - corners[:, 0] == pytest.approx(np.tile([0, step[1], 0], (60, 1)))
    assert corners[:, 4:] - corners[:, :4] == pytest.approx(np.tile([0, 0, step[2]], (60, 4, 1)))
    place = np.rint(corners[:, 0] / step).astype(int)
    owner = rve.grain_id.numpy()[tuple(place.T)]

    sets = {}
    for word, of, rows in blocks:
        if word == "ELSET":
            assert max(map(len, rows)) <= 16
            sets[of["ELSET"]] = [int(n) for row in rows for n in row]
    for grain in range(6):
        assert sets[f"GRAIN-{grain + 1}"] == (np.flatnonzero(owner == grain) + 1).tolist()
    phase = rve.phase.numpy()[owner]
    assert sets["PHASE-AL"] == (np.flatnonzero(phase == 0) + 1).tolist()
    assert sets["PHASE-TI"] == (np.flatnonzero(phase == 1) + 1).tolist()

    axes = {
        of["NAME"]: np.array(rows[0], float) for word, of, rows in blocks if word == "ORIENTATION"
    }
    sections = [of for word, of, _ in blocks if word == "SOLID SECTION"]
    assert len(axes) == len(sections) == 6
    for section in sections:
        grain = int(section["ELSET"].removeprefix("GRAIN-")) - 1
        x, y = axes[section["ORIENTATION"]].reshape(2, 3)
        local = np.stack([x, y, np.cross(x, y)], 1)  # Abaqus: third axis normal to both
        assert local == pytest.approx(quaternion_to_matrix(rve.orientations[grain]).numpy())
        assert section["MATERIAL"] == ("PHASE-AL", "PHASE-TI")[grain % 2]
    materials = [of["NAME"] for word, of, _ in blocks if word == "MATERIAL"]
    assert materials == ["PHASE-AL", "PHASE-TI"]


def test_meshio_reads_the_mesh(tmp_path):
    meshio = pytest.importorskip("meshio")
    rve = polycrystal()
    px.write(rve, tmp_path / "a.inp")
    mesh = meshio.read(tmp_path / "a.inp")
    (block,) = mesh.cells
    assert (block.type, len(block.data)) == ("hexahedron", rve.grain_id.numel())
    np.testing.assert_allclose(np.ptp(mesh.points, axis=0), rve.size)
    centres = mesh.points[block.data].mean(1)
    for grain in rve.grain_id.unique().tolist():
        (members,) = mesh.cell_sets[f"GRAIN-{grain + 1}"]
        places = tuple((centres[members] / rve.spacing).astype(int).T)
        assert (rve.grain_id.numpy()[places] == grain).all()
        assert len(members) == int((rve.grain_id == grain).sum())


def test_damask_reads_grains_of_dream3d(tmp_path):
    damask = pytest.importorskip("damask")
    rve = polycrystal()
    px.write(rve, tmp_path / "a.dream3d")
    grid = damask.GeomGrid.load_DREAM3D(tmp_path / "a.dream3d", feature_IDs="FeatureIds")
    assert tuple(grid.cells) == rve.grid
    assert np.array_equal(grid.material, rve.grain_id.numpy() + 1)


def test_abaqus_takes_the_names():
    assert labels(("Iron bcc (old)", "γ-Fe 2")) == ["IRON_BCC_OLD", "FE_2"]
    assert labels(("α", "β")) == ["1", "2"]
    assert labels(("a b", "a-b")) == ["1", "2"]
    assert all(re.fullmatch("[A-Z0-9_]{1,60}", one) for one in labels(("x" * 200,)))


def test_empty_grains_have_no_set(tmp_path):
    rve = px.Polycrystal([[[0, 2]]], random_quaternions(3, 1))
    px.write(rve, tmp_path / "a.inp")
    text = (tmp_path / "a.inp").read_text()
    assert "GRAIN-1" in text
    assert "GRAIN-2" not in text


def test_colours_are_those_of_figures_and_vtk_reads_them(tmp_path):
    pytest.importorskip("vtkmodules")
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkIOXML import vtkXMLImageDataReader

    from polyxtal.viz.texture import grain_colors

    rve = polycrystal()
    px.write(rve, tmp_path / "a.vti", colors=True)
    check_same(px.read(tmp_path / "a.vti"), rve)
    reader = vtkXMLImageDataReader()
    reader.SetFileName(str(tmp_path / "a.vti"))
    reader.Update()
    array = reader.GetOutput().GetCellData().GetArray("IPF z")
    assert array.GetDataTypeAsString() == "unsigned char"  # ParaView shows these as they are
    shades = vtk_to_numpy(array).reshape(*GRID[::-1], 3).transpose(2, 1, 0, 3)
    expected = np.rint(255 * grain_colors(rve).numpy())[rve.grain_id.numpy()]
    assert np.array_equal(shades, expected)


def test_damask_reads_colours(tmp_path):
    damask = pytest.importorskip("damask")
    px.write(polycrystal(), tmp_path / "a.vti", colors=True)
    grid = damask.GeomGrid.load(tmp_path / "a.vti")
    assert np.array_equal(grid.material, polycrystal().grain_id.numpy())


def test_a_case_of_damask_is_written_from_python(tmp_path):
    rve = polycrystal((None,), ("Al",))
    path = px.LoadPath.uniaxial(strain=0.01)
    px.write_damask_case(tmp_path / "case", rve, px.load_material("AA6022-T4"), path)
    names = sorted(file.name for file in (tmp_path / "case").iterdir())
    assert names == ["grid.vti", "load.yaml", "material.yaml", "numerics.yaml"]


def test_what_a_format_does_not_store_is_told(tmp_path):
    mine = {"Al": px.load_material("AA6022-T4")}
    with pytest.warns(UserWarning, match=r"a.inp: materials are not stored in .inp files"):
        px.write(polycrystal(), tmp_path / "a.inp", mine)
    with pytest.raises(ValueError, match=r"`colors` must be left out except for \.vti"):
        px.write(polycrystal(), tmp_path / "a.npz", colors=True)
    with pytest.raises(ValueError, match=r"a.inp: a polycrystal file must end in"):
        px.read(tmp_path / "a.inp")


@pytest.mark.parametrize("extension", [".dream3d", ".tesr", ".inp"])
def test_convert_writes(tmp_path, extension):
    source = tmp_path / "a.npz"
    px.write(polycrystal(), source, {"Al": px.load_material("AA6022-T4")})
    target = tmp_path / "new" / f"b{extension}"
    result = CliRunner().invoke(app, ["convert", str(source), str(target)])
    assert result.exit_code == 0, result.output
    assert target.is_file()
    assert [file.name for file in target.parent.iterdir()] == [target.name]
    assert "are left out" in result.stderr
    assert result.stdout.count("none") == 1
    wrong = CliRunner().invoke(app, ["convert", str(source), str(tmp_path / "c.inp"), "--colors"])
    assert wrong.exit_code == 2
    assert "option --colors must be left out" in wrong.stderr
