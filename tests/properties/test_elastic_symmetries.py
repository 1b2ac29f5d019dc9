"""Properties of elastic averages and full fields, for stable crystals of all Laue groups."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from polyxtal.algebra.mandel import rotate_mandel
from polyxtal.algebra.rotation import (
    matrix_to_quaternion,
    quaternion_multiply,
    quaternion_to_matrix,
    random_quaternions,
)
from polyxtal.crystal.elasticity import Elasticity
from polyxtal.crystal.lattice import Lattice
from polyxtal.crystal.laue import LAUE_GROUPS, LaueGroup
from polyxtal.mechanics.bounds.averages import reuss_average, voigt_average
from polyxtal.mechanics.elastic.homogenize import homogenize
from polyxtal.mechanics.mean_field.self_consistent import self_consistent_average
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.network.tree import MaterialNetwork

seeds = st.integers(0, 2**31 - 1)
groups = st.sampled_from(LAUE_GROUPS)
schemes = st.sampled_from(["fourier", "rotated"])


def random_elasticity(group: str, seed: int) -> Elasticity:
    """Average a random positive definite stiffness over a Laue group: any stable crystal of it."""
    generator = torch.Generator().manual_seed(seed)
    axes = torch.linalg.qr(torch.randn(6, 6, generator=generator, dtype=torch.float64)).Q
    modes = 20e3 * 10 ** (1.3 * torch.rand(6, generator=generator, dtype=torch.float64))
    turns = quaternion_to_matrix(LaueGroup(group).rotations)
    mean = rotate_mandel((axes @ modes.diag() @ axes.mT).expand(len(turns), 6, 6), turns).mean(0)
    return Elasticity.from_mandel(mean)


def polycrystal(seed: int, names: tuple[str, ...], lattices: list[Lattice]) -> Polycrystal:
    """Give every phase at least one of six grains, in a small grid that is odd, even and thin."""
    generator = torch.Generator().manual_seed(seed)
    grid = torch.randint(1, 5, (3,), generator=generator).tolist()
    return Polycrystal(
        torch.randint(6, grid, generator=generator),
        random_quaternions(6, generator),
        (1.0, 1.7, 0.8),
        torch.arange(6) % len(names),
        names,
        lattices,
    )


def is_below(lower: torch.Tensor, upper: torch.Tensor) -> bool:
    smallest = float(torch.linalg.eigvalsh(upper - lower)[0])
    return smallest > -1e-10 * float(torch.linalg.norm(upper))


@settings(max_examples=40, deadline=None)
@given(group=groups, seed=seeds)
def test_random_crystals_are_of_their_group(group, seed):
    crystal, lattice = random_elasticity(group, seed), Lattice.of_laue_group(group)
    assert crystal.has_symmetry(lattice.laue_group)
    if group in ("-1", "2/m", "mmm"):
        assert not crystal.has_symmetry(LaueGroup("m-3m"))


@settings(max_examples=30, deadline=None)
@given(first=groups, second=groups, seed=seeds, scheme=schemes)
def test_full_field_self_consistent_average_and_network_are_between_the_bounds(
    first, second, seed, scheme
):
    lattices = [Lattice.of_laue_group(name) for name in (first, second)]
    rve = polycrystal(seed, ("a", "b"), lattices)
    elasticity = {"a": random_elasticity(first, seed), "b": random_elasticity(second, seed + 1)}
    voigt, reuss = voigt_average(rve, elasticity), reuss_average(rve, elasticity)
    assert is_below(reuss, voigt)
    network = MaterialNetwork.from_polycrystal(rve, leaves=6, seed=seed)  # one leaf a grain
    for answer in (
        homogenize(rve, elasticity, scheme=scheme).stiffness,
        self_consistent_average(rve, elasticity),
        self_consistent_average(rve, elasticity, arrangement=True),
    ):
        assert is_below(reuss, answer)
        assert is_below(answer, voigt)
    leaf, weights = network.leaf_stiffness(elasticity), network.weights
    upper = torch.einsum("g,gmn->mn", weights, leaf)
    lower = torch.linalg.inv(torch.einsum("g,gmn->mn", weights, torch.linalg.inv(leaf)))
    found = network.stiffness(elasticity)
    assert is_below(lower, found)
    assert is_below(found, upper)


@pytest.mark.parametrize("group", LAUE_GROUPS)
def test_every_rotation_of_the_group_leaves_all_answers(group):
    """Turn each grain by its own rotation, until all have been used."""
    lattice, crystal = Lattice.of_laue_group(group), random_elasticity(group, 5)
    rve = polycrystal(16, ("a",), [lattice])
    rotations = lattice.laue_group.rotations
    network = MaterialNetwork.from_polycrystal(rve, leaves=6, seed=1)
    extents = torch.ones(3, dtype=torch.float64)

    def answers(orientations: torch.Tensor) -> list[torch.Tensor]:
        one = Polycrystal(rve.grain_id, orientations, rve.size, lattices=lattice)
        net = MaterialNetwork(
            network.tree, orientations, network.weights, network.normals, network.phase
        )
        return [
            voigt_average(one, crystal),
            reuss_average(one, crystal),
            self_consistent_average(one, crystal, extents, arrangement=True),
            homogenize(one, crystal, 1e-8, scheme="rotated").stiffness,
            homogenize(one, crystal, 1e-8, compiled=False).stiffness,
            net.stiffness(crystal),
        ]

    before = answers(rve.orientations)
    for first in range(0, len(rotations), 6):
        chosen = rotations[(first + torch.arange(6)) % len(rotations)]
        after = answers(quaternion_multiply(rve.orientations, chosen))
        for one, other in zip(before, after, strict=True):
            assert float(torch.linalg.norm(one - other) / torch.linalg.norm(one)) < 1e-10
    # What is no symmetry is seen.
    wrong = quaternion_multiply(rve.orientations, random_quaternions(6, 3))
    for one, other in zip(before, answers(wrong), strict=True):
        assert float(torch.linalg.norm(one - other) / torch.linalg.norm(one)) > 1e-3


@pytest.mark.parametrize("group", ["6/mmm", "4/mmm", "-1"])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_quarter_turn_of_the_whole_sample_turns_the_full_field(group, axis):
    lattice, crystal = Lattice.of_laue_group(group), random_elasticity(group, 7)
    rve = Polycrystal(
        torch.randint(5, (4, 3, 5), generator=torch.Generator().manual_seed(1)),
        random_quaternions(5, 2),
        (1.0, 1.7, 0.8),
        lattices=lattice,
    )
    matrix = torch.zeros(3, 3, dtype=torch.float64)
    i, j = (axis + 1) % 3, (axis + 2) % 3
    matrix[axis, axis] = matrix[j, i] = 1.0  # x_i to x_j, x_j to -x_i
    matrix[i, j] = -1.0
    axes = [int(row.abs().argmax()) for row in matrix]
    voxels = rve.grain_id.permute(axes).flip([k for k in range(3) if matrix[k].sum() < 0])
    turned = Polycrystal(
        voxels,
        rve.rotate(matrix_to_quaternion(matrix)).orientations,
        [rve.size[k] for k in axes],
        lattices=lattice,
    )
    before, after = (homogenize(one, crystal, 1e-9).stiffness for one in (rve, turned))
    expected = rotate_mandel(before, matrix)
    assert float(torch.linalg.norm(after - expected) / torch.linalg.norm(before)) < 1e-10
    assert float(torch.linalg.norm(after - before) / torch.linalg.norm(before)) > 1e-3


@settings(max_examples=15, deadline=None)
@given(group=groups, seed=seeds)
def test_turning_a_network_turns_its_stiffness(group, seed):
    crystal = random_elasticity(group, seed)
    rve = polycrystal(seed, ("a",), [Lattice.of_laue_group(group)])
    network = MaterialNetwork.from_polycrystal(rve, leaves=6, seed=seed)
    turn = random_quaternions(1, seed)[0]
    matrix = quaternion_to_matrix(turn)
    turned = MaterialNetwork(
        network.tree,
        quaternion_multiply(turn.expand(6, 4), network.orientations),
        network.weights,
        network.normals @ matrix.mT,
        network.phase,
    )
    expected = rotate_mandel(network.stiffness(crystal), matrix)
    scale = float(expected.abs().max())
    torch.testing.assert_close(turned.stiffness(crystal), expected, rtol=0, atol=1e-12 * scale)


@pytest.mark.parametrize("scheme", ["fourier", "rotated"])
def test_general_constants_of_a_cubic_crystal_give_what_cubic_ones_do(scheme):
    cubic = Elasticity.cubic(168.4e3, 121.4e3, 75.4e3)
    general = Elasticity(cubic.voigt)
    assert type(general) is not type(cubic)
    rve = polycrystal(3, ("a",), [Lattice("cF")])
    one, other = (homogenize(rve, crystal, scheme=scheme) for crystal in (cubic, general))
    assert one.transforms == other.transforms  # five components are enough for both
    torch.testing.assert_close(one.stiffness, other.stiffness, rtol=1e-12, atol=1e-6)
