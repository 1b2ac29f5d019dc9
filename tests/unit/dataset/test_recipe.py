"""Recipes: what they accept and refuse, and the polycrystals that they stand for."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
import yaml
from scipy.stats import kstest

from polyxtal.algebra.convergence import ConvergenceError
from polyxtal.crystal.laue import CUBIC
from polyxtal.dataset import build as module
from polyxtal.dataset.build import build_sample, label
from polyxtal.dataset.layout import header_files, layout, metadata_files
from polyxtal.dataset.recipe import MAX_COUNT, MAX_TEXT, differences, make_recipe, read_recipe
from polyxtal.dataset.recipe_labels import SampledConstants
from polyxtal.microstructure.grain_statistics import grain_statistics
from polyxtal.texture.zone import orientation_grid

BASE = {"count": 4, "grid": 6, "grains": [3, 8], "texture": {"kind": "hull", "resolution": 30}}
HULL = {"kind": "hull", "resolution": 30}
CUBE = {"kind": "rolling", "shares": {"cube": 0.4, "goss": 0.2}}
TEXTURES = [
    {"kind": "uniform"},
    HULL,
    {"kind": "hull", "resolution": 25, "support": "geometric"},
    {"kind": "types"},
    {"kind": "types", "names": ["W1"]},
    CUBE,
    {"kind": "rolling", "shares": {}},
    {"kind": "rolling", "shares": {"copper": 1.0}, "halfwidth": 6},
    {"kind": "unimodal"},
    {"kind": "unimodal", "bunge": [30, 45, 60], "halfwidth": 90},
    {"kind": "fibre", "crystal": [1, 1, 1], "sample": [0, 0, 1]},
    {"kind": "mixture", "of": [[2, CUBE], [0, HULL], [1, {"kind": "types"}]]},
    {"kind": "choice", "of": [[1, CUBE], [0, HULL], [3, {"kind": "mixture", "of": [[1, HULL]]}]]},
]


def recipe(**changes):
    return make_recipe(BASE | changes)


@pytest.mark.parametrize("texture", TEXTURES, ids=lambda texture: texture["kind"])
def test_every_texture_draws(texture):
    given = recipe(texture=texture, coefficients=30)
    first, again = build_sample(given, 1), build_sample(given, 1)
    assert torch.equal(first.quaternions, again.quaternions)
    assert torch.equal(first.rve.grain_id, again.rve.grain_id)
    length = first.quaternions.double().norm(dim=-1)
    assert float((length - 1).abs().max()) < 1e-6
    share = first.texture.coefficients(given.coefficient_grid())
    assert float(share.min()) >= 0
    assert float(share.sum()) == pytest.approx(1, abs=1e-12)


def test_sharpest_component_is_seen_on_the_grid():
    distance = []
    for bunge in ([12, 33, 7], [0, 0, 0], [45, 20, 80], [10, 5, 0], [100, 50, 10]):
        texture = {"kind": "unimodal", "bunge": bunge, "halfwidth": 6}
        given = recipe(texture=texture, coefficients=30)
        sample = build_sample(given, 0)
        grid = given.coefficient_grid()
        nearest, _ = grid.nearest(sample.texture.orientations(5000, 1))
        found = torch.bincount(nearest, minlength=len(grid)) / 5000
        distance.append(float((found - sample.texture.coefficients(grid)).abs().sum()) / 2)
    assert np.mean(distance) < 0.1


def test_choice_and_mixture_follow_their_shares():
    # Cube scatters by some degrees only, so that it is told from Goss by its quaternions.
    one = {"kind": "rolling", "shares": {"cube": 1.0}, "halfwidth": 6}
    other = {"kind": "rolling", "shares": {"goss": 1.0}, "halfwidth": 6}
    cube = torch.tensor([1.0, 0, 0, 0], dtype=torch.float64)

    def is_cube(q):
        return CUBIC.disorientation(q, cube.expand_as(q)) < 0.39

    chosen = recipe(texture={"kind": "choice", "of": [[1, one], [3, other]]})
    found = [is_cube(build_sample(chosen, i).rve.orientations) for i in range(60)]
    assert all(bool(q.all()) or not bool(q.any()) for q in found)
    assert 5 < sum(bool(q.all()) for q in found) < 26
    mixed = recipe(texture={"kind": "mixture", "of": [[1, one], [3, other]]}, grid=8, grains=100)
    shares = []
    for i in range(5):
        rve = build_sample(mixed, i).rve
        volume = torch.bincount(rve.grain_id.reshape(-1), minlength=100) / 8**3
        shares.append(float(volume[is_cube(rve.orientations)].sum()))
    assert np.mean(shares) == pytest.approx(0.25, abs=0.03)


def test_shorthand_is_spelled_out():
    short = recipe(grains=5, spread=0.2, aspect=[1, 2, [0.5, 3]], grid=7)
    assert short.grid == (7, 7, 7)
    assert short.grains == (5, 5)
    assert short.spread == (0.2, 0.2)
    assert short.aspect == ((1, 1), (2, 2), (0.5, 3))
    long = recipe(
        grains=[5, 5], spread=[0.2, 0.2], aspect=[[1, 1], [2, 2], [0.5, 3]], grid=[7, 7, 7]
    )
    assert short == long


LABELS = {"constants": [[107300, 60800, 28300]], "sampled": {"count": 2, "zener": [0.2, 5]}}


@pytest.mark.parametrize("texture", TEXTURES, ids=lambda texture: texture["kind"])
def test_recipe_that_is_written_reads_back_equal(texture, tmp_path):
    given = recipe(texture=texture, labels=LABELS, spread=[0.1, 0.3], seed=2**63 - 1)
    path = tmp_path / "recipe.yaml"
    text = yaml.safe_dump(given.model_dump(mode="json"), sort_keys=False)
    path.write_text(text, encoding="utf-8")
    assert read_recipe(path) == given
    assert type(given).model_validate_json(given.model_dump_json()) == given
    assert list(differences(read_recipe(path), given)) == []


def test_header_holds_the_recipe(tmp_path):
    given = recipe(labels=LABELS)
    files = header_files(given)
    path = tmp_path / "recipe.yaml"
    path.write_bytes(files["recipe.yaml"])
    assert read_recipe(path) == given
    metadata = {name: data for name, data in files.items() if name.endswith("zarr.json")}
    assert metadata == metadata_files(given)
    assert make_recipe(json.loads(files["data.zarr/zarr.json"])["attributes"]["recipe"]) == given


def test_shipped_recipe_is_valid():
    given = read_recipe("examples/recipes/hull25.yaml")
    assert (given.count, given.parts, given.grains) == (2000, 20, (139, 139))
    assert [c.zener for c in given.labels.draw(torch.Generator())] == pytest.approx(
        [1.217, 0.3, 4], rel=1e-3
    )


def test_differences_name_the_fields():
    first, second = recipe(), recipe(seed=3, labels=LABELS)
    said = list(differences(first, second))
    assert said[0] == "`seed` is 0 there and 3 here"
    assert said[1].startswith("`labels` is None there and {'constants': [[")
    assert len(said) == 2
    assert max(map(len, said)) < 400


REFUSED = [
    ({"count": 0}, "field `count` must be greater than or equal to 1, but is 0."),
    ({"count": 2**32 + 1}, "field `count` must be less than or equal to 4294967296"),
    ({"count": "24"}, "field `count` must be a valid integer, but is '24'."),
    ({"count": True}, "field `count` must be a valid integer, but is True."),
    ({"count": 2.0}, "field `count` must be a valid integer, but is 2.0."),
    ({"seed": -1}, "field `seed` must be greater than or equal to 0"),
    ({"seed": 2**63}, "field `seed` must be less than 9223372036854775808"),
    ({"grid": [6, 6]}, "field `grid.2` must be given, but is not."),
    ({"grid": 0}, "field `grid.0` must be greater than or equal to 1, but is 0 (2 more wrong)."),
    ({"grid": [4096] * 3}, "`grid` must not exceed 134217728 voxels, but has 68719476736."),
    ({"grains": 0}, "`grains` must be [low, high] from 1 to 216, but is [0, 0]."),
    ({"grains": [8, 3]}, "`grains` must be [low, high] from 1 to 216, but is [8, 3]."),
    ({"grains": 217}, "`grains` must be [low, high] from 1 to 216"),
    ({"grid": 64, "grains": 65537}, "`grains` must be [low, high] from 1 to 65536"),
    ({"grains": "x"}, "field `grains` must be a list, but is 'x'."),
    ({"spread": -1}, "`spread` must be [low, high] from 0 to 1.0"),
    ({"spread": [0.1, 2]}, "`spread` must be [low, high] from 0 to 1.0"),
    ({"spread": math.nan}, "field `spread.0` must be a finite number, but is nan"),
    ({"aspect": [1, 1]}, "`aspect` must be three numbers or ranges [low, high]"),
    ({"aspect": [1, 1, [2, 1]]}, "`aspect` must be three numbers or ranges [low, high]"),
    ({"aspect": [1, 1, 0]}, "field `aspect.2.0` must be greater than or equal to 0.01"),
    ({"aspect": [1.5] * 5000}, "`aspect` must be three numbers or ranges [low, high]"),
    ({"aspect": 5}, "field `aspect` must be a list, but is 5."),
    ({"texture": "hull"}, "field `texture` must be a mapping of fields, but is 'hull'."),
    ({"texture": {}}, "field `texture.kind` must be given, but is not."),
    ({"texture": {"kind": "x" * 1000}}, "field `texture.kind` must be of choice, fibre, hull,"),
    ({"texture": HULL | {"resolution": 2}}, "field `texture.resolution` must be greater than"),
    ({"texture": HULL | {"support": "x"}}, "field `texture.support` must be 'log_uniform',"),
    ({"texture": HULL | {"x": 1}}, "field `texture.x` must be a known one"),
    ({"texture": {"kind": "types", "names": []}}, "field `texture.names` must have at least 1"),
    ({"texture": {"kind": "types", "names": ["S9"]}}, "field `texture.names.0` must be 'S1', "),
    (
        {"texture": {"kind": "rolling", "shares": {"x" * 500: 1}}},
        "field `texture`: `shares` must be of cube, rotated cube, goss,",
    ),
    (
        {"texture": {"kind": "rolling", "shares": {"cube": 0.6, "goss": 0.6}}},
        "field `texture`: `shares` must not sum to more than 1, but sum to 1.2.",
    ),
    (
        {"texture": {"kind": "rolling", "shares": {"cube": -0.1}}},
        "field `texture.shares.cube` must be greater than or equal to 0",
    ),
    ({"texture": {"kind": "rolling"}}, "field `texture.shares` must be given, but is not."),
    ({"texture": {"kind": "unimodal", "bunge": [1, 2]}}, "field `texture.bunge.2` must be given"),
    ({"texture": {"kind": "unimodal", "halfwidth": 0}}, "field `texture.halfwidth` must be"),
    (
        {"texture": {"kind": "fibre", "crystal": [0, 0, 0], "sample": [0, 0, 1]}},
        "field `texture`: `crystal` must be a direction, but has a length of 0.",
    ),
    (
        {"texture": {"kind": "fibre", "crystal": [1, 0, 0], "sample": [1e300, 0, 0]}},
        "field `texture`: `sample` must be a direction, but has a length of 1e+300.",
    ),
    (
        {"texture": {"kind": "mixture", "of": [[1, CUBE | {"halfwidth": 1}]]}, "coefficients": 10},
        "field `texture`: a `halfwidth` must be at least 2 degrees to be seen on a grid of 10 "
        "degrees, see `coefficients`, but is 1.",
    ),
    ({"texture": {"kind": "mixture", "of": []}}, "field `texture.of` must have at least 1 entries"),
    ({"texture": {"kind": "choice", "of": [[0, HULL]]}}, "field `texture`: `of` must have a share"),
    (
        {"texture": {"kind": "choice", "of": [[1, HULL], [1, {"kind": "hull", "support": 3}]]}},
        "field `texture.of.1.1.support` must be 'log_uniform', 'uniform'",
    ),
    ({"labels": {}}, "field `labels`: must have `constants` or `sampled`."),
    ({"labels": "yes"}, "field `labels` must be a "),
    ({"labels": {"constants": [[1, 2, 3]]}}, "field `labels`: A stable cubic crystal must have"),
    ({"labels": {"constants": [[1, 2]]}}, "field `labels.constants.0.2` must be given"),
    ({"labels": {"constants": [[3, 1, 1]] * 1001}}, "field `labels.constants` must have at most"),
    ({"labels": {"constants": [[3, 1, 1]], "tolerance": 1}}, "field `labels.tolerance` must be"),
    ({"labels": {"constants": [[3, 1, 1]], "scheme": "x"}}, "`labels.scheme` must be 'fourier'"),
    ({"labels": {"sampled": {"count": 0}}}, "field `labels.sampled.count` must be greater"),
    (
        {"labels": {"sampled": {"count": 1, "zener": [10, 0.1]}}},
        "field `labels.sampled`: `zener` must be [low, high], but is [10.0, 0.1].",
    ),
    (
        {"labels": {"sampled": {"count": 1, "shear_over_bulk": [0.2, 1e12]}}},
        "field `labels.sampled`: Cubic elastic constants must stay below",
    ),
    ({"coefficients": 2}, "field `coefficients` must be greater than or equal to 3"),
    ({"part": 0}, "field `part` must be greater than or equal to 1"),
    ({"part": 10**6}, "field `part` must be less than or equal to 100000"),
    (
        {"part": 200, "grid": 256},
        "`part` must not exceed 63 with RVEs of this size, so that it fits into memory, but is 200",
    ),
    ({"nonsense": 1}, "field `nonsense` must be a known one (count, seed, "),
    ({"q" * 500: 1}, "must be a known one (count, "),
    ({"two\nlines": 1}, "must be a known one (count, "),
    ({3: 4}, "field `3` must be a name, but is not."),
    (
        {
            "texture": {
                "kind": "mixture",
                "of": [[1, {"kind": "mixture", "of": [[1, {"kind": "types"}]] * 100}]] * 20,
            }
        },
        f"a recipe must not exceed {MAX_TEXT} characters, but has ",
    ),
]


@pytest.mark.parametrize(("changes", "sentence"), REFUSED, ids=lambda part: str(part)[:40])
def test_refusals_are_one_sentence(changes, sentence):
    with pytest.raises(ValueError, match="must") as caught:
        make_recipe(BASE | changes, "a.yaml")
    said = str(caught.value)
    assert said.startswith("a.yaml: ")
    assert sentence in said
    assert said.endswith((".", ")."))
    assert "\n" not in said
    assert len(said) < 330


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("- 1", "must hold a mapping of fields, but holds [1]."),
        ("x" * 1000, "must hold a mapping of fields, but holds 'xxx"),
        ("", "must hold a YAML document, but is empty."),
        ("{", "must be valid YAML"),
        ("[" * 200, "must be valid YAML, but nesting must not be deeper"),
        ("count: 3", "field `grid` must be given, but is not (1 more wrong)."),
    ],
)
def test_files_that_hold_no_recipe(content, sentence, tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=r"a\.yaml") as caught:
        read_recipe(path)
    assert sentence in str(caught.value)
    with pytest.raises(FileNotFoundError):
        read_recipe(tmp_path / "none.yaml")


@pytest.mark.parametrize("resolution", [30, 25])
def test_number_of_coefficients(resolution):
    given = recipe(texture={"kind": "hull", "resolution": resolution})
    assert given.coefficient_count() == len(orientation_grid(resolution))
    assert layout(given)["texture"].shape == (given.coefficient_count(),)


def test_parts_cover_all_members():
    for count, part in ((1, 1), (10, 3), (9, 3), (2, 100)):
        given = recipe(count=count, part=part)
        members = [i for p in range(given.parts) for i in given.members(p)]
        assert members == list(range(count))


def test_as_many_rves_as_can_be():
    given = recipe(count=MAX_COUNT, part=5000)
    assert given.parts == -(-(2**32) // 5000)
    metadata = json.loads(metadata_files(given)["data.zarr/grain_id/zarr.json"])
    assert metadata["shape"] == [2**32, 6, 6, 6]
    build_sample(given, 2**32 - 1)
    with pytest.raises(ValueError, match="number of a sample must be from 0"):
        build_sample(given, 2**32)


def test_rve_depends_on_its_number_alone():
    small, large = recipe(count=3, part=2), recipe(count=500, part=7)
    backwards = {i: build_sample(small, i) for i in (2, 0)}
    for i, one in backwards.items():
        other = build_sample(large, i)
        assert torch.equal(one.quaternions, other.quaternions)
        assert torch.equal(one.rve.grain_id, other.rve.grain_id)
        assert one.seed == other.seed
    assert not torch.equal(backwards[0].rve.grain_id, backwards[2].rve.grain_id)
    assert len({build_sample(large, i).seed for i in range(50)}) == 50
    other = build_sample(recipe(seed=1), 0)
    assert not torch.equal(other.rve.grain_id, backwards[0].rve.grain_id)


def test_ranges_are_kept_and_filled():
    given = recipe(grains=[3, 6], spread=[0.1, 0.4], aspect=[1, [0.5, 2], [0.25, 4]])
    samples = [build_sample(given, i) for i in range(150)]
    grains = np.array([sample.rve.grains for sample in samples])
    assert set(grains.tolist()) == {3, 4, 5, 6}
    assert np.bincount(grains)[3:].min() > 20
    spread = np.array([sample.spread for sample in samples])
    assert kstest(spread, "uniform", (0.1, 0.3)).pvalue > 0.01
    aspect = np.array([sample.aspect for sample in samples])
    assert (aspect[:, 0] == 1).all()
    for axis, end in ((1, math.log(2)), (2, math.log(4))):
        assert kstest(np.log(aspect[:, axis]), "uniform", (-end, 2 * end)).pvalue > 0.01
    assert abs(np.corrcoef(np.log(aspect[:, 1]), np.log(aspect[:, 2]))[0, 1]) < 0.25
    assert math.isnan(build_sample(recipe(), 0).spread)


def test_extremes_of_shape_are_made():
    for aspect in ([0.01, 1, 100], [100, 100, 0.01]):
        rve = build_sample(recipe(aspect=aspect, spread=1.0, grains=20), 0).rve
        assert rve.grains == 20


def test_shape_that_is_asked_for_is_made():
    given = recipe(grid=32, grains=60, aspect=[3, 1, 1], spread=0.2)
    statistics = grain_statistics(build_sample(given, 0).rve)
    x, y, _ = statistics.aspect()
    assert x == pytest.approx(3, rel=0.2)
    assert y == pytest.approx(1, rel=0.2)


def test_hull_coefficients_are_those_of_the_grains():
    distance = []
    for grains in (20, 3000):
        given = recipe(grid=20, grains=grains)
        grid = given.coefficient_grid()
        distances = []
        for number in range(4):
            sample = build_sample(given, number)
            expected = sample.texture.coefficients(grid)
            rve = sample.rve
            volume = torch.bincount(rve.grain_id.reshape(-1), minlength=rve.grains) / 20**3
            nearest, _ = grid.nearest(rve.orientations)
            found = torch.zeros(len(grid), dtype=torch.float64)
            found.index_add_(0, nearest, volume.double())
            assert float(expected.sum()) == pytest.approx(1, abs=1e-12)
            distances.append(float((found - expected).abs().sum()) / 2)
        distance.append(np.mean(distances))
    assert distance[1] < 0.06
    assert distance[1] < distance[0] / 4


def test_sampled_crystals():
    ranges = {"zener": (0.2, 5.0), "bulk": (60e3, 200e3), "shear_over_bulk": (0.3, 0.7)}
    sampled = SampledConstants(count=1000, **ranges)
    crystals = sampled.draw(torch.Generator().manual_seed(1))
    zener = np.log([c.zener for c in crystals])
    bulk = np.array([c.bulk_modulus for c in crystals])
    # Voigt's shear modulus is (c11 - c12 + 3 c44) / 5.
    ratio = np.array([(c.c11 - c.c12 + 3 * c.c44) / 5 for c in crystals]) / bulk
    assert kstest(zener, "uniform", (-math.log(5), 2 * math.log(5))).pvalue > 0.01
    assert kstest(bulk, "uniform", (60e3, 140e3)).pvalue > 0.01
    assert kstest(ratio, "uniform", (0.3, 0.4)).pvalue > 0.01
    assert np.abs(np.corrcoef([zener, bulk, ratio]) - np.eye(3)).max() < 0.1


def test_crystals_are_given_ones_then_drawn_ones():
    given = recipe(labels=LABELS)
    assert given.labels.count == 3
    first, second = build_sample(given, 0).crystals, build_sample(given, 1).crystals
    assert len(first) == 3
    assert first[0] == second[0]
    assert first[0].c44 == 28300
    assert first[1] not in second


def test_labels_do_not_depend_on_each_other():
    sample = build_sample(recipe(labels=LABELS), 2)
    together = label(recipe(labels=LABELS), sample, 2)
    assert together.shape == (3, 6, 6)
    alone = sample._replace(crystals=sample.crystals[2:])
    assert torch.equal(label(recipe(labels=LABELS), alone, 2)[0], together[2])
    assert label(recipe(), sample, 2).shape == (0, 6, 6)


def test_failure_names_the_rve(monkeypatch):
    def fail(*_, **__):
        raise ConvergenceError("It must converge, but does not.", 0.5)

    monkeypatch.setattr(module, "homogenize", fail)
    given = recipe(labels=LABELS)
    with pytest.raises(ConvergenceError, match="RVE 7 of the data set: It must converge"):
        label(given, build_sample(given, 7), 7)
