"""Pretrained models in use: windows, latent vectors, reconstructions, files."""

from __future__ import annotations

import json

import pytest
import torch

import polyxtal as px
from polyxtal.dataset.features import feature
from polyxtal.model.config import ModelConfig
from polyxtal.model.foundation import FoundationModel
from polyxtal.model.mae import MaskedAutoencoder
from polyxtal.model.tokens import patchify
from polyxtal.model.windows import window_starts, windows

TINY = ModelConfig(
    voxels=6,
    patch=2,
    features="harmonic",
    width=24,
    depth=2,
    heads=2,
    decoder="cross",
    decoder_width=12,
    decoder_depth=1,
    decoder_heads=2,
    offsets=True,
)


@pytest.fixture(scope="module")
def model():
    return FoundationModel(MaskedAutoencoder(TINY, 3), {"recipe": "none"})


def rve(grid, seed=0):
    return px.tessellate(grid=grid, grains=8, seed=seed)


@pytest.mark.parametrize(
    ("voxels", "starts"), [(6, [0]), (4, [0]), (1, [0]), (12, [0, 6]), (13, [0, 4, 9]), (7, [0, 4])]
)
def test_windows_cover_an_axis_evenly(voxels, starts):
    assert window_starts(voxels, 6) == starts
    covered = {(start + i) % voxels for start in starts for i in range(6)}
    assert covered == set(range(voxels))


def test_a_window_is_the_field_itself_and_goes_on_across_faces():
    one = rve(6)
    field = feature("harmonic").compute(one.orientation_field()).permute(3, 0, 1, 2)
    found = windows(one, 6, feature("harmonic"))
    assert found.shape == (1, 9, 6, 6, 6)
    torch.testing.assert_close(found[0], field.to(torch.float32))
    more = windows(rve((9, 6, 4)), 6, feature("harmonic"))
    assert more.shape == (2, 9, 6, 6, 6)
    torch.testing.assert_close(
        more[1, :, 5], more[0, :, 0]
    )  # from voxel 4 of 9 on, across the face
    torch.testing.assert_close(more[0, :, :, :, 4:], more[0, :, :, :, :2])  # 4 voxels, repeated


def test_latent_vectors(model):
    one, other = rve(6, 1), rve(6, 2)
    latent = model.encode(one)
    assert latent.shape == (24,)
    both = model.encode([one, other])
    torch.testing.assert_close(both[0], latent, rtol=1e-5, atol=1e-5)
    assert not torch.allclose(both[0], both[1])
    field = windows(one, 6, feature("harmonic"))
    tokens = model.autoencoder.encoder(patchify(field, 2))[0]
    torch.testing.assert_close(latent, tokens[0])
    torch.testing.assert_close(model.encode(one, "mean"), tokens[1:].mean(0))
    assert model.encode(one, "both").shape == (48,)
    assert not latent.requires_grad


def test_many_polycrystals_share_batches_and_report(model, monkeypatch):
    grids = (6, 6, (12, 6, 6), (12, 12, 12), 6)  # 1, 1, 2, 8 and 1 windows
    rves = [rve(grid, seed) for seed, grid in enumerate(grids)]
    alone = torch.stack([model.encode(one) for one in rves])
    monkeypatch.setattr("polyxtal.model.pretrained.BATCH_CPU", 3)
    told = []
    found = model.encode(iter(rves), progress=lambda *done: told.append(done[1:3]))
    torch.testing.assert_close(found, alone, rtol=1e-5, atol=1e-5)
    assert told == [(2, 0), (3, 0), (4, 0), (5, 0)]
    model.encode(rves, progress=lambda *done: told.append(done[1:3]))
    assert told[-1] == (5, 5)


def test_other_grids_are_means_over_windows(model):
    large = rve((9, 6, 13), 4)
    parts = model.encode_fields(windows(large, 6, feature("harmonic")))
    assert len(parts) == 6
    torch.testing.assert_close(model.encode(large), parts.mean(0), rtol=1e-5, atol=1e-5)
    single = px.Polycrystal([[[0]]], [[1.0, 0, 0, 0]])
    assert model.encode(single).shape == (24,)


def test_symmetry_copies_have_the_same_latent_vector(model):
    from polyxtal.algebra.rotation import quaternion_multiply
    from polyxtal.crystal.laue import CUBIC

    one = rve(6, 5)
    copies = quaternion_multiply(one.orientations, CUBIC.rotations[torch.arange(8) * 3 % 24])
    same = px.Polycrystal(one.grain_id, -copies)
    torch.testing.assert_close(model.encode(same), model.encode(one), rtol=1e-4, atol=1e-5)


def test_reconstructions_keep_what_was_visible(model):
    field = windows(rve(6), 6, feature("harmonic")).repeat(2, 1, 1, 1, 1)
    found = model.reconstruct(field, 0.4, seed=1)
    again = model.reconstruct(field, found.mask)
    assert torch.equal(found.reconstructed, again.reconstructed)
    was, now = patchify(field, 2), patchify(found.reconstructed, 2)
    for b in range(2):
        assert torch.equal(was[b, found.mask.visible[b]], now[b, found.mask.visible[b]])
        assert not torch.allclose(was[b, found.mask.hidden[b]], now[b, found.mask.hidden[b]])
    assert not torch.equal(found.mask.hidden[0], found.mask.hidden[1])
    with pytest.warns(DeprecationWarning, match="use `reconstructed`"):
        assert found.rebuilt is found.reconstructed


def test_models_are_saved_and_loaded(model, tmp_path):
    model.save(tmp_path / "m")
    loaded = px.load_model(tmp_path / "m")
    one = rve(6)
    assert torch.equal(loaded.encode(one), model.encode(one))
    assert loaded.about["recipe"] == "none"
    loaded.save(tmp_path / "n")
    first, second = (json.loads((tmp_path / n / "config.json").read_text()) for n in "mn")
    assert first == second
    assert "harmonic" in repr(loaded)


def test_wrong_arguments_are_one_sentence(model):
    with pytest.raises(ValueError, match="`pool` must be one of cls, mean, both, but is 'max'"):
        model.encode(rve(6), "max")
    with pytest.raises(ValueError, match="must hold at least one"):
        model.encode([])
    with pytest.raises(ValueError, match="reads at most 4096 windows"):
        model.encode(px.Polycrystal(torch.zeros(600, 600, 6, dtype=torch.int64), [[1, 0, 0, 0]]))
    fields = torch.zeros(1, 9, 6, 6, 6)
    with pytest.raises(ValueError, match=r"must have shape \(n, 9, 6, 6, 6\), but has \(1, 4"):
        model.encode_fields(torch.zeros(1, 4, 6, 6, 6))
    with pytest.raises(ValueError, match="`fields` must have shape"):
        model.reconstruct(fields[0])
    for share in (0.0, 1.0, 2.0, float("nan")):
        with pytest.raises(ValueError, match="`mask` must be between 0 and 1"):
            model.reconstruct(fields, share)
    with pytest.raises(FileNotFoundError, match="must be one of"):
        px.load_model("no-such-model")
