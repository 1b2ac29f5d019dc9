"""`polyxtal convert`: what goes in comes out, and nothing is overwritten unasked."""

import h5py
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import polyxtal as px
from polyxtal.algebra.rotation import random_quaternions
from polyxtal.cli import app
from polyxtal.microstructure.io.stored_materials import read_sections

ALLOY = px.load_material("AA6022-T4")


def polycrystal():
    ids = torch.arange(4 * 4 * 6).reshape(4, 4, 6) // 12
    phase = torch.arange(9) % 2
    return px.Polycrystal(ids, random_quaternions(9, 4), (4.0, 4.0, 6.0), phase, ("Al", "Si"))


@pytest.fixture
def case(tmp_path):
    """A DAMASK case of eight grains, a ninth without voxels, and two phases."""
    (tmp_path / "case").mkdir()
    px.write(polycrystal(), tmp_path / "case" / "grid.vti", {"Al": ALLOY})
    return tmp_path / "case"


def invoke(*arguments):
    return CliRunner().invoke(app, ["convert", *map(str, arguments)])


def check_same(one, other):
    assert torch.equal(one.grain_id, other.grain_id)
    assert torch.equal(one.orientations, other.orientations)
    assert one.size == pytest.approx(other.size, rel=1e-14)
    assert torch.equal(one.phase, other.phase)
    assert one.phase_names == other.phase_names


def test_what_goes_in_comes_out(case, tmp_path):
    result = invoke(case / "grid.vti", tmp_path / "a.npz")
    assert result.exit_code == 0, result.output
    check_same(px.read(tmp_path / "a.npz"), polycrystal())
    for text in ("4 x 4 x 6", "voxel", "9", "Al, Si"):
        assert text in result.stdout
    assert result.stdout.rstrip().endswith(f"Written to {tmp_path / 'a.npz'}")
    assert result.stderr == ""
    (tmp_path / "back").mkdir()
    back = tmp_path / "back" / "b.vti"
    result = invoke(tmp_path / "a.npz", back)
    assert result.exit_code == 0, result.output
    check_same(px.read(back), polycrystal())
    assert f"{back} and {back.parent / 'material.yaml'}" in result.stdout
    assert "Phase Si is written without properties" in result.stdout
    assert "Phase Al is" not in result.stdout
    assert px.read_materials(back) == px.read_materials(case / "grid.vti")
    assert list(px.read_materials(back)) == ["Al"]


def test_dream3d_is_read_and_kanapy_not_written(case, tmp_path):
    with h5py.File(tmp_path / "a.dream3d", "w") as file:
        container = file.create_group("DataContainers/Volume")
        geometry = container.create_group("_SIMPL_GEOMETRY")
        geometry["DIMENSIONS"] = np.array([2, 1, 1])
        geometry["SPACING"] = np.ones(3, dtype=np.float32)
        cells = container.create_group("CellData")
        cells["FeatureIds"] = np.array([[[[1], [2]]]], dtype=np.int32)
        cells["EulerAngles"] = np.array([[[[0, 0, 0], [0.5, 0.4, 0.3]]]], dtype=np.float32)
    result = invoke(tmp_path / "a.dream3d", tmp_path / "a.npz")
    assert result.exit_code == 0, result.output
    check_same(px.read(tmp_path / "a.npz"), px.read(tmp_path / "a.dream3d"))
    result = invoke(case / "grid.vti", tmp_path / "b.json")
    check_error(result, "is written as .vti, .dream3d, .tesr, .npz or .inp, but the path ends")
    assert not (tmp_path / "b.json").exists()


def test_missing_folders_are_made_for_what_is_written(case, tmp_path):
    for target in (tmp_path / "a" / "b" / "c.npz", tmp_path / "d" / "e" / "f.vti"):
        failed = invoke(case / "grid.vti", target, "--coarsen", 3)
        check_error(failed, "must divide the grid")
        assert not target.parent.parent.exists()
        result = invoke(case / "grid.vti", target)
        assert result.exit_code == 0, result.output
        check_same(px.read(target), polycrystal())


def test_materials_survive_every_pair_of_formats(case, tmp_path):
    before = px.read_materials(case / "grid.vti")
    source = case / "grid.vti"
    for step, extension in enumerate((".npz", ".npz", ".vti", ".vti", ".npz")):
        target = tmp_path / str(step) / f"a{extension}"
        result = invoke(source, target)
        assert result.exit_code == 0, result.output
        assert "phases with properties" in result.stdout
        assert px.read_materials(target) == before
        source = target


def test_properties_that_are_not_supported_are_kept_as_they_are(case, tmp_path):
    file = case / "material.yaml"
    text = file.read_text()
    assert "type: phenopowerlaw" in text
    file.write_text(text.replace("type: phenopowerlaw", "type: dislotwin"))
    expected = read_sections(case / "grid.vti")
    for target in (tmp_path / "a.npz", tmp_path / "b" / "b.vti"):
        result = invoke(case / "grid.vti", target)
        assert result.exit_code == 0, result.output
        assert result.stderr == ""
        assert read_sections(target) == expected
        with pytest.raises(ValueError, match=r"type must be one of .* but is 'dislotwin'"):
            px.read_materials(target)


def test_properties_go_along_from_case_to_case(case, tmp_path):
    (tmp_path / "other").mkdir()
    result = invoke(case / "grid.vti", tmp_path / "other" / "grid.vti", "--coarsen", 2)
    assert result.exit_code == 0, result.output
    material = px.load_material(tmp_path / "other" / "material.yaml", "Al")
    assert material.elasticity == px.load_material(case / "material.yaml", "Al").elasticity
    assert material.plasticity == px.load_material(case / "material.yaml", "Al").plasticity
    assert "Phase Si is written without properties" in result.stdout
    assert "Phase Al is" not in result.stdout


def test_smaller_on_request(case, tmp_path):
    arguments = ("--crop", "0:2,:,2:6", "--coarsen", "2", "--renumber")
    result = invoke(case / "grid.vti", tmp_path / "a.npz", *arguments)
    assert result.exit_code == 0, result.output
    small = px.read(tmp_path / "a.npz")
    # Two rows of y make a grain, and two layers of x hold four: the ties go to the first layer.
    assert small.grain_id.tolist() == [[[0, 0], [1, 1]]]
    assert small.size == (2.0, 4.0, 4.0)
    assert torch.equal(small.orientations, polycrystal().orientations[:2])
    for text in ("1 x 2 x 2", "2 x 4 x 4"):
        assert text in result.stdout
    assert invoke(case / "grid.vti", tmp_path / "b.npz", *arguments[:4]).exit_code == 0
    assert px.read(tmp_path / "b.npz").grains == 9
    flat = ("--coarsen", "1,2,3", "--renumber")
    assert invoke(case / "grid.vti", tmp_path / "c.npz", *flat).exit_code == 0
    assert (px.read(tmp_path / "c.npz").grid, px.read(tmp_path / "c.npz").grains) == ((4, 2, 2), 8)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--crop", "0:2"), "must be x0:x1,y0:y1,z0:z1, such as 0:32,:,8:, but is '0:2'"),
        (("--crop", "a:b,:,:"), "but is 'a:b,:,:'"),
        (("--crop", "0:2:1,:,:"), "but is '0:2:1,:,:'"),
        (("--crop", ":,:,:,:"), "but is ':,:,:,:'"),
        (("--crop", "0:9,:,:"), "within 0:4 along x, but is 0:9"),
        (("--crop", "-1:,:,:"), "within 0:4 along x, but is -1:4"),
        (("--coarsen", "x"), "one whole number, or three such as 2,2,1, but is 'x'"),
        (("--coarsen", "2,2"), "but is '2,2'"),
        (("--coarsen", "3"), "must divide the grid (4, 4, 6), but is 3"),
        (("--coarsen", "0"), "one or three positive numbers, but is 0"),
    ],
)
def test_option_errors(case, tmp_path, options, sentence):
    check_error(invoke(case / "grid.vti", tmp_path / "a.npz", *options), sentence)
    assert not (tmp_path / "a.npz").exists()


def test_file_errors(case, tmp_path):
    check_error(invoke(tmp_path / "no.npz", tmp_path / "a.npz"), "no.npz: No such file")
    check_error(invoke(case / "grid.vti", tmp_path / "a.stl"), "ends in '.stl'")
    (tmp_path / "file").write_text("")
    inside = invoke(case / "grid.vti", tmp_path / "file" / "new" / "a.npz")
    check_error(inside, f"must lie in a folder, but {tmp_path / 'file'} is a file")
    other = invoke(case / "grid.vti", case / "other.vti")
    check_error(other, "must be written to a folder of its own")
    assert sorted(path.name for path in case.iterdir()) == ["grid.vti", "material.yaml"]


def test_an_existing_file_is_replaced_only_by_force(case, tmp_path):
    (tmp_path / "a.npz").write_bytes(b"old")
    check_error(invoke(case / "grid.vti", tmp_path / "a.npz"), "must not exist yet, but does")
    assert (tmp_path / "a.npz").read_bytes() == b"old"
    failed = invoke(case / "grid.vti", tmp_path / "a.npz", "--force", "--coarsen", 3)
    check_error(failed, "must divide the grid")
    assert (tmp_path / "a.npz").read_bytes() == b"old"
    assert invoke(case / "grid.vti", tmp_path / "a.npz", "--force").exit_code == 0
    check_same(px.read(tmp_path / "a.npz"), polycrystal())


def test_the_input_is_never_overwritten(case, tmp_path):
    before = {path.name: path.read_bytes() for path in case.iterdir()}
    grid = case / "grid.vti"
    (tmp_path / "link.vti").symlink_to(grid)
    (tmp_path / "hard.npz").hardlink_to(grid)
    for target in (grid, case / ".." / "case" / "grid.vti", tmp_path / "link.vti"):
        result = invoke(grid, target, "--force", "--coarsen", 2)
        check_error(result, "must be another file than the input")
    check_error(invoke(grid, tmp_path / "hard.npz", "--force"), "than the input")
    # The grid is another one, but its material.yaml leads back.
    (tmp_path / "other").mkdir()
    px.write(polycrystal(), tmp_path / "other" / "grid.vti")
    (tmp_path / "other" / "material.yaml").unlink()
    (tmp_path / "other" / "material.yaml").symlink_to(case / "material.yaml")
    check_error(invoke(grid, tmp_path / "other" / "grid.vti", "--force"), "is the input's")
    assert {path.name: path.read_bytes() for path in case.iterdir()} == before


def test_progress_shows_on_a_terminal_only(case, tmp_path, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    options = ("--crop", ":,:,:", "--coarsen", "2", "--renumber")
    shown = invoke(case / "grid.vti", tmp_path / "a.npz", *options).stderr
    for text in ("read", "crop", "coarsen", "renumber", "write"):
        assert text in shown


def test_help_says_what_crop_does_to_periodicity():
    shown = " ".join(invoke("--help").stdout.replace("│", " ").split())
    assert "no longer periodic" in shown


def test_debug_shows_where(case, tmp_path):
    result = invoke(case / "grid.vti", tmp_path / "a.npz", "--coarsen", "0", "--debug")
    assert isinstance(result.exception, ValueError)


def check_error(result, sentence, code=2):
    """One sentence on the error stream, nothing on the other, no traceback."""
    assert result.exit_code == code, result.output
    assert isinstance(result.exception, SystemExit)
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr
