"""Maps in HDF5: each layout is read as the text of the same map."""

import h5py
import hdf5_maps
import numpy as np
import pytest
import torch
from places import SAMPLES
from vendor_maps import ANGLES, ang, ctf

import polyxtal as px
from polyxtal.algebra.rotation import bunge_to_quaternion, quaternion_multiply, rotation_angle
from polyxtal.microstructure.frames import FRAMES

LAYOUTS = {
    "edax": (".h5", hdf5_maps.edax),
    "edax 8": (".oh5", hdf5_maps.edax),
    "oxford": (".h5oina", hdf5_maps.oxford),
    "dream3d ang": (".h5ebsd", lambda p: hdf5_maps.slices(p, vendor="ang")),
    "dream3d ctf": (".h5ebsd", lambda p: hdf5_maps.slices(p, vendor="ctf")),
    "orix": (".h5", hdf5_maps.orix),
}


def same(one, other, tolerance=1e-6):
    between = quaternion_multiply(one * torch.tensor([1.0, -1, -1, -1], dtype=one.dtype), other)
    return float(rotation_angle(between).max()) < tolerance


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_is_read_as_the_text_of_the_map(layout, tmp_path):
    extension, write = LAYOUTS[layout]
    found = px.read_ebsd(write(tmp_path / f"a{extension}"), frame="edax-2")
    text = px.read_ebsd(ang(tmp_path / "a.ang"), frame="edax-2")
    assert (found.grid, found.step) == (text.grid, text.step)
    assert same(found.orientations, text.orientations, 1e-4)
    assert found.phase_names == ("Phase1",)
    assert found.lattices == text.lattices
    assert found.lattices[0].family == "cubic"
    assert bool((found.phase == 0).all())


def test_frame_is_required_and_applied(tmp_path):
    file = hdf5_maps.oxford(tmp_path / "a.h5oina")
    with pytest.raises(ValueError, match="argument `frame` must be one of"):
        px.read_ebsd(file)
    straight, turned = (px.read_ebsd(file, frame=frame) for frame in ("map", "oxford"))
    about_x = torch.tensor([0.0, 1, 0, 0], dtype=torch.float64)
    want = quaternion_multiply(about_x.expand_as(straight.orientations), straight.orientations)
    assert same(turned.orientations, want)


@pytest.mark.parametrize("write", ["edax", "orix"])
def test_hexagonal_crystals_have_x_along_a(write, tmp_path):
    kind = {"symmetries": (62,)} if write == "edax" else {"point_groups": ("6/mmm",)}
    found = px.read_ebsd(
        getattr(hdf5_maps, write)(tmp_path / "a.h5", cell=(3.2, 5.2), **kind), frame="map"
    )
    assert same(found.orientations, bunge_to_quaternion(torch.tensor(ANGLES)), 1e-5)
    assert found.lattices[0].family == "hexagonal"
    assert found.lattices[0].c_over_a == pytest.approx(1.625)


def test_oxford_has_hexagonal_crystals_along_a_star_as_in_its_text(tmp_path):
    file = hdf5_maps.oxford(tmp_path / "a.h5oina", laue=(9,), cell=(3.2, 5.2))
    found = px.read_ebsd(file, frame="map")
    text = px.read_ebsd(ctf(tmp_path / "a.ctf", laue=(9,)), frame="map")
    assert same(found.orientations, text.orientations, 1e-4)
    assert found.lattices[0].c_over_a == pytest.approx(1.625)


def test_points_that_were_not_indexed(tmp_path):
    hole = ANGLES.copy()
    hole[1, 2] = 4 * np.pi
    edax = px.read_ebsd(hdf5_maps.edax(tmp_path / "a.h5", hole), frame="map")
    hole[1, 2] = np.nan
    oxford = px.read_ebsd(hdf5_maps.oxford(tmp_path / "a.h5oina", hole), frame="map")
    number = np.zeros(ANGLES.shape[:2], int)
    number[1, 2] = -1
    orix = px.read_ebsd(hdf5_maps.orix(tmp_path / "b.h5", phase=number), frame="map")
    outside = px.read_ebsd(hdf5_maps.orix(tmp_path / "c.h5", inside=number == 0), frame="map")
    for found in (edax, oxford, orix, outside):
        assert (~found.indexed).nonzero().tolist() == [[1, 2]]


def test_several_phases_keep_their_lattices(tmp_path):
    number = np.ones(ANGLES.shape[:2], int)
    number[2:] = 2
    files = [
        hdf5_maps.edax(tmp_path / "a.h5", symmetries=(43, 62), phase=number),
        hdf5_maps.oxford(tmp_path / "a.h5oina", laue=(11, 9), phase=number),
        hdf5_maps.orix(tmp_path / "b.h5", point_groups=("m-3m", "6/mmm"), phase=number - 1),
    ]
    for file in files:
        found = px.read_ebsd(file, frame="map")
        assert found.phase_names == ("Phase1", "Phase2")
        assert [one.family for one in found.lattices] == ["cubic", "hexagonal"]
        assert torch.equal(found.phase, torch.from_numpy(number - 1))


def test_one_of_several_scans_is_chosen_by_name(tmp_path):
    file = hdf5_maps.edax(tmp_path / "a.h5", scans=("Scan 1", "Scan 2"))
    with pytest.raises(ValueError, match="`container` must choose one map of Scan 1, Scan 2, but"):
        px.read_ebsd(file, frame="map")
    assert px.read_ebsd(file, frame="map", container="Scan 2").grid == (5, 4)
    slices = hdf5_maps.slices(tmp_path / "a.h5ebsd", count=3)
    assert px.read_ebsd(slices, frame="map", container="3").grid == (5, 4)
    with pytest.raises(ValueError, match=r"`container` must choose one map of 1, 2, 3, but is 4"):
        px.read(slices, frame="map", container="4")
    with pytest.raises(ValueError, match=r"`container` must be left out except for .*\.h5oina"):
        px.read_ebsd(ang(tmp_path / "a.ang"), frame="map", container="1")


def test_points_outside_of_the_scanned_area_are_left_out(tmp_path):
    assert px.read_ebsd(hdf5_maps.edax(tmp_path / "a.h5", outside=7), frame="map").grid == (5, 4)


def test_positions_may_follow_from_the_header_of_oxford(tmp_path):
    file = hdf5_maps.oxford(tmp_path / "a.h5oina", positions=False)
    assert px.read_ebsd(file, frame="map").step == hdf5_maps.STEP
    with h5py.File(file, "r+") as content:
        content["1/EBSD/Header/X Cells"][:] = 3
    with pytest.raises(ValueError, match="positions X and Y, or as many as the cells of the head"):
        px.read_ebsd(file, frame="map")


def test_units_and_further_orientations_of_orix(tmp_path):
    small = px.read_ebsd(hdf5_maps.orix(tmp_path / "a.h5", unit="nm", each=3), frame="map")
    assert small.step == pytest.approx((5e-4, 2.5e-4))
    assert same(small.orientations, bunge_to_quaternion(torch.tensor(ANGLES)))
    with pytest.warns(UserWarning, match="must be um, nm or mm to be known, but is 'px'"):
        px.read_ebsd(hdf5_maps.orix(tmp_path / "b.h5", unit="px"), frame="map")


@pytest.mark.parametrize(
    ("write", "changes", "words"),
    [
        (hdf5_maps.edax, {"angles": np.degrees(ANGLES)}, "must be in radians, below 4π, but reach"),
        (hdf5_maps.edax, {"symmetries": ()}, "must hold the group 'Phase', but does not"),
        (hdf5_maps.edax, {"symmetries": (43, 62), "phase": 5}, "phases in the header"),
        (hdf5_maps.orix, {"phase": 3}, r"phases in the header \(0\), but phase 3 is used"),
        (hdf5_maps.orix, {"z": np.repeat([0, 1], 10)}, "one layer of points, but has 2 along z"),
        (hdf5_maps.orix, {"phi1": np.zeros(7)}, "must have 1 values for each of 20 to 20 points"),
    ],
)
def test_what_is_refused(write, changes, words, tmp_path):
    file = write(tmp_path / "a.h5", **changes)
    with pytest.raises(ValueError, match=words) as error:
        px.read_ebsd(file, frame="map")
    assert str(error.value).count(str(file)) == 1
    assert "\n" not in str(error.value)


def test_other_hdf5_files_are_refused(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["other/Data/values"] = np.ones(3)
    with pytest.raises(ValueError, match=r"the layout of EDAX, Oxford, DREAM\.3D or orix, but"):
        px.read_ebsd(tmp_path / "a.h5", frame="map")


def test_maps_may_lie_in_groups(tmp_path):
    scans = ("Sample/Area 1/OIM Map 1", "Sample/Area 1/OIM Map 2")
    file = hdf5_maps.edax(tmp_path / "a.oh5", scans=scans)
    with pytest.raises(ValueError, match="one map of Sample/Area 1/OIM Map 1, Sample/Area 1/OIM"):
        px.read_ebsd(file, frame="map")
    assert px.read_ebsd(file, frame="map", container=scans[1]).grid == (5, 4)
    assert px.read_ebsd(file, frame="map", container="OIM Map 1").grid == (5, 4)


def test_edax_stores_its_setting_of_frames(tmp_path):
    file = hdf5_maps.edax(tmp_path / "a.h5", setting=2)
    said = px.read_ebsd(file)
    assert same(said.orientations, px.read_ebsd(file, frame="edax-2").orientations)
    with pytest.warns(UserWarning, match="the frame should be edax-2, as the file says, but is 'm"):
        px.read_ebsd(file, frame="map")
    with pytest.raises(ValueError, match="argument `frame` must be one of"):
        px.read_ebsd(hdf5_maps.edax(tmp_path / "b.h5", setting=7))


def test_edax_may_align_crystals_otherwise(tmp_path):
    kind = {"symmetries": (62,), "alignment": "a* || x, b || y, c* || z"}
    found = px.read_ebsd(hdf5_maps.edax(tmp_path / "a.h5", **kind), frame="map")
    text = px.read_ebsd(ctf(tmp_path / "a.ctf", laue=(9,)), frame="map")
    assert same(found.orientations, text.orientations, 1e-4)


@pytest.mark.parametrize(
    ("point_group", "number", "laue"),
    [
        ("Cubic (Oh) [m3m]", 43, "m-3m"),
        ("Hexagonal (D6h) [6/mmm]", 62, "6/mmm"),
        ("?", 62, "6/mmm"),
    ],
)
def test_symmetry_where_edax_numbers_point_groups(point_group, number, laue, tmp_path):
    file = hdf5_maps.edax(tmp_path / "a.oh5", symmetries=(number,), point_group=point_group)
    assert px.read_ebsd(file, frame="map").lattices[0].laue_group.name == laue


@pytest.mark.skipif(not (SAMPLES / "EdaxAngOnly.h5").exists(), reason="needs ../shared/samples")
def test_a_file_of_edax():
    found = px.read_ebsd(SAMPLES / "EdaxAngOnly.h5")
    assert found.grid == (186, 151)
    assert found.phase_names == ("Nickel",)
    with h5py.File(SAMPLES / "EdaxAngOnly.h5") as file:
        data = file["Scan_1/EBSD/Data"]
        angles = np.stack([data[k][3 * 186 + 17] for k in ("Phi1", "Phi", "Phi2")]).astype(float)
    turn = torch.tensor(FRAMES["edax-2"], dtype=torch.float64)
    want = quaternion_multiply(turn, bunge_to_quaternion(torch.from_numpy(angles)))
    assert same(found.orientations[17, 3][None], want[None])
