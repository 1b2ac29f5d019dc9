"""Networks at many points: equal to one network, tangent, failure, axes, threads, files."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import polyxtal as px
from polyxtal.algebra.rotation import quaternion_multiply, quaternion_to_matrix, random_quaternions

TIGHT = 1e-12
MATERIAL = px.load_material("AA6022-T4")
RVE = px.tessellate(grid=6, grains=20, seed=0)
NETWORK = px.MaterialNetwork.from_polycrystal(RVE, leaves=5, seed=0)
OTHER = px.MaterialNetwork.from_polycrystal(RVE, leaves=3, seed=1)


def history(network, path):
    answer = network.respond(MATERIAL, path, tolerance=TIGHT)
    return answer.time.numpy(), answer.F.numpy(), answer.P.numpy()


@pytest.fixture(scope="module")
def mixed():
    """Tension, unloading, and shear: F and P prescribed in turns."""
    tension = px.LoadPath.uniaxial(0.01, increments=8, unload=True)
    shear = px.LoadPath.shear(0.01, increments=6)
    return history(NETWORK, px.LoadPath(steps=(*tension.steps, *shear.steps)))


def follow(batch, time, deformation):
    """Return P and the tangents of the last attempt, after all increments but the last."""
    stresses = []
    for k in range(1, len(time)):
        increment = batch.attempt(
            np.tile(deformation[k], (batch.points, 1, 1)), time[k] - time[k - 1]
        )
        assert increment.reason() is None
        stresses.append(increment.stress.copy())
        if k < len(time) - 1:
            batch.accept()
    return np.stack(stresses), increment


def test_a_point_is_a_network_along_a_mixed_path(mixed):
    time, deformation, stress = mixed
    assert np.abs(np.diff(stress[:, 0, 0])).max() > 50  # it does yield and unload
    batch = px.NetworkBatch(NETWORK, MATERIAL, points=2, tolerance=TIGHT, threads=1)
    found, _ = follow(batch, time, deformation)
    assert np.abs(found - stress[1:, None]).max() < 1e-10 * np.abs(stress).max()
    batch.accept()
    assert np.array_equal(batch.deformation[1], deformation[-1])
    assert np.array_equal(batch.stress, found[-1])


def test_leaves_rotate_as_in_a_single_network():
    path = px.LoadPath.uniaxial(0.03, increments=10)
    answer = NETWORK.respond(MATERIAL, path, tolerance=TIGHT)
    batch = px.NetworkBatch(NETWORK, MATERIAL, points=1, tolerance=TIGHT)
    follow(batch, answer.time.numpy(), answer.F.numpy())
    batch.accept()
    overlap = (batch.orientations(0) * answer.orientations[-1]).sum(1).abs()
    assert float((1 - overlap).max()) < 1e-12
    assert float((1 - (answer.orientations[0] * answer.orientations[-1]).sum(1).abs()).max()) > 1e-6


@pytest.mark.parametrize("interfaces", [True, False])
def test_the_tangent_is_the_derivative(mixed, interfaces):
    time, deformation, _ = mixed
    batch = px.NetworkBatch(
        NETWORK, MATERIAL, points=18, tolerance=TIGHT, threads=1, interfaces=interfaces
    )
    _, increment = follow(batch, time[:7], deformation[:7])
    tangent, h = increment.tangent[0].copy(), 1e-6
    varied = np.tile(deformation[6], (18, 1, 1))
    for c in range(9):
        varied[c, c // 3, c % 3] += h
        varied[9 + c, c // 3, c % 3] -= h
    stress = batch.attempt(varied, time[6] - time[5], tangent=False).stress
    difference = ((stress[:9] - stress[9:]) / (2 * h)).reshape(3, 3, 3, 3).transpose(2, 3, 0, 1)
    assert np.abs(difference - tangent).max() < 2e-6 * np.abs(tangent).max()


def test_without_interfaces_a_point_is_taylors(mixed):
    time, deformation, _ = mixed
    batch = px.NetworkBatch(NETWORK, MATERIAL, points=1, interfaces=False, tolerance=TIGHT)
    _, increment = follow(batch, time[:5], deformation[:5])
    single = [
        px.NetworkBatch(
            px.MaterialNetwork.from_polycrystal(px.Polycrystal([[[0]]], q[None]), leaves=1),
            MATERIAL,
            tolerance=TIGHT,
        )
        for q in NETWORK.orientations
    ]
    each = [follow(crystal, time[:5], deformation[:5])[1] for crystal in single]
    weights = NETWORK.weights.numpy()
    stress = sum(w * e.stress[0] for w, e in zip(weights, each, strict=True))
    tangent = sum(w * e.tangent[0] for w, e in zip(weights, each, strict=True))
    assert np.abs(increment.stress[0] - stress).max() < 1e-10 * np.abs(stress).max()
    assert np.abs(increment.tangent[0] - tangent).max() < 1e-8 * np.abs(tangent).max()


def test_material_axes_rotate_the_network(mixed):
    """The rotated network, and axes that rotate the network, are the same material."""
    time, deformation, _ = mixed
    p = random_quaternions(1, torch.Generator().manual_seed(3))
    turn = quaternion_to_matrix(p)[0]
    rotated = px.MaterialNetwork(
        NETWORK.tree,
        quaternion_multiply(p.expand(5, 4), NETWORK.orientations),
        NETWORK.weights,
        NETWORK.normals @ turn.T,
        NETWORK.phase,
    )
    one = px.NetworkBatch(NETWORK, MATERIAL, 1, p.numpy(), tolerance=TIGHT)
    other = px.NetworkBatch(rotated, MATERIAL, 1, tolerance=TIGHT)
    (a, first), (b, second) = (follow(x, time[:5], deformation[:5]) for x in (one, other))
    assert np.abs(a - b).max() < 1e-10 * np.abs(b).max()
    assert np.abs(first.tangent - second.tangent).max() < 1e-8 * np.abs(second.tangent).max()
    for batch in (one, other):
        batch.accept()
    overlap = (one.orientations(0) * other.orientations(0)).sum(1).abs()
    assert float((1 - overlap).max()) < 1e-12
    assert np.abs(one.deformation - other.deformation).max() < 1e-15


def test_each_point_has_its_own_network_and_threads_give_the_same_bits():
    generator = np.random.default_rng(0)
    index = [0, 1, 1, 0, 1, 0, 0]
    turns = random_quaternions(7, torch.Generator().manual_seed(0))
    wanted = np.eye(3) + 0.004 * generator.standard_normal((7, 3, 3))
    stresses = []
    for threads in (1, 3):
        batch = px.NetworkBatch((NETWORK, OTHER), MATERIAL, index, turns, threads=threads)
        for _ in range(2):
            stress, tangent = batch.step(wanted, 1.0)
            stresses.append((stress.copy(), tangent.copy()))
    assert np.array_equal(stresses[0][0], stresses[2][0])
    assert np.array_equal(stresses[0][1], stresses[2][1])
    assert np.array_equal(stresses[1][0], stresses[3][0])
    alone = px.NetworkBatch(OTHER, MATERIAL, 1, turns[4:5], threads=1)
    alone.step(wanted[4:5], 1.0)
    second, _ = alone.step(wanted[4:5], 1.0)
    assert np.array_equal(second[0], stresses[1][0][4])


def test_many_trials_start_from_the_accepted_state(mixed):
    _, deformation, _ = mixed
    batch = px.NetworkBatch(NETWORK, MATERIAL, 1, threads=1)
    first = batch.attempt(deformation[1][None], 1.0).stress.copy()
    batch.attempt(deformation[4][None], 1.0)
    assert np.array_equal(batch.attempt(deformation[1][None], 1.0).stress, first)
    assert np.array_equal(batch.deformation[0], np.eye(3))


def test_large_increments_are_cut_and_their_tangent_is_the_derivative():
    batch = px.NetworkBatch(NETWORK, MATERIAL, points=3, tolerance=TIGHT, threads=1)
    wanted = np.tile(np.eye(3) + 0.2 * np.eye(3, k=1), (3, 1, 1))
    wanted[1, 0, 0] += 1e-6
    wanted[2, 0, 0] -= 1e-6
    increment = batch.attempt(wanted, 1.0)
    assert increment.reason() is None
    assert (increment.pieces > 1).all()
    assert len(set(increment.pieces)) == 1
    difference = (increment.stress[1] - increment.stress[2]) / 2e-6
    scale = np.abs(increment.tangent[0]).max()
    assert np.abs(increment.tangent[0][:, :, 0, 0] - difference).max() < 1e-3 * scale


def test_failure_is_data_and_one_sentence(mixed):
    _, deformation, _ = mixed
    batch = px.NetworkBatch(NETWORK, MATERIAL, points=3, threads=1)
    wanted = np.tile(deformation[1], (3, 1, 1))
    wanted[1] = np.diag([-1.0, 1.0, 1.0])
    increment = batch.attempt(wanted, 1.0)
    assert increment.failed.tolist() == [False, True, False]
    assert increment.status.tolist() == [0, 2, 0]
    assert np.isnan(increment.stress[1]).all()
    assert np.isfinite(increment.stress[[0, 2]]).all()
    assert np.isfinite(increment.cauchy[0]).all()
    assert "positive determinant, but 1 of 3 are not (numbers 1)" in increment.reason()
    with pytest.raises(RuntimeError, match="must precede `accept`"):
        batch.accept()
    with pytest.raises(px.ConvergenceError, match=r"numbers 1\)"):
        batch.step(wanted, 1.0)
    wanted[0, 0, 1], wanted[1] = np.nan, deformation[1]
    increment = batch.attempt(wanted, 1.0)
    assert increment.failed.tolist() == [True, False, False]
    assert "Every F must be finite" in increment.reason()
    assert "1 of 3 are not (numbers 0)" in increment.reason()
    hard = replace(increment, deformation=np.tile(np.eye(3), (3, 1, 1)))
    assert "1 of 3 did not in 64 pieces" in hard.reason()
    batch.step(np.tile(deformation[1], (3, 1, 1)), 1.0)  # the accepted state is intact


def test_states_are_saved_and_restored(mixed, tmp_path):
    time, deformation, _ = mixed
    file = tmp_path / "state.npz"
    batch = px.NetworkBatch(NETWORK, MATERIAL, points=2, threads=1)
    follow(batch, time[:6], deformation[:6])
    batch.accept()
    batch.save(file)
    wanted = np.tile(deformation[6], (2, 1, 1))
    expected = batch.attempt(wanted, 1.0).stress.copy()
    fresh = px.NetworkBatch(NETWORK, MATERIAL, points=2, threads=1)
    assert not np.array_equal(fresh.attempt(wanted, 1.0).stress, expected)
    fresh.restore(file)
    assert np.array_equal(fresh.attempt(wanted, 1.0).stress, expected)
    other = px.NetworkBatch(OTHER, MATERIAL, points=2)
    with pytest.raises(ValueError, match=r"state\.npz: .* belongs to other networks"):
        other.restore(file)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(ValueError, match=r"state\.npz: must be an intact archive"):
        fresh.restore(file)
    assert np.array_equal(fresh.attempt(wanted, 1.0).stress, expected)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (((), MATERIAL), "must hold a network"),
        (((NETWORK, OTHER), MATERIAL, 3), "index of each point's network"),
        (((NETWORK, OTHER), MATERIAL, [0, 2]), "must index the 2 networks"),
        (((NETWORK, OTHER), [MATERIAL]), "one for each of the 2 networks"),
        ((NETWORK, MATERIAL, 2, [[1, 0, 0, 0]]), r"shape \(2, 4\)"),
        ((NETWORK, MATERIAL, 1, [[1, 1, 0, 0]]), "unit quaternions"),
    ],
)
def test_bad_arguments_are_told(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        px.NetworkBatch(*arguments)


def test_bad_increments_are_told():
    batch = px.NetworkBatch(NETWORK, MATERIAL, 2)
    with pytest.raises(ValueError, match=r"shape \(2, 3, 3\)"):
        batch.attempt(np.eye(3), 1.0)
    with pytest.raises(ValueError, match="`dt` must be positive"):
        batch.attempt(np.tile(np.eye(3), (2, 1, 1)), 0.0)


@pytest.mark.parametrize("tolerance", [1e-8, TIGHT])
def test_an_undeformed_point_converges_at_any_tolerance(tolerance):
    batch = px.NetworkBatch(NETWORK, MATERIAL, 1, tolerance=tolerance)
    increment = batch.attempt(np.eye(3)[None], 1.0)
    assert increment.pieces.tolist() == [1]
    assert np.abs(increment.stress).max() < 1e-9
