"""Networks that do what is expected: the head, its file, and what it is fitted to."""

from __future__ import annotations

import json
import math
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save
from tiny_stiffness import EDGE, tiny_rve, tiny_stiffness_model
from typer.testing import CliRunner

import polyxtal as px
from polyxtal.cli import app
from polyxtal.files.arrays import open_arrays, write_arrays
from polyxtal.model import predicted_network
from polyxtal.model.foundation import FoundationModel
from polyxtal.model.heads.curves.file import save_curve_head
from polyxtal.model.heads.curves.head import (
    COMPARISON,
    CYCLE,
    INCREMENTS,
    LARGEST_MISS,
    REVERSAL,
    CurveHead,
    cyclic_paths,
    loaded_stress,
    missed_stiffness,
    standard_paths,
    typical_curves,
)
from polyxtal.model.heads.stiffness.file import head_fingerprint
from polyxtal.model.predicted_network import (
    best_start,
    elastic_crystals,
    infer_network,
)
from polyxtal.network.fit_effort import FEW_LEAVES, FitEffort
from polyxtal.network.reference import reference_ensemble
from polyxtal.training.finetune.curve_data import CurveData, curve_data
from polyxtal.training.finetune.curves import (
    NetworkConfig,
    corrected,
    finetune_network,
    fit_curve_head,
)

ALUMINIUM = px.load_material("AA6022-T4")
RECIPE = {
    "count": 5,
    "seed": 1,
    "grid": EDGE,
    "grains": [4, 6],
    "texture": {"kind": "hull", "resolution": 30},
}


def plain_head(about: dict | None = None) -> CurveHead:
    nothing = torch.zeros(2, INCREMENTS, dtype=torch.float64)
    return CurveHead(nothing, nothing.clone(), about or {})


FEW = (16, 2)
LITTLE = FitEffort(6, 3, 2, *FEW)


@pytest.fixture(scope="module", autouse=True)
def few_typical_networks():
    def few(rve: px.Polycrystal, seed: int = 0):
        return reference_ensemble(rve, *FEW, seed)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("polyxtal.training.finetune.curve_data.reference_ensemble", few)
        yield


@pytest.fixture(scope="module")
def model() -> FoundationModel:
    bare = tiny_stiffness_model(spread=0.0)
    head = CurveHead(
        torch.full((2, INCREMENTS), 0.01, dtype=torch.float64),
        torch.linspace(0, 1, 2 * INCREMENTS, dtype=torch.float64).reshape(2, INCREMENTS),
        {"results": [1, 2]},
    )
    return FoundationModel(bare.autoencoder, {"recipe": "none"}, bare.stiffness, head)


def test_standard_paths_load_all_axes_and_planes():
    rve = tiny_rve()
    typical = reference_ensemble(rve, leaves=4, members=2)
    for number, target in enumerate(typical_curves(typical, ALUMINIUM, standard_paths())):
        assert target.path.increments == INCREMENTS
        stress = loaded_stress(target.response, number)
        assert stress.shape == (INCREMENTS,)
        assert float(stress[-1]) == pytest.approx(float(target.response.P[-1].abs().max()), rel=0.2)
        strain = target.response.F[-1] - torch.eye(3, dtype=torch.float64)
        i, j = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))[number]
        assert float(strain[i, j]) == pytest.approx(0.024 if i == j else 0.041)
    for number, target in enumerate(
        typical_curves(typical, ALUMINIUM, standard_paths(reverse=True))
    ):
        i, j = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))[number]
        stress = target.response.P[:, i, j]
        assert target.path.increments == INCREMENTS + sum(n for _, n in REVERSAL[number // 3])
        assert float(stress[-1]) < -0.8 * float(stress[INCREMENTS])  # crystals yield the other way
        strain = target.response.F[-1] - torch.eye(3, dtype=torch.float64)
        assert float(strain[i, j]) == pytest.approx(-0.016 if i == j else -0.018)


def test_cyclic_paths_begin_as_the_standard_ones_and_go_to_the_other_side():
    for number, (long, short) in enumerate(zip(cyclic_paths(), standard_paths(), strict=True)):
        mode = number // 3
        assert str(long.steps[:2]) == str(short.steps)  # not equal, as NaN is not
        assert long.increments == INCREMENTS + sum(n for _, n in CYCLE[mode])
        forward = (0.024, 0.041)[mode]
        strains = torch.tensor([forward, *(e for e, _ in CYCLE[mode])]).cumsum(0)
        assert float(strains.min()) == pytest.approx((-0.02, -0.031)[mode])


def test_normals_of_long_grains_lie_across_them():
    plate = px.tessellate(grid=12, grains=20, aspect=(1, 1, 6), seed=0)
    ball = px.tessellate(grid=12, grains=20, seed=0)
    z = [
        torch.cat([net.normals for net in reference_ensemble(rve, 64, 2).members])[:, 2]
        .abs()
        .mean()
        for rve in (plate, ball)
    ]
    assert float(z[0]) < 0.7 * float(z[1])
    assert float(z[1]) == pytest.approx(0.5, abs=0.06)


def test_typical_networks_are_drawn_by_the_seed():
    rve = tiny_rve()
    first, again, other = (reference_ensemble(rve, 8, 2, seed).members for seed in (1, 1, 2))
    assert torch.equal(first[1].normals, again[1].normals)
    assert not torch.equal(first[0].normals, other[0].normals)
    assert not torch.equal(first[0].normals, first[1].normals)


def test_missed_stiffness_is_zero_where_nothing_is_missed():
    truth = px.hill_average(tiny_rve(), COMPARISON)
    torch.testing.assert_close(missed_stiffness(truth, truth), torch.zeros(6, dtype=torch.float64))
    torch.testing.assert_close(
        missed_stiffness(1.05 * truth, truth), torch.full((6,), 0.05, dtype=torch.float64)
    )
    assert missed_stiffness(9 * truth, truth).tolist() == [LARGEST_MISS] * 6
    # Only the axis whose stretch is stiffer tells so.
    one = torch.tensor([2.0, -1, -1, 0, 0, 0], dtype=torch.float64) / 6**0.5
    stiffer = truth + 0.1 * float(one @ truth @ one) * torch.outer(one, one)
    missed = missed_stiffness(stiffer, truth)
    assert float(missed[0]) == pytest.approx(0.1)
    assert missed[3:].tolist() == [0.0] * 3


def test_expected_curves_are_corrected_by_mode_and_increment(model):
    rve = tiny_rve()
    typical = reference_ensemble(rve, 4, 2)
    missed = torch.tensor([0.1, 0.0, 0.0, 0.0, 0.0, -0.1], dtype=torch.float64)
    plain = typical_curves(typical, ALUMINIUM, standard_paths(reverse=True))
    told = model.curves.expected(typical, ALUMINIUM, missed)
    slope = model.curves.slope
    for k, change in (
        (0, -0.1 * slope[0]),
        (1, 0 * slope[0]),
        (3, 0 * slope[1]),
        (5, 0.1 * slope[1]),
    ):
        ratio = loaded_stress(told[k].response, k) / loaded_stress(plain[k].response, k)
        torch.testing.assert_close(ratio, 1.01 + change)
        assert torch.equal(told[k].response.F, plain[k].response.F)
        after = sum(n for _, n in REVERSAL[k // 3])
        assert told[k].path.increments == INCREMENTS + after
        back = told[k].response.P[INCREMENTS + 1 :] / plain[k].response.P[INCREMENTS + 1 :]
        torch.testing.assert_close(back[..., 0, 0], ratio[-1].expand(after))


def test_a_head_is_read_as_it_was_written(model, tmp_path):
    model.save(tmp_path / "model")
    again = px.load_model(tmp_path / "model")
    torch.testing.assert_close(again.curves.slope, model.curves.slope, rtol=0, atol=0)
    torch.testing.assert_close(again.curves.intercept, model.curves.intercept, rtol=0, atol=0)
    assert dict(again.curves.about) == {"results": [1, 2]}
    FoundationModel(model.autoencoder, {}).save(tmp_path / "model")
    bare = px.load_model(tmp_path / "model")
    assert bare.curves is None
    assert bare.stiffness is None
    assert again.to("cpu").curves is again.curves


def test_a_head_stays_with_the_stiffness_head_that_it_was_fitted_with(model, tmp_path):
    own = replace(model.curves, stiffness=head_fingerprint(model.stiffness))
    FoundationModel(model.autoencoder, {}, model.stiffness, own).save(tmp_path)
    assert px.load_model(tmp_path).curves.stiffness == own.stiffness
    # Heads are named by single precision: what a file may lose beyond it is no difference.
    path = tmp_path / "stiffness.safetensors"
    exact = {name: value.clone() for name, value in load_file(path).items()}
    path.write_bytes(save({name: value.float() for name, value in exact.items()}))
    assert px.load_model(tmp_path).curves.stiffness == own.stiffness
    name = "linear.bias"
    path.write_bytes(save({**exact, name: exact[name] + 1e-3}))
    with pytest.raises(ValueError, match="fitted with the stiffness head beside it, but was with"):
        px.load_model(tmp_path)
    # One that does not say what it was fitted with is taken as it is.
    save_curve_head(tmp_path, model.curves)
    assert px.load_model(tmp_path).curves.stiffness is None
    # And so is one without a stiffness head, which predicts nothing.
    FoundationModel(model.autoencoder, {}, None, own).save(tmp_path)
    assert px.load_model(tmp_path).curves.stiffness == own.stiffness


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"slope": [[1, 2]]}, r"`slope` must have shape \(2, 6\)"),
        ({"slope": [[1e9] * 6] * 2}, "numbers below 10"),
        ({"intercept": "no"}, "must describe a network head"),
        ({"format": "another"}, "must be a 'polyxtal network head'"),
        ({"slope": None}, "must describe a network head"),
    ],
)
def test_a_damaged_head_is_refused(model, tmp_path, change, complaint):
    model.save(tmp_path / "model")
    path = tmp_path / "model" / "network.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ValueError, match=complaint):
        px.load_model(tmp_path / "model")


def test_a_predicted_network_does_what_is_expected(model):
    rve = tiny_rve(3)
    stages: list[tuple[str, int, int]] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net = model.predict_network(
            rve, leaves=32, progress=lambda *stage: stages.append(stage), effort=LITTLE
        )
        again = model.predict_network(rve, leaves=32, effort=LITTLE)
        other = model.predict_network(rve, leaves=32, seed=1, effort=LITTLE)
        expected = model.predict_stiffness(rve, COMPARISON)
    assert net.leaves == 32
    assert torch.equal(net.normals, again.normals)
    assert not torch.equal(net.normals, other.normals)
    assert stages[0] == ("expected curves", 0, 2 * LITTLE.iterations + 1)
    assert stages[-1][0] == "fit"
    typical = reference_ensemble(rve, *FEW)
    missed = missed_stiffness(typical.stiffness(COMPARISON), expected)
    goals = model.curves.expected(typical, ALUMINIUM, missed)
    starts = [px.MaterialNetwork.from_polycrystal(rve, 32, seed) for seed in range(4)]
    errors = [px.fit_network(one, ALUMINIUM, goals, iterations=0).error for one in (net, *starts)]
    assert errors[0] < 0.8 * min(errors[1:])


def test_many_leaves_have_the_stiffness_that_is_told():
    rve = tiny_rve(3)
    told = px.MaterialNetwork.from_polycrystal(rve, 64, seed=9)
    net = infer_network(rve, 32, ALUMINIUM, plain_head(), told.stiffness, effort=LITTLE)
    start = px.MaterialNetwork.from_polycrystal(rve, 32, seed=0)
    gaps = [
        sum(float((one.stiffness(c) - told.stiffness(c)).norm()) for c in elastic_crystals())
        for one in (net, start)
    ]
    assert gaps[0] < 0.7 * gaps[1]


def test_a_fit_of_no_iterations_or_too_few_starts_is_refused():
    with pytest.raises(ValueError, match="All numbers of a fit must be positive"):
        FitEffort(iterations=0)
    with pytest.raises(ValueError, match="at least as many starts as fits, but has 2 and 3"):
        FitEffort(starts=2, fits=3)


def test_a_fit_begins_with_the_network_that_is_closest():
    rve = tiny_rve(3)
    starts = [px.MaterialNetwork.from_polycrystal(rve, 8, seed) for seed in range(4)]
    for wanted in (0, 2, 3):
        goal = [px.StiffnessTarget(COMPARISON, starts[wanted].stiffness(COMPARISON))]
        assert best_start(starts, ALUMINIUM, [], goal) is starts[wanted]


def test_of_few_leaves_several_are_fitted_and_cycles_choose(model, monkeypatch):
    rve = tiny_rve(3)
    fitted, judged = [], []
    real = predicted_network.fit_network

    def watch(start, material, curves, goals=(), iterations=8, *rest):
        found = real(start, material, curves, goals, iterations, *rest)
        lengths = {one.path.increments for one in curves}
        if iterations:
            fitted.append(found.network)
        elif lengths == {path.increments for path in cyclic_paths()}:
            judged.append((found.error, start))
        return found

    monkeypatch.setattr(predicted_network, "fit_network", watch)
    stiffness = px.MaterialNetwork.from_polycrystal(rve, 64, seed=9).stiffness
    effort = FitEffort(2, 4, 4, *FEW)
    net = infer_network(rve, 8, ALUMINIUM, plain_head(), stiffness, effort=effort)
    assert len(fitted) == len(judged) == 4
    assert [start for _, start in judged] == fitted
    assert net is min(judged, key=lambda one: one[0])[1]
    fitted.clear()
    judged.clear()
    infer_network(rve, FEW_LEAVES + 1, ALUMINIUM, plain_head(), stiffness, effort=effort)
    assert (len(fitted), len(judged)) == (1, 0)


def test_an_elastic_material_has_no_curves_to_follow():
    rve = tiny_rve(3)
    elastic = px.Material("elastic", px.CubicElasticity(168.4e3, 121.4e3, 75.4e3))
    told = px.MaterialNetwork.from_polycrystal(rve, 64, seed=9)
    net = infer_network(
        rve, 16, elastic, plain_head(), told.stiffness, effort=FitEffort(12, 12, 1, *FEW)
    )
    error = net.stiffness(elastic.elasticity) - told.stiffness(elastic.elasticity)
    assert float(error.norm()) < 2e-3 * float(told.stiffness(elastic.elasticity).norm())


def test_what_a_network_can_not_be_predicted_for(model):
    bare = tiny_stiffness_model()
    with pytest.raises(ValueError, match="`polyxtal finetune network` fits one"):
        bare.predict_network(tiny_rve())
    headless = FoundationModel(bare.autoencoder, {}, None, plain_head())
    with pytest.raises(ValueError, match="`polyxtal finetune stiffness` fits one"):
        headless.predict_network(tiny_rve())
    rve = tiny_rve()
    phase = torch.arange(rve.grains) % 2
    two = px.Polycrystal(rve.grain_id, rve.orientations, rve.size, phase, ("a", "b"))
    with pytest.raises(ValueError, match="grains of one phase"):
        model.predict_network(two)
    with pytest.raises(ValueError, match="`leaves` must be at least 1"):
        model.predict_network(rve, leaves=0)


def test_intercept_and_slope_are_found_again():
    generator = torch.Generator().manual_seed(0)
    missed = 0.02 * torch.randn(20, 6, generator=generator, dtype=torch.float64)
    typical = 100 + torch.rand(20, 6, INCREMENTS, generator=generator, dtype=torch.float64)
    slope = torch.rand(2, INCREMENTS, generator=generator, dtype=torch.float64)
    intercept = 0.01 * torch.rand(2, INCREMENTS, generator=generator, dtype=torch.float64)
    truth = CurveData(typical, typical, missed)
    data = truth._replace(full_field=corrected(CurveHead(intercept, slope), truth))
    found = fit_curve_head(data)
    torch.testing.assert_close(found.slope, slope)
    torch.testing.assert_close(found.intercept, intercept)


@pytest.fixture(scope="module")
def started(model, tmp_path_factory):
    place = tmp_path_factory.mktemp("network")
    bare = FoundationModel(model.autoencoder, model.about, model.stiffness)
    bare.save(place / "start")
    config = NetworkConfig.model_validate(
        {"model": str(place / "start"), "recipe": RECIPE, "seeds": 2, "validation": 0.4}
    )
    told: list[tuple[int, int]] = []
    rows = finetune_network(config, place / "run", lambda _, *done: told.append(done[:2]))
    return place, config, rows, told


def test_a_head_is_fitted_and_written(started):
    place, _, rows, told = started
    assert told == [(k, 5) for k in range(1, 6)]
    assert [(row["mode"], row["estimate"]) for row in rows] == [
        (mode, name) for name in ("typical networks", "head") for mode in ("tension", "shear")
    ]
    assert all(0 < row["mean"] <= row["root_mean_square"] <= row["largest"] for row in rows)
    head = px.load_model(place / "run" / "model").curves
    assert head.about["results"] == rows
    assert head.stiffness == head_fingerprint(px.load_model(place / "start").stiffness)
    table = (place / "run" / "table.csv").read_text().splitlines()
    assert table[0] == "mode,estimate,mean,root_mean_square,largest"
    assert len(table) == 5


def test_what_was_simulated_is_read_again(started, monkeypatch):
    place, config, rows, _ = started
    damaged = place / "run" / "curves" / "000002.npz"
    whole = damaged.read_bytes()
    with open_arrays(damaged) as file:
        wrong = {name: file.read(name) * math.nan for name in file.names}
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    write_arrays(place / "wrong.npz", wrong)
    for content in (whole[:100], bytes(flipped), (place / "wrong.npz").read_bytes()):
        damaged.write_bytes(content)
        assert finetune_network(config, place / "run") == rows
        with open_arrays(damaged) as file:
            assert all(np.isfinite(file.read(name)).all() for name in file.names)

    def never(*_):
        raise AssertionError("simulated again")

    monkeypatch.setattr("polyxtal.training.finetune.curve_data.simulate", never)
    fewer = config.model_copy(update={"recipe": config.recipe.model_copy(update={"count": 4})})
    assert len(finetune_network(fewer, place / "run")) == 4
    for name, asked in (("finetuning.json", ()), ("results.json", ("asked",))):
        said = json.loads((place / "run" / name).read_text())
        for part in asked:
            said = said[part]
        assert said["recipe"]["count"] == 4
        assert said["contents"]["model"]["stiffness_head"]
    # Another model changes no curve: the same folder serves it, and says so.
    other = px.load_model(place / "start")
    with torch.no_grad():
        other.stiffness.tensor.linear.bias.add_(0.1)
    other.save(place / "other")
    again = fewer.model_copy(update={"model": str(place / "other")})
    assert len(finetune_network(again, place / "run")) == 4
    head = px.load_model(place / "run" / "model").curves
    said = json.loads((place / "run" / "finetuning.json").read_text())
    assert said["contents"]["model"]["stiffness_head"] == head.stiffness
    assert head.stiffness == head_fingerprint(other.stiffness)
    finetune_network(fewer, place / "run")


def test_another_fine_tuning_is_refused(started, tmp_path, monkeypatch):
    place, config, *_ = started
    other = config.model_copy(update={"recipe": config.recipe.model_copy(update={"seed": 2})})
    with pytest.raises(ValueError, match=r"but `recipe\.seed` is 1 there and 2 here"):
        finetune_network(other, place / "run")
    softer = replace(ALUMINIUM, elasticity=px.CubicElasticity(90e3, 50e3, 20e3))
    with monkeypatch.context() as patch:
        patch.setattr("polyxtal.training.finetune.curves.load_material", lambda _: softer)
        with pytest.raises(ValueError, match=r"but `contents\.material\.elasticity"):
            finetune_network(config, place / "run")
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="must be new, empty or hold a fine-tuning"):
        finetune_network(config, tmp_path)
    tiny = tiny_stiffness_model()
    FoundationModel(tiny.autoencoder, {}).save(tmp_path / "bare")
    bare = config.model_copy(update={"model": str(tmp_path / "bare")})
    with pytest.raises(ValueError, match="must have a stiffness head"):
        finetune_network(bare, tmp_path / "new")


def test_full_field_and_typical_networks_are_alike(started):
    place, config, *_ = started
    model = px.load_model(place / "start")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = curve_data(
            config.recipe, 4, ALUMINIUM, model.predict_stiffness, place / "run" / "curves"
        )
    ratio = data.typical / data.full_field
    # Elastic first: within the bounds; then within what six grains scatter by.
    assert float((ratio[..., 0] - 1).abs().max()) < 0.05
    assert float((ratio - 1).abs().max()) < 0.2


def test_the_command_line_tells_what_is_wrong(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("model: nowhere\nrecipe: {count: 2, grid: 4, grains: 2}\n")
    result = CliRunner().invoke(
        app, ["finetune", "network", str(path), "--out", str(tmp_path / "o")]
    )
    assert result.exit_code == 2
    assert "`recipe` must have a `count` of at least 4" in " ".join(result.output.split())
