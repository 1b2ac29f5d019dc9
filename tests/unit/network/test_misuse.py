import dataclasses

import numpy as np
import pytest
import torch

import polyxtal as px
from polyxtal.mechanics.loading.mixed_control import MixedControl
from polyxtal.network.limits import MAX_LEAVES

RVE = px.Polycrystal([[[0, 1]]], [[1, 0, 0, 0], [0.8, 0.6, 0, 0]])
ALUMINIUM = px.load_material("AA6022-T4")
ELASTIC = px.Material("elastic", ALUMINIUM.elasticity)
ALL_OF_F = np.zeros((3, 3), dtype=bool)


def network(leaves: int = 2) -> px.MaterialNetwork:
    return px.MaterialNetwork.from_polycrystal(RVE, leaves, seed=0)


def test_orientations_of_a_network_are_unit():
    net = network()
    with pytest.raises(ValueError, match="unit quaternions"):
        dataclasses.replace(net, orientations=2 * net.orientations)
    with pytest.raises(ValueError, match="unit quaternions"):
        dataclasses.replace(net, orientations=net.orientations * torch.nan)


def test_phases_of_a_network_have_names():
    net = network()
    with pytest.raises(ValueError, match="must index the 1 phase names, but spans 7 to 7"):
        dataclasses.replace(net, phase=net.phase + 7)


@pytest.mark.parametrize("leaves", [MAX_LEAVES + 1, 10**20, 2.5])
def test_leaves_have_an_upper_bound(leaves):
    with pytest.raises(ValueError, match=f"`leaves` must be at least 1, at most {MAX_LEAVES}"):
        px.MaterialNetwork.from_polycrystal(RVE, leaves)


def test_a_seed_fits_into_64_bits():
    with pytest.raises(ValueError, match="`seed` must fit into 64 bits"):
        px.MaterialNetwork.from_polycrystal(RVE, 2, seed=10**20)


@pytest.mark.parametrize("engine", ["compiled", "torch"])
def test_no_engine_turns_a_body_inside_out(engine):
    stepper = network().online(ELASTIC, engine)
    result = stepper.attempt(1.0, MixedControl.of(np.diag([-0.5, 1.0, 1.0]), ALL_OF_F), True)
    assert not result.converged
    assert result.crystal_failed


def test_the_tangent_belongs_to_an_open_attempt():
    stepper = network().online(ALUMINIUM)
    with pytest.raises(RuntimeError, match="between `attempt` and `accept`"):
        stepper.tangent()
    assert stepper.attempt(
        1.0, MixedControl.of(np.diag([1.001, 1.0, 1.0]), ALL_OF_F), True
    ).converged
    assert np.isfinite(stepper.tangent()).all()
    stepper.accept()
    assert stepper.averages()[1][0, 0] > 100.0
    with pytest.raises(RuntimeError, match="between `attempt` and `accept`"):
        stepper.tangent()


def test_a_failure_of_the_law_is_not_told_as_a_small_residual():
    stiff = px.Material(
        "B",
        ALUMINIUM.elasticity,
        dataclasses.replace(ALUMINIUM.plasticity, hardening_modulus=1e200),
    )
    with pytest.raises(px.ConvergenceError, match="finds no solution in some crystal") as caught:
        network().respond(stiff, px.LoadPath.uniaxial(0.01, increments=2))
    assert caught.value.residual == float("inf")


def test_crystals_that_no_one_can_invert_are_refused():
    with pytest.raises(ValueError, match="must stay below"):
        px.CubicElasticity(1e293, 6e4, 2.8e4)
    with pytest.raises(ValueError, match="contrast"):
        px.CubicElasticity(1e5, 6e4, 1e-9)
