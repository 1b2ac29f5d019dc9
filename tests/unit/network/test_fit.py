import math

import pytest
import torch

import polyxtal as px
from polyxtal.network.fit import LONGEST_TURN, CurveTarget, StiffnessTarget, fit_network
from polyxtal.network.fit_goals import CurveFollower
from polyxtal.network.offline import homogenize_tree, node_stiffness
from polyxtal.network.sensitivity import stiffness_sensitivity

RVE = px.tessellate(grid=8, grains=24, seed=3)
ALUMINIUM = px.load_material("AA6022-T4")
COPPER = px.CubicElasticity(168.4e3, 121.4e3, 75.4e3)
TENSION = px.LoadPath.uniaxial(0.01, increments=4)
SHEAR = px.LoadPath.shear(0.015, increments=4)


def network(leaves: int = 8, seed: int = 0) -> px.MaterialNetwork:
    return px.MaterialNetwork.from_polycrystal(RVE, leaves, seed)


def curves(net: px.MaterialNetwork) -> list[CurveTarget]:
    return [CurveTarget(path, net.respond(ALUMINIUM, path)) for path in (TENSION, SHEAR)]


def turned(net: px.MaterialNetwork, by: torch.Tensor) -> px.MaterialNetwork:
    normals = net.normals + by
    normals = normals / torch.linalg.vector_norm(normals, dim=1, keepdim=True)
    return px.MaterialNetwork(net.tree, net.orientations, net.weights, normals, net.phase)


def test_stiffness_and_its_derivative_are_those_of_the_tree():
    net = network(7)
    leaf = torch.stack([net.leaf_stiffness(one) for one in (COPPER, ALUMINIUM.elasticity)])

    def stiffness(normals: torch.Tensor) -> torch.Tensor:
        return homogenize_tree(net.tree, leaf, net.weights, normals)

    exact = torch.autograd.functional.jacobian(stiffness, net.normals)
    found = stiffness_sensitivity(net.tree, leaf, net.weights, net.normals)
    torch.testing.assert_close(found.stiffness, stiffness(net.normals), rtol=1e-14, atol=0)
    torch.testing.assert_close(found.by_normal, exact, rtol=1e-10, atol=1e-9 * exact.abs().max())


def test_networks_of_one_tree_are_homogenised_in_a_batch():
    one, other = network(8, 0), network(8, 1)
    leaf = torch.stack([one.leaf_stiffness(COPPER), other.leaf_stiffness(COPPER)])
    weights = torch.stack([one.weights, other.weights])
    normals = torch.stack([one.normals, other.normals])
    both = node_stiffness(one.tree, leaf, weights, normals)
    assert both.shape == (2, 15, 6, 6)
    for found, net in zip(both[:, net_root(one)], (one, other), strict=True):
        torch.testing.assert_close(found, net.stiffness(COPPER), rtol=1e-13, atol=1e-9)


def net_root(net: px.MaterialNetwork) -> int:
    return net.tree.root


@pytest.mark.parametrize(
    "path", [px.LoadPath.uniaxial(1e-5, increments=1), px.LoadPath.shear(1e-5, increments=1)]
)
def test_the_derivative_of_an_elastic_increment(path):
    net = network(8)
    target = CurveTarget(path, net.respond(ALUMINIUM, path))
    follower = CurveFollower(net, ALUMINIUM, [target])
    residual, jacobian = follower.follow(net)[0]
    assert residual.abs().max() < 1e-6
    generator = torch.Generator().manual_seed(0)
    across = torch.randn(net.normals.shape, generator=generator, dtype=torch.float64)
    across -= (across * net.normals).sum(1, keepdim=True) * net.normals
    there, back = (follower.follow(turned(net, sign * 1e-3 * across))[0][0] for sign in (1, -1))
    # The derivative is that of the energy, which is half the work of the last stress.
    told = 2 * torch.einsum("rkj,kj->r", jacobian, across)
    torch.testing.assert_close(told, (there - back) / 2e-3, rtol=2e-2, atol=1e-7)


def test_normals_find_the_curves_of_another_network_again():
    truth = network(8)
    generator = torch.Generator().manual_seed(1)
    push = 0.4 * torch.randn(truth.normals.shape, generator=generator, dtype=torch.float64)
    start = turned(truth, push)
    told: list[tuple[int, float]] = []
    fit = fit_network(
        start, ALUMINIUM, curves(truth), iterations=12, on_iteration=lambda *a: told.append(a)
    )
    assert fit.errors[0] > 2e-3
    assert fit.error < 0.1 * fit.errors[0]
    assert fit.error == min(fit.errors)
    assert [done for done, _ in told] == list(range(len(told)))
    assert torch.equal(fit.network.weights, start.weights)
    assert torch.equal(fit.network.orientations, start.orientations)
    again = fit_network(fit.network, ALUMINIUM, curves(truth), iterations=0)
    assert again.errors == pytest.approx((fit.error,), rel=1e-6)


def test_normals_find_a_stiffness_again():
    truth = network(16).stiffness(COPPER)
    fit = fit_network(network(16, 5), stiffness=[StiffnessTarget(COPPER, truth)], iterations=12)
    error = (fit.network.stiffness(COPPER) - truth).norm() / truth.norm()
    assert float(error) == pytest.approx(fit.error, rel=1e-6)
    assert fit.error < 1e-4
    assert fit.errors[0] > 1e-2


def test_the_error_weighs_curves_and_stiffness():
    net, other = network(8), network(8, 1)
    pull = curves(other)
    firm = [StiffnessTarget(COPPER, other.stiffness(COPPER))]
    one = fit_network(net, ALUMINIUM, pull, iterations=0).error
    two = fit_network(net, stiffness=firm, iterations=0).error
    both = fit_network(net, ALUMINIUM, pull, firm, iterations=0, stiffness_weight=0.5).error
    mean = (2 * one**2 + 0.5 * two**2) / 2.5
    assert both == pytest.approx(math.sqrt(mean), rel=1e-9)


def test_a_single_leaf_has_nothing_to_turn():
    fit = fit_network(network(1), ALUMINIUM, curves(network(8)))
    assert len(fit.errors) == 1


def test_no_normal_turns_too_far_at_once():
    net = network(8)
    target = [StiffnessTarget(COPPER, 3 * net.stiffness(COPPER))]
    fit = fit_network(net, stiffness=target, iterations=1)
    turn = torch.linalg.vector_norm(fit.network.normals - net.normals, dim=1)
    assert 0 < float(turn.max()) <= LONGEST_TURN


def test_a_fit_ends_where_nothing_is_left_to_turn():
    truth = network(16).stiffness(COPPER)
    for seed in (5, 6, 8):
        fit = fit_network(network(16, seed), stiffness=[(COPPER, truth)], iterations=300)
        assert fit.error < 1e-9
    same = network(8)
    assert (
        fit_network(same, stiffness=[(COPPER, same.stiffness(COPPER) * (1 + 3e-16))]).error < 1e-12
    )


def test_normals_between_like_leaves_do_not_matter():
    one = px.Polycrystal(torch.zeros(2, 2, 2, dtype=torch.int64), [[1.0, 0, 0, 0]])
    net = px.MaterialNetwork.from_polycrystal(one, 4)
    other = px.CubicElasticity(200e3, 130e3, 90e3).stiffness()
    fit = fit_network(net, ALUMINIUM, curves(network(4)), [(COPPER, other)])
    assert torch.equal(fit.network.normals, net.normals)


def test_the_derivative_points_along_in_plastic_flow():
    net, path = network(8), px.LoadPath.uniaxial(0.02, increments=8)
    target = CurveTarget(path, net.respond(ALUMINIUM, path))
    follower = CurveFollower(net, ALUMINIUM, [target])
    _, jacobian = follower.follow(net)[0]
    generator = torch.Generator().manual_seed(3)
    told, true = [], []
    for _ in range(4):
        across = torch.randn(net.normals.shape, generator=generator, dtype=torch.float64)
        across -= (across * net.normals).sum(1, keepdim=True) * net.normals
        there, back = (follower.follow(turned(net, sign * 1e-3 * across))[0][0] for sign in (1, -1))
        told.append(torch.einsum("rkj,kj->r", jacobian, across)[3:])
        true.append(((there - back) / 2e-3)[3:])
    a, b = torch.cat(told), torch.cat(true)
    assert float(a @ b) > 0.9 * float(a.norm() * b.norm())
    assert 0.4 < float(a.norm() / b.norm()) < 1.1


def test_targets_that_are_none_are_refused():
    net = network(4)
    response = net.respond(ALUMINIUM, TENSION)
    with pytest.raises(ValueError, match="must hold at least one target"):
        fit_network(net, ALUMINIUM)
    with pytest.raises(ValueError, match="`material` must be given"):
        fit_network(net, curves=[(TENSION, response)])
    with pytest.raises(ValueError, match="number 0 has 5 rows for 6 increments"):
        fit_network(net, ALUMINIUM, [(px.LoadPath.uniaxial(0.01, increments=6), response)])
    nothing = px.Response(response.time, response.F, 0 * response.P)
    with pytest.raises(ValueError, match="not all zero, but number 0"):
        fit_network(net, ALUMINIUM, [(TENSION, nothing)])
    for wrong in (torch.full((6, 6), torch.nan), torch.zeros(6, 6), torch.ones(3, 3)):
        with pytest.raises(ValueError, match=r"finite \(6, 6\) Mandel matrices .* but number 0"):
            fit_network(net, stiffness=[(COPPER, wrong)])
    with pytest.raises(ValueError, match="number 0 is given at other times"):
        fit_network(net, ALUMINIUM, [(px.LoadPath.uniaxial(0.02, increments=4), response)])
    with pytest.raises(ValueError, match="`iterations` must be whole"):
        fit_network(net, ALUMINIUM, [(TENSION, response)], iterations=-1)
    with pytest.raises(ValueError, match="`stiffness_weight` must be positive"):
        fit_network(net, ALUMINIUM, [(TENSION, response)], stiffness_weight=0)
