"""`polyxtal info` and `px.info`: what a file holds, in one screen."""

import json
import math

import hdf5_maps
import numpy as np
import pytest
import torch
from small_map import write_map
from typer.testing import CliRunner
from vendor_maps import ang, ctf

import polyxtal as px
from polyxtal.algebra.rotation import random_quaternions
from polyxtal.cli import app
from polyxtal.workflows.info.sizes import diameters, grain_sizes

QUATERNIONS = random_quaternions(4, 1)
ALLOY = px.load_material("AA6022-T4")


def polycrystal():
    """Eight grains of 12 voxels, a ninth without voxels; the odd ones are of a second phase."""
    ids = torch.arange(4 * 4 * 6).reshape(4, 4, 6) // 12
    phase = torch.arange(9) % 2
    return px.Polycrystal(
        ids, random_quaternions(9, 4), (4.0, 4.0, 6.0), phase, ("Al", "Ti"),
        (px.Lattice("cF"), px.Lattice("hP", c_over_a=1.587)),
    )  # fmt: skip


@pytest.fixture
def files(tmp_path):
    """One file of every format that is written, and one of every kind of map."""
    (tmp_path / "case").mkdir()
    px.write(polycrystal(), tmp_path / "a.npz", {"Al": ALLOY})
    px.write(polycrystal(), tmp_path / "case" / "a.vti", {"Al": ALLOY})
    return tmp_path


def invoke(*arguments):
    return CliRunner().invoke(app, ["info", *map(str, arguments)])


def test_sizes_are_those_of_spheres_and_in_one_layer_of_circles():
    sizes = grain_sizes(polycrystal())
    expected = (12 * 6 / math.pi) ** (1 / 3)
    assert sizes[:4] == pytest.approx([expected] * 4)
    assert sizes.voxels == 12
    layer = px.Polycrystal(np.arange(4).reshape(2, 2, 1), QUATERNIONS, (2.0, 4.0, 9.0))
    assert diameters(layer).tolist() == pytest.approx([(2 * 4 / math.pi) ** 0.5] * 4)
    column = px.Polycrystal(np.arange(4).reshape(1, 1, 4), QUATERNIONS, (1.0, 1.0, 4.0))
    assert diameters(column).tolist() == pytest.approx([(6 / math.pi) ** (1 / 3)] * 4)


@pytest.mark.parametrize("name", ["a.npz", "case/a.vti"])
def test_everything_is_on_one_screen(files, name):
    result = invoke(files / name)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    lines = result.stdout.splitlines()
    assert len(lines) < 24
    assert max(map(len, lines)) <= 100
    for text in (
        "4 x 4 x 6 voxels of 1 x 1 x 1 µm", "4 x 4 x 6 µm", "9, 1 without voxels", "mean 2.84",
        "median volume 12 voxels", "cubic (cF, m-3m)", "hexagonal (hP, 6/mmm, c/a 1.587)", "50 %",
        "texture index", "material Al stored", "no properties stored",
    ):  # fmt: skip
        assert text in " ".join(result.stdout.split())
    assert str(px.info(files / name)) + "\n" == result.stdout


def test_json_says_the_same(files):
    said = json.loads(invoke(files / "a.npz", "--json").stdout)
    assert said["format"] == "polyxtal"
    assert said["inputs"]["microstructure"]["name"] == "a.npz"
    assert said["spacing"] == [1.0, 1.0, 1.0]
    assert said["grain_diameter"]["mean"] == pytest.approx((72 / math.pi) ** (1 / 3))
    phases = said["microstructure"]["phases"]
    assert phases["Al"]["lattice"] == "cF"
    assert phases["Al"]["properties_stored"]
    assert not phases["Ti"]["properties_stored"]
    share = polycrystal().volume_fractions
    mine = polycrystal().phase == 0
    texture = px.DiscreteTexture(polycrystal().orientations[mine], share[mine])
    index = px.texture_index(texture, resolution=7.5)
    assert phases["Al"]["texture_index"] == pytest.approx(index)


def test_maps_need_no_frame(files):
    map_file = write_map(files / "m.ang")
    result = invoke(map_file)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    for text in ("16 x 16 points", "100 % indexed", "frame", "not given", "16\n", "(EDAX)"):
        assert text in result.stdout
    seen = json.loads(invoke(map_file, "--json", "--frame", "edax-2").stdout)["microstructure"]
    assert seen["map"]["frame"] == "edax-2"
    assert json.loads(invoke(map_file, "--json").stdout)["microstructure"]["map"]["frame"] is None
    coarse = px.info(map_file, threshold=1.0).rve.grains
    assert coarse < 16


def test_a_frame_that_the_file_stores_is_used_and_shown(files):
    file = hdf5_maps.edax(files / "a.h5", np.full((5, 4, 3), 0.3), setting=2)
    found = px.info(file)
    assert "edax-2" in str(found)
    assert not any("frame should be" in one for one in found.reading.remarks)
    assert torch.equal(found.rve.orientations, px.read(file).orientations)


def test_what_is_odd_is_told(files):
    phase = np.where(np.arange(12)[:, None] < 3, 1, 0) * np.ones((1, 8), int)
    mostly_missing = ctf(files / "a.ctf", np.full((12, 8, 3), 0.3), phase=phase)
    found = px.info(mostly_missing)
    assert "25 % indexed, 0 % excluded, 75 % filled" in str(found)
    assert any("75 % of the points are filled" in one for one in found.reading.remarks)
    assert "odd" in str(found)
    stale = ang(files / "b.ang", np.full((5, 4, 3), 0.3), header_step=(0.1, 0.1))
    assert "the header differs" in str(px.info(stale)).replace("\n", " ")


def test_a_stack_is_looked_into(files):
    (files / "s").mkdir()
    for k in range(3):
        write_map(files / "s" / f"S{k}.ang")
    result = invoke(files / "s" / "S*.ang", "--section-spacing", 0.5)
    assert result.exit_code == 0, result.output
    for text in ("16 x 16 x 3 points", "3, shifted by up to 0 steps", "500 x 500 x 500 nm"):
        assert text in result.stdout


def test_many_crystals_are_drawn_from():
    many = px.tessellate(grid=16, grains=4096, seed=0)
    assert 0.9 < px.info(many).texture_index["crystal"] < 1.2


def test_a_picture_on_request(files):
    result = invoke(files / "a.npz", "--picture", files / "p.png")
    assert result.exit_code == 0, result.output
    assert (files / "p.png").read_bytes()[:4] == b"\x89PNG"
    assert f"Written to {files / 'p.png'}" in result.stdout
    again = invoke(files / "a.npz", "--picture", files / "p.png")
    assert again.exit_code == 2
    assert "must not exist yet" in again.stderr
    assert invoke(files / "a.npz", "--picture", files / "p.png", "--force").exit_code == 0
    wrong = invoke(files / "a.npz", "--picture", files / "p.docx")
    assert "a picture must end in .png, .pdf or .svg, but ends in '.docx'" in wrong.stderr
    layer = write_map(files / "m.ang")
    assert invoke(layer, "--picture", files / "m.png").exit_code == 0


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("no.npz", (), "no.npz: No such file"),
        ("a.stl", (), "ends in '.stl'"),
        ("a.npz", ("--frame", "map"), "must be left out except for"),
        ("a.npz", ("--section-spacing", 1), "option"),
    ],
)
def test_errors(files, name, options, sentence):
    result = invoke(files / name, *options)
    assert (result.exit_code, result.stdout) == (2, ""), result.output
    assert sentence in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_wrong_types_are_told():
    with pytest.raises(ValueError, match="`source` must be a str, a Path or a Polycrystal"):
        px.info(3)
