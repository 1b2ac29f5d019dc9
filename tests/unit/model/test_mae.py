"""The masked autoencoder: patches, positions, masks, sizes, and what it may and may not see."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as functional

from polyxtal.model.config import PRESETS, ModelConfig, preset
from polyxtal.model.mae import Mask, MaskedAutoencoder, random_mask
from polyxtal.model.tokens import gather_patches, patchify, sine_positions, unpatchify

TINY = ModelConfig(
    voxels=6,
    patch=2,
    width=24,
    depth=2,
    heads=2,
    decoder_width=12,
    decoder_depth=1,
    decoder_heads=2,
)


def test_patches_are_cubes_of_voxels():
    field = torch.arange(2.0 * 3 * 4 * 6 * 2).reshape(2, 3, 4, 6, 2)
    patches = patchify(field, 2)
    assert patches.shape == (2, 2 * 3 * 1, 8 * 3)
    cube = field[1, :, 2:4, 4:6, 0:2]  # block (1, 2, 0)
    assert torch.equal(patches[1, 5].reshape(2, 2, 2, 3), cube.permute(1, 2, 3, 0))
    assert torch.equal(unpatchify(patches, 2, (4, 6, 2)), field)


def test_the_patch_embedding_is_a_convolution():
    # The paper's words: kernel and stride of one patch.
    model = MaskedAutoencoder(TINY)
    field = torch.randn(2, 4, 6, 6, 6, dtype=torch.float32)
    kernel = model.encoder.embed.weight.reshape(24, 2, 2, 2, 4).permute(0, 4, 1, 2, 3)
    convolved = functional.conv3d(field, kernel, model.encoder.embed.bias, stride=2)
    torch.testing.assert_close(
        model.encoder.embed(patchify(field, 2)), convolved.flatten(2).mT, rtol=1e-5, atol=1e-5
    )


def test_positions_are_the_papers():
    positions = sine_positions(5, 192)
    assert positions.shape == (125, 192)
    i, j, k = 3, 0, 4
    row = positions[(i * 5 + j) * 5 + k]
    for axis, place in enumerate((i, j, k)):
        part = row[64 * axis : 64 * axis + 64]
        for at in (0, 7, 31):
            angle = place / 10000 ** (2 * at / 64)
            assert float(part[at]) == pytest.approx(math.sin(angle), abs=1e-6)
            assert float(part[32 + at]) == pytest.approx(math.cos(angle), abs=1e-6)
    assert len(positions.unique(dim=0)) == 125


@pytest.mark.parametrize(("ratio", "hidden"), [(0.4, 50), (0.2, 25), (0.999, 124), (0.001, 1)])
def test_masks_share_out_the_patches(ratio, hidden):
    mask = random_mask(64, 125, ratio, torch.Generator().manual_seed(0))
    assert mask.hidden.shape == (64, hidden)
    both = torch.cat([mask.visible, mask.hidden], 1).sort(-1).values
    assert torch.equal(both, torch.arange(125).expand(64, -1))
    if hidden == 50:
        assert len(mask.hidden.sort(-1).values.unique(dim=0)) == 64


def test_hidden_patches_do_not_reach_the_answer():
    model = MaskedAutoencoder(TINY).eval()
    field = torch.randn(3, 4, 6, 6, 6, dtype=torch.float32)
    mask = random_mask(3, 27, 0.4, torch.Generator().manual_seed(1))
    reconstructed, truth, _ = model(field, mask)
    patches = patchify(field, 2)
    assert torch.equal(truth, gather_patches(patches, mask.hidden))
    changed = patches.scatter(1, mask.hidden[:, :, None].expand(-1, -1, 32), 9.0)
    again, _, _ = model(unpatchify(changed, 2, (6, 6, 6)), mask)
    assert torch.equal(again, reconstructed)
    seen = patches.scatter(1, mask.visible[:, :1, None].expand(-1, -1, 32), 9.0)
    assert not torch.allclose(model(unpatchify(seen, 2, (6, 6, 6)), mask)[0], reconstructed)


def test_the_order_of_a_mask_does_not_matter():
    model = MaskedAutoencoder(TINY).eval()
    field = torch.randn(2, 4, 6, 6, 6, dtype=torch.float32)
    mask = random_mask(2, 27, 0.4, torch.Generator().manual_seed(1))
    reconstructed, _, _ = model(field, mask)
    turned = Mask(mask.visible.flip(1), mask.hidden.flip(1))
    torch.testing.assert_close(model(field, turned)[0].flip(1), reconstructed, rtol=1e-4, atol=1e-5)


def test_every_weight_learns():
    model = MaskedAutoencoder(TINY)
    mask = random_mask(2, 27, 0.4, torch.Generator().manual_seed(1))
    reconstructed, truth, _ = model(torch.randn(2, 4, 6, 6, 6, dtype=torch.float32), mask)
    (reconstructed - truth).square().mean().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert bool(parameter.grad.abs().sum() > 0), name


def test_the_seed_makes_the_weights():
    first, same, other = (MaskedAutoencoder(TINY, seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert not torch.equal(first["encoder.embed.weight"], other["encoder.embed.weight"])
    assert not any("positions" in name for name in first)


def test_presets_have_the_sizes_they_say():
    sizes = {}
    for name in PRESETS:
        config = preset(name)
        assert config.patches == 125
        block = 12 * config.width**2 + 13 * config.width  # qkv, attended, hidden layers, norms
        sizes[name] = config.depth * block
    assert preset("paper").width == 768
    assert sizes["paper"] == pytest.approx(85e6, rel=0.01)  # ViT-B's blocks
    model = MaskedAutoencoder(preset("base"))
    assert sum(p.numel() for p in model.parameters()) == pytest.approx(25e6, rel=0.06)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"patch": 4}, "must divide"),
        ({"width": 100}, "multiple of 6"),
        ({"decoder_heads": 5}, "of its heads"),
        ({"features": "euler"}, "quaternion"),
        ({"layers": 3}, "layers"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(changes, sentence):
    with pytest.raises(ValueError, match=sentence):
        preset("small", **changes)
    with pytest.raises(ValueError, match="must be one of small, base, paper"):
        preset("huge")
