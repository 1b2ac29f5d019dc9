"""Neper's rasters and polyhedra: every descriptor and format, periodic cells, voids."""

import numpy as np
import pytest
import torch
from neper_files import KINDS, described, tesr, tess
from places import SAMPLES

import polyxtal as px
from polyxtal.algebra.rotation import (
    bunge_to_quaternion,
    quaternion_conjugate,
    quaternion_multiply,
    quaternion_to_bunge,
    random_quaternions,
    rotation_angle,
)

GRID = (4, 3, 2)
IDS = np.arange(24).reshape(GRID, order="F") % 5 + 1
ANGLES = quaternion_to_bunge(random_quaternions(5, 3)).numpy()
DESCRIPTORS = [
    f"{name}{convention}"
    for name in (
        *("rodrigues", "euler-bunge", "euler-kocks", "euler-roe"),
        *("rotmat", "axis-angle", "quaternion"),
    )
    for convention in ("", ":active", ":passive")
]


def same(found, angles=ANGLES, tolerance=1e-6):
    want = bunge_to_quaternion(torch.tensor(np.asarray(angles)))
    between = quaternion_multiply(quaternion_conjugate(found), want)
    return float(rotation_angle(between).max()) < tolerance


@pytest.mark.parametrize("descriptor", DESCRIPTORS)
def test_every_descriptor_is_the_same_orientation(descriptor, tmp_path):
    rve = px.read(tesr(tmp_path / "a.tesr", IDS, ANGLES, descriptor=descriptor))
    assert same(rve.orientations)
    assert torch.equal(rve.grain_id, torch.from_numpy(IDS - 1))
    assert rve.size == (2.0, 0.75, 2.0)
    assert rve.lattices[0].family == "cubic"


def test_active_rodrigues_vectors_turn_sample_into_crystal_axes(tmp_path):
    """A quarter turn about z: the crystal's x axis lies along the sample's y."""
    file = tesr(tmp_path / "a.tesr", np.ones((1, 1, 1), int), np.array([[np.pi / 2, 0, 0]]))
    assert "rodrigues:active\n0 0 1\n" in file.read_text()
    q = px.read(file).orientations
    x = torch.tensor([[0.0, 1, 0, 0]], dtype=torch.float64)
    turned = quaternion_multiply(quaternion_multiply(q, x), quaternion_conjugate(q))
    torch.testing.assert_close(turned, torch.tensor([[0.0, 0, 1, 0]], dtype=torch.float64))


@pytest.mark.parametrize("encoding", ["ascii", *(name for name in KINDS if name != "binary")])
@pytest.mark.parametrize("file", ["", "cells.raw"])
def test_every_format_of_numbers(encoding, file, tmp_path):
    rve = px.read(tesr(tmp_path / "a.tesr", IDS, ANGLES, encoding=encoding, file=file))
    assert torch.equal(rve.grain_id, torch.from_numpy(IDS - 1))
    assert same(rve.orientations)


@pytest.mark.parametrize("encoding", ["ascii", "binary16"])
def test_orientations_of_voxels(encoding, tmp_path):
    each = ANGLES[IDS.ravel(order="F") - 1]
    given = {"encoding": encoding, "voxelwise": True}
    averaged = px.read(tesr(tmp_path / "a.tesr", IDS, each, **given))
    assert torch.equal(averaged.grain_id, torch.from_numpy(IDS - 1))
    assert same(averaged.orientations)
    distinct = px.read(tesr(tmp_path / "b.tesr", IDS, each, cells=False, **given))
    field = distinct.orientation_field().permute(2, 1, 0, 3).reshape(-1, 4)
    assert distinct.grains == 5
    assert same(field, each)
    defined = np.ones(24)
    defined[IDS.ravel(order="F") == 2] = 0
    with pytest.raises(ValueError, match="orientation, but 1 have none: 2"):
        px.read(tesr(tmp_path / "c.tesr", IDS, each, defined=defined, **given))
    with pytest.raises(ValueError, match="every voxel must have an orientation, but 5 of 24"):
        px.read(tesr(tmp_path / "d.tesr", IDS, each, defined=defined, cells=False, **given))


def test_a_plane_is_one_layer_and_voxels_of_no_cell_are_void(tmp_path):
    ids = IDS[:, :, 0].copy()
    ids[0, 1] = 0
    rve = px.read(tesr(tmp_path / "a.tesr", ids, ANGLES, step=(0.5, 0.5)))
    assert rve.grid == (4, 3, 1)
    assert rve.size == (2.0, 1.5, 0.5)
    assert rve.phase_names == ("crystal", "void")
    assert (rve.phase[rve.grain_id] == 1).nonzero().tolist() == [[0, 1, 0]]


@pytest.mark.parametrize(
    ("crysym", "family"),
    [("cubic", "cubic"), ("hexagonal", "hexagonal"), ("4/mmm", "tetragonal"), ("triclinic", None)],
)
def test_crystal_symmetry(crysym, family, tmp_path):
    lattice = px.read(tesr(tmp_path / "a.tesr", IDS, ANGLES, crysym=crysym)).lattices[0]
    assert (lattice and lattice.family) == family


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("rodrigues:active", "miller"), "must be given as rodrigues, .* but are as 'miller'"),
        (("***tesr", "***mesh"), r"must be a raster \(\*\*\*tesr\), but is \*\*\*mesh"),
        (("***end", ""), "begins with ..*tess or ..*tesr and ends with"),
        (("**cell\n   5", "**cell\n   6"), r"each cell \(6\), but holds 5"),
        (("   4 3 2", "   4 3 3"), r"\*\*data must hold 36 values, but holds 24"),
        (("   4 3 2", "   4 3 0"), "the grid must have 1 to"),
        (("   ascii\n1 ", "   ascii\n9 "), "every grain must have an orientation, but 1 have none"),
        (("   ascii\n1 ", "   ascii\nx "), r"\*\*data must hold numbers, but holds something else"),
        (("   ascii\n1 ", "   ascii\n1.5 "), "must be one integer per voxel"),
        (("   ascii\n1 ", "   raw\n1 "), r"format of \*\*data must be ascii or binary8"),
    ],
)
def test_damaged_rasters(change, words, tmp_path):
    file = tesr(tmp_path / "a.tesr", IDS, ANGLES)
    text = file.read_text()
    assert change[0] in text
    file.write_text(text.replace(*change, 1))
    with pytest.raises(ValueError, match=words) as error:
        px.read(file)
    assert str(error.value).count(str(file)) == 1


@pytest.mark.parametrize("name", ["../cells.raw", "/etc/passwd", "no.raw", ".."])
def test_numbers_lie_in_the_same_folder(name, tmp_path):
    (tmp_path / "cells.raw").write_text("1 " * 24)
    (tmp_path / "sub").mkdir()
    file = tesr(tmp_path / "sub" / "a.tesr", IDS, ANGLES, file="cells.raw")
    file.write_bytes(file.read_bytes().replace(b"*file cells.raw", f"*file {name}".encode()))
    with pytest.raises(ValueError, match=r"\*file must name a file in the same folder, but names"):
        px.read(file)


def test_polyhedra_are_voxelised(tmp_path):
    file = tess(tmp_path / "a.tess", (0.0, 0.25, 0.7, 1.0), ANGLES[:3])
    with pytest.raises(ValueError, match="argument `grid`, the number of voxels, must be given"):
        px.read(file)
    rve = px.read(file, grid=20)
    assert rve.grid == (20, 10, 5)
    assert rve.size == (1.0, 0.5, 0.25)
    along = torch.tensor([0] * 5 + [1] * 9 + [2] * 6)
    assert torch.equal(rve.grain_id, along[:, None, None].expand(20, 10, 5))
    assert same(rve.orientations, ANGLES[:3])
    assert px.read(file, grid=(4, 1, 2)).grid == (4, 1, 2)


def test_periodic_cells_are_wrapped(tmp_path):
    file = tess(tmp_path / "a.tess", (-0.2, 0.4, 0.8), ANGLES[:2], periodic=True)
    rve = px.read(file, grid=(10, 1, 1))
    assert rve.grain_id.flatten().tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 0, 0]
    with pytest.raises(ValueError, match="cells must fill the box, but leave out 2 voxels"):
        px.read(tess(tmp_path / "b.tess", (0.0, 0.4, 0.72), ANGLES[:2]), grid=(10, 1, 1))


def test_orientations_in_a_file_beside(tmp_path):
    file = tess(tmp_path / "a.tess", (0.0, 0.5, 1.0), ANGLES[:2], ori=False)
    assert same(px.read(file, grid=4).orientations, ANGLES[:2])
    (tmp_path / "a.ori").unlink()
    with pytest.raises(ValueError, match=r"orientations \(\*ori\), or have them in a\.ori beside"):
        px.read(file, grid=4)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"domain": "cylinder"}, "the domain must be a box .* but is 'cylinder'"),
        ({"edges": (1.0, 0.5, 0.0)}, "must have the 8 corners of a box"),
    ],
)
def test_other_domains_are_refused(change, words, tmp_path):
    with pytest.raises(ValueError, match=words):
        px.read(tess(tmp_path / "a.tess", (0.0, 0.5, 1.0), ANGLES[:2], **change), grid=4)


def test_bad_grids(tmp_path):
    file = tess(tmp_path / "a.tess", (0.0, 1.0), ANGLES[:1])
    for grid in (0, (4, 4), (4, 4, -1), 10**6):
        with pytest.raises(ValueError, match="argument `grid` must be one or three positive"):
            px.read(file, grid=grid)


@pytest.mark.skipif(not (SAMPLES / "n50.tess").exists(), reason="needs ../shared/samples")
def test_files_of_neper():
    plane = px.read(SAMPLES / "n2.tesr")
    assert (plane.grid, plane.grains) == ((4, 3, 1), 12)
    rve = px.read(SAMPLES / "n50.tess", grid=24)
    rows = (SAMPLES / "n50.tess").read_text().split("*seed")[1].split("*ori")[0].split()
    seeds = np.array(rows, float).reshape(-1, 5)[:, 1:4]
    place = (np.stack(np.meshgrid(*[np.arange(24) + 0.5] * 3, indexing="ij"), -1)) * 0.0295 / 24
    nearest = ((place[..., None, :] - seeds) ** 2).sum(-1).argmin(-1)
    assert np.array_equal(rve.grain_id, nearest)
    vectors = np.loadtxt(SAMPLES / "n50.ori")
    assert np.allclose(
        described(quaternion_to_bunge(rve.orientations).numpy(), "rodrigues"), vectors, rtol=1e-4
    )
