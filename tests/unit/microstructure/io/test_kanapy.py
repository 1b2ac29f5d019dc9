"""Voxels of kanapy."""

import json

import numpy as np
import pytest
import torch
from kanapy_files import document
from places import SAMPLES

import polyxtal as px
from polyxtal.algebra.rotation import bunge_to_quaternion

IDS = np.arange(24).reshape(4, 3, 2) % 5 + 1
ANGLES = np.random.default_rng(1).uniform(0, 3, (5, 3))


def write(path, **changes):
    path.write_text(json.dumps(document(IDS, ANGLES, **changes)))
    return path


def test_voxels_with_their_orientations_and_phases(tmp_path):
    rve = px.read(write(tmp_path / "a.json"))
    assert torch.equal(rve.grain_id, torch.from_numpy(IDS - 1))
    torch.testing.assert_close(rve.orientations, bunge_to_quaternion(torch.from_numpy(ANGLES)))
    assert rve.size == (8.0, 6.0, 4.0)
    assert rve.phase_names == ("Austenite", "Martensite")
    assert rve.phase.tolist() == [0, 1, 0, 1, 0]
    assert px.read(write(tmp_path / "b.json", unit="mm")).size == (8e3, 6e3, 4e3)


def test_pores_are_void(tmp_path):
    content = document(IDS, ANGLES)
    content["Data"]["Values"][:2] = [0, 0]
    (tmp_path / "a.json").write_text(json.dumps(content))
    rve = px.read(tmp_path / "a.json")
    assert rve.phase_names[-1] == "void"
    assert float(rve.volume_fractions[rve.phase == 2].sum()) == pytest.approx(2 / 24)


def test_orientations_may_come_from_a_table(tmp_path):
    file = write(tmp_path / "a.json", oriented=False)
    with pytest.raises(ValueError, match="or be in a table named by argument `grains`, but 5 of 5"):
        px.read(file)
    rows = "".join(f"{k + 1},{k},20,30,Fe,cF\n" for k in range(5))
    (tmp_path / "a.csv").write_text("id,phi1,Phi,phi2,phase,lattice\n" + rows)
    rve = px.read(file, grains=tmp_path / "a.csv")
    assert torch.equal(rve.grain_id, torch.from_numpy(IDS - 1))
    assert rve.lattices[0].symbol == "cF"


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        ("Data", [], "must be voxels of kanapy with the sections .* but lacks Data"),
        ("Model/Size", [1, 2], "Size must be three positive numbers"),
        ("Model/Units", {"Length": "inch"}, "unit of length must be one of um, .* but is 'inch'"),
        ("Data/Shape", [4, 3, 3], "Values must be 36 grain numbers, but are 24"),
        ("Data/Order", "Z", "whole numbers in order C or F"),
        ("Grains/1", 3, "must describe each grain by its number"),
        ("Grains/2/Orientation", [1, 2], "Orientation of grain '2' must be three Bunge angles"),
        (
            "Grains/2/Orientation",
            [90, 2, 1],
            "must be in radians, below 4π, but reach 90",
        ),
        ("Grains/2/Phase", -1, "phases must be numbered from 0"),
        ("Model/Phase_names", ["a", "a"], "phases must have different names"),
    ],
)
def test_what_is_refused(place, value, words, tmp_path):
    content = document(IDS, ANGLES)
    *parents, last = place.split("/")
    section = content
    for name in parents:
        section = section[name]
    section[last] = value
    (tmp_path / "a.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=words):
        px.read(tmp_path / "a.json")


@pytest.mark.parametrize("text", ["", "[" * 10**5, "{", "\xff", "[]"])
def test_what_is_no_json_of_kanapy(text, tmp_path):
    (tmp_path / "a.json").write_text(text, encoding="latin-1")
    with pytest.raises(ValueError, match=r"must be JSON|must be voxels of kanapy"):
        px.read(tmp_path / "a.json")


@pytest.mark.skipif(not SAMPLES.exists(), reason="needs ../shared/samples")
def test_a_file_of_kanapy(tmp_path):
    file = SAMPLES / "kanapy_dual_phase_voxels.json"
    with pytest.raises(ValueError, match="`grains`, but 117 of 117 have none"):
        px.read(file)
    rows = "".join(f"{k},{k},20,30,Fe\n" for k in range(1, 118))
    (tmp_path / "a.csv").write_text("id,phi1,Phi,phi2,phase\n" + rows)
    rve = px.read(file, grains=tmp_path / "a.csv")
    assert (rve.grid, rve.grains) == ((30, 30, 30), 117)
    assert (rve.volume_fractions > 0).all()
