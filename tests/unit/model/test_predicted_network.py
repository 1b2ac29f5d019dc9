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
from polyxtal.model.foundation import FoundationModel
from polyxtal.model.heads.curves.file import save_curve_head
from polyxtal.model.heads.curves.head import (
    COMPARISON,
    EXPONENT,
    INCREMENTS,
    LARGEST_MISS,
    LOADED,
    MODES,
    SHEAR,
    STRAINS,
    TOLERANCE,
    CurveHead,
    loaded_stress,
    missed_stiffness,
    plain_curve_head,
    softened,
    standard_paths,
    typical_curves,
)
from polyxtal.model.heads.stiffness.file import head_fingerprint
from polyxtal.model.predicted_network import elastic_crystals, infer_fit
from polyxtal.network.fit_effort import FitEffort
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


FEW = (16, 2)
LITTLE = FitEffort(6, *FEW)


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
        torch.full((len(MODES), INCREMENTS), 0.01, dtype=torch.float64),
        torch.linspace(0, 1, len(MODES) * INCREMENTS, dtype=torch.float64).reshape(len(MODES), -1),
        {"results": [1, 2]},
    )
    return FoundationModel(bare.autoencoder, {"recipe": "none"}, bare.stiffness, head)


def test_standard_paths_load_all_axes_and_planes():
    typical = reference_ensemble(tiny_rve(), leaves=4, members=2)
    targets = typical_curves(typical, ALUMINIUM, standard_paths())
    assert len(targets) == len(LOADED)
    for number, target in enumerate(targets):
        assert target.path.increments == INCREMENTS
        stress = loaded_stress(target.response, number)
        assert float(stress[-1]) == pytest.approx(float(target.response.P[-1].abs().max()), rel=0.2)
        strain = target.response.F[1:] - torch.eye(3, dtype=torch.float64)
        i, j = LOADED[number]
        wanted = torch.tensor(STRAINS, dtype=torch.float64) * (1 if i == j else SHEAR)
        torch.testing.assert_close(strain[:, i, j], wanted, rtol=0.01, atol=0)
    for target, held, free in zip(targets[6:], (1, 2, 0), (2, 0, 1), strict=True):
        strain = target.response.F[-1] - torch.eye(3, dtype=torch.float64)
        assert abs(float(strain[held, held])) < 1e-12
        assert float(strain[free, free]) < -0.015
        assert abs(float(target.response.P[-1, free, free])) < 0.1


def test_typical_curves_are_the_mean_of_the_members():
    typical = reference_ensemble(tiny_rve(), leaves=4, members=2)
    path = standard_paths()[0]
    (target,) = typical_curves(typical, ALUMINIUM, [path])
    members = [one.respond(ALUMINIUM, path, tolerance=TOLERANCE).P for one in typical.members]
    torch.testing.assert_close(target.response.P, sum(members) / 2, rtol=1e-7, atol=1e-4)


def test_materials_are_softened_for_the_fit():
    assert ALUMINIUM.plasticity.stress_exponent > EXPONENT
    soft = softened(ALUMINIUM)
    assert soft.plasticity.stress_exponent == EXPONENT
    assert soft == replace(ALUMINIUM, plasticity=soft.plasticity)
    magnesium = softened(px.load_material("Mg"))
    assert max(magnesium.plasticity.stress_exponent) <= EXPONENT
    assert max(np.atleast_1d(magnesium.plasticity.twinning.stress_exponent)) <= EXPONENT
    elastic = px.Material("elastic", px.CubicElasticity(168.4e3, 121.4e3, 75.4e3))
    assert softened(elastic) is elastic


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
    nothing = torch.zeros(len(LOADED), dtype=torch.float64)
    torch.testing.assert_close(missed_stiffness(truth, truth), nothing)
    torch.testing.assert_close(missed_stiffness(1.05 * truth, truth), nothing + 0.05)
    assert missed_stiffness(9 * truth, truth).tolist() == [LARGEST_MISS] * len(LOADED)
    # Only the axis whose stretch is stiffer tells so.
    one = torch.tensor([2.0, -1, -1, 0, 0, 0], dtype=torch.float64) / 6**0.5
    stiffer = truth + 0.1 * float(one @ truth @ one) * torch.outer(one, one)
    missed = missed_stiffness(stiffer, truth)
    assert float(missed[0]) == pytest.approx(0.1)
    assert missed[3:6].tolist() == [0.0] * 3
    assert float(missed[6]) > 0  # plane strain along this axis stretches it, too


def test_expected_curves_are_corrected_by_mode_and_increment(model):
    typical = reference_ensemble(tiny_rve(), 4, 2)
    missed = torch.zeros(len(LOADED), dtype=torch.float64)
    missed[0], missed[5], missed[8] = 0.1, -0.1, 0.2
    plain = typical_curves(typical, ALUMINIUM, standard_paths())
    told = model.curves.expected(typical, ALUMINIUM, missed)
    slope = model.curves.slope
    for k, change in (
        (0, -0.1 * slope[0]),
        (1, 0 * slope[0]),
        (3, 0 * slope[1]),
        (5, 0.1 * slope[1]),
        (8, -0.2 * slope[2]),
    ):
        ratio = loaded_stress(told[k].response, k) / loaded_stress(plain[k].response, k)
        torch.testing.assert_close(ratio, 1.01 + change)
        assert torch.equal(told[k].response.F, plain[k].response.F)


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
        ({"slope": [[1, 2]]}, r"`slope` must have shape \(3, 4\)"),
        ({"format_version": 1}, "version"),
        ({"slope": [[1e9] * 4] * 3}, "numbers below 10"),
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
    assert stages[0] == ("expected curves", 0, LITTLE.iterations + 1)
    assert stages[-1][0] == "fit"
    typical = reference_ensemble(rve, 64, FEW[1])  # at least twice as many leaves
    missed = missed_stiffness(typical.stiffness(COMPARISON), expected)
    goals = model.curves.expected(typical, softened(ALUMINIUM), missed)
    starts = [px.MaterialNetwork.from_polycrystal(rve, 32, seed) for seed in range(4)]
    errors = [
        px.fit_network(one, softened(ALUMINIUM), goals, iterations=0).error
        for one in (net, *starts)
    ]
    assert errors[0] < 0.8 * min(errors[1:])


def test_many_leaves_have_the_stiffness_that_is_told():
    rve = tiny_rve(3)
    told = px.MaterialNetwork.from_polycrystal(rve, 64, seed=9)
    net = infer_fit(rve, 32, ALUMINIUM, plain_curve_head(), told.stiffness, effort=LITTLE).network
    start = px.MaterialNetwork.from_polycrystal(rve, 32, seed=0)
    gaps = [
        sum(float((one.stiffness(c) - told.stiffness(c)).norm()) for c in elastic_crystals())
        for one in (net, start)
    ]
    assert gaps[0] < 0.7 * gaps[1]


def test_a_fit_of_no_iterations_is_refused():
    with pytest.raises(ValueError, match="All numbers of a fit must be positive"):
        FitEffort(iterations=0)
    with pytest.raises(ValueError, match="positive and whole"):
        FitEffort(iterations=2.5)


def test_an_elastic_material_has_no_curves_to_follow():
    rve = tiny_rve(3)
    elastic = px.Material("elastic", px.CubicElasticity(168.4e3, 121.4e3, 75.4e3))
    told = px.MaterialNetwork.from_polycrystal(rve, 64, seed=9)
    net = infer_fit(
        rve, 16, elastic, plain_curve_head(), told.stiffness, effort=FitEffort(12, *FEW)
    ).network
    error = net.stiffness(elastic.elasticity) - told.stiffness(elastic.elasticity)
    assert float(error.norm()) < 2e-3 * float(told.stiffness(elastic.elasticity).norm())


def test_what_a_network_can_not_be_predicted_for(model):
    bare = tiny_stiffness_model()
    with pytest.raises(ValueError, match="`polyxtal finetune network` fits one"):
        bare.predict_network(tiny_rve())
    headless = FoundationModel(bare.autoencoder, {}, None, plain_curve_head())
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
    paths, modes = len(LOADED), len(MODES)
    missed = 0.02 * torch.randn(20, paths, generator=generator, dtype=torch.float64)
    typical = 100 + torch.rand(20, paths, INCREMENTS, generator=generator, dtype=torch.float64)
    slope = torch.rand(modes, INCREMENTS, generator=generator, dtype=torch.float64)
    intercept = 0.01 * torch.rand(modes, INCREMENTS, generator=generator, dtype=torch.float64)
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
        (mode, name) for name in ("typical networks", "head") for mode in MODES
    ]
    assert all(0 < row["mean"] <= row["root_mean_square"] <= row["largest"] for row in rows)
    head = px.load_model(place / "run" / "model").curves
    assert head.about["results"] == rows
    assert head.stiffness == head_fingerprint(px.load_model(place / "start").stiffness)
    table = (place / "run" / "table.csv").read_text().splitlines()
    assert table[0] == "mode,estimate,mean,root_mean_square,largest"
    assert len(table) == 1 + 2 * len(MODES)


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
    assert len(finetune_network(fewer, place / "run")) == 2 * len(MODES)
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
    assert len(finetune_network(again, place / "run")) == 2 * len(MODES)
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


def test_networks_of_hexagonal_crystals_follow_a_large_one():
    rve, law = px.tessellate(grid=10, grains=40, seed=1), px.load_material("Ti")
    typical = reference_ensemble(rve, 64, 1)
    goals = typical_curves(typical, softened(law), standard_paths())
    predicted = px.predict_network(rve, law, 16, effort=FitEffort(6, 64, 1))
    plain = px.MaterialNetwork.from_polycrystal(rve, 16)
    errors = [
        px.fit_network(net, softened(law), goals, iterations=0).error for net in (predicted, plain)
    ]
    assert errors[0] < 0.5 * errors[1]


@pytest.mark.filterwarnings("ignore:A predicted network must match")  # of eight leaves
def test_networks_of_two_phases_are_fitted_with_both_laws():
    rve = px.tessellate(grid=8, grains=20, seed=1)
    phase = torch.arange(rve.grains) % 2
    two = px.Polycrystal(rve.grain_id, rve.orientations, rve.size, phase, ("soft", "hard"))
    laws = {"soft": px.load_material("ferrite"), "hard": px.load_material("martensite")}
    net = px.predict_network(two, laws, 8, effort=FitEffort(2, *FEW))
    assert net.phase_names == ("soft", "hard")
    with pytest.raises(ValueError, match="material"):
        px.predict_network(two, {"soft": laws["soft"]}, 8)


def test_a_network_that_misses_its_targets_says_so(monkeypatch):
    monkeypatch.setattr("polyxtal.model.predicted_network.MISFIT", 1e-6)
    with pytest.warns(UserWarning, match="misses them by"):
        px.predict_network(tiny_rve(3), ALUMINIUM, 8, effort=FitEffort(1, *FEW))
