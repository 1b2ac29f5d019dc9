"""Options for files that leave a choice: named in errors, and applied."""

import re

import dadf5_files
import hdf5_maps
import numpy as np
import pytest
from neper_files import tess
from typer.testing import CliRunner

import polyxtal as px
from polyxtal.algebra.rotation import random_quaternions
from polyxtal.cli import app

ANGLES = np.array([[0.3, 0.5, 0.7], [1.1, 0.9, 2.0]])
QUATERNIONS = random_quaternions(24, 2).numpy()


def convert(file, *options):
    return CliRunner().invoke(app, ["convert", str(file), str(file.parent / "out.npz"), *options])


def sentence(result):
    assert result.exit_code == 2, result.output
    assert result.output.startswith("Error: ")
    return " ".join(result.output.split())


def test_grid(tmp_path):
    file = tess(tmp_path / "a.tess", (0.0, 0.5, 1.0), ANGLES)
    assert "option --grid, the number of voxels, must be given" in sentence(convert(file))
    assert "--grid must be one whole number, or three" in sentence(convert(file, "--grid", "4,4"))
    assert convert(file, "--grid", "8,4,2").exit_code == 0
    assert px.read(tmp_path / "out.npz").grid == (8, 4, 2)


def test_increment(tmp_path):
    file = dadf5_files.result(tmp_path / "a.hdf5", QUATERNIONS, (4, 3, 2))
    told = sentence(convert(file, "--increment", "5"))
    assert "option --increment must be one of 0, or count from the last" in told
    assert convert(file, "--increment", "-1").exit_code == 0
    assert px.read(tmp_path / "out.npz").grains == 24


def test_container_of_a_map(tmp_path):
    grains = np.array([[(0.1, 0.5, 0.2)] * 6] * 4 + [[(0.9, 0.7, 0.3)] * 6] * 4)
    file = hdf5_maps.edax(tmp_path / "a.h5", grains, scans=("Scan 1", "Scan 2"))
    told = sentence(convert(file, "--frame", "map"))
    assert "option --container must choose one map of Scan 1, Scan 2" in told
    assert convert(file, "--frame", "map", "--container", "Scan 2").exit_code == 0
    assert px.read(tmp_path / "out.npz").grains == 2


def test_the_frame_of_edax_is_shown(tmp_path):
    grains = np.array([[(0.1, 0.5, 0.2)] * 6] * 4 + [[(0.9, 0.7, 0.3)] * 6] * 4)
    file = hdf5_maps.edax(tmp_path / "a.h5", grains, setting=3)
    told = convert(file)
    assert told.exit_code == 0, told.output
    assert re.search(r"frame\W+edax-3", told.output)


@pytest.mark.parametrize("option", ["container", "array", "grains", "grid", "increment"])
def test_they_are_refused_where_none_applies(option, tmp_path):
    px.write(px.tessellate(4, 3), tmp_path / "a.npz")
    (tmp_path / "2").touch()
    told = sentence(convert(tmp_path / "a.npz", f"--{option}", "2"))
    assert re.search(rf"option --{option} must be left out except for \.\w+.* files\.$", told)
