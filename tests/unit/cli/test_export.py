"""`polyxtal export umat`: what it writes and refuses."""

import re

import pytest
from typer.testing import CliRunner

import polyxtal as px
from polyxtal.cli import app


@pytest.fixture
def volume(tmp_path):
    file = tmp_path / "volume.npz"
    px.write(px.tessellate(grid=4, grains=8, seed=0), file)
    return file


def run(*words):
    return CliRunner().invoke(app, ["export", "umat", *map(str, words)])


def test_the_file_is_that_of_python(volume, tmp_path):
    out = tmp_path / "new" / "alloy.f90"
    done = run(volume, out, "--material", "AA6022-T4", "--leaves", 4, "--seed", 2)
    assert done.exit_code == 0, done.output
    network = px.MaterialNetwork.from_polycrystal(px.read(volume), leaves=4, seed=2)
    states = px.write_umat(network, {"crystal": px.load_material("AA6022-T4")}, tmp_path / "b.f90")
    assert f"*DEPVAR {states}" in done.output
    assert out.read_text() == (tmp_path / "b.f90").read_text()
    again = run(volume, out, "--material", "AA6022-T4")
    assert again.exit_code == 2
    assert "must not exist yet" in again.output
    named = run(volume, out, "--material", "AA6022-T4", "--force", "--name", "sheet")
    assert named.exit_code == 0
    assert re.search(r"^subroutine sheet\(", out.read_text(), re.MULTILINE)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("a.for",), "must end in .f90"),
        (("a.f90",), "every phase must have a material"),
        (("a.f90", "--material", "AA6022-T4", "--leaves", 0), "must be at least 1"),
        (("a.f90", "--material", "AA6022-T4", "--solver", "ansys"), "'abaqus' or 'calculix'"),
    ],
)
def test_bad_input_is_told_in_a_sentence(volume, tmp_path, words, sentence):
    done = run(volume, tmp_path / words[0], *words[1:])
    assert done.exit_code == 2
    assert sentence in done.output
    assert "Traceback" not in done.output
    assert not (tmp_path / words[0]).exists()
