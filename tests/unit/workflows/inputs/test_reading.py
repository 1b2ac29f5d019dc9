"""What was read and assumed is said on the screen and in every JSON, by all verbs."""

import json
import sys
import warnings

import pytest
import torch
from small_map import write_map
from typer.testing import CliRunner

import polyxtal as px
from polyxtal.algebra.rotation import random_quaternions
from polyxtal.cli import app
from polyxtal.crystal.lattice import Lattice
from polyxtal.workflows.inputs.materials import with_lattices
from polyxtal.workflows.inputs.reading import remarks

ALLOY = px.load_material("AA6022-T4")


def cubes(phases=("Al",), size=(4.0, 4.0, 4.0)):
    """Eight cubic grains, and a ninth without voxels."""
    half = torch.arange(4) // 2
    ids = 4 * half[:, None, None] + 2 * half[:, None] + half
    phase = torch.arange(9) % len(phases)
    return px.Polycrystal(ids, random_quaternions(9, 3), size, phase, phases)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A DAMASK case, a volume of two phases, a map, and a load of three increments."""
    folder = tmp_path_factory.mktemp("case")
    px.write(cubes(), folder / "grid.vti", {"Al": ALLOY})
    px.write(cubes(("Aluminium", "Iron fcc")), folder / "two.npz")
    write_map(folder / "map.ang")
    load = px.LoadPath.uniaxial(strain=0.006, increments=3).to_damask()
    (folder / "load.yaml").write_text(json.dumps(load), encoding="utf-8")
    return folder


def invoke(*arguments):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result


def said(result):
    """Return the tables of a result with single spaces, and without their rules."""
    return " ".join(result.stdout.replace("│", " ").split())


@pytest.mark.parametrize(
    ("verb", "options", "name"),
    [
        ("predict", ("--leaves", 2, "--ensemble", 1, "--no-taylor"), "stiffness.json"),
        ("simulate", ("--no-taylor",), "simulation.json"),
        ("homogenize", (), "homogenization.json"),
    ],
)
def test_the_input_is_said(folder, tmp_path, monkeypatch, verb, options, name):
    monkeypatch.setenv("COLUMNS", "250")
    load = () if verb == "homogenize" else ("--load", folder / "load.yaml")
    out = tmp_path / "out"
    result = invoke(verb, folder / "grid.vti", *load, *options, "--no-picture", "--out", out)
    for text in (
        "file " + str(folder / "grid.vti"),
        "grid 4 x 4 x 4, voxels of 1 x 1 x 1 µm",
        "size 4 x 4 x 4 µm",
        "grains 9, 1 without voxels",
        "phase Al material Al from material.yaml, lattice cF, 9 grains, 100 %",
        *(("load.yaml: 1 step, 3 increments in 6 s",) if load else ()),
    ):
        assert text in said(result)
    assert result.stderr == ""
    content = json.loads((out / name).read_text(encoding="utf-8"))
    assert content["microstructure"] == {
        "grid": [4, 4, 4],
        "size": [4.0, 4.0, 4.0],
        "grains": 9,
        "grains_without_voxels": 1,
        "phases": {
            "Al": {
                "lattice": "cF",
                "laue_group": "m-3m",
                "grains": 9,
                "volume_fraction": 1.0,
                "material": "Al",
                "material_from": "material.yaml",
                "void": False,
            }
        },
        "map": None,
        "remarks": [],
    }


def test_a_material_that_the_phase_contradicts_is_warned_of(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "250")
    out = tmp_path / "out"
    options = ("--material", "AA6022-T4", "--no-picture", "--out", out)
    result = invoke("homogenize", folder / "two.npz", *options)
    wrong = (
        "The material of phase 'Iron fcc' should be of Fe, as its name says, but 'AA6022-T4' is of "
        "Al; shipped and nearest: 317L."
    )
    one = (
        "The phases Aluminium, Iron fcc get one material; if they differ, give each its own: "
        "--material PHASE=NAME."
    )
    assert result.stderr == f"Warning: {wrong}\nWarning: {one}\n"
    assert "phase Iron fcc material AA6022-T4 from AA6022-T4" in said(result)
    content = json.loads((out / "homogenization.json").read_text(encoding="utf-8"))
    assert content["microstructure"]["remarks"] == [wrong, one]
    assert content["microstructure"]["phases"]["Iron fcc"]["material"] == "AA6022-T4"

    each = ("--material", "Aluminium=AA6022-T4", "--material", "Iron fcc=317L")
    result = invoke("homogenize", folder / "two.npz", *each, *options[2:], "--force")
    assert result.stderr == ""
    constants = ("--elastic", "107.3,60.8,28.3", *options[2:], "--force")
    assert (
        "--elastic-gpa PHASE=C11,C12,C44"
        in invoke("homogenize", folder / "two.npz", *constants).stderr
    )


def test_a_lattice_that_does_not_fit_names_those_that_do(folder):
    command = ["homogenize", str(folder / "map.ang"), "--frame", "map", "--material", "Mg"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 2
    assert "but 'Mg' is hexagonal (hP); shipped and nearest: 317L." in result.stderr


def test_a_laue_group_other_than_the_materials_is_told():
    quartz = Lattice.of_laue_group("-3m")
    rve = px.Polycrystal([[[0]]], [[1, 0, 0, 0]], phase_names=("Quartz",), lattices=quartz)
    told = "'Quartz' is of Laue group -3m, but its material 'Mg' of 6/mmm, which is used"
    with pytest.warns(UserWarning, match=told):
        assert with_lattices(rve, {"Quartz": px.load_material("Mg")}).lattices[0].symbol == "hP"


def test_a_map_is_one_layer_unless_a_volume_is_asked_for(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "250")
    flat = tmp_path / "flat.npz"
    result = invoke("convert", folder / "map.ang", flat, "--frame", "edax-1")
    assert "map.ang: a map is one layer of voxels" in result.stderr
    for text in (
        "map 16 x 16 points, 500 x 500 nm apart",
        "frame edax-1",
        "grains of the map 16, 4 µm² on average, 12 at the border",
        "points indexed 100 %",
        "used as one layer of voxels",
        "grid 16 x 16 x 1",
        "phases Iron fcc",
        "lattices c",
    ):
        assert text in said(result)
    section = px.tessellate(grid=48, grains=400, seed=1).grain_id[:, :, 0].numpy()
    source = write_map(tmp_path / "section.ang", section)
    command = ("--frame", "map", "--volume", 32, "--json")
    result = invoke("convert", source, tmp_path / "volume.npz", *command)
    assert "one layer" not in result.stderr
    content = json.loads(result.stdout)
    read = content["microstructure"]
    assert read["map"]["points"] == [48, 48]
    assert read["map"]["step"] == [0.5, 0.5]
    assert read["map"]["mean_grain_area"] == pytest.approx(24**2 / read["map"]["grains"])
    assert read["map"]["replaced_by_volume"]
    assert read["map"]["frame"] == "map"
    assert content["written"]["grid"] == [32, 32, 32]
    assert content["parameters"]["ebsd"]["volume"] == 32
    assert content["inputs"]["microstructure"]["name"] == "section.ang"


def test_grains_lost_by_coarsening_are_counted(tmp_path):
    ids = torch.zeros(4, 4, 4, dtype=torch.int64)
    ids[0, 0, :3] = torch.arange(1, 4)
    rve = px.Polycrystal(ids, random_quaternions(5, 0))
    px.write(rve, tmp_path / "fine.npz")
    command = ("convert", tmp_path / "fine.npz", tmp_path / "coarse.npz", "--coarsen", 2)
    result = invoke(*command)
    assert "coarsening to 2 x 2 x 2 voxels leaves 1 of 4 grains" in result.stderr
    assert "those lost filled 4.69 % of the volume" in result.stderr
    content = json.loads(invoke(*command, "--force", "--json").stdout)
    assert content["microstructure"]["grains_without_voxels"] == 1
    assert content["written"]["grains_without_voxels"] == 4
    assert len(content["microstructure"]["remarks"]) == 1
    assert invoke(*command[:3], "--force").stderr == ""


def test_warnings_are_collected_and_passed_on():
    def collect():
        with remarks() as sentences:
            warnings.warn("beware", stacklevel=1)
            warnings.warn("beware", stacklevel=1)
        return sentences

    with pytest.warns(UserWarning, match="beware"):
        assert collect() == ["beware"]


def test_sizes_of_a_metre_are_warned_of_unless_they_are_damasks_unit_cell(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "250")
    px.write(cubes(size=(1e6, 1e6, 5e5)), tmp_path / "cell.vti", {"Al": ALLOY})
    result = invoke("convert", tmp_path / "cell.vti", tmp_path / "cell.npz")
    assert result.stderr == ""
    assert "size 1 x 1 x 0.5 (relative lengths)" in said(result)
    assert "voxel 0.25 x 0.25 x 0.125 (relative lengths)" in said(result)
    result = invoke("convert", tmp_path / "cell.npz", tmp_path / "again.npz")
    assert "edges should be below 100 mm, but the longest is 1 m: DAMASK's" in result.stderr


@pytest.mark.parametrize("verb", ["predict", "homogenize", "simulate"])
def test_the_input_is_said_before_the_computation(folder, tmp_path, monkeypatch, verb):
    """Inputs and warnings about them, while the computation still fails."""
    said = []

    def stop(*_, **__):
        said.append(capture())
        raise ValueError("The computation must go on, but does not.")

    def capture():
        sys.stdout.flush()
        return sys.stdout.buffer.getvalue().decode(), sys.stderr.buffer.getvalue().decode()

    first = {
        "predict": "predict.coarse_field.elastic_averages",
        "homogenize": "homogenize.run.solve",
    }
    first["simulate"] = "simulate.run.homogenize"
    monkeypatch.setattr(f"polyxtal.workflows.{first[verb]}", stop)
    arguments = (folder / "two.npz", "--material", "Cu", "--out", tmp_path / "out")
    result = CliRunner().invoke(app, [verb, *map(str, arguments)])
    assert result.exit_code == 2
    ((shown, warned),) = said
    assert "grid" in shown
    assert "Iron fcc" in shown
    assert "Warning: The phases Aluminium, Iron fcc get one material" in warned
    assert result.stdout == shown
    assert result.stderr == warned + "Error: The computation must go on, but does not.\n"
