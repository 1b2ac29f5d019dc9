"""Muon for the blocks' matrices, AdamW for the rest; their state can be resumed."""

from __future__ import annotations

import copy

import pytest
import torch
from tiny_model import SIZES

from polyxtal.model.mae import MaskedAutoencoder
from polyxtal.training.pretrain.config import PretrainConfig
from polyxtal.training.pretrain.optimizer import make_optimizer


def make(optimiser="muon"):
    config = PretrainConfig(model=dict(SIZES), summary=0.1, optimiser=optimiser, rate=0.4)
    model = MaskedAutoencoder(config.model)
    return model, make_optimizer(model, config)


def take_steps(model, optimizer, steps, seed):
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        for parameter in model.parameters():
            parameter.grad = torch.randn(parameter.shape, generator=generator)
        optimizer.step()


@pytest.mark.parametrize("optimiser", ["adamw", "muon"])
def test_every_parameter_is_in_one_group_and_tables_do_not_decay(optimiser):
    model, optimizer = make(optimiser)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    groups = [[names[id(p)] for p in group["params"]] for group in optimizer.param_groups]
    assert sorted(name for group in groups for name in group) == sorted(names.values())
    *decaying, others = groups
    assert all(group["weight_decay"] == 0.05 for group in optimizer.param_groups[:-1])
    assert optimizer.param_groups[-1]["weight_decay"] == 0
    tables = {f"{part}.relative_position_bias.table" for part in ("encoder", "decoder")}
    assert tables <= set(others)
    assert all(model.get_parameter(name).ndim == 2 for group in decaying for name in group)
    if optimiser == "muon":
        assert all(".blocks." in name for name in decaying[0])
        assert not any(".blocks." in name for name in decaying[1])


def test_a_matrix_moves_by_the_rate_whatever_the_gradient():
    for size in (1e-4, 1e3):
        model, optimizer = make()
        group = optimizer.param_groups[0]
        group["weight_decay"] = 0.0
        weight = max(group["params"], key=torch.numel)
        before = weight.detach().clone()
        weight.grad = size * torch.randn(weight.shape, generator=torch.Generator().manual_seed(1))
        optimizer.step()
        moved = weight.detach() - before
        # The root mean square of AdamW's updates.
        assert float(moved.square().mean().sqrt()) == pytest.approx(0.2 * group["lr"], rel=0.25)
        assert float((moved * weight.grad).sum()) < 0
        assert model is not None


def test_a_schedule_reaches_both_optimizers():
    _, optimizer = make()
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.5**step)
    optimizer.step()
    schedule.step()
    assert [group["lr"] for part in optimizer.parts for group in part.param_groups] == [0.05] * 3


def test_a_saved_optimizer_is_resumed():
    model, optimizer = make()
    take_steps(model, optimizer, 3, seed=3)
    other, resumed = make()
    other.load_state_dict(model.state_dict())
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for pair in ((model, optimizer), (other, resumed)):
        for group in pair[1].param_groups:
            group["lr"] *= 0.5
        take_steps(*pair, 2, seed=4)
    for first, second in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(first, second)


def test_a_state_of_an_older_version_is_refused():
    with pytest.raises(ValueError, match=r"must be of polyxtal 0\.2 or later"):
        make()[1].load_state_dict({"state": {}, "param_groups": []})
