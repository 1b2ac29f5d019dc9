"""A prediction by a pretrained model with heads: whose numbers they are, and what it refuses."""

import json
import math
from hashlib import sha256

import pytest
import torch
from tiny_stiffness import tiny_rve, tiny_stiffness_model
from typer.testing import CliRunner

import polyxtal as px
from polyxtal.cli import app
from polyxtal.model.foundation import FoundationModel
from polyxtal.model.heads.curves.head import COMPARISON, INCREMENTS, MODES, CurveHead
from polyxtal.model.heads.encoder_bound import fingerprint
from polyxtal.model.heads.property.head import FittedProperties, Label, PropertyHead
from polyxtal.model.predicted_network import elastic_crystals
from polyxtal.network.fit_effort import FitEffort
from polyxtal.network.reference import reference_ensemble
from polyxtal.network.tree import NetworkEnsemble
from polyxtal.workflows.predict.network import most_steps, predict_network
from polyxtal.workflows.predict.run import PredictionSettings, predict
from polyxtal.workflows.predict.write import summary, write_prediction

ALLOY = px.load_material("AA6022-T4")
LITTLE = FitEffort(3, reference_leaves=8, reference_members=2)
LOAD = px.LoadPath.uniaxial(strain=0.006, increments=2)


@pytest.fixture(scope="module", autouse=True)
def few_typical_networks():
    def few(rve, leaves, members, seed):
        return reference_ensemble(rve, 8, 2, seed)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("polyxtal.model.predicted_network.reference_ensemble", few)
        yield


def save_model(folder, threshold, zener=math.inf):
    """Write a model that knows all polycrystals, or none, and crystals up to a Zener ratio."""
    bare = tiny_stiffness_model()
    bare.stiffness.tensor.crystal_high[0].clamp_(max=math.log(zener))
    bare.stiffness.tensor.out_of_distribution.threshold.fill_(threshold)
    shape = len(MODES), INCREMENTS
    head = CurveHead(*(torch.full(shape, value, dtype=torch.float64) for value in (0.01, 0.3)))
    FoundationModel(bare.autoencoder, {}, bare.stiffness, head).save(folder)
    return str(folder)


@pytest.fixture(scope="module", autouse=True)
def networks_of_four_leaves_may_miss_their_targets():
    with pytest.MonkeyPatch.context() as patch:
        for place in ("model.predicted_network", "workflows.predict.network"):
            patch.setattr(f"polyxtal.{place}.MISFIT", 1.0)
        yield


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    """A DAMASK case, a load, and a model."""
    folder = tmp_path_factory.mktemp("case")
    px.write(tiny_rve(3), folder / "grid.vti", {"crystal": ALLOY})
    (folder / "load.yaml").write_text(json.dumps(LOAD.to_damask()), encoding="utf-8")
    save_model(folder / "model", 1e6)
    return folder


def settings_of(case, **more):
    return PredictionSettings(
        **{
            "load": str(case / "load.yaml"),
            "model": str(case / "model"),
            "leaves": 4,
            "effort": LITTLE,
            **more,
        }
    )


@pytest.fixture(scope="module")
def told(case):
    """A prediction by two networks, and what it told meanwhile."""
    reports = []
    settings = settings_of(case, ensemble=2, seed=5)
    prediction = predict(case / "grid.vti", settings, lambda *report: reports.append(report))
    return prediction, reports


def test_stiffness_and_curve_are_the_models(case, told):
    prediction, *_ = told
    rve, model = px.read(case / "grid.vti"), px.load_model(case / "model")
    drawn = torch.randint(2**62, (2,), generator=torch.Generator().manual_seed(5)).tolist()
    network = NetworkEnsemble(
        tuple(model.predict_network(rve, 4, s, ALLOY, effort=LITTLE) for s in drawn)
    )
    expected = model.predict_stiffness(rve, ALLOY.elasticity)
    assert prediction.answer == "model"
    assert torch.equal(prediction.stiffness["model"], expected)
    assert torch.equal(prediction.stiffness["network"], network.stiffness(ALLOY.elasticity))
    assert not torch.equal(prediction.stiffness["network"], expected)
    response = network.respond(ALLOY, LOAD)
    torch.testing.assert_close(prediction.response.P, response.P, rtol=1e-9, atol=1e-9)
    assert len(prediction.phase) == 8
    assert prediction.constants["model"] == px.engineering_constants(expected)
    assert prediction.out_of_distribution_score == model.out_of_distribution_score(rve)


def test_labels_of_ones_own_are_predicted_too(case, tmp_path, told):
    model, labels = px.load_model(case / "model"), (Label(name="hardness", unit="HV"),)
    own = PropertyHead(model.config.width, 1)
    own.target_mean.fill_(87.5)
    own.target_scale.fill_(0.5)
    own.linear.weight.data[0] = torch.linspace(-1, 1, model.config.width)
    own.out_of_distribution.threshold.fill_(1e6)
    fitted = FittedProperties(own, labels, fingerprint(model.autoencoder))
    FoundationModel(model.autoencoder, {}, *model.heads.values(), fitted).save(tmp_path / "own")
    result = invoke(case, tmp_path / "out", "--model", tmp_path / "own")
    assert result.exit_code == 0, result.output
    content = json.loads((tmp_path / "out" / "stiffness.json").read_text(encoding="utf-8"))
    rve = px.read(case / "grid.vti")
    found = float(px.load_model(tmp_path / "own").predict_property(rve)["hardness"])
    assert found != 87.5
    assert content["properties"] == {"hardness [HV]": found}
    (row,) = (line for line in result.stdout.splitlines() if "hardness [HV]" in line)
    assert f"{found:.4g}" in row
    assert "own/property.safetensors" in str(content["inputs"])
    assert told[0].properties == {}


def test_networks_share_the_stiffness_that_they_are_to_have(case, monkeypatch):
    rve, model = px.read(case / "grid.vti"), px.load_model(case / "model")
    asked, predict_stiffness = [], model.predict_stiffness

    def counted(rve, crystal):
        asked.append(crystal)
        return predict_stiffness(rve, crystal)

    monkeypatch.setattr(model, "predict_stiffness", counted)
    network, misfit = predict_network(model, rve, ALLOY, 4, 5, 2, effort=LITTLE)
    assert 0 < misfit < 1
    assert asked == [COMPARISON, *elastic_crystals()]
    assert not torch.equal(*(member.normals for member in network.members))


def test_progress_counts_the_steps_of_every_network(told):
    prediction, reports = told
    stages = [(stage, total) for stage, done, total, _ in reports if not done]
    assert stages == [
        ("read", 0),
        ("stiffness", 0),
        ("predict network", 2 * most_steps(LITTLE)),
        ("response", 4),
        ("baseline", 2),
    ]
    assert set(prediction.seconds) == {name for name, _ in stages}
    steps = [note for stage, done, _, note in reports if stage == "predict network" and done]
    assert set(steps) == {"fit"}
    assert 2 < len(steps) <= 2 * most_steps(LITTLE)


def test_json_names_the_model_and_the_score(case, told, tmp_path):
    prediction, *_ = told
    write_prediction(prediction, tmp_path / "out")
    content = json.loads((tmp_path / "out" / "stiffness.json").read_text(encoding="utf-8"))
    files = {
        "model": "config.json",
        "model weights": "model.safetensors",
        "stiffness head": "stiffness.json",
        "stiffness head weights": "stiffness.safetensors",
        "network head": "network.json",
    }
    for part, name in files.items():
        digest = sha256((case / "model" / name).read_bytes()).hexdigest()
        assert content["inputs"][part] == {"name": f"model/{name}", "sha256": digest}
    assert set(content["inputs"]) == {"microstructure", "material", "load", *files}
    assert content["out_of_distribution_score"] == prediction.out_of_distribution_score
    assert content["stiffness"]["model"] == prediction.stiffness["model"].tolist()
    assert (content["parameters"]["leaves"], content["parameters"]["ensemble"]) == (4, 2)
    assert (tmp_path / "out" / "prediction.png").read_bytes()[:4] == b"\x89PNG"


def test_picture_shows_the_answer(told, monkeypatch):
    from polyxtal.workflows.predict import draw as drawing

    drawn = []
    monkeypatch.setattr(drawing, "draw_young_modulus_surface", lambda _, c: drawn.append(c))
    drawing.draw_prediction(told[0])
    assert torch.equal(*drawn, told[0].stiffness["model"])


@pytest.mark.parametrize(
    ("given", "size"),
    [
        ({"leaves": 256}, (256, 4)),
        ({"model": "any"}, (32, 1)),
        ({"model": "any", "leaves": 8}, (8, 1)),
        ({"ensemble": 2}, (256, 2)),
    ],
)
def test_networks_of_a_model_are_small_and_few(given, size):
    settings = PredictionSettings(**given)
    assert settings.network_size == size
    assert (settings.leaves, settings.ensemble) == size


# --- what can not be predicted


def refused(case, sentence, file="missing.vti", kind=ValueError, **more):
    """Expect an error before anything is computed, and of a file that is missing, before it is."""
    stages = []
    with pytest.raises(kind, match=sentence):
        predict(case / file, settings_of(case, **more), lambda stage, *_: stages.append(stage))
    assert stages == ["read"]


def test_an_unknown_model_or_one_without_heads_is_refused_at_once(case, tmp_path):
    refused(case, "a model must be one of", kind=FileNotFoundError, model="nowhere")
    bare = tiny_stiffness_model()
    bare.save(tmp_path / "stiffness")
    head = px.load_model(case / "model").curves
    FoundationModel(bare.autoencoder, {}, None, head).save(tmp_path / "curves")
    for name, verb in (("stiffness", "network"), ("curves", "stiffness")):
        sentence = f"`polyxtal finetune {verb}` fits one"
        refused(case, sentence, model=str(tmp_path / name))


def test_several_phases_are_refused_at_once(case, tmp_path):
    rve = tiny_rve(3)
    two = px.Polycrystal(
        rve.grain_id, rve.orientations, rve.size, torch.arange(rve.grains) % 2, ("Al", "Si")
    )
    px.write(two, tmp_path / "grid.vti", {"Al": ALLOY, "Si": ALLOY})
    refused(case, "grains of one phase", tmp_path / "grid.vti")


@pytest.mark.parametrize("name", ["leaves", "ensemble"])
def test_a_size_out_of_bounds_is_refused_at_once(case, name):
    with pytest.raises(ValueError, match=f"`{name}` must be at least 1"):
        settings_of(case, **{name: 0})


# --- the command line


def invoke(case, out, *more):
    arguments = (
        *("predict", case / "grid.vti", "--load", case / "load.yaml", "--leaves", 4),
        *("--no-picture", "--no-taylor", "--out", out, *more),
    )
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_out_of_distribution_a_full_field_answers(case, tmp_path):
    # The crystal is known; those that a network is compared by are not, which is not the user's
    # to know.
    strange = save_model(tmp_path / "strange", 1e-6, zener=1.3)
    result = invoke(case, tmp_path / "out", "--model", strange)
    assert result.exit_code == 0, result.output
    (line,) = (line for line in result.stderr.splitlines() if "Warning" in line)
    assert line.startswith("Warning: The polycrystal is unlike those that the model was fitted to")
    assert line.endswith("a full field on a coarse grid answers instead.")
    content = json.loads((tmp_path / "out" / "stiffness.json").read_text(encoding="utf-8"))
    assert content["out_of_distribution_score"] > 1
    assert f"{content['out_of_distribution_score']:.3f}" in result.stdout
    assert content["method"].startswith("full field")
    assert content["fallback"].startswith("The polycrystal is unlike")
    assert "answers instead of networks" in " ".join(result.stdout.split())
    # What is printed first is the full field's; the head's is beside it.
    found = content["stiffness"]["full_field"]
    first_table = result.stdout.split("Engineering constants")[0]
    assert f"{found[0][0] / 1e3:.2f}" in first_table
    (header,) = (row for row in result.stdout.splitlines() if "Reuss" in row and "┃" in row)
    assert header.replace("┃", " ").split() == ["Reuss", "model", "full", "field", "Voigt"]


def test_a_network_that_misses_its_targets_gives_way_to_a_full_field(case, monkeypatch):
    settings = settings_of(case, taylor=False)
    kept = predict(case / "grid.vti", settings)
    assert kept.fallback is None
    assert summary(kept)["fallback"] is None
    monkeypatch.setattr("polyxtal.workflows.predict.network.MISFIT", 1e-9)
    with pytest.warns(UserWarning, match="misses its targets by .* full field .* answers instead"):
        found = predict(case / "grid.vti", settings)
    assert found.fallback.startswith("A predicted network misses its targets by")
    assert found.method.startswith("full field")
    alone = predict(case / "grid.vti", PredictionSettings(load=settings.load, taylor=False))
    assert torch.equal(found.response.P, alone.response.P)
    assert torch.equal(found.stiffness["full_field"], alone.stiffness["full_field"])
    assert found.answer == "full_field"
    assert torch.equal(found.stiffness["model"], kept.stiffness["model"])
    assert found.error == alone.error


def test_command_line_refuses_a_model_without_heads(case, tmp_path):
    tiny_stiffness_model().save(tmp_path / "bare")
    result = invoke(case, tmp_path / "out", "--model", tmp_path / "bare")
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: A model must have a curve head")
    assert not (tmp_path / "out").exists()


def test_progress_shows_the_network_being_predicted(case, tmp_path, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    shown = invoke(case, tmp_path / "out", "--model", case / "model").stderr
    assert "predict network, compiling" in shown
    assert "Warning" not in shown


def test_without_a_model_there_is_no_score(case):
    answer = predict(case / "grid.vti", settings_of(case, model=None, ensemble=1, taylor=False))
    assert answer.answer == "network"
    assert "model" not in answer.stiffness
    assert summary(answer)["out_of_distribution_score"] is None
