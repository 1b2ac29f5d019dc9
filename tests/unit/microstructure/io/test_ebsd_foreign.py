"""Maps as other programs leave them: encodings, columns, headers that differ, turned grids."""

import math

import numpy as np
import pytest
import torch
from places import SAMPLES
from vendor_maps import ANGLES, GRID, ang, ctf

from polyxtal.algebra.rotation import bunge_to_quaternion, quaternion_to_bunge
from polyxtal.microstructure.io import read_ebsd


def same(found, right):
    assert found.grid == right.grid
    assert found.step == pytest.approx(right.step, rel=1e-9)
    assert torch.equal(found.phase, right.phase)
    assert torch.equal(found.orientations, right.orientations)


def commas(text):
    return text.replace(b".", b",")


def with_bom(text):
    return text.decode("latin-1").encode("utf-8-sig")


def as_list(text):
    rows = [b", ".join(row.split()) for row in text.split(b"#\n")[-1].splitlines()]
    return b"#\n".join([*text.split(b"#\n")[:-1], b"\n".join(rows)])


ENCODINGS = {
    "mark": with_bom,
    "utf-16": lambda text: text.decode("latin-1").encode("utf-16"),
    "utf-16, big end first": lambda t: b"\xfe\xff" + t.decode("latin-1").encode("utf-16-be"),
    "utf-16 without a mark": lambda text: text.decode("latin-1").encode("utf-16-le"),
    "old Mac": lambda text: text.replace(b"\r\n", b"\n").replace(b"\n", b"\r"),
    "mixed line ends": lambda text: text.replace(b"\r\n", b"\n").replace(b"0\n", b"0\r\n"),
    "decimal commas": commas,
    "blank lines": lambda text: text + b"\n\n \n",
}


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("write", [ang, ctf])
def test_text_of_any_encoding(tmp_path, write, encoding):
    path = write(tmp_path / f"a.{write.__name__}")
    right = read_ebsd(path, frame="map")
    path.write_bytes(ENCODINGS[encoding](path.read_bytes()))
    same(read_ebsd(path, frame="map"), right)


def test_numbers_parted_by_commas(tmp_path):
    right = read_ebsd(ang(tmp_path / "a.ang"), frame="map")
    path = tmp_path / "b.ang"
    path.write_bytes(as_list((tmp_path / "a.ang").read_bytes()))
    same(read_ebsd(path, frame="map"), right)


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8"])
def test_names_of_phases_in_any_encoding(tmp_path, encoding):
    path = ctf(tmp_path / "a.ctf")
    text = path.read_text("latin-1").replace("Phase1", "Glimmer weiß")
    path.write_text(text, encoding)
    assert read_ebsd(path, frame="map").phase_names == ("Glimmer weiß",)


@pytest.mark.parametrize("nan", ["nan", "NaN", "-nan(ind)", "1.#QNAN", "-1.#IND00"])
@pytest.mark.parametrize("write", [ang, ctf])
def test_points_without_angles_are_not_indexed(tmp_path, write, nan):
    path = write(tmp_path / f"a.{write.__name__}")
    right = read_ebsd(path, frame="map")
    head, first, rest = text_of_first(path, write)
    words = first.split()
    at = slice(0, 3) if write is ang else slice(5, 8)
    words[at] = [nan] * 3
    path.write_text(head + "\t".join(words) + "\n" + rest, "latin-1")
    found = read_ebsd(path, frame="map")
    assert (~found.indexed).nonzero().tolist() == [[0, 0]]
    assert torch.equal(found.orientations[found.indexed], right.orientations[found.indexed])


def text_of_first(path, write):
    """Return header, first row and the others."""
    lines = path.read_text("latin-1").splitlines(keepends=True)
    begins = (lambda line: not line.startswith("#")) if write is ang else (lambda t: t[:1] == "1")
    k = next(k for k, line in enumerate(lines) if begins(line))
    return "".join(lines[:k]), lines[k], "".join(lines[k + 1 :])


@pytest.mark.parametrize(("write", "cut"), [(ang, 30), (ctf, 10), (ctf, 30)])
def test_a_last_line_cut_short_is_left_out(tmp_path, write, cut):
    path = write(tmp_path / f"a.{write.__name__}")
    right = read_ebsd(path, frame="map")
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.warns(UserWarning, match=r"a\.\w+: the last line, \d+, is cut short and left out"):
        found = read_ebsd(path, frame="map")
    assert (~found.indexed).nonzero().tolist() == [[4, 3]]
    assert torch.equal(found.orientations[found.indexed], right.orientations[found.indexed])


def test_positions_decide_on_steps_and_numbers_of_points(tmp_path):
    right = read_ebsd(ang(tmp_path / "a.ang"), frame="map")
    stale = ang(tmp_path / "b.ang", header_step=(0.125, 0.3))
    stale.write_bytes(stale.read_bytes().replace(b"NROWS: 4", b"NROWS: 40"))
    with pytest.warns(UserWarning, match="the header differs") as said:
        same(read_ebsd(stale, frame="map"), right)
    [one] = said
    for part in ("0.125 µm along x where the positions have 0.5 µm", "0.3 µm along y", "40 points"):
        assert part in str(one.message)
    path = ctf(tmp_path / "a.ctf")
    path.write_bytes(path.read_bytes().replace(b"XCells\t5", b"XCells\t0"))
    with pytest.warns(UserWarning, match="has 0 points along x where the positions have 5"):
        assert read_ebsd(path, frame="map").grid == GRID


@pytest.mark.parametrize("said", [(0, 0), (9e9, 9e9)])
def test_columns_may_be_missing_and_positions_rounded(tmp_path, said):
    angles = np.zeros((40, 3, 3))
    rng = np.random.default_rng(0)

    def gappy(rows):
        rows = rows[~np.isin(np.rint(rows[:, 3] / 0.3), [7, 8, 9, 10, 11, 30])]
        rows[:, 3] += rng.uniform(-0.02, 0.02, len(rows))
        return rows

    path = ang(tmp_path / "a.ang", angles, step=(0.3, 0.3), header_step=said, change=gappy)
    if said[0]:
        with pytest.warns(UserWarning, match=r"9e\+09"):
            found = read_ebsd(path, frame="map")
    else:
        found = read_ebsd(path, frame="map")
    assert found.grid == (40, 3)
    assert int(found.indexed.sum()) == 34 * 3
    assert found.step[0] == pytest.approx(0.3, rel=1e-2)


def test_ctf_with_fewer_values_than_names(tmp_path):
    path = ctf(tmp_path / "a.ctf")
    right = read_ebsd(path, frame="map")
    path.write_text(path.read_text("latin-1").replace("\tBS", "\tBS\tGhost"), "latin-1")
    with pytest.warns(UserWarning, match="11 columns where 12 are named, so that mad, bc, bs, gh"):
        found = read_ebsd(path, frame="map")
    same(found, right)
    assert set(found.quality) == {"bands", "error"}


def test_ctf_without_a_column_before_the_angles_is_refused(tmp_path):
    path = ctf(tmp_path / "a.ctf")
    path.write_text(path.read_text("latin-1").replace("\t8\t0\t", "\t8\t"), "latin-1")
    with pytest.raises(ValueError, match=r"11 columns .* but have 10, and error holds no whole"):
        read_ebsd(path, frame="map")


def test_ctf_with_more_values_than_names(tmp_path):
    path = ctf(tmp_path / "a.ctf")
    right = read_ebsd(path, frame="map")
    path.write_text(path.read_text("latin-1").replace("\tBC\tBS", "\tBC"), "latin-1")
    with pytest.warns(UserWarning, match="without a name are called column_11"):
        found = read_ebsd(path, frame="map")
    same(found, right)
    assert torch.equal(found.quality["column_11"], right.quality["band_slope"])


def test_ctf_with_further_columns_in_any_order(tmp_path):
    right = read_ebsd(ctf(tmp_path / "a.ctf"), frame="map")
    lines = (tmp_path / "a.ctf").read_text("latin-1").splitlines()
    begin = next(k for k, line in enumerate(lines) if line.startswith("Phase\t"))
    lines[begin] = lines[begin].replace("Phase\tX", "Phase\tFe K series\tX")
    lines[begin + 1 :] = [line.replace("\t", "\t7.5\t", 1) for line in lines[begin + 1 :]]
    path = tmp_path / "b.ctf"
    path.write_text("\n".join(lines), "latin-1")
    found = read_ebsd(path, frame="map")
    same(found, right)
    assert bool((found.quality["fe k series"] == 7.5).all())


def test_ctf_without_tabs(tmp_path):
    path = ctf(tmp_path / "a.ctf")
    right = read_ebsd(path, frame="map")
    path.write_text(path.read_text("latin-1").replace("\t", "   "), "latin-1")
    found = read_ebsd(path, frame="map")
    same(found, right)
    assert found.phase_names == right.phase_names
    assert found.lattices == right.lattices


def test_values_left_out_between_tabs_move_no_other(tmp_path):
    path = ctf(tmp_path / "a.ctf")
    right = read_ebsd(path, frame="map")
    path.write_text(path.read_text("latin-1").replace("\t8\t0\t", "\t\t\t"), "latin-1")
    found = read_ebsd(path, frame="map")
    same(found, right)
    assert bool(found.quality["bands"].isnan().all())


def rotated(path, degrees, write=ang, n=24):
    """Write a map whose points lie on a turned grid, with the first Euler angle for the place."""
    i, j = (0.5 * a.reshape(-1) for a in np.meshgrid(np.arange(n), np.arange(n), indexing="ij"))
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    angles = np.full((n, n, 3), 0.3)

    def turn(rows):
        rows[:, 3:5] = np.column_stack([c * i - s * j, s * i + c * j])
        rows[:, 0] = 0.01 + 0.01 * (rows[:, 3] + 20)
        return rows

    return write(path, angles, step=(0.5, 0.5), change=turn)


@pytest.mark.parametrize("degrees", [10, 45, 77])
def test_rotated_map_is_resampled_to_its_nearest_points(tmp_path, degrees):
    path = rotated(tmp_path / "a.ang", degrees)
    with pytest.warns(UserWarning, match="a.ang: .*(on no grid|rows shifted in turns)"):
        found = read_ebsd(path, frame="map")
    assert 0.4 < found.step[0] < 0.75
    covered = float(found.indexed.sum()) * math.prod(found.step)
    assert covered == pytest.approx(12.0**2, rel=0.12)
    i, j = found.indexed.nonzero().T
    x = 100 * (quaternion_to_bunge(found.orientations[i, j])[:, 0] - 0.01) - 20
    offset = x - i * found.step[0]
    assert float(offset.max() - offset.min()) < 1.1  # two halves of a diagonal


def test_map_with_a_hole(tmp_path):
    keep = np.ones(GRID, bool)
    keep[1:4, 1:3] = False

    def cut(rows):
        return rows[keep.T.reshape(-1)]

    found = read_ebsd(ang(tmp_path / "a.ang", change=cut), frame="map")
    assert torch.equal(found.indexed, torch.from_numpy(keep))
    right = bunge_to_quaternion(torch.from_numpy(ANGLES))
    assert torch.allclose(found.orientations[found.indexed], right[found.indexed], atol=1e-5)


def test_shifted_rows_of_a_ctf_are_a_hexagonal_grid(tmp_path):
    lines = ctf(tmp_path / "a.ctf").read_text("latin-1").splitlines()
    begin = 1 + next(k for k, line in enumerate(lines) if line.startswith("Phase\t"))
    rows = []
    for j in range(20):
        for i in range(20):
            x, y = i + 0.5 * (j % 2), j * math.sqrt(0.75)
            rows.append(f"1\t{x:.4f}\t{y:.4f}\t8\t0\t{10 + x:.4f}\t20\t{10 + y:.4f}\t0.6\t1\t1")
    path = tmp_path / "hex.ctf"
    head = [line for line in lines[:begin] if not line.startswith(("XC", "YC", "XSt", "YSt"))]
    path.write_text("\n".join([*head, *rows]), "latin-1")
    with pytest.warns(UserWarning, match="a square grid where the positions have a hexagonal one"):
        found = read_ebsd(path, frame="map")
    assert math.prod(found.step) == pytest.approx(math.sqrt(0.75), rel=0.05)
    assert bool(found.indexed.all())


SIDES = np.where(np.arange(5)[:, None] < 2, 0, 1)


def test_phases_of_points_counted_from_0(tmp_path):
    path = ang(tmp_path / "a.ang", phases=[(1, "43"), (2, "62")], data_phase=SIDES)
    with pytest.warns(UserWarning, match="in this order: 0 is Phase1, 1 is Phase2"):
        found = read_ebsd(path, frame="map")
    assert torch.equal(found.phase[:, 0], torch.tensor([0, 0, 1, 1, 1]))
    path = ang(tmp_path / "b.ang", phases=[(1, "43"), (2, "62")], data_phase=2 * SIDES)
    with pytest.warns(UserWarning, match="taken for not indexed, but 40 % of the points have it"):
        found = read_ebsd(path, frame="map")
    assert torch.equal(found.phase[:, 0], torch.tensor([-1, -1, 1, 1, 1]))


def test_phase_0_without_confidence_is_not_indexed(tmp_path):
    def doubt(rows):
        rows[rows[:, 7] == 0, 6] = 0
        return rows

    for data in (SIDES, 2 * SIDES):
        path = ang(tmp_path / "a.ang", phases=[(1, "43"), (2, "62")], data_phase=data, change=doubt)
        assert read_ebsd(path, frame="map").phase[0, 0] == -1


def test_angles_in_the_unit_of_another_vendor_are_told(tmp_path):
    with pytest.warns(UserWarning, match="read as degrees, but all are below 2π"):
        read_ebsd(ctf(tmp_path / "a.ctf", np.radians(ANGLES)), frame="map")
    with pytest.raises(ValueError, match=r"must be in radians, below 4π, but reach .* like degr"):
        read_ebsd(ang(tmp_path / "a.ang", np.degrees(ANGLES)), frame="map")
    small = np.broadcast_to([9.0, 4.0, 2.0], ANGLES.shape)
    with pytest.warns(UserWarning, match=r"reach 9, above 2π, or 4, above π, for Φ; are they deg"):
        read_ebsd(ang(tmp_path / "b.ang", small), frame="map")


STACK = SAMPLES / "ebsd_stack" / "S00.ANG"


@pytest.mark.skipif(not STACK.is_file(), reason="the measured maps are not beside the repository")
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    ("file", "grid", "step"),
    [
        ("ebsd_stack/S00.ANG", (35, 40), 0.4),
        ("testdata_sqr.ctf", (30, 30), 1.0),
        ("testdata_hex.ctf", (32, 28), 0.93),
        ("HexHeader.ang", (40, 4), 0.25),
    ],
)
def test_maps_of_other_packages(file, grid, step):
    found = read_ebsd(SAMPLES / file, frame="map")
    assert found.grid == grid
    assert found.step == pytest.approx((step, step), rel=0.02)
