"""Points that are solved at once: which they are, how accurate, and what happens to the others."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from polyxtal.algebra.rotation import random_quaternions
from polyxtal.crystal.kernel.batches import SOLVED, solve_points
from polyxtal.crystal.kernel.lanes import solve_lanes
from polyxtal.crystal.kernel.records import LANES
from polyxtal.crystal.load_material import load_material
from polyxtal.crystal.plasticity.state import CrystalState
from polyxtal.crystal.update.compiled import CompiledCrystalPlasticity, law_groups
from polyxtal.crystal.update.crystal import CrystalPlasticity

ALUMINIUM = load_material("AA6022-T4")
DT = 2.0


def step(number: int) -> torch.Tensor:
    """Return F of 64 points at the end of a step of about 0.2 % strain."""
    generator = torch.Generator().manual_seed(4)
    rate = torch.randn(LANES, 3, 3, generator=generator, dtype=torch.float64)
    return torch.eye(3, dtype=torch.float64) + 1e-3 * number * rate


@pytest.fixture(scope="module")
def plastic():
    """Return the law, the state after three plastic steps, and the solution of the fourth."""
    law = CompiledCrystalPlasticity(ALUMINIUM)
    state = law.initial_state(random_quaternions(LANES, 1))
    for number in range(1, 4):
        state = law.update(step(number), state, DT).state
    return law, state, law.update(step(4), state, DT)


def lanes_of(state, stress, internal):
    """Return the constants of aluminium and a batch that starts from S and z."""
    law = ALUMINIUM.law()
    lanes = law.lanes()
    lanes["deformation"][:] = step(4).numpy().transpose(1, 2, 0)
    lanes["plastic_start"][:] = state.plastic_inverse.numpy().transpose(1, 2, 0)
    lanes["state_start"][:] = state.internal.numpy().T
    lanes["stress"][:], lanes["state"][:] = stress.numpy().T, internal.numpy().T
    return law.record(ALUMINIUM.elasticity)[0], lanes


@pytest.mark.parametrize("accuracy", [1e-4, 1e-6, 1e-9])
def test_a_batch_is_as_accurate_as_asked_for(plastic, accuracy):
    _, state, truth = plastic
    spread = torch.linspace(-1, 1, LANES, dtype=torch.float64)[:, None]
    near = truth.state.stress * (1 + 1e-3 * spread), truth.state.internal * (1 + 1e-4 * spread)
    constants, lanes = lanes_of(state, *near)
    solve_lanes(constants, DT, accuracy, lanes)
    solved = lanes["error"] <= accuracy
    assert solved.mean() > 0.9
    scale = truth.state.stress.abs().amax(1).numpy()
    off = np.abs(lanes["stress"] - truth.state.stress.numpy().T).max(0) / scale
    assert off[solved].max() < 2 * accuracy
    wrong = np.abs(lanes["state"] / truth.state.internal.numpy().T - 1).max(0)
    assert wrong[solved].max() < 2 * accuracy
    piola = truth.stress.numpy().transpose(1, 2, 0)
    missed = np.abs(lanes["piola"] - piola).max((0, 1))
    assert missed[solved].max() < 4 * accuracy * np.abs(piola).max()


def test_an_error_is_not_understated(plastic):
    _, state, truth = plastic
    constants, lanes = lanes_of(state, truth.state.stress, truth.state.internal)
    lanes["stress"][:, 3] *= 1.001
    lanes["state"][:, 5] *= 1.001
    lanes["stress"][:, 7] = np.nan
    solve_lanes(constants, DT, np.inf, lanes)  # the residual alone, without a step
    assert lanes["error"][3] > 1e-3
    assert lanes["error"][5] > 5e-4
    assert not lanes["error"][7] <= 1.0
    others = np.delete(lanes["error"], [3, 5, 7])
    assert others.max() < 1e-8


def test_points_that_a_batch_leaves_are_solved_one_by_one(plastic):
    law, state, truth = plastic
    stress = state.stress.clone()
    stress[5], stress[40] = 30 * stress[5], -8 * stress[40]
    found = law.update(step(4), CrystalState(state.plastic_inverse, state.internal, stress), DT)
    torch.testing.assert_close(found.stress, truth.stress, rtol=1e-8, atol=1e-7)
    torch.testing.assert_close(found.state.internal, truth.state.internal, rtol=1e-9, atol=0)


def test_batches_hold_one_phase_each():
    materials = [ALUMINIUM, load_material("Cu"), load_material("Ti")]
    phase = np.arange(500) % 7 % 3
    phase[::11] = -1
    groups = law_groups(materials, [m.law() for m in materials], phase)
    assert len(groups) == 2
    for group in groups:
        assert group.batches[0, 0] == 0
        assert group.batches[-1, 1] == len(group.members)
        assert np.array_equal(group.batches[1:, 0], group.batches[:-1, 1])
        sizes = np.diff(group.batches, axis=1)
        assert sizes.min() > 0
        assert sizes.max() <= LANES
        for first, last in group.batches:
            assert len(set(group.phase[first:last])) == 1
    found = np.sort(np.concatenate([group.members for group in groups]))
    assert np.array_equal(found, np.flatnonzero(phase >= 0))


def test_laws_without_a_form_for_batches_need_none():
    twinned = load_material("Mg").law()
    assert twinned.lanes() is None
    (group,) = law_groups([load_material("Mg")], [twinned], np.zeros(70, dtype=np.int64))
    law = CrystalPlasticity(load_material("Mg"))
    start = law.initial_state(random_quaternions(70, 3))
    stress, internal = start.stress.numpy().copy(), start.internal.numpy().copy()
    piola, inverse = np.empty((9, 70)), np.empty((70, 3, 3))
    deformation = np.ascontiguousarray(np.tile(np.eye(3).reshape(9, 1), 70))
    deformation[0] += 1e-4
    arrays = deformation, start.plastic_inverse.numpy(), start.internal.numpy()
    out = stress, internal, inverse, piola
    given = *group.points(), *group.scratch(), *arrays, 0.0, 1e-9
    failed = solve_points(*given, *out, 0, 2)
    assert failed == SOLVED
    assert float(piola[0].min()) > 1.0
