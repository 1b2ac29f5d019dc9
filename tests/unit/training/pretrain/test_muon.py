"""Muon: orthogonal steps for matrices, AdamW's for the rest, and state that goes on."""

from __future__ import annotations

import copy

import pytest
import torch

from polyxtal.model.config import preset
from polyxtal.model.mae import MaskedAutoencoder
from polyxtal.training.pretrain.config import PretrainConfig
from polyxtal.training.pretrain.module import make_optimiser
from polyxtal.training.pretrain.muon import Muon, orthogonalize


@pytest.mark.parametrize("shape", [(16, 48), (48, 16), (20, 20)])
def test_singular_values_become_one_and_vectors_stay(shape):
    matrix = torch.randn(*shape, generator=torch.Generator().manual_seed(0))
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    found = orthogonalize(matrix)
    size = torch.linalg.svdvals(found)
    assert float(size.min()) > 0.6
    assert float(size.max()) < 1.3
    across = left.T @ found @ right.T
    assert float((across - across.diag().diag()).abs().max()) < 0.06  # bfloat16


def test_a_zero_gradient_is_no_step():
    assert torch.equal(orthogonalize(torch.zeros(3, 4)), torch.zeros(3, 4))


def test_a_matrix_moves_by_the_rate_whatever_its_gradient():
    for size in (1e-4, 1e3):
        weight = torch.nn.Parameter(torch.zeros(32, 64))
        optimiser = Muon([{"params": [weight], "matrices": True, "weight_decay": 0.0}], lr=0.01)
        weight.grad = size * torch.randn(32, 64, generator=torch.Generator().manual_seed(1))
        optimiser.step()
        moved = weight.detach()
        assert float(moved.square().mean().sqrt()) == pytest.approx(0.2 * 0.01, rel=0.25)
        assert float((moved * weight.grad).sum()) < 0


def test_the_rest_is_adamw():
    first, second = (torch.nn.Parameter(torch.ones(7)) for _ in range(2))
    ours = Muon([{"params": [first], "matrices": False, "weight_decay": 0.1}], lr=0.01)
    library = torch.optim.AdamW([second], lr=0.01, betas=(0.9, 0.95), weight_decay=0.1)
    generator = torch.Generator().manual_seed(2)
    for _ in range(20):
        first.grad = torch.randn(7, generator=generator)
        second.grad = first.grad.clone()
        ours.step()
        library.step()
    torch.testing.assert_close(first, second, rtol=1e-5, atol=1e-6)


def test_a_saved_optimiser_goes_on_as_if_nothing_had_happened():
    def run(weight, bias, optimiser, steps):
        generator = torch.Generator().manual_seed(3)
        for _ in range(steps):
            weight.grad = torch.randn(6, 8, generator=generator)
            bias.grad = torch.randn(8, generator=generator)
            optimiser.step()

    def make():
        weight, bias = torch.nn.Parameter(torch.ones(6, 8)), torch.nn.Parameter(torch.ones(8))
        groups = [
            {"params": [weight], "matrices": True, "weight_decay": 0.1},
            {"params": [bias], "matrices": False, "weight_decay": 0.0},
        ]
        return weight, bias, Muon(groups, lr=0.1)

    weight, bias, optimiser = make()
    run(weight, bias, optimiser, 3)
    other_weight, other_bias, other = make()
    other_weight.data, other_bias.data = weight.data.clone(), bias.data.clone()
    other.load_state_dict(copy.deepcopy(optimiser.state_dict()))
    run(weight, bias, optimiser, 2)
    run(other_weight, other_bias, other, 2)
    assert torch.equal(weight, other_weight)
    assert torch.equal(bias, other_bias)


def test_blocks_get_muon_and_tables_do_not_decay():
    config = PretrainConfig(model="small", summary=0.1, optimiser="muon")
    model = MaskedAutoencoder(config.model)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    groups = make_optimiser(model, config).param_groups
    shared = [names[id(p)] for group in groups for p in group["params"]]
    assert sorted(shared) == sorted(names.values())
    blocks, matrices, others = ([names[id(p)] for p in group["params"]] for group in groups)
    assert all(".blocks." in name for name in blocks)
    assert set(matrices) == {"encoder.embed.weight", "summary.weight", "decoder.reconstruct.weight"}
    assert {"encoder.relative_position_bias.table", "decoder.mixture", "encoder.cls_token"} <= set(
        others
    )
    assert groups[0]["matrices"]
    assert groups[2]["weight_decay"] == 0
    assert preset("small").summary
