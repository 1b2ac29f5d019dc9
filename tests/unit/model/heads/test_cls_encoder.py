"""A quick look at a polycrystal tells what the encoder tells."""

from __future__ import annotations

import pytest
import torch
from tiny_stiffness import tiny_rve, tiny_stiffness_model

import polyxtal as px
from polyxtal.model.config import ModelConfig
from polyxtal.model.heads.stiffness.cls_encoder import Glance, _can_pack
from polyxtal.model.mae import Encoder
from polyxtal.model.windows import MAX_WINDOWS

CRYSTAL = px.CubicElasticity(107.3e3, 60.8e3, 28.3e3)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("offsets", [False, True])
def test_the_token_is_the_encoders(packed, offsets):
    if packed and not _can_pack():
        pytest.skip("no packed products here")
    torch.manual_seed(0)
    config = ModelConfig(voxels=6, patch=2, width=24, depth=3, heads=2, offsets=offsets)
    encoder = Encoder(config).eval()
    for parameter in encoder.parameters():  # norms, biases and [CLS], too
        torch.nn.init.normal_(parameter, std=0.3)
    patches = torch.randn(3, config.patches, config.patch_values)
    look = Glance(encoder, packed)
    with torch.no_grad():
        expected = encoder(patches)[:, 0]
    torch.testing.assert_close(look(patches), expected, rtol=1e-4, atol=1e-5)
    assert look.current()
    with torch.no_grad():
        encoder.embed.weight.mul_(2)
    assert not look.current()


def test_a_polycrystal_is_looked_at_once(monkeypatch):
    model, rve = tiny_stiffness_model(), tiny_rve(1)
    looks = []
    seen = Glance.__call__
    monkeypatch.setattr(Glance, "__call__", lambda *a: looks.append(1) or seen(*a))
    distance = model.unfamiliarity(rve)
    latent = model.encode([rve])
    assert distance == pytest.approx(float(model.stiffness.tensor.familiarity(latent)), rel=1e-4)
    model.predict_stiffness(rve, CRYSTAL)
    assert model.unfamiliarity(rve) == distance
    assert len(looks) == 1
    assert len(model._look.seen) == 1
    del rve
    assert not model._look.seen
    with torch.no_grad():
        model.autoencoder.encoder.embed.weight.mul_(-1)
    model.unfamiliarity(tiny_rve(1))
    assert len(looks) == 2


def test_grids_that_are_too_large_are_refused():
    model = tiny_stiffness_model()
    edge = model.config.voxels
    row = torch.zeros(edge * (MAX_WINDOWS + 1), 1, 1, dtype=torch.int64)
    with pytest.raises(ValueError, match="reads at most"):
        model.unfamiliarity(px.Polycrystal(row, [[1, 0, 0, 0]]))
