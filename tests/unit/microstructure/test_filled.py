"""Maps of which little was measured are told, and refused below half."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner
from vendor_maps import ctf

import polyxtal as px
from polyxtal.algebra.rotation import quaternion_to_bunge
from polyxtal.cli import app
from polyxtal.microstructure.filled import check_filled
from polyxtal.microstructure.io import read_ebsd


def two_phases(path, columns, unsolved=0):
    """A map of 12 x 8 points: the first columns Phase1, the others Phase2, some not indexed."""
    phase = np.where(np.arange(12)[:, None] < columns, 1, 2) * np.ones((1, 8), int)
    phase[12 - unsolved :] = 0
    return ctf(path, np.full((12, 8, 3), 0.3), phase=phase, laue=(11, 7))


def test_little_is_passed_over_in_silence(tmp_path):
    ebsd = read_ebsd(two_phases(tmp_path / "a.ctf", 10), frame="map").exclude("Phase2")
    assert ebsd.excluded == pytest.approx(1 / 6)
    assert ebsd.exclude("Phase2").excluded == pytest.approx(1 / 6)
    check_filled(ebsd.grains())
    with pytest.raises(
        ValueError, match=r"`max_filled` must be at least .* but is 0.1, and 16.7 %"
    ):
        check_filled(ebsd.grains(), 0.1)


def test_a_large_share_is_told_and_most_of_it_refused(tmp_path):
    path = two_phases(tmp_path / "a.ctf", 8, unsolved=2)
    share = "a.ctf: 33.3 % of the points are filled .*16.7 % not indexed, 16.7 % of excluded phases"
    with pytest.warns(UserWarning, match=share):
        assert px.read(path, frame="map", exclude="Phase2").grains == 1
    path = two_phases(tmp_path / "b.ctf", 2)
    with pytest.raises(ValueError, match=r"b.ctf: argument `max_filled` .* is 0.5, and 83.3 % are"):
        px.read(path, frame="map", exclude="Phase2")
    with pytest.warns(UserWarning, match=r"83.3 % of the points"):
        px.read(path, frame="map", exclude="Phase2", max_filled=0.9)


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_is_between_0_and_1(tmp_path, share):
    path = two_phases(tmp_path / "a.ctf", 10)
    with pytest.raises(ValueError, match="must be a share from 0 to 1"):
        px.read(path, frame="map", exclude="Phase2", max_filled=share)
    px.write(px.tessellate(4, 3), tmp_path / "a.npz")
    with pytest.raises(ValueError, match=r"`max_filled` must be left out except for \.ang, \.ctf"):
        px.read(tmp_path / "a.npz", max_filled=0.5)


def test_small_regions_count(tmp_path):
    angles = np.full((12, 8, 3), 0.3)
    angles[8:, :, 0] += np.linspace(0.2, 3, 32).reshape(4, 8)
    with pytest.warns(UserWarning, match=r"33.3 % in regions of fewer than 5 points"):
        px.read(ctf(tmp_path / "a.ctf", angles), frame="map")


@pytest.mark.parametrize(
    ("verb", "rest"),
    [
        ("convert", ["{}/out.npz"]),
        ("predict", ["--material", "Al", "--out", "{}/out"]),
        ("homogenize", ["--material", "Al", "--out", "{}/out"]),
        ("simulate", ["--material", "Al", "--out", "{}/out"]),
    ],
)
def test_every_verb_refuses(tmp_path, verb, rest):
    source = two_phases(tmp_path / "a.ctf", 2)
    arguments = [verb, str(source), *(word.format(tmp_path) for word in rest)]
    result = CliRunner().invoke(app, [*arguments, "--frame", "map", "--exclude", "Phase2"])
    assert result.exit_code == 2
    assert "a.ctf: option --max-filled must be at least the share of points" in result.stderr


def test_the_shares_are_shown_and_written(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "250")
    source, target = two_phases(tmp_path / "a.ctf", 6), tmp_path / "out.npz"
    options = ["--frame", "map", "--exclude", "Phase2", "--max-filled", "0.6", "--force"]
    command = ["convert", str(source), str(target), *options]
    shown = CliRunner().invoke(app, command)
    words = " ".join(shown.stdout.replace("│", " ").split())
    assert "points indexed 50 %, 50 % excluded" in words
    assert "points filled in 50 %, from neighbouring grains" in words
    assert "Warning: " in shown.stderr
    seen = json.loads(CliRunner().invoke(app, [*command, "--json"]).stdout)["microstructure"]["map"]
    assert (seen["indexed"], seen["excluded"], seen["filled"]) == (0.5, 0.5, 0.5)


def test_a_volume_of_a_map_of_which_little_was_measured_is_told(tmp_path):
    grain = px.tessellate(grid=(48, 48, 1), grains=60, seed=0)
    angles = quaternion_to_bunge(grain.orientation_field()[:, :, 0]).numpy()
    phase = (np.random.default_rng(0).random((48, 48)) < 0.75).astype(int)
    ebsd = read_ebsd(ctf(tmp_path / "a.ctf", angles, phase=phase, step=(1, 1)), frame="map")
    with pytest.warns(UserWarning, match=r"30.8 % of the points are filled .*not indexed"):
        px.equivalent_rve(ebsd, 8)
