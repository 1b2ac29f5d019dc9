"""Maps from EDAX and Oxford: every point in its place, every crystal in the map's axes."""

import math
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from places import SAMPLES
from typer.testing import CliRunner
from vendor_maps import ANGLES, GRID, PHASE, ang, ctf

import polyxtal as px
from polyxtal.algebra.rotation import (
    axis_angle_to_quaternion,
    quaternion_multiply,
    quaternion_to_bunge,
    quaternion_to_matrix,
)
from polyxtal.cli import app
from polyxtal.crystal.lattice import Lattice
from polyxtal.crystal.laue import CUBIC
from polyxtal.microstructure.ebsd import EbsdMap
from polyxtal.microstructure.frames import FRAMES, frame_rotation
from polyxtal.microstructure.io import ebsd_table, ebsd_text, read, read_ebsd

SAMPLE = SAMPLES / "ebsd_316L_500x500.ang"


def crystal(ebsd, i, j):
    """Rows: where crystal axes a, b, c of a point lie on the map."""
    return quaternion_to_matrix(ebsd.orientations[i, j]).mT.numpy()


def check_angles(ebsd, angles=ANGLES, tolerance=2e-5):
    """Compare with Bunge's matrix, written out from its three rotations."""
    for i, j in np.ndindex(*angles.shape[:2]):
        (c1, c, c2), (s1, s, s2) = np.cos(angles[i, j]), np.sin(angles[i, j])
        z1 = np.array([[c1, s1, 0], [-s1, c1, 0], [0, 0, 1]])
        x = np.array([[1, 0, 0], [0, c, s], [0, -s, c]])
        z2 = np.array([[c2, s2, 0], [-s2, c2, 0], [0, 0, 1]])
        assert np.abs(crystal(ebsd, i, j) - z2 @ x @ z1).max() < tolerance


@pytest.mark.parametrize("write", [ang, ctf])
def test_every_point_is_in_its_place(tmp_path, write):
    path = write(tmp_path / f"a.{write.__name__}")
    ebsd = read_ebsd(path, frame="map")
    assert ebsd.grid == GRID
    assert ebsd.step == pytest.approx((0.5, 0.25), rel=1e-9)
    assert ebsd.size == pytest.approx((2.5, 1.0), rel=1e-9)
    assert bool(ebsd.indexed.all())
    assert ebsd.phase_names == ("Phase1",)
    assert ebsd.lattices == (Lattice("c"),)
    assert ebsd.path == path
    check_angles(ebsd)
    assert "5, 4" in repr(ebsd)
    assert "100.0 %" in repr(ebsd)


def test_columns_beyond_angles_and_positions_are_quality(tmp_path):
    quality = read_ebsd(ang(tmp_path / "a.ang", columns=14), frame="map").quality
    assert list(quality)[:4] == ["image_quality", "confidence_index", "detector_signal", "fit"]
    assert list(quality)[4:] == ["column_11", "column_12", "column_13", "column_14"]
    other = np.arange(20).reshape(GRID)
    assert np.allclose(quality["image_quality"], 100 + other)
    assert np.allclose(quality["fit"], 1.5 + 0.01 * other)
    assert np.allclose(quality["column_11"], other)
    quality = read_ebsd(ctf(tmp_path / "a.ctf"), frame="map").quality
    assert set(quality) == {"bands", "error", "mad", "band_contrast", "band_slope"}
    assert np.array_equal(quality["band_contrast"], np.broadcast_to(np.arange(5)[:, None], GRID))
    assert np.allclose(quality["mad"], 0.6123)


def test_columns_may_be_named_by_the_header(tmp_path):
    said = "# COLUMN_HEADERS: phi1, PHI, phi2, x, y, IQ, CI, Phase index, SEM, Fit, Fe Counts\n"
    quality = read_ebsd(ang(tmp_path / "a.ang", columns=11, extra=said), frame="map").quality
    assert list(quality)[4:] == ["Fe_Counts"]


@pytest.mark.parametrize("columns", [8, 9, 10, 11, 14])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_ang_of_any_width(tmp_path, columns, end):
    check_angles(read_ebsd(ang(tmp_path / "a.ang", columns=columns, end=end), frame="map"))


@pytest.mark.parametrize(("end", "comma"), [("\n", False), ("\r\n", True)])
def test_ctf_with_decimal_comma(tmp_path, end, comma):
    ebsd = read_ebsd(ctf(tmp_path / "a.ctf", end=end, comma=comma), frame="map")
    assert ebsd.step == pytest.approx((0.5, 0.25), rel=1e-9)
    check_angles(ebsd)


def test_order_of_rows_does_not_matter(tmp_path):
    shuffled = ang(tmp_path / "a.ang", change=np.random.default_rng(0).permutation)
    check_angles(read_ebsd(shuffled, frame="map"))


# Bunge angles (30°, 0, 0): crystal axis a lies at cos 30° A1 + sin 30° A2, c along A3. Where
# A1, A2, A3 lie on the map is said in words by `FRAMES`, and here once more by hand.
C, S = math.sqrt(0.75), 0.5
BY_HAND = {
    "map": ((C, S, 0), (0, 0, 1)),
    "edax-1": ((S, C, 0), (0, 0, -1)),
    "edax-2": ((-S, -C, 0), (0, 0, -1)),
    "edax-3": ((C, -S, 0), (0, 0, -1)),
    "edax-4": ((-C, S, 0), (0, 0, -1)),
    "oxford": ((C, -S, 0), (0, 0, -1)),
}


def test_frames_are_all_tested():
    assert set(BY_HAND) == set(FRAMES)


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("write", [ang, ctf])
def test_frame_says_where_the_crystal_axes_lie(tmp_path, write, frame):
    angles = np.broadcast_to([math.radians(30), 0.0, 0.0], (2, 2, 3))
    ebsd = read_ebsd(write(tmp_path / f"a.{write.__name__}", angles), frame=frame)
    a, _, c = crystal(ebsd, 1, 0)
    assert np.allclose(a, BY_HAND[frame][0], atol=2e-5)
    assert np.allclose(c, BY_HAND[frame][1], atol=2e-5)


@pytest.mark.parametrize(
    ("frame", "along_x", "along_y"),
    [
        ("map", (1, 0, 0), (0, 1, 1)),
        ("edax-1", (0, 1, 1), (1, 0, 0)),
        ("edax-2", (0, 1, 1), (1, 0, 0)),
        ("edax-3", (1, 0, 0), (0, 1, 1)),
        ("edax-4", (1, 0, 0), (0, 1, 1)),
        ("oxford", (1, 0, 0), (0, 1, 1)),
    ],
)
def test_goss_has_100_along_its_first_axis_and_011_along_the_others(
    tmp_path, frame, along_x, along_y
):
    goss = np.broadcast_to([0.0, math.pi / 4, 0.0], (2, 2, 3))
    axes = crystal(read_ebsd(ang(tmp_path / "a.ang", goss), frame=frame), 0, 0)
    for direction, wanted in ((0, along_x), (1, along_y), (2, (0, 1, 1))):
        # Column of `axes`: the map's direction in crystal axes, up to cubic symmetry.
        seen = sorted(abs(axes[:, direction]))
        assert np.allclose(seen, sorted(np.array(wanted) / np.linalg.norm(wanted)), atol=2e-5)


def test_frame_may_be_a_quaternion(tmp_path):
    path = ang(tmp_path / "a.ang")
    turn = axis_angle_to_quaternion(torch.tensor([1.0, 2.0, -1.0]).double(), torch.tensor(0.7))
    plain = read_ebsd(path, frame="map").orientations
    wanted = quaternion_multiply(turn.expand(*GRID, 4), plain)
    text = ",".join(f"{v:.17g}" for v in turn.tolist())
    for frame in (turn, turn.tolist(), text):
        assert torch.allclose(read_ebsd(path, frame=frame).orientations, wanted, atol=1e-12)


@pytest.mark.parametrize(
    "frame", ["edax-5", "1,0,0", "1,1,0,0", "nan,0,0,0", [0.5, 0.5], "", [0.0] * 4]
)
def test_unknown_frame_is_refused(tmp_path, frame):
    with pytest.raises(ValueError, match=r"a.ang: argument `frame` must be one of map, edax-1"):
        read_ebsd(ang(tmp_path / "a.ang"), frame=frame)


@pytest.mark.parametrize("reader", [read_ebsd, read])
def test_missing_frame_lists_the_choices(tmp_path, reader):
    with pytest.raises(ValueError, match=r"edax-4, oxford, or a unit quaternion .* is missing"):
        reader(ang(tmp_path / "a.ang"))


@pytest.mark.parametrize("frame", FRAMES)
def test_frames_are_half_turns(frame):
    q = frame_rotation(frame)
    twice = quaternion_multiply(q, q)
    assert float(twice[0].abs()) == pytest.approx(1, abs=1e-15)


def unsolved(kind):
    def change(rows):
        rows = rows.copy()
        if kind == "confidence":
            rows[3, 6] = -1
        elif kind == "angles":
            rows[3, :3] = 12.56637
        elif kind == "phase":
            rows[3, 7] = -1
        else:
            rows[3, [0, 1, 2, 5, 6, 8, 9]] = 0
        return rows

    return change


@pytest.mark.parametrize("kind", ["confidence", "angles", "phase", "zeros"])
def test_points_without_solution_are_not_indexed(tmp_path, kind):
    ebsd = read_ebsd(ang(tmp_path / "a.ang", change=unsolved(kind)), frame="edax-1")
    assert (~ebsd.indexed).nonzero().tolist() == [[3, 0]]
    assert int(ebsd.phase[3, 0]) == -1
    assert ebsd.orientations[3, 0].tolist() == [1, 0, 0, 0]


@pytest.mark.parametrize(
    ("header", "data", "index"),
    [
        ((0,), (0, 0), (0, 0)),
        ((0,), (1, 1), (0, 0)),
        ((1,), (0, 0), (0, 0)),
        ((1,), (1, 1), (0, 0)),
        ((1,), (0, 1), (-1, 0)),
        ((0,), (0, 1), (-1, 0)),
        ((2, 1), (1, 2), (1, 0)),
        ((0, 1), (0, 1), (0, 1)),
        ((3,), (3, 3), (0, 0)),
    ],
)
def test_phase_numbers_of_ang(tmp_path, header, data, index):
    number = np.where(np.arange(GRID[0])[:, None] < 2, data[0], data[1])
    path = ang(tmp_path / "a.ang", phases=[(n, "43") for n in header], data_phase=number)
    ebsd = read_ebsd(path, frame="map")
    assert ebsd.phase[:, 0].tolist() == [index[0]] * 2 + [index[1]] * 3
    assert ebsd.phase_names == tuple(f"Phase{n}" for n in header)


def test_phase_0_of_ctf_is_not_indexed(tmp_path):
    number = np.arange(20).reshape(GRID) % 3
    ebsd = read_ebsd(ctf(tmp_path / "a.ctf", phase=number, laue=(11, 9)), frame="oxford")
    assert torch.equal(ebsd.phase, torch.from_numpy(number) - 1)
    assert [one.laue_group.name for one in ebsd.lattices] == ["m-3m", "6/mmm"]


@pytest.mark.parametrize(
    ("symmetry", "laue"),
    [
        ("43", "m-3m"),
        ("23", "m-3"),
        ("m-3m", "m-3m"),
        ("62", "6/mmm"),
        ("-42m", "4/mmm"),
        ("", None),
    ],
)
def test_symmetry_of_ang(tmp_path, symmetry, laue):
    [one] = read_ebsd(ang(tmp_path / "a.ang", phases=[(1, symmetry)]), frame="map").lattices
    assert (one and one.laue_group.name) == laue


def test_phases_can_be_excluded(tmp_path):
    number = np.arange(20).reshape(GRID) % 2 + 1
    ebsd = read_ebsd(ctf(tmp_path / "a.ctf", phase=number, laue=(11, 12)), frame="map")
    kept = ebsd.exclude("Phase2")
    assert torch.equal(kept.phase, torch.where(ebsd.phase == 1, -1, ebsd.phase))
    assert torch.equal(kept.orientations[kept.indexed], ebsd.orientations[kept.indexed])
    with pytest.raises(ValueError, match="must be among Phase1, Phase2, but Ferrite is not"):
        ebsd.exclude("Ferrite")
    with pytest.raises(ValueError, match=r"symmetry of phase 'Phase2' must be known"):
        ebsd.grains()


def test_points_can_be_kept_by_quality(tmp_path):
    ebsd = read_ebsd(ang(tmp_path / "a.ang", change=unsolved("phase")), frame="map")
    kept = ebsd.keep(ebsd.quality["image_quality"] > 104.5)
    assert int(kept.indexed.sum()) == 14
    assert int(ebsd.keep(ebsd.quality["image_quality"] > 0).indexed.sum()) == 19
    with pytest.raises(ValueError, match=r"must have the map's shape \(5, 4\)"):
        ebsd.keep(torch.ones(4, 5, dtype=torch.bool))


def test_step_is_that_of_the_whole_axis(tmp_path):
    # As in files: 2.961, 5.922, 8.882, 11.843, ... are multiples of 2.96077, rounded.
    angles = np.zeros((40, 2, 3))

    def rounded(rows):
        return np.column_stack([rows[:, :3], rows[:, 3:5].round(3), rows[:, 5:]])

    path = ang(
        tmp_path / "a.ang",
        angles,
        step=(2.96077, 2.96077),
        header_step=(2.961, 2.961),
        change=rounded,
    )
    ebsd = read_ebsd(path, frame="map")
    assert ebsd.grid == (40, 2)
    assert ebsd.step[0] == pytest.approx(2.96077, abs=2e-5)


def test_positions_decide_against_stale_counts(tmp_path):
    path = ang(tmp_path / "a.ang")
    path.write_bytes(path.read_bytes().replace(b"NCOLS_ODD: 5", b"NCOLS_ODD: 999"))
    with pytest.warns(UserWarning, match="has 999 points along x where the positions have 5"):
        check_angles(read_ebsd(path, frame="map"))


def test_points_that_are_left_out_are_not_indexed(tmp_path):
    ebsd = read_ebsd(
        ang(tmp_path / "a.ang", change=lambda r: np.delete(r, [6, 13], 0)), frame="map"
    )
    assert ebsd.grid == GRID
    assert (~ebsd.indexed).nonzero().tolist() == [[1, 1], [3, 2]]


@pytest.mark.parametrize("shape", [(6, 1), (1, 6), (1, 1)])
def test_lines_of_points(tmp_path, shape):
    ebsd = read_ebsd(ang(tmp_path / "a.ang", np.full((*shape, 3), 0.1)), frame="map")
    assert ebsd.grid == shape
    assert all(s in (pytest.approx(0.5), pytest.approx(0.25)) for s in ebsd.step)


def hexagonal(path, rows=40, columns=50, step=2.0):
    """A hexagonal grid whose first Euler angle says x and whose third says y."""
    lines = []
    for j in range(rows):
        for i in range(columns - j % 2):
            x, y = (i + 0.5 * (j % 2)) * step, j * step * math.sqrt(0.75)
            lines.append(
                f"{0.01 + x / 1000:.6f} 0.3 {0.01 + y / 1000:.6f} {x:.5f} {y:.5f} 9 0.9 0 1 1"
            )
    header = PHASE.format(number=1, symmetry="43") + f"# GRID: HexGrid\n# XSTEP: {step}\n"
    path.write_text(header + f"# YSTEP: {step * math.sqrt(0.75):.6f}\n" + "\n".join(lines) + "\n")
    return path, len(lines)


def test_hexagonal_grid_is_sampled_on_a_square_one(tmp_path):
    path, points = hexagonal(tmp_path / "hex.ang")
    ebsd = read_ebsd(path, frame="map")
    assert math.prod(ebsd.grid) == pytest.approx(points, rel=0.02)
    assert ebsd.step[0] == pytest.approx(ebsd.step[1], rel=0.02)
    assert ebsd.size[0] == pytest.approx(100.0, rel=0.02)
    assert ebsd.size[1] == pytest.approx(40 * 2 * math.sqrt(0.75), rel=1e-6)
    assert bool(ebsd.indexed.all())
    # Where each orientation was measured, against where it now is.
    angles = quaternion_to_bunge(ebsd.orientations).numpy()
    i, j = np.meshgrid(*map(np.arange, ebsd.grid), indexing="ij")
    x = (i + 0.5) * ebsd.step[0] - 0.5
    y = (j + 0.5) * ebsd.step[1] - 0.5 * 2 * math.sqrt(0.75)
    gap = np.hypot(1000 * angles[..., 0] - 10 - x, 1000 * angles[..., 2] - 10 - y)
    assert gap.max() < 2 / math.sqrt(3) + 0.01  # no farther than the corner of a hexagon


def test_positions_decide_on_the_kind_of_grid(tmp_path):
    path, _ = hexagonal(tmp_path / "hex.ang")
    right = read_ebsd(path, frame="map")
    path.write_text(path.read_text().replace("HexGrid", "SqrGrid"))
    with pytest.warns(UserWarning, match="a square grid where the positions have a hexagonal one"):
        found = read_ebsd(path, frame="map")
    assert found.step == right.step
    assert torch.equal(found.orientations, right.orientations)
    path = ang(tmp_path / "b.ang", grid="HexGrid")
    with pytest.warns(UserWarning, match="a hexagonal grid where the positions have a square one"):
        check_angles(read_ebsd(path, frame="map"))


def edit(old, new):
    return lambda text: text.replace(old, new)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (edit(b"# Phase 1", b"# Phase 3"), None),
        (edit(b"0.50000 ", b"0.5x000 "), r"line \d+: must be 10 numbers .* 0.5x000"),
        (lambda text: text.split(b"#\n   ")[0] + b"#\n", "must hold a row of numbers for each"),
        (lambda text: b"", "must hold a row of numbers"),
        (edit(b"# XSTEP: 0.5", b"# XSTEP: half"), r"XSTEP must be a number, but is 'half'"),
        (edit(b"   0.75000", b"   0.50000"), r"every point must have a place of its own"),
        (edit(b"   0.75000", b"       nan"), r"must have finite positions, but point 15 has"),
        (edit(b"   0.75000", b"   1e12   "), r"points must fill a grid"),
        (edit(b"# Material", b"# M"), None),
    ],
)
def test_damaged_ang(tmp_path, change, sentence):
    path = ang(tmp_path / "a.ang")
    path.write_bytes(change(path.read_bytes()))
    if sentence is None:
        assert read_ebsd(path, frame="map").grid == GRID
    else:
        with pytest.raises(ValueError, match=rf"a\.ang: .*{sentence}"):
            read_ebsd(path, frame="map")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda r: r[:, :7], "must have at least 8 columns .* but have 7"),
        (lambda r: np.column_stack([r[:, :7], r[:, 7] + 0.5, r[:, 8:]]), "must be the phase, a w"),
        (
            lambda r: np.column_stack([r[:, :7], r[:, 7] + 5, r[:, 8:]]),
            r"header \(1\), but phase 5",
        ),
        (lambda r: np.column_stack([20 * r[:, :3] + 20, r[:, 3:]]), "must be in radians, below 4π"),
        (
            lambda r: r[[0, 1, 2, 3, 4, 5, 10, 15]],
            "at least half of the points of a grid must be there",
        ),
    ],
)
def test_rows_that_make_no_map(tmp_path, change, sentence):
    path = ang(tmp_path / "a.ang", change=change)
    with pytest.raises(ValueError, match=rf"a\.ang: .*{sentence}"):
        read_ebsd(path, frame="map")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (edit(b"Channel", b"Chanel"), "must begin with 'Channel Text File'"),
        (edit(b"\tEuler2", b"\tAngle"), r"line 13: columns must be named once and hold phase, x"),
        (
            lambda text: re.sub(rb"(\r\n1)(\t[^\t]*){6}", rb"\1\2", text),
            r"rows must have the 11 columns that are named above them, or at least the first 8",
        ),
        (edit(b"Phases\t1", b"Phases\t0"), "must describe at least one phase"),
        (edit(b"Phases\t1", b"Phases\tno"), "Phases must be a number, but is 'no'"),
        (edit(b"\t11\t225", b"\tcubic\t225"), "Laue group of phase 'Phase1' must be a number"),
        (edit(b"\tPhase1\t11\t225\t\t\t", b" "), "must be lattice, angles, name and Laue group"),
        (edit(b"\r\n1\t", b"\r\n2\t"), "whole numbers up to the 1 of the header, but one is 2"),
        (lambda text: text[:40], "must begin with"),
    ],
)
def test_damaged_ctf(tmp_path, change, sentence):
    path = ctf(tmp_path / "a.ctf")
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(ValueError, match=rf"a\.ctf: .*{sentence}"):
        read_ebsd(path, frame="map")


@pytest.mark.parametrize("write", [ang, ctf])
def test_damage_of_any_kind_ends_in_a_sentence(tmp_path, write):
    path = write(tmp_path / f"a.{write.__name__}")
    whole = path.read_bytes()
    rng = np.random.default_rng(1)
    survived, sentences = 0, []
    for trial in range(400):
        text = bytearray(whole)
        for _ in range(rng.integers(1, 4)):
            place, kind = int(rng.integers(len(text))), trial % 4
            if kind == 0:
                text = text[:place]
            elif kind == 1:
                text[place] = int(rng.integers(256))
            elif kind == 2:
                del text[place : place + int(rng.integers(1, 40))]
            else:
                text[place:place] = text[: int(rng.integers(200))]
            text = text or bytearray(b"#")
        path.write_bytes(text)
        try:
            with warnings.catch_warnings(action="ignore"):
                survived += isinstance(read_ebsd(path, frame="edax-2"), EbsdMap)
        except ValueError as error:
            sentences.append(str(error))
    assert all(str(path) in sentence for sentence in sentences)
    assert 0 < survived < 400


def test_files_too_large_or_missing_are_refused(tmp_path, monkeypatch):
    from polyxtal.microstructure.io import ebsd_ang

    path = ang(tmp_path / "a.ang")
    monkeypatch.setattr(ebsd_ang, "MAX_BYTES", 100)
    with pytest.raises(ValueError, match="must not exceed 100 bytes"):
        read_ebsd(path, frame="map")
    with pytest.raises(FileNotFoundError):
        read_ebsd(tmp_path / "b.ang", frame="map")
    with pytest.raises(ValueError, match=r"must end in \.ang, .* or \.h5ebsd, but ends in '.txt'"):
        read_ebsd(tmp_path / "b.txt", frame="map")
    wide = ang(tmp_path / "c.ang", change=lambda r: r[:, [0] * (ebsd_text.MAX_COLUMNS + 1)])
    monkeypatch.undo()
    with pytest.raises(ValueError, match="at most 256 columns"):
        read_ebsd(wide, frame="map")


def test_a_map_checks_what_it_is_given():
    q = torch.zeros(2, 3, 4, dtype=torch.float64)
    q[..., 0] = 1
    phase = torch.zeros(2, 3, dtype=torch.int64)
    rest = ("a",), (1.0, 1.0), {}, Path("m")
    assert EbsdMap(q, phase, *rest).grid == (2, 3)
    with pytest.raises(ValueError, match=r"must index the 1 distinct phase names or be -1"):
        EbsdMap(q, phase + 1, *rest)
    with pytest.raises(ValueError, match="must hold unit quaternions"):
        EbsdMap(2 * q, phase, *rest)
    with pytest.raises(ValueError, match="must be two lengths"):
        EbsdMap(q, phase, ("a",), (1.0, 0.0), {}, Path("m"))
    with pytest.raises(ValueError, match="one entry for each of 1 phases"):
        EbsdMap(q, phase, *rest, lattices=(None, None))


def blocks(path, write=ang, **options):
    """Two crystals side by side, 20° apart about z."""
    angles = np.zeros((12, 8, 3))
    angles[6:, :, 0] = math.radians(20)
    return write(path, angles, **options)


def test_read_makes_a_polycrystal_of_a_map(tmp_path):
    rve = px.read(blocks(tmp_path / "a.ang"), frame="map")
    assert rve.grid == (12, 8, 1)
    assert rve.size == pytest.approx((6.0, 2.0, math.sqrt(0.125)), rel=1e-9)
    assert rve.grain_id[..., 0].tolist() == [[0] * 8] * 6 + [[1] * 8] * 6
    assert float(CUBIC.disorientation(*rve.orientations)) == pytest.approx(
        math.radians(20), abs=1e-5
    )
    assert px.read(tmp_path / "a.ang", frame="map", threshold=math.radians(25)).grains == 1
    both = blocks(tmp_path / "b.ctf", ctf, phase=np.arange(96).reshape(12, 8) % 2 + 1, laue=(11, 0))
    with pytest.raises(ValueError, match="Phase2' must be known"):
        px.read(both, frame="map")
    with pytest.warns(UserWarning, match="50 % of the points are filled"):
        assert px.read(both, frame="map", exclude="Phase2").grains == 8
    with pytest.raises(ValueError, match="some point must be indexed, but none is"):
        px.read(both, frame="map", exclude=["Phase1", "Phase2"])


def test_arguments_of_maps_are_refused_elsewhere(tmp_path):
    px.write(px.tessellate(4, 3), tmp_path / "a.npz")
    for given in ({"frame": "map"}, {"threshold": 0.1}, {"exclude": ["a"]}):
        with pytest.raises(ValueError, match=r"left out except for \.ang, .* and \.h5ebsd files"):
            px.read(tmp_path / "a.npz", **given)
    with pytest.raises(ValueError, match=r"`material` must be left out except for .vti"):
        px.read(blocks(tmp_path / "a.ang"), frame="map", material="material.yaml")


def test_command_line_converts_a_map(tmp_path):
    source, target = blocks(tmp_path / "a.ang"), tmp_path / "a.npz"

    def invoke(*options):
        return CliRunner().invoke(app, ["convert", str(source), str(target), *options])

    result = invoke()
    assert result.exit_code == 2
    assert "--frame must be one of map" in result.stderr
    assert invoke("--frame", "edax-1").exit_code == 0
    assert torch.equal(px.read(target).orientations, px.read(source, frame="edax-1").orientations)
    assert invoke("--frame", "map", "--threshold", "25", "--force").exit_code == 0
    assert px.read(target).grains == 1
    assert "Ferrite is not" in invoke("--frame=map", "--exclude=Ferrite", "--force").stderr
    result = CliRunner().invoke(app, ["convert", str(target), str(source), "--frame", "map"])
    assert "must be left out except for" in result.stderr or "must not exist" in result.stderr


def test_command_line_predicts_from_a_map(tmp_path):
    options = ["--material", "AA6022-T4", "--leaves", "8", "--ensemble", "1", "--no-picture"]
    options += ["--no-taylor", "--strain", "0.001", "--out", str(tmp_path / "out")]
    source = str(blocks(tmp_path / "a.ang"))
    result = CliRunner().invoke(app, ["predict", source, *options])
    assert "--frame must be one of map" in result.stderr
    result = CliRunner().invoke(app, ["predict", source, *options, "--frame", "edax-2"])
    assert result.exit_code == 0, result.output


def test_materials_are_checked_before_a_volume_is_made(tmp_path, monkeypatch):
    def never(*arguments, **options):
        raise AssertionError("a volume was made")

    monkeypatch.setattr("polyxtal.microstructure.equivalent.equivalent_rve", never)
    options = ["--frame", "edax-2", "--volume", "8", "--material", "Ti"]
    source = str(blocks(tmp_path / "a.ang"))
    result = CliRunner().invoke(app, ["predict", source, *options])
    assert result.exit_code == 2
    assert "hP" in result.stderr
    assert "volume was made" not in result.output + str(result.exception)


@pytest.mark.skipif(not SAMPLE.is_file(), reason="the measured map is not beside the repository")
def test_measured_map():
    ebsd = read_ebsd(SAMPLE, frame="edax-2")
    assert ebsd.grid == (169, 169)
    assert ebsd.step == pytest.approx((2.96077, 2.96077), abs=1e-5)  # the header says 2.961
    assert ebsd.phase_names == ("Iron fcc",)
    assert ebsd.lattices == (Lattice("c"),)
    assert int((~ebsd.indexed).sum()) == 2151
    plain = np.loadtxt(SAMPLE, encoding="latin-1").reshape(169, 169, 10).transpose(1, 0, 2)
    assert np.array_equal(~ebsd.indexed.numpy(), (plain[..., :3] == 0).all(-1))
    assert np.array_equal(ebsd.quality["image_quality"], plain[..., 5])
    chosen = [(0, 0), (168, 3), (40, 100)]
    q = read_ebsd(SAMPLE, frame="map")
    for i, j in chosen:
        angles = quaternion_to_bunge(q.orientations[i, j]).numpy()
        assert np.allclose(angles, plain[i, j, :3], atol=1e-9) or not q.indexed[i, j]


@pytest.mark.parametrize("grid", ["SqrGrid", "HexGrid"])
@pytest.mark.parametrize(
    ("scale", "sentence"),
    [(5e-324, "at least 1e-100 µm apart"), (1e-308, "at least 1e-100"), (1e308, "must lie within")],
)
def test_points_without_a_distance_are_refused(tmp_path, grid, scale, sentence):
    path = blocks(tmp_path / "a.ang", grid=grid, header_step=(0, 0))
    lines = path.read_text("latin-1").splitlines()
    for k, line in enumerate(lines):
        if not line.startswith("#"):
            words = line.split()
            words[3:5] = (repr(round(2 * float(word)) * scale) for word in words[3:5])
            lines[k] = " ".join(words)
    path.write_text("\n".join(lines), "latin-1")
    with pytest.raises(ValueError, match=sentence):
        read_ebsd(path, frame="map")


def test_headers_of_many_phases_are_refused_in_short(tmp_path):
    many = [(k, "43") for k in range(ebsd_table.MAX_PHASES + 1)]
    with pytest.raises(ValueError, match=r"at most 1000 phases \(MAX_PHASES\)"):
        read_ebsd(ang(tmp_path / "a.ang", phases=many), frame="map")
    for path in (
        ang(tmp_path / "b.ang", phases=many[:-1], data_phase=5000),
        ang(tmp_path / "c.ang", phases=[(1, "43")] * 900),
    ):
        with pytest.raises(ValueError, match="phase") as error:
            read_ebsd(path, frame="map")
        assert len(str(error.value)) < 700
    path = ctf(tmp_path / "a.ctf")
    path.write_text(path.read_text("latin-1").replace("Bands", "X" * 5000 + "\tX"), "latin-1")
    with pytest.raises(ValueError, match="columns must be named once") as error:
        read_ebsd(path, frame="map")
    assert len(str(error.value)) < 700
