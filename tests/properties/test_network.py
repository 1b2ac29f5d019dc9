"""What must hold for any material network, any crystal law and any load path."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from polyxtal.algebra.mandel import rotate_mandel, tensor4_to_mandel
from polyxtal.algebra.rotation import quaternion_multiply, quaternion_to_matrix, random_quaternions
from polyxtal.crystal.elasticity import CubicElasticity
from polyxtal.crystal.lattice import Lattice
from polyxtal.crystal.laue import CUBIC
from polyxtal.crystal.load_material import load_material
from polyxtal.crystal.material import Material
from polyxtal.crystal.plasticity.state import CrystalState
from polyxtal.crystal.slip.systems import slip_systems
from polyxtal.crystal.update.compiled import CompiledCrystalPlasticity
from polyxtal.crystal.update.crystal import CrystalPlasticity
from polyxtal.mechanics.loading.mixed_control import MixedControl
from polyxtal.mechanics.loading.path import LoadPath
from polyxtal.mechanics.loading.step import LoadStep
from polyxtal.mechanics.loading.stepping import follow
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.network.online import condense
from polyxtal.network.topology import BinaryTree, spread_normals
from polyxtal.network.tree import MaterialNetwork, NetworkEnsemble

ALUMINIUM = load_material("AA6022-T4")
IN_F = np.zeros((3, 3), dtype=bool)

# Random cases from fixed seeds: a step that does not converge would not be the property's fault.
randomly = settings(max_examples=25, deadline=None, derandomize=True)
seeds = st.integers(0, 2**31 - 1)


def random_tree(leaves: int, rng: np.random.Generator) -> BinaryTree:
    alive, left, right = list(range(leaves)), [], []
    while len(alive) > 1:
        a, b = (int(k) for k in rng.choice(alive, 2, replace=False))
        left.append(a)
        right.append(b)
        alive = [k for k in alive if k not in (a, b)] + [leaves + len(left) - 1]
    return BinaryTree(np.array(left, dtype=np.int64), np.array(right, dtype=np.int64))


def random_network(leaves: int, seed: int, phases: int = 1) -> MaterialNetwork:
    rng = np.random.default_rng(seed)
    normals = rng.normal(size=(leaves - 1, 3))
    return MaterialNetwork(
        random_tree(leaves, rng),
        random_quaternions(leaves, seed),
        torch.from_numpy(rng.dirichlet(np.full(leaves, 2.0))),
        torch.from_numpy(normals / np.linalg.norm(normals, axis=1, keepdims=True)),
        torch.arange(leaves) % phases,
        ("soft", "hard")[:phases],
    )


def rows(matrix: np.ndarray) -> tuple:
    return tuple(tuple(row) for row in matrix.tolist())


def random_path(seed: int) -> LoadPath:
    """Three stretches of random rates, some stresses prescribed, the body kept from spinning."""
    rng, steps = np.random.default_rng(seed), []
    for _ in range(3):
        free = rng.random((3, 3)) < rng.choice([0.0, 0.3, 0.6])
        free &= ~(free & free.T) | np.eye(3, dtype=bool)
        load = np.where(free, np.nan, rng.normal(size=(3, 3)) * 1e-3)
        stress = np.where(free, rng.normal(size=(3, 3)) * 20, np.nan)
        steps.append(LoadStep(3.0, int(rng.integers(6, 15)), rows(load), stress=rows(stress)))
    return LoadPath(tuple(steps))


@st.composite
def crystals(draw: st.DrawFn) -> CubicElasticity:
    """A stable cubic crystal from its three eigenvalues 3K, 2C', 2 c44."""
    bulk, c_prime, c44 = (draw(st.floats(10e3, 300e3)) for _ in range(3))
    return CubicElasticity(bulk + 4 * c_prime / 3, bulk - 2 * c_prime / 3, c44)


# --- stiffness ------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(soft=crystals(), hard=crystals(), leaves=st.integers(2, 12), seed=seeds)
def test_stiffness_lies_between_reuss_and_voigt(soft, hard, leaves, seed):
    network = random_network(leaves, seed, phases=2)
    stiffness = network.stiffness({"soft": soft, "hard": hard})
    leaf = torch.stack(
        [
            (soft, hard)[int(p)].stiffness(q)
            for p, q in zip(network.phase, network.orientations, strict=True)
        ]
    )
    voigt = torch.einsum("l,lmn->mn", network.weights, leaf)
    reuss = torch.linalg.inv(torch.einsum("l,lmn->mn", network.weights, torch.linalg.inv(leaf)))
    scale = float(torch.linalg.matrix_norm(voigt, 2))
    for gap in (voigt - stiffness, stiffness - reuss):
        eigenvalues = torch.linalg.eigvalsh(0.5 * (gap + gap.T))
        assert float(eigenvalues[0]) > -1e-12 * scale
    torch.testing.assert_close(stiffness, stiffness.T, rtol=0, atol=1e-12 * scale)


def test_the_bounds_are_not_met():
    """A network's stiffness is truly between: the bounds above are no equality in disguise."""
    network = random_network(6, 4)
    crystal = CubicElasticity(168e3, 121e3, 75e3)
    leaf = crystal.stiffness(network.orientations)
    voigt = torch.einsum("l,lmn->mn", network.weights, leaf)
    gap = torch.linalg.eigvalsh(voigt - network.stiffness(crystal))
    assert float(gap[-1]) > 1e-2 * crystal.c44


@settings(max_examples=40, deadline=None)
@given(crystal=crystals(), leaves=st.integers(2, 12), seed=seeds)
def test_rotating_crystals_and_normals_rotates_the_stiffness(crystal, leaves, seed):
    network = random_network(leaves, seed)
    turn = random_quaternions(1, seed + 1)[0]
    rotation = quaternion_to_matrix(turn)
    turned = MaterialNetwork(
        network.tree,
        quaternion_multiply(turn, network.orientations),
        network.weights,
        network.normals @ rotation.T,
        network.phase,
    )
    expected = rotate_mandel(network.stiffness(crystal), rotation)
    scale = float(expected.abs().max())
    torch.testing.assert_close(turned.stiffness(crystal), expected, rtol=0, atol=1e-12 * scale)


@settings(max_examples=40, deadline=None)
@given(crystal=crystals(), seed=seeds)
def test_equal_leaves_are_a_single_crystal(crystal, seed):
    network = random_network(7, seed)
    one = MaterialNetwork(
        network.tree,
        network.orientations[:1].expand(7, 4),
        network.weights,
        network.normals,
        network.phase,
    )
    expected = crystal.stiffness(network.orientations[0])
    scale = float(expected.abs().max())
    torch.testing.assert_close(one.stiffness(crystal), expected, rtol=0, atol=1e-12 * scale)


@pytest.mark.parametrize("leaves", [2, 5, 9])
def test_undeformed_tangents_are_the_stiffness(leaves):
    """The tangents condensed by either engine, at rest and without time, against the laminates."""
    network = random_network(leaves, leaves)
    stiffness = network.stiffness(ALUMINIUM.elasticity)
    law = CrystalPlasticity(ALUMINIUM)
    rest = torch.eye(3, dtype=torch.float64)
    update = law.update(
        rest.expand(leaves, 3, 3).clone(), law.initial_state(network.orientations), 0.0
    )
    readable = condense(network.laminates(), update.stress, update.tangent).tangent[-1]
    stepper = network.online(ALUMINIUM)
    assert stepper.attempt(1e-12, MixedControl.of(np.eye(3), IN_F), True).converged
    for tangent in (readable, torch.from_numpy(stepper.tangent())):
        torch.testing.assert_close(tensor4_to_mandel(tangent), stiffness, rtol=0, atol=1e-7)


def mirrored(network: MaterialNetwork) -> MaterialNetwork:
    """Swap left and right in every node; normals are kept."""
    tree = BinaryTree(network.tree.right, network.tree.left)
    return MaterialNetwork(
        tree, network.orientations, network.weights, network.normals, network.phase
    )


def renamed(network: MaterialNetwork, seed: int) -> MaterialNetwork:
    """Give the leaves other numbers; the tree joins the same crystals as before."""
    order = np.random.default_rng(seed).permutation(network.leaves)
    place = np.argsort(order)
    number = np.concatenate([place, np.arange(network.leaves, 2 * network.leaves - 1)])
    return MaterialNetwork(
        BinaryTree(number[network.tree.left], number[network.tree.right]),
        network.orientations[torch.from_numpy(order)],
        network.weights[torch.from_numpy(order)],
        network.normals,
        network.phase[torch.from_numpy(order)],
    )


@pytest.mark.parametrize("seed", range(5))
def test_swapping_children_or_renumbering_leaves_changes_nothing(seed):
    network = random_network(6, seed)
    path = LoadPath.uniaxial(0.01, increments=10)
    crystal = CubicElasticity(168e3, 121e3, 75e3)
    stiffness, stress = network.stiffness(crystal), network.respond(ALUMINIUM, path).P
    for same in (mirrored(network), renamed(network, seed + 1)):
        torch.testing.assert_close(same.stiffness(crystal), stiffness, rtol=1e-12, atol=1e-6)
        other = same.respond(ALUMINIUM, path, tolerance=1e-11).P
        assert float((other - stress).abs().max()) < 1e-8 * float(stress.abs().max())
    # … but which crystals share a node does matter.
    moved = MaterialNetwork(
        network.tree,
        network.orientations.roll(1, 0),
        network.weights,
        network.normals,
        network.phase,
    )
    assert float((moved.stiffness(crystal) - stiffness).abs().max()) > 1e-3 * crystal.c44


# --- response -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("leaves", "seed"), [(1, 0), (2, 1), (2, 2), (5, 1), (5, 7)])
def test_tangent_is_the_derivative_of_the_average_stress(leaves, seed):
    """Central differences in the plastic range, all 81 components."""
    stepper = random_network(leaves, seed).online(ALUMINIUM, tolerance=1e-11)
    follow(LoadPath.uniaxial(0.01, increments=20), stepper)
    initial = ALUMINIUM.plasticity.slip_resistance_initial
    assert float(stepper.crystal_state().internal.max()) > 1.05 * initial
    rng = np.random.default_rng(seed)
    goal, h = stepper.averages()[0] + 3e-4 * rng.normal(size=(3, 3)), 3e-7

    def stress(deformation: np.ndarray) -> np.ndarray:
        probe = copy.deepcopy(stepper)
        assert probe.attempt(0.5, MixedControl.of(deformation, IN_F), True).converged
        probe.accept()
        return probe.averages()[1]

    assert stepper.attempt(0.5, MixedControl.of(goal, IN_F), True).converged
    tangent = stepper.tangent()
    numerical = np.zeros((3, 3, 3, 3))
    for k, m in np.ndindex(3, 3):
        change = np.zeros((3, 3))
        change[k, m] = h
        numerical[:, :, k, m] = (stress(goal + change) - stress(goal - change)) / (2 * h)
    assert np.abs(tangent - numerical).max() < 1e-8 * np.abs(tangent).max()
    # Slip makes it differ from the tangent of a step without time.
    elastic = copy.deepcopy(stepper)
    assert elastic.attempt(1e-12, MixedControl.of(goal, IN_F), True).converged
    assert np.abs(tangent - elastic.tangent()).max() > 0.1 * np.abs(tangent).max()


@randomly
@given(leaves=st.integers(2, 9), seed=seeds)
def test_work_of_the_leaves_is_the_work_of_the_averages(leaves, seed):
    network = random_network(leaves, seed)
    response = network.respond(ALUMINIUM, random_path(seed))
    assert response.statistics["hill_mandel"] < 1e-8
    assert response.statistics["residual"] < 1e-8
    assert float(response.P.abs().max()) > 1  # something happened


@randomly
@given(seed=seeds)
def test_deformation_averages_and_jumps_across_the_interface_only(seed):
    network = random_network(2, seed)
    stepper = network.online(ALUMINIUM)
    follow(random_path(seed), stepper)
    plastic = torch.linalg.inv(stepper.crystal_state().plastic_inverse)
    first, second = (stepper.elastic_deformation() @ plastic).numpy()
    average = np.einsum("l,lij->ij", network.weights.numpy(), np.stack([first, second]))
    np.testing.assert_allclose(average, stepper.averages()[0], rtol=0, atol=1e-14)
    jump, normal = first - second, network.normals[0].numpy()
    assert np.abs(jump).max() > 1e-7
    within = jump @ (np.eye(3) - np.outer(normal, normal))
    np.testing.assert_allclose(within, 0, atol=1e-14)


PATHS = {
    "tension": LoadPath.uniaxial(0.02, increments=8),
    "unloading": LoadPath.uniaxial(0.005, unload=True, increments=8),
    "shear": LoadPath.shear(0.05, plane="zx", increments=12),
    "cyclic": LoadPath.cyclic(0.003, increments=4),
    "plane strain": LoadPath.plane_strain(-0.02, increments=8),
}


@pytest.mark.parametrize("load", PATHS)
def test_the_engines_agree(load):
    network = random_network(5, 3)
    fast = network.respond(ALUMINIUM, PATHS[load], tolerance=1e-11)
    slow = network.respond(ALUMINIUM, PATHS[load], "torch", tolerance=1e-11)
    assert fast.statistics["cuts"] == slow.statistics["cuts"] == 0
    scale = float(slow.P.abs().max())
    torch.testing.assert_close(fast.P, slow.P, rtol=0, atol=1e-10 * scale)
    torch.testing.assert_close(fast.F, slow.F, rtol=0, atol=1e-12)
    assert float(CUBIC.disorientation(fast.orientations, slow.orientations).max()) < 1e-7


def test_the_engines_agree_on_two_phases_one_of_them_elastic():
    network = random_network(4, 5, phases=2)
    materials = {
        "soft": ALUMINIUM,
        "hard": Material("hard", CubicElasticity(400e3, 120e3, 140e3)),
    }
    path = LoadPath.uniaxial(0.01, increments=12)
    fast = network.respond(materials, path, tolerance=1e-11)
    slow = network.respond(materials, path, "torch", tolerance=1e-11)
    scale = float(slow.P.abs().max())
    torch.testing.assert_close(fast.P, slow.P, rtol=0, atol=1e-10 * scale)
    # The elastic inclusions carry more than aluminium alone.
    assert scale > 1.5 * float(random_network(4, 5).respond(ALUMINIUM, path).P.abs().max())


def test_rotating_network_and_load_rotates_the_response():
    network = random_network(5, 9)
    turn = random_quaternions(1, 2)[0]
    rotation = quaternion_to_matrix(turn)
    turned = MaterialNetwork(
        network.tree,
        quaternion_multiply(turn, network.orientations),
        network.weights,
        network.normals @ rotation.T,
        network.phase,
    )
    rng = np.random.default_rng(0)
    rate = 1e-3 * rng.normal(size=(3, 3))
    turned_rate = rotation.numpy() @ rate @ rotation.numpy().T
    here, there = (
        net.respond(ALUMINIUM, LoadPath((LoadStep(10.0, 20, rows(r)),)), tolerance=1e-11)
        for net, r in ((network, rate), (turned, turned_rate))
    )
    expected = rotation @ here.P @ rotation.T
    scale = float(expected.abs().max())
    assert scale > 100
    torch.testing.assert_close(there.P, expected, rtol=0, atol=1e-9 * scale)


# --- the law at a point ---------------------------------------------------------------------------


def plastic_points(seed: int, points: int = 6) -> tuple[CompiledCrystalPlasticity, CrystalState]:
    """Bring crystals into the plastic range."""
    law = CompiledCrystalPlasticity(ALUMINIUM)
    state = law.initial_state(random_quaternions(points, seed))
    return law, law.update(stretches(seed, points, 4e-3), state, 4.0).state


def stretches(seed: int, points: int, size: float) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(points, 3, 3, generator=generator, dtype=torch.float64)
    return torch.eye(3, dtype=torch.float64) + size * noise


@randomly
@given(seed=seeds)
def test_the_law_does_not_see_the_observer_turn(seed):
    law, state = plastic_points(seed)
    deformation = stretches(seed + 1, 6, 6e-3)
    rotation = quaternion_to_matrix(random_quaternions(6, seed + 2))
    here = law.update(deformation, state, 2.0)
    there = law.update(rotation @ deformation, state, 2.0)
    scale = float(here.stress.abs().max())
    torch.testing.assert_close(there.stress, rotation @ here.stress, rtol=0, atol=1e-9 * scale)
    torch.testing.assert_close(there.state.internal, here.state.internal, rtol=1e-9, atol=0)
    torch.testing.assert_close(
        there.state.plastic_inverse, here.state.plastic_inverse, rtol=0, atol=1e-11
    )


@randomly
@given(seed=seeds)
def test_angular_momentum_is_balanced(seed):
    law, state = plastic_points(seed)
    deformation = stretches(seed + 1, 6, 6e-3)
    kirchhoff = law.update(deformation, state, 2.0).stress @ deformation.mT
    scale = float(kirchhoff.abs().max())
    torch.testing.assert_close(kirchhoff, kirchhoff.mT, rtol=0, atol=1e-12 * scale)


def permutation_of_systems(symmetry: torch.Tensor) -> list[int]:
    """Find which slip system each becomes under a rotation of the cube, up to sign."""
    rotation = quaternion_to_matrix(symmetry)
    schmid = slip_systems(Lattice("cF"), [12]).schmid()
    turned = rotation @ schmid @ rotation.T
    match = torch.einsum("aij,bij->ab", turned, schmid).abs()
    assert torch.allclose(match.amax(1), torch.ones(12, dtype=torch.float64))
    return match.argmax(1).tolist()


@pytest.mark.parametrize("s", range(24))
def test_equivalent_orientations_are_the_same_crystal(s):
    symmetry = CUBIC.rotations[s]
    law = CompiledCrystalPlasticity(ALUMINIUM)
    q = random_quaternions(6, 4)
    state = law.initial_state(q)
    same = law.initial_state(quaternion_multiply(q, symmetry))
    order = permutation_of_systems(symmetry)
    for step in range(1, 4):
        deformation = stretches(step, 6, 3e-3 * step)
        here, there = (law.update(deformation, x, 2.0) for x in (state, same))
        state, same = here.state, there.state
        scale = float(here.stress.abs().max())
        torch.testing.assert_close(there.stress, here.stress, rtol=0, atol=1e-9 * scale)
        # System a of the turned crystal is system `order[a]` of the first.
        torch.testing.assert_close(same.internal, state.internal[:, order], rtol=1e-9, atol=0)
    assert float(state.internal.max() / state.internal.min()) > 1.01


# --- construction ---------------------------------------------------------------------------------


def polycrystal(seed: int = 0, grains: int = 30) -> Polycrystal:
    generator = torch.Generator().manual_seed(seed)
    grain_id = torch.randint(grains, (6, 6, 6), generator=generator)
    return Polycrystal(grain_id, random_quaternions(grains, generator).numpy())


@pytest.mark.parametrize("leaves", [16, 64])
def test_same_seed_same_network_same_response(leaves):
    rve, path = polycrystal(), LoadPath.uniaxial(0.004, increments=5)
    first, again, other = (
        MaterialNetwork.from_polycrystal(rve, leaves, seed) for seed in (3, 3, 4)
    )
    for name in ("orientations", "weights", "normals", "phase"):
        assert torch.equal(getattr(first, name), getattr(again, name))
    assert not torch.equal(first.orientations, other.orientations)
    assert not torch.equal(first.normals, other.normals)
    responses = [net.respond(ALUMINIUM, path) for net in (first, again, other)]
    assert torch.equal(responses[0].P, responses[1].P)
    assert torch.equal(responses[0].orientations, responses[1].orientations)
    assert not torch.equal(responses[0].P, responses[2].P)


def test_a_network_keeps_the_volumes_and_orientations_of_the_grains():
    rve = polycrystal()
    network = MaterialNetwork.from_polycrystal(rve, 64, seed=1)
    assert network.leaves == 64
    angle = CUBIC.disorientation(network.orientations[:, None], rve.orientations[None])
    grain = angle.argmin(1)
    assert float(angle.amin(1).max()) < 1e-7
    volume = torch.zeros(rve.grains, dtype=torch.float64).index_add_(0, grain, network.weights)
    torch.testing.assert_close(volume, rve.volume_fractions, rtol=0, atol=1e-15)


def test_an_ensemble_is_the_mean_of_its_members():
    rve, path = polycrystal(), LoadPath.uniaxial(0.004, increments=5)
    ensemble = MaterialNetwork.from_polycrystal(rve, 8, seed=2, ensemble=3)
    assert isinstance(ensemble, NetworkEnsemble)
    assert ensemble.leaves == 24
    members = [member.respond(ALUMINIUM, path) for member in ensemble.members]
    assert not torch.equal(members[0].P, members[1].P)
    response = ensemble.respond(ALUMINIUM, path)
    for name in ("P", "F"):
        mean = sum(getattr(m, name) for m in members) / 3
        torch.testing.assert_close(getattr(response, name), mean, rtol=1e-14, atol=1e-13)
    assert float(response.weights.sum()) == pytest.approx(1, abs=1e-14)
    assert torch.equal(
        response.orientations, torch.cat([member.orientations for member in members], 1)
    )
    statistics = [member.statistics for member in members]
    assert response.statistics["iterations"] == sum(s["iterations"] for s in statistics)
    assert response.statistics["residual"] == max(s["residual"] for s in statistics)
    stiffness = sum(member.stiffness(ALUMINIUM.elasticity) for member in ensemble.members) / 3
    given = ensemble.stiffness(ALUMINIUM.elasticity)
    torch.testing.assert_close(given, stiffness, rtol=1e-14, atol=1e-9)
    again = MaterialNetwork.from_polycrystal(rve, 8, seed=2, ensemble=3)
    assert torch.equal(again.members[2].normals, ensemble.members[2].normals)


def test_an_ensemble_needs_a_member():
    with pytest.raises(ValueError, match="must have at least one network"):
        NetworkEnsemble(())


def test_normals_are_spread_evenly():
    """For a uniform half sphere the mean of n ⊗ n is I/3; independent draws are 5 x farther off."""
    tree = BinaryTree.balanced(512)
    normals = spread_normals(tree, torch.Generator().manual_seed(0))
    lowest = normals[torch.from_numpy(tree.levels[0])]
    assert len(lowest) == 256
    second = torch.einsum("ni,nj->ij", lowest, lowest) / len(lowest)
    torch.testing.assert_close(second, torch.eye(3).to(second) / 3, rtol=0, atol=2e-3)
    assert float((torch.linalg.vector_norm(normals, dim=1) - 1).abs().max()) < 1e-15 * 4


def test_progress_is_reported_after_every_increment():
    times: list[float] = []
    path = LoadPath.shear(0.01, increments=4)
    response = random_network(2, 0).respond(ALUMINIUM, path, on_increment=times.append)
    assert times == pytest.approx([2.5, 5.0, 7.5, 10.0])
    assert response.time.tolist() == [0.0, *times]
    assert torch.equal(response.weights, random_network(2, 0).weights)
    assert response.orientations.shape == (5, 2, 4)


def invalid(**changes: object) -> dict[str, object]:
    network = random_network(3, 0)
    names = ("tree", "orientations", "weights", "normals", "phase")
    return {name: getattr(network, name) for name in names} | changes


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"weights": torch.tensor([0.5, 0.5, 0.5])}, "must be positive and sum to 1"),
        ({"weights": torch.tensor([0.5, 0.5, 0.0])}, "spans 0 to 0.5 with sum 1"),
        ({"weights": torch.tensor([torch.nan, 0.5, 0.5])}, "must be positive and sum to 1"),
        ({"normals": torch.ones(2, 3)}, "must hold unit vectors"),
        ({"normals": torch.full((2, 3), torch.nan)}, "must hold unit vectors"),
        ({"normals": torch.ones(3, 3)}, r"`normals` must have shape \(2, 3\) for 3 leaves"),
        ({"orientations": torch.ones(2, 4)}, r"must have shape \(3, 4\) for 3 leaves"),
        ({"phase": torch.zeros(2, dtype=torch.int64)}, r"must have shape \(3,\) for 3 leaves"),
    ],
)
def test_an_invalid_network_is_refused(changes, sentence):
    with pytest.raises(ValueError, match=sentence):
        MaterialNetwork(**invalid(**changes))


@pytest.mark.parametrize(("leaves", "ensemble"), [(0, 1), (-3, 1), (4, 0)])
def test_a_network_has_at_least_one_leaf_and_one_member(leaves, ensemble):
    with pytest.raises(ValueError, match="must be at least 1"):
        MaterialNetwork.from_polycrystal(polycrystal(), leaves, ensemble=ensemble)


def test_every_phase_needs_a_material():
    network = random_network(4, 0, phases=2)
    with pytest.raises(ValueError, match="hard"):
        network.stiffness({"soft": ALUMINIUM.elasticity})
    with pytest.raises(ValueError, match="hard"):
        network.respond({"soft": ALUMINIUM}, PATHS["tension"])
