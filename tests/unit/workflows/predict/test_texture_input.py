"""A texture alone as the input of `predict`, and the texture that is written."""

from __future__ import annotations

import csv
import json
import warnings

import pytest
import torch
from typer.testing import CliRunner

import polyxtal as px
from polyxtal.cli import app
from polyxtal.workflows.inputs.ebsd_map import MapSettings
from polyxtal.workflows.inputs.files import read_input
from polyxtal.workflows.inputs.texture import texture_volume


@pytest.fixture(scope="module")
def texture(tmp_path_factory):
    magnesium = px.load_material("Mg")
    rve = px.tessellate(
        12, 60, seed=0, texture=px.basal_texture(magnesium.lattice), lattice=magnesium.lattice
    )
    file = tmp_path_factory.mktemp("texture") / "sheet.tex"
    px.write_texture(rve.texture(), file)
    return file


def predict(file, *options):
    given = ["--strain", "0.004", "--no-picture", "--no-taylor", *options]
    return CliRunner().invoke(app, ["predict", str(file), *given])


def test_a_texture_becomes_a_volume_and_its_end_is_written(texture, tmp_path):
    options = ("--grains", "27", "--aspect", "4,2,1", "--material", "Mg", "--out")
    told = predict(texture, *options, str(tmp_path / "out"))
    assert told.exit_code == 0, told.output
    seen = json.loads((tmp_path / "out" / "stiffness.json").read_text())["microstructure"]
    assert seen["grid"] == [3, 3, 3]
    assert seen["size"] == [12.0, 6.0, 3.0]
    assert seen["phases"]["crystal"]["lattice"] == "hP"
    end = px.read_texture(tmp_path / "out" / "texture.tex", laue="6/mmm")
    with (tmp_path / "out" / "orientations.csv").open(newline="") as stream:
        rows = [[float(row[f"end_q{k} [-]"]) for k in range(4)] for row in csv.DictReader(stream)]
    group = px.load_material("Mg").lattice.laue_group
    assert float(group.disorientation(end.points, torch.tensor(rows).double()).max()) < 1e-5
    with (tmp_path / "out" / "numbers.csv").open(newline="") as stream:
        numbers = {row["number"]: row for row in csv.DictReader(stream)}
    assert float(numbers["stress"]["value"]) > 0
    assert numbers["stiffness_33"]["unit"] == "MPa"


def test_the_seed_chooses_the_grains_and_bounds_say_what_they_leave_out(texture, tmp_path):
    ends = []
    for seed in ("0", "1"):
        folder = tmp_path / seed
        options = ("--grains", "27", "--material", "Mg", "--seed", seed, "--out", str(folder))
        told = predict(texture, *options)
        assert told.exit_code == 0, told.output
        text = " ".join(told.output.split())
        assert "full field on the volume made of the texture" in text
        assert "What another choice of its grains (--seed) changes is not included." in text
        written = json.loads((folder / "stiffness.json").read_text())
        assert "the volume made of the texture" in written["convention"]["error"]
        ends.append(written["curve"]["stress"])
    assert abs(ends[0] - ends[1]) > 1e-3


@pytest.mark.parametrize(("asked", "made"), [("1", 27), ("100", 125), ("27", 27)])
def test_a_rounded_number_of_grains_is_told(texture, asked, made):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert texture_volume(texture, ["Mg"], asked).grains == made
    said = [str(one.message) for one in caught]
    assert len(said) == (asked != str(made))
    assert all(f"{made} grains stand for the texture instead of {asked}," in one for one in said)


def test_a_density_is_a_texture(tmp_path):
    file = tmp_path / "odf.npz"
    px.write_odf(px.ODF([[1, 0, 0, 0]], halfwidth=0.05), file)
    rve, _ = read_input(file, ["AA6022-T4"], MapSettings(grains="27"))
    away = rve.lattices[0].laue_group.disorientation(rve.orientations, torch.eye(4)[:1].double())
    assert rve.grains == 27
    assert float(away.max()) < 0.3
    with pytest.raises(
        ValueError, match="Laue group m-3m, but those of the material Mg have 6/mmm"
    ):
        read_input(file, ["Mg"])
    told = CliRunner().invoke(app, ["info", str(file)])
    assert told.exit_code == 2
    assert "holds an orientation density" in " ".join(told.output.split())


def test_homogenize_and_lab_take_textures(texture, tmp_path):
    def stiffness(seed):
        out = tmp_path / f"h{seed}"
        given = ["--material", "Mg", "--grains", "27", "--aspect", "2,1,1", "--seed", seed]
        given += ["--no-picture", "--out", str(out)]
        told = CliRunner().invoke(app, ["homogenize", str(texture), *given])
        assert told.exit_code == 0, told.output
        found = json.loads((out / "homogenization.json").read_text())
        assert found["microstructure"]["size"] == [6.0, 3.0, 3.0]
        return torch.tensor(found["stiffness"]["full_field"])

    assert float((stiffness("0") - stiffness("1")).abs().max()) > 1
    given = ["--material", "Mg", "--aspect", "4,1", "--out", str(tmp_path / "lab")]
    told = CliRunner().invoke(app, ["lab", str(texture), *given])
    assert "must be three positive ratios" in " ".join(told.output.split())


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ((), "a texture needs one material (--material NAME)"),
        (("--material", "Mg", "--grains", "many"), "option --grains must be the number of grains"),
        (("--material", "Mg", "--volume", "16"), "option --volume must be left out for a texture"),
        (("--material", "Mg", "--aspect", "4,a,1"), "--aspect must be three ratios such as 4,2,1"),
        (("--material", "Mg", "--aspect", "4,1"), "must be three positive ratios"),
    ],
)
def test_what_does_not_fit_a_texture(texture, tmp_path, options, sentence):
    told = predict(texture, *options, "--out", str(tmp_path / "out"))
    assert told.exit_code == 2, told.output
    assert sentence in " ".join(told.output.split())


def test_the_aspect_is_of_textures_only(tmp_path):
    px.write(px.tessellate(grid=4, grains=4, seed=0), tmp_path / "a.npz")
    told = predict(tmp_path / "a.npz", "--material", "AA6022-T4", "--aspect", "4,1,1")
    assert "option --aspect must be left out except for textures" in " ".join(told.output.split())


def test_a_case_of_damask_from_the_command_line(tmp_path):
    alloy = px.load_material("AA6022-T4")
    px.write(px.tessellate(grid=4, grains=4, seed=0), tmp_path / "a.npz", {"crystal": alloy})
    path = px.LoadPath.uniaxial(0.01, increments=5)
    load = tmp_path / "load.yaml"
    load.write_text(json.dumps(path.to_damask()))

    def convert(*options):
        return CliRunner().invoke(app, ["convert", str(tmp_path / "a.npz"), *options])

    told = convert(str(tmp_path / "case"), "--case", str(load))
    assert told.exit_code == 0, told.output
    assert px.read(tmp_path / "case" / "grid.vti").grains == 4
    assert px.read_materials(tmp_path / "case" / "grid.vti")["crystal"].name
    assert px.LoadPath.from_damask(tmp_path / "case" / "load.yaml").increments == 5
    told = convert(str(tmp_path / "b"), "--case", str(load), "--coarsen", "2")
    assert "Option --coarsen must be left out with" in " ".join(told.output.split())
    told = convert(str(tmp_path / "b.npz"), "--material", "Mg")
    assert "--material must be left out without --case" in " ".join(told.output.split())
