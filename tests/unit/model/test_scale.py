"""The scale of grains as an input: intercepts read off the patches, and weights that start at 0."""

from __future__ import annotations

import pytest
import torch
from tiny_model import SIZES

import polyxtal as px
from polyxtal.dataset.features import feature
from polyxtal.model.config import preset
from polyxtal.model.mae import MaskedAutoencoder
from polyxtal.model.parameter_count import parameter_count
from polyxtal.model.pretrained import PretrainedModel
from polyxtal.model.scale import log_intercepts
from polyxtal.model.tokens import patchify
from polyxtal.model.windows import windows


def sizes(**changes):
    chosen = {**SIZES, **changes}
    return preset(chosen.pop("preset"), **chosen)


def test_intercepts_are_those_of_the_grains():
    layers = torch.arange(12) // 3  # a boundary every three voxels along x
    ids = layers[:, None, None].expand(12, 12, 12)
    table = feature("harmonic").compute(px.tessellate(4, 4, seed=1).orientations).float()
    patches = patchify(table[ids].permute(3, 0, 1, 2)[None], 6)
    found = log_intercepts(patches, 6, 9)
    assert found.shape == (1, 3)
    assert float(found[0, 0].exp()) == pytest.approx(5)  # one of the five faces within a patch
    assert (found[0, 1:].exp() > 500).all()  # as good as endless
    turned = patchify(table[ids.permute(2, 0, 1)].permute(3, 0, 1, 2)[None], 6)
    assert torch.equal(log_intercepts(turned, 6, 9)[0], found[0, [1, 0, 2]])


def test_intercepts_do_not_depend_on_precision():
    field = windows(px.tessellate(12, 60, seed=1), 12, feature("crystal"))
    patches = patchify(field, 6)
    plain = log_intercepts(patches, 6, 28)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(log_intercepts(patches, 6, 28), plain, rtol=0, atol=0)
    ids = px.tessellate(12, 60, seed=1).grain_id.unfold(0, 6, 6).unfold(1, 6, 6).unfold(2, 6, 6)
    share = (ids.diff(dim=4) != 0).double().mean()
    assert float(plain[0, 1]) == pytest.approx(-float(share.log()), abs=1e-5)


def test_a_new_scale_changes_nothing_and_a_learned_one_does():
    config = sizes(features="harmonic", scale=True)
    model = MaskedAutoencoder(config, 0)
    assert sum(p.numel() for p in model.parameters()) == parameter_count(config)
    plain = MaskedAutoencoder(config.model_copy(update={"scale": False}), 0)
    names = plain.state_dict()
    plain.load_state_dict({k: v for k, v in model.state_dict().items() if k in names})
    coarse, fine = px.tessellate(6, 3, seed=1), px.tessellate(6, 60, seed=1)
    encoders = [PretrainedModel(one, {}) for one in (model, plain)]
    assert torch.equal(encoders[0].encode(fine), encoders[1].encode(fine))
    torch.nn.init.normal_(model.encoder.scale.embed.weight)
    for rve in (coarse, fine):
        assert not torch.allclose(encoders[0].encode(rve), encoders[1].encode(rve))


def test_a_patch_of_one_voxel_has_no_scale():
    with pytest.raises(ValueError, match="`scale` must be left out with a `patch` of 1 voxel"):
        sizes(patch=1, scale=True)


def test_models_of_the_crystal_feature_encode_several_groups_and_phases():
    model = PretrainedModel(MaskedAutoencoder(sizes(features="crystal", scale=True), 0), {})
    cubic, hexagonal = px.tessellate(6, 9, seed=1), px.tessellate(6, 9, seed=1, lattice="hP")
    two = px.Polycrystal(
        cubic.grain_id,
        cubic.orientations,
        phase=[0] * 7 + [1] * 2,
        phase_names=("a", "b"),
        lattices=("cF", "hP"),
    )
    latent = model.encode([cubic, hexagonal, two])
    assert torch.cdist(latent, latent).triu(1).unique().numel() == 4
    triclinic = px.Polycrystal(
        cubic.grain_id, cubic.orientations, lattices=px.Lattice.of_laue_group("-1")
    )
    with pytest.raises(ValueError, match="must be of one of the Laue groups m-3m, 6/mmm, 4/mmm"):
        model.encode(triclinic)
    with pytest.raises(ValueError, match="`laue` must be left out if `features` is 'crystal'"):
        sizes(features="crystal", laue="6/mmm")
