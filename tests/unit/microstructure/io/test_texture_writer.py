"""Textures written for other programs and read again."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

import polyxtal as px
from polyxtal.algebra.rotation import (
    bunge_to_quaternion,
    quaternion_conjugate,
    quaternion_multiply,
    rotation_angle,
)
from polyxtal.crystal.laue import LAUE_GROUPS, LaueGroup
from polyxtal.microstructure.io.texture_writer import euler_ranges
from polyxtal.texture.zone import zone_orientations

WEIGHTS = torch.rand(40, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
TEXTURE = px.DiscreteTexture(px.UniformTexture().orientations(40, 1), WEIGHTS)
PRINTED = {"tex": 2e-8, "wts": 2.6e-4, "txt": 2e-8, "csv": 1e-12, "yaml": 1e-12}
"""Largest angle that the printed digits leave open. [rad]"""


@pytest.mark.parametrize("extension", PRINTED)
def test_orientations_come_back_to_the_printed_digits(extension, tmp_path):
    file = tmp_path / f"a.{extension}"
    px.write_texture(TEXTURE, file)
    again = px.read_texture(file)
    between = quaternion_multiply(quaternion_conjugate(again.points), TEXTURE.points)
    # Half a unit in the last place of each of three angles; 1e-12 is 0 in double precision.
    assert float(rotation_angle(between).max()) < max(PRINTED[extension], 2e-8)
    torch.testing.assert_close(again.weights, TEXTURE.weights, rtol=0, atol=5e-9)
    px.write_texture(again, tmp_path / f"b.{extension}")
    if extension in ("csv", "yaml"):
        twice = px.read_texture(tmp_path / f"b.{extension}")
        torch.testing.assert_close(twice.points, TEXTURE.points, rtol=0, atol=1e-15)


@pytest.mark.parametrize("extension", PRINTED)
@pytest.mark.parametrize("laue", ["6/mmm", "-3m", "4/m", "-1", "m-3m"])
def test_the_laue_group_comes_back(extension, laue, tmp_path):
    file = tmp_path / f"a.{extension}"
    px.write_texture(px.DiscreteTexture(TEXTURE.points, WEIGHTS, laue=laue), file)
    again = px.read_texture(file)
    assert again.laue.name == laue
    turn = quaternion_multiply(quaternion_conjugate(again.points), TEXTURE.points)
    assert float(rotation_angle(turn).max()) < max(PRINTED[extension], 2e-8)
    assert px.read_texture(file, laue="2/m").laue.name == "2/m"
    # Files that do not name it are of cubic crystals.
    lines = file.read_text().splitlines()
    file.write_text("\n".join(line.partition("crystal symmetry")[0] for line in lines))
    if extension not in ("txt", "csv"):
        assert px.read_texture(file).laue.name == "m-3m"


def test_damask_reads_the_same_orientations(tmp_path):
    damask = pytest.importorskip("damask")
    px.write_texture(TEXTURE, tmp_path / "material.yaml")
    table = damask.ConfigMaterial.load(tmp_path / "material.yaml")["material"][0]["constituents"]
    known = damask.Rotation.from_quaternion([one["O"] for one in table]).as_Euler_angles()
    angles = bunge_to_quaternion(torch.from_numpy(known))
    between = quaternion_multiply(quaternion_conjugate(angles), TEXTURE.points)
    assert float(rotation_angle(between).max()) < 1e-7
    assert sum(one["v"] for one in table) == pytest.approx(1)


def test_poplas_axes_and_angles(tmp_path):
    file = tmp_path / "a.wts"
    head = "text\n Evm F11\n0.0 1 0 0 0 1 0 0 0 1\n"
    file.write_text(f"{head}Kocks:Psi Theta phi ,gr.wt. XYZ= 1 2 3\n 10 20 30 1\n 0 0 0 3\n")
    kocks = px.read_texture(file)
    assert kocks.weights.tolist() == [0.25, 0.75]
    angles = torch.deg2rad(torch.tensor([[100.0, 20.0, 60.0]], dtype=torch.float64))
    assert abs(float(kocks.points[0] @ bunge_to_quaternion(angles)[0])) == pytest.approx(1)
    file.write_text(f"{head}Bunge:phi1 PHI phi2 ,gr.wt. XYZ= 2 1 3\n 10 20 30 1\n 0 0 0 3\n")
    with pytest.raises(ValueError, match="in sample axes XYZ= 1 2 3, but hold 4 numbers in axes"):
        px.read_texture(file)


@pytest.mark.parametrize("laue", ["m-3m", "-3m", "6/m", "4/mmm", "-1"])
def test_densities_on_a_grid_are_those_of_the_texture(laue, tmp_path):
    q = bunge_to_quaternion(torch.tensor([[0.3, 0.6, 0.2]], dtype=torch.float64))
    texture = px.UnimodalTexture(q[0], 0.35, laue)
    px.write_texture(texture, tmp_path / "a.odf", resolution=15.0)
    lines = (tmp_path / "a.odf").read_text().splitlines()
    assert lines[0] == "% MTEX ODF"
    rows = np.loadtxt(tmp_path / "a.odf", comments="%")
    at = bunge_to_quaternion(torch.from_numpy(np.radians(rows[:, :3])))
    np.testing.assert_allclose(rows[:, 3], texture.density(at).numpy(), atol=6e-6)
    again = px.read_texture(tmp_path / "a.odf", halfwidth=0.2)
    assert again.laue.name == laue
    # Each crystal is in the range: the density of random orientations integrates to the texture's.
    nearest = again.laue.disorientation(again.points[again.weights.argmax()], q[0])
    assert float(nearest) < np.radians(15)


def test_the_ranges_of_angles_hold_every_crystal_alike():
    """The number of grid orientations near any crystal follows from volume times order."""
    for name in LAUE_GROUPS:
        tilt, turn = euler_ranges(LaueGroup(name))
        copies = {"m-3": 3, "m-3m": 3, "2/m": 2 if tilt == 180 else 1}.get(name, 1)
        share = (1 - np.cos(np.radians(tilt))) / 2 * turn / 360
        assert share * LaueGroup(name).order == pytest.approx(copies), name
    assert len(zone_orientations(30.0, LaueGroup("m-3m"))) == 40


def test_wrong_textures_and_steps_get_one_sentence(tmp_path):
    with pytest.raises(ValueError, match=r"must end in \.tex, \.wts, .* or \.odf, but does not"):
        px.write_texture(TEXTURE, tmp_path / "a.doc")
    with pytest.raises(ValueError, match="must be a DiscreteTexture, but is a UniformTexture"):
        px.write_texture(px.UniformTexture(), tmp_path / "a.csv")
    with pytest.raises(ValueError, match="1 to 30 degrees and divide 90, but is 7"):
        px.write_texture(TEXTURE, tmp_path / "a.odf", resolution=7.0)
    bad = tmp_path / "material.yaml"
    for text, sentence in (
        ("material: []\n", "must hold a list `material`"),
        ("material: [{constituents: [{O: [1, 0, 0]}]}]\n", "unit quaternion O and a share v"),
        ("material: [{constituents: [{O: [1, 1, 0, 0]}]}]\n", "but one has norm 1.41"),
    ):
        bad.write_text(text)
        with pytest.raises(ValueError, match=sentence):
            px.read_texture(bad)


def test_orix_objects_hold_the_inverse_rotations():
    angles = torch.tensor([[0.2, 0.7, 1.2], [3.0, 1.0, 5.0]], dtype=torch.float64)
    q = bunge_to_quaternion(angles)
    # orix's from_euler gives Bunge's g itself, which maps sample to crystal axes.
    orix = SimpleNamespace(
        data=quaternion_conjugate(q).numpy(), symmetry=SimpleNamespace(name="6/mmm")
    )
    texture = px.texture_from_orix(orix, torch.tensor([1.0, 3.0]))
    torch.testing.assert_close(texture.points, q)
    assert texture.laue.name == "6/mmm"
    assert texture.weights.tolist() == [0.25, 0.75]
    with pytest.raises(ValueError, match="must be orix's orientations"):
        px.texture_from_orix(q)
    orix.symmetry.name = "2/m"
    with pytest.raises(ValueError, match="must not be monoclinic"):
        px.texture_from_orix(orix)


def test_orix_itself_agrees():
    orix = pytest.importorskip("orix.quaternion", reason="orix is optional")
    for name in set(LAUE_GROUPS) - {"2/m"}:
        texture = px.DiscreteTexture(TEXTURE.points, WEIGHTS, laue=name)
        objects, weights = px.texture_to_orix(texture)
        again = px.texture_from_orix(objects, weights)
        assert again.laue.name == name
        torch.testing.assert_close(again.points, texture.points)
        known = orix.Orientation.from_euler(objects.to_euler())
        angles = bunge_to_quaternion(torch.from_numpy(objects.to_euler()))
        np.testing.assert_allclose(
            np.abs((known.data * quaternion_conjugate(angles).numpy()).sum(-1)), 1
        )
