"""Attention that knows how patches lie to each other across periodic faces."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as functional

from polyxtal.model.config import ModelConfig
from polyxtal.model.mae import Mask, MaskedAutoencoder, random_mask
from polyxtal.model.relative_position_bias import (
    RelativePositionBias,
    periodic_distances,
    periodic_offsets,
)
from polyxtal.model.tokens import patchify
from polyxtal.model.transformer import attend

TINY = ModelConfig(
    voxels=6,
    patch=2,
    width=24,
    depth=2,
    heads=4,
    decoder="cross",
    decoder_width=12,
    decoder_depth=2,
    decoder_heads=2,
    offsets=True,
    summary=True,
)


def test_offsets_are_periodic():
    apart = periodic_offsets(3)
    place = torch.cartesian_prod(*[torch.arange(3)] * 3)
    for i, j in ((0, 26), (5, 13), (20, 20)):
        x, y, z = ((place[j] - place[i]) % 3).tolist()
        assert int(apart[i, j]) == 9 * x + 3 * y + z
    # A roll of the box changes no offset.
    rolled = torch.arange(27).reshape(3, 3, 3).roll((1, 2), (0, 2)).flatten()
    assert torch.equal(apart[rolled][:, rolled], apart)


def test_distances_go_the_shortest_way():
    distance = periodic_distances(5).reshape(5, 5, 5)
    assert float(distance[0, 0, 0]) == 0
    assert float(distance[4, 0, 0]) == float(distance[1, 0, 0]) == 1
    assert float(distance[3, 2, 4]) == pytest.approx(math.sqrt(4 + 4 + 1))


def test_heads_begin_with_neighbours():
    bias = RelativePositionBias(5, 3, steepest=2.0)()
    assert bias.shape == (1, 3, 126, 126)
    assert bool((bias[0, :, 0] == 0).all() and (bias[0, :, :, 0] == 0).all())
    assert bool((bias[0, 0] == 0).all())
    expected = -2.0 * periodic_distances(5)[periodic_offsets(5)]
    torch.testing.assert_close(bias[0, 2, 1:, 1:], expected)


def test_chosen_patches_get_their_part():
    layer = RelativePositionBias(3, 2)
    torch.nn.init.normal_(layer.table)
    every = layer()[0]
    mask = random_mask(4, 27, 0.4, torch.Generator().manual_seed(0))
    own, cross = layer(mask.visible), layer(mask.visible, mask.hidden)
    for b in range(4):
        seen = torch.cat([torch.zeros(1, dtype=torch.int64), mask.visible[b] + 1])
        torch.testing.assert_close(own[b], every[:, seen][:, :, seen])
        torch.testing.assert_close(cross[b], every[:, mask.hidden[b] + 1][:, :, seen])


@pytest.mark.parametrize("biased", [False, True])
def test_two_products_are_the_librarys_attention(biased):
    query, key, value = torch.randn(3, 2, 4, 7, 6).unbind()
    key, value = torch.cat([key, key[:, :, :2]], 2), torch.cat([value, value[:, :, 1:3]], 2)
    bias = torch.randn(2, 4, 7, 9) if biased else None
    expected = functional.scaled_dot_product_attention(query, key, value, bias)
    torch.testing.assert_close(attend(query, key, value, bias), expected, rtol=1e-5, atol=1e-5)


def test_the_cross_decoder_sees_visible_patches_only():
    model = MaskedAutoencoder(TINY).eval()
    field = torch.randn(3, 4, 6, 6, 6)
    mask = random_mask(3, 27, 0.4, torch.Generator().manual_seed(1))
    reconstructed, truth, summary = model(field, mask)
    assert summary is not None
    assert summary.shape[0] == 3
    hidden = torch.zeros(3, 27, dtype=torch.bool).scatter_(1, mask.hidden, True)
    voxels = hidden.reshape(3, 1, 3, 3, 3)
    for axis in (2, 3, 4):
        voxels = voxels.repeat_interleave(2, axis)
    again, other, told = model(torch.where(voxels, 9.0, field), mask)
    assert torch.equal(again, reconstructed)
    assert torch.equal(told, summary)
    assert bool((other == 9.0).all())
    assert not bool((truth == 9.0).any())
    seen, _, _ = model(torch.where(voxels, field, 9.0), mask)
    assert not torch.allclose(seen, reconstructed)


def test_hidden_patches_do_not_see_each_other_in_the_cross_decoder():
    model = MaskedAutoencoder(TINY).eval()
    patches = patchify(torch.randn(2, 4, 6, 6, 6), 2)
    mask = random_mask(2, 27, 0.4, torch.Generator().manual_seed(1))
    states = model.encoder.states(patches, mask.visible)
    every = model.decoder(states, mask)
    few = model.decoder(states, Mask(mask.visible, mask.hidden[:, :3]))
    torch.testing.assert_close(few, every[:, :3], rtol=1e-5, atol=1e-6)


def test_every_weight_of_the_cross_model_learns():
    model = MaskedAutoencoder(TINY)
    mask = random_mask(2, 27, 0.4, torch.Generator().manual_seed(1))
    reconstructed, truth, summary = model(torch.randn(2, 4, 6, 6, 6), mask)
    ((reconstructed - truth).square().mean() + summary.square().mean()).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert bool(parameter.grad.abs().sum() > 0), name
