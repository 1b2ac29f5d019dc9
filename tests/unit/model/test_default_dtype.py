"""Models give the same answers whatever torch's default dtype is."""

from __future__ import annotations

import pytest
import torch
from tiny_stiffness import tiny_rve, tiny_stiffness_model

import polyxtal as px
from polyxtal.model.foundation import FoundationModel
from polyxtal.model.heads.curves.head import INCREMENTS, MODES, CurveHead
from polyxtal.model.heads.encoder_bound import fingerprint
from polyxtal.model.heads.parameters.head import FittedParameters, ParameterHead
from polyxtal.model.mae import MaskedAutoencoder
from polyxtal.model.windows import windows
from polyxtal.network.fit_effort import FitEffort

LITTLE = FitEffort(2, reference_leaves=8, reference_members=2)
CRYSTAL = px.CubicElasticity(107.3e3, 60.8e3, 28.3e3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    bare = tiny_stiffness_model()
    shape = len(MODES), INCREMENTS
    curves = CurveHead(*(torch.full(shape, value, dtype=torch.float64) for value in (0.01, 0.3)))
    parameters = FittedParameters(
        ParameterHead(bare.config.width, depth=2), fingerprint(bare.autoencoder)
    )
    place = tmp_path_factory.mktemp("model")
    FoundationModel(bare.autoencoder, {}, bare.stiffness, curves, parameters).save(place)
    return place


def answers(folder) -> dict[str, torch.Tensor]:
    model, rve = px.load_model(folder), px.tessellate(grid=7, grains=9, seed=3)
    predicted, decoded = model.predict_network(rve, 4, 2, effort=LITTLE), model.decode_network(rve)
    fields = windows(rve, model.config.voxels, model.config.seen)
    fresh = MaskedAutoencoder(model.config, seed=5).state_dict()
    return {
        **{f"fresh {name}": value for name, value in fresh.items()},
        **{f"head {name}": v for name, v in ParameterHead(12, 3, seed=1).state_dict().items()},
        "latent": model.encode([rve, tiny_rve(1)], "both"),
        "stiffness": model.predict_stiffness(rve, CRYSTAL),
        "score": torch.tensor(model.out_of_distribution_score(rve), dtype=torch.float64),
        "normals": predicted.normals,
        "decoded": decoded.orientations,
        "reconstructed": model.reconstruct(fields, 0.4, seed=1).reconstructed,
    }


@pytest.mark.filterwarnings("ignore:A predicted network must match")  # of few leaves
@pytest.mark.parametrize("name", ["tiny", "polyxtal-small"])
def test_answers_do_not_depend_on_the_default_dtype(folder, name):
    if name == "tiny":
        expected = answers(folder)
    else:
        rve = px.tessellate(grid=25, grains=139, seed=0)
        model = px.load_model(name)
        expected = {"latent": model.encode(rve), "c": model.predict_stiffness(rve, CRYSTAL)}
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        if name == "tiny":
            found = answers(folder)
        else:
            again, model = px.tessellate(grid=25, grains=139, seed=0), px.load_model(name)
            found = {"latent": model.encode(again), "c": model.predict_stiffness(again, CRYSTAL)}
    finally:
        torch.set_default_dtype(default)
    for key, value in expected.items():
        assert found[key].dtype == value.dtype, key
        assert torch.equal(found[key], value), key
