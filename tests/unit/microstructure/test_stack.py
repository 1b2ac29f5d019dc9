"""Stacks of sections: grains in three dimensions, shifts, and sections that do not fit."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner
from vendor_maps import ang

import polyxtal as px
from polyxtal.algebra.rotation import quaternion_to_bunge, random_quaternions
from polyxtal.cli import app
from polyxtal.microstructure.ebsd import EbsdMap
from polyxtal.microstructure.io.sections import section_files, section_layers
from polyxtal.microstructure.section_alignment import best_shift
from polyxtal.microstructure.stacking import _common_window, stack_sections


def random_grains(shape, count, seed):
    """Grain of each point: Voronoi cells of random points, not periodic."""
    draw = np.random.default_rng(seed)
    centre = draw.uniform(0, 1, (count, 3)) * np.array(shape)
    place = np.stack(np.indices(shape), -1)
    return ((place[..., None, :] - centre) ** 2).sum(-1).argmin(-1)


SHAPE, COUNT = (24, 18, 12), 27
GRAIN = random_grains(SHAPE, COUNT, seed=4)
"""Grain of each point of the stack."""
VOLUMES = np.bincount(GRAIN.reshape(-1)) * 0.5 * 0.25 * 0.8
"""Volume of each grain. [µm³]"""
ANGLES = quaternion_to_bunge(random_quaternions(COUNT, 1)).numpy()
STEP = (0.5, 0.25)


def write_sections(folder, grain=GRAIN, layers=None, name="S{:02d}.ang", **options):
    """Write one map for each layer, numbered from 8 so that names need sorting by number."""
    folder.mkdir(exist_ok=True)
    layers = range(grain.shape[2]) if layers is None else layers
    return [
        ang(folder / name.format(8 + k), ANGLES[grain[:, :, k]], step=STEP, **options)
        for k in layers
    ]


def same_partition(ids, grain):
    pairs = set(zip(ids.reshape(-1).tolist(), grain.reshape(-1).tolist(), strict=True))
    return len(pairs) == len(np.unique(grain)) == len(torch.unique(ids))


def windows(grain, shifts, shape):
    """Sections cut from layers of a wider field, each from another place."""
    q = random_quaternions(int(grain.max()) + 1, 2)
    return [
        EbsdMap(
            q[torch.from_numpy(grain[x : x + shape[0], y : y + shape[1], k].copy())],
            torch.zeros(shape, dtype=torch.int64),
            ("a",),
            (1.0, 1.0),
            {},
            Path(f"S{k}.ang"),
        )
        for k, (x, y) in enumerate(shifts)
    ]


def test_known_grains_are_found_from_files(tmp_path):
    write_sections(tmp_path / "s", name="S{}.ang")  # S8, S9, S10: sorted by number
    stack = px.read_ebsd_stack(tmp_path / "s" / "S*.ang", 0.8, frame="map")
    assert stack.grid == SHAPE
    assert stack.step == pytest.approx((*STEP, 0.8))
    assert stack.size == pytest.approx((12.0, 4.5, 9.6))
    assert set(stack.shifts) == {(0, 0)}
    assert "confidence_index" in stack.quality
    grains = stack.grains()
    assert (grains.grains, grains.filled) == (COUNT, 0.0)
    assert same_partition(grains.grain_id, GRAIN)
    inner = np.setdiff1d(
        GRAIN,
        np.concatenate(
            [GRAIN[[0, -1]].ravel(), GRAIN[:, [0, -1]].ravel(), GRAIN[:, :, [0, -1]].ravel()]
        ),
    )
    assert 0 < int((~grains.border).sum()) == len(inner)
    assert sorted(grains.volume.tolist()) == pytest.approx(sorted(VOLUMES))
    rve = grains.polycrystal
    assert rve.size == pytest.approx(stack.size)
    assert [one.symbol for one in rve.lattices] == ["c"] or rve.lattices[0] is not None
    expected = px.read_ebsd(tmp_path / "s" / "S8.ang", frame="map").orientations
    found = rve.orientation_field()[:, :, 0]
    assert float((found * expected).sum(-1).abs().min()) > 1 - 1e-6


def test_frame_turns_the_stack_as_it_turns_a_map(tmp_path):
    files = write_sections(tmp_path / "s", layers=range(4))
    stack = px.read_ebsd_stack(files, 0.8, frame="edax-2")
    for layer, file in enumerate(files):
        one = px.read_ebsd(file, frame="edax-2")
        assert torch.equal(stack.orientations[:, :, layer], one.orientations)
    with pytest.raises(ValueError, match="argument `frame` must be one of"):
        px.read_ebsd_stack(files, 0.8)


@pytest.mark.parametrize("unindexed", [0.0, 0.2])
def test_known_shifts_are_recovered_exactly(unindexed):
    grain = random_grains((60, 50, 6), 150, seed=3)
    place = [(8, 6), (10, 6), (9, 3), (14, 5), (8, 11), (5, 5)]
    sections = windows(grain, place, (40, 36))
    if unindexed:
        draw = torch.Generator().manual_seed(0)
        sections = [s.keep(torch.rand(s.grid, generator=draw) > unindexed) for s in sections]
    stack = stack_sections(sections, 1.0)
    # A window further to the right shows the specimen further to the left.
    assert stack.shifts == tuple((x - place[0][0], y - place[0][1]) for x, y in place)
    low, high = (np.max(place, 0), np.min(place, 0) + np.array((40, 36)))
    common = grain[low[0] : high[0], low[1] : high[1]]
    assert stack.grid == common.shape
    found = stack.grains(minimum=1, fill=False).grain_id
    inside = found >= 0
    owners = {}
    for mine, true in zip(found[inside].tolist(), common[inside.numpy()].tolist(), strict=True):
        assert owners.setdefault(mine, true) == true
    still = stack_sections(sections, 1.0, align_sections=False)
    assert set(still.shifts) == {(0, 0)}
    assert still.grid == (40, 36, 6)


def test_a_section_on_itself_stays_and_unrelated_ones_stay():
    one, other = (
        windows(random_grains((40, 36, 1), 30, seed), [(0, 0)], (40, 36))[0] for seed in (1, 2)
    )
    assert best_shift(one, one).shift == (0, 0)
    assert best_shift(one, one).correlation == pytest.approx(1, abs=1e-5)
    assert best_shift(one, other).correlation < 0.6
    nothing = one.keep(torch.zeros(one.grid, dtype=torch.bool))
    assert best_shift(one, nothing).shift == (0, 0)


def test_phases_align_by_name_and_count():
    grain = random_grains((30, 30, 2), 40, seed=5)
    q = torch.tensor([1.0, 0, 0, 0], dtype=torch.float64).expand(24, 24, 4)  # all crystals alike
    path = Path("m.ang")
    one = EbsdMap(q, torch.from_numpy(grain[:24, :24, 0] % 2), ("a", "b"), (1.0, 1.0), {}, path)
    phase = torch.from_numpy(1 - grain[3:27, 2:26, 1] % 2)
    other = EbsdMap(q, phase, ("b", "a"), (1.0, 1.0), {}, path)
    stack = stack_sections([one, other], 1.0)
    assert stack.shifts == ((0, 0), (3, 2))
    assert stack.phase_names == ("a", "b")
    assert torch.equal(stack.phase[:, :, 1], torch.from_numpy(grain[3:24, 2:24, 1] % 2))


def test_a_missing_section_is_told_and_filled(tmp_path):
    layers = [k for k in range(12) if k != 5]
    write_sections(tmp_path / "s", layers=layers)
    with pytest.warns(UserWarning, match=r"S14.ang: .* without gaps, but 1 is missing.*S12.ang"):
        stack = px.read_ebsd_stack(tmp_path / "s" / "S*.ang", 0.8, frame="map", align=False)
    assert stack.grid == SHAPE
    assert not bool(stack.indexed[:, :, 5].any())
    grains = stack.grains()
    assert grains.filled == pytest.approx(1 / 12)
    kept = np.delete(np.arange(12), 5)
    assert same_partition(grains.grain_id[:, :, kept], GRAIN[:, :, kept])
    free = stack.grains(fill=False)
    assert (free.grains, free.filled) == (COUNT, 0.0)
    assert torch.equal(free.grain_id < 0, ~stack.indexed)


def test_nothing_indexed_is_refused():
    nothing = [
        m.keep(torch.zeros(m.grid, dtype=torch.bool)) for m in windows(GRAIN, [(0, 0)] * 2, (9, 9))
    ]
    with pytest.raises(ValueError, match="some point must be indexed"):
        stack_sections(nothing, 1.0).grains()


def test_the_order_is_that_of_the_numbers_and_of_the_grains(tmp_path):
    files = write_sections(tmp_path / "s")
    wrong = [*files[:4], files[5], files[4], *files[6:]]
    with pytest.raises(ValueError, match=r"S12.ang: sections must be in the order .* S13.ang"):
        px.read_ebsd_stack(wrong, 0.8, frame="map", align=False)
    assert section_layers(files[::-1]) == list(range(12))
    assert section_layers(files[::2]) == list(range(6))
    # Names that say nothing of the order: the grains do.
    grain = random_grains((40, 36, 8), 40, seed=3)
    sections = windows(grain, [(0, 0)] * 8, (40, 36))
    sections = [*sections[:2], *(sections[k] for k in (6, 2)), *sections[3:6], sections[7]]
    with pytest.warns(UserWarning, match=r"in their order .* S1.ang is more like S2.ang"):
        stack_sections(sections, 1.0)


@pytest.mark.parametrize(
    ("names", "layers"),
    [
        (("a.ang", "b.ang"), [0, 1]),
        (("S1.ang", "S3.ang", "S5.ang"), [0, 1, 2]),
        (("S1.ang", "S2.ang", "S20.ang"), [0, 1, 2]),  # too far to be missing
        (("x1y2.ang", "x2y1.ang"), [0, 1]),
        (("S1.ang", "S1.ang"), [0, 1]),
    ],
)
def test_names_without_one_number_are_taken_as_given(names, layers):
    assert section_layers([Path(name) for name in names]) == layers


def test_sections_that_do_not_fit(tmp_path):
    files = write_sections(tmp_path / "s")
    small = ang(tmp_path / "s" / "S20.ang", ANGLES[GRAIN[:20, :17, 11]], step=STEP)
    with pytest.warns(UserWarning, match=r"of one size, but have 340 to 432 points; the 20 x 17"):
        assert px.read_ebsd_stack([*files, small], 0.8, frame="map", align=False).grid == (
            20,
            17,
            13,
        )
    ang(small, ANGLES[GRAIN[:, :, 11]], step=(0.6, 0.25))
    with pytest.raises(ValueError, match=r"S20.ang: sections must have one step, but it is 0.6 x"):
        px.read_ebsd_stack([*files, small], 0.8, frame="map", align=False)
    ang(small, ANGLES[GRAIN[:, :, 11]], step=STEP, phases=((1, "62"),))
    with pytest.raises(ValueError, match=r"S20.ang: phase 'Phase1' must have one lattice in all"):
        px.read_ebsd_stack([*files, small], 0.8, frame="map", align=False)
    ang(small, ANGLES[GRAIN[:5, :4, 11]], step=STEP)
    with pytest.warns(UserWarning, match="of one size"):
        px.read_ebsd_stack([*files, small], 0.8, frame="map", align=False)
    with pytest.raises(ValueError, match="at least two sections, but there is one"):
        px.read_ebsd_stack(files[:1], 0.8, frame="map", align=False)
    with pytest.raises(FileNotFoundError, match="No such file"):
        section_files(tmp_path / "X*.ang")
    for spacing in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="`spacing` must be a length"):
            px.read_ebsd_stack(files, spacing, frame="map")


def test_sections_apart_are_refused():
    far = windows(random_grains((80, 20, 2), 200, 1), [(0, 0), (0, 0)], (20, 20))
    with pytest.raises(ValueError, match=r"at least 25 % of their points in common"):
        _common_window(far, [(0, 0), (16, 0)])


def test_warnings_of_all_sections_are_told_once(tmp_path):
    files = write_sections(tmp_path / "s", header_step=(0.1, 0.1))
    with pytest.warns(UserWarning, match="where the header differs") as told:
        px.read_ebsd_stack(files, 0.8, frame="map")
    assert [str(w.message).split(": ")[0] for w in told] == [f"{files[0]} and 11 more sections"]


def invoke(*arguments):
    return CliRunner().invoke(app, list(map(str, arguments)))


def test_convert_takes_a_pattern(tmp_path):
    write_sections(tmp_path / "s")
    pattern, out = tmp_path / "s" / "S*.ang", tmp_path / "a.npz"
    options = ("--section-spacing", 0.8, "--frame", "map")
    result = invoke("convert", pattern, out, *options, "--json")
    assert result.exit_code == 0, result.output
    assert px.read(out).grains == COUNT
    said = json.loads(result.stdout)
    assert len(said["inputs"]) == 12
    assert said["inputs"]["section 1"]["name"] == "S08.ang"
    seen = said["microstructure"]["map"]
    assert (seen["points"], seen["sections"], seen["largest_shift"]) == ([24, 18, 12], 12, 0)
    shown = invoke("convert", pattern, tmp_path / "b.npz", *options, "--no-align").stdout
    assert "12, not shifted" in shown
    assert "grains of the stack" in shown


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("S*.ang", (), "option --section-spacing must be the distance between the sections"),
        ("S*.ang", ("--section-spacing", 1, "--volume", 8), "option --volume must be left out"),
        ("S08.ang", ("--section-spacing", 1), "--no-align must be left out except for a stack"),
        ("X*.ang", ("--section-spacing", 1), "X*.ang: No such file"),
        ("S*.ang", ("--section-spacing", -1), "--section-spacing must be a length [µm]"),
    ],
)
def test_option_errors(tmp_path, name, options, sentence):
    write_sections(tmp_path / "s", layers=range(2))
    result = invoke(
        "convert", tmp_path / "s" / name, tmp_path / "a.npz", "--frame", "map", *options
    )
    assert (result.exit_code, result.stdout) == (2, ""), result.output
    assert sentence in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_results_of_a_pattern_have_a_plain_folder():
    from polyxtal.workflows.predict.settings import OUTPUT

    assert str(OUTPUT.default("data/S*.ANG")) == "out/S-prediction"
    assert str(OUTPUT.default("data/*.ANG")) == "out/stack-prediction"
