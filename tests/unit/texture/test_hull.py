"""The texture hull: laws of the support against exact probabilities, evenness by its moments."""

from __future__ import annotations

import math

import pytest
import torch

from polyxtal.algebra.rotation import random_quaternions
from polyxtal.crystal.laue import CUBIC
from polyxtal.texture.distribution import DiscreteTexture
from polyxtal.texture.hull import SUPPORT_LAWS, HullTexture, draw_hull_texture, sample_texture_hull
from polyxtal.texture.zone import orientation_grid

GRID = orientation_grid(30.0)
N = len(GRID)


def edge_of(k: int):
    return lambda u, n: k


def exact(law: str, n: int) -> torch.Tensor:
    """P(k) for k = 1 ... n, from the definition."""
    k = torch.arange(1, n + 1, dtype=torch.float64)
    weight = {
        "log_uniform": (1 + 1 / k).log() / math.log(n + 1),
        "uniform": torch.ones(n, dtype=torch.float64),
        "geometric": 0.95**k,
        "flat": (k == n).double(),
    }[law]
    return weight / weight.sum()


# Laws of the number of orientations


@pytest.mark.parametrize("n", [1, 2, 24, 627])
@pytest.mark.parametrize("law", SUPPORT_LAWS)
def test_laws_cut_the_even_draw_into_their_probabilities(law, n):
    # Every law rises with u, so the draws of one k are an interval as long as its probability.
    draws = (torch.arange(20_000, dtype=torch.float64) + 0.5) / 20_000
    support = torch.tensor([SUPPORT_LAWS[law](u, n) for u in draws.tolist()])
    assert int(support.min()) >= 1
    assert int(support.max()) <= n
    assert bool((support.diff() >= 0).all())
    below = torch.bincount(support, minlength=n + 1)[1:].cumsum(0) / 20_000
    assert float((below - exact(law, n).cumsum(0)).abs().max()) < 1.01 / 20_000


@pytest.mark.parametrize("law", SUPPORT_LAWS)
@pytest.mark.parametrize("n", [1, 2, 24, 512, 627, 4903])
def test_the_largest_draw_stays_in_range(law, n):
    assert SUPPORT_LAWS[law](0.0, n) == (n if law == "flat" else 1)
    assert 1 <= SUPPORT_LAWS[law](1 - 2**-53, n) <= n


@pytest.mark.parametrize("law", ["log_uniform", "uniform", "geometric"])
def test_sampled_supports_follow_the_law(law):
    count = 1200
    sample = sample_texture_hull(count, 30.0, seed=1, support=law)
    support = torch.tensor([len(texture.weights) for texture in sample])
    observed = torch.bincount(support, minlength=N + 1)[1:].double()
    expected = count * exact(law, N)
    chi = float(((observed - expected) ** 2 / expected).sum())
    assert chi < (N - 1) + 4 * math.sqrt(2 * (N - 1))


# Points of the hull


@pytest.mark.parametrize("law", SUPPORT_LAWS)
def test_coefficients_are_a_point_of_the_simplex(law):
    sample = sample_texture_hull(50, 30.0, seed=2, support=law)
    coefficients = sample.coefficients()
    assert coefficients.shape == (50, N)
    assert float(coefficients.min()) >= 0
    torch.testing.assert_close(coefficients.sum(1), torch.ones(50).double())
    for texture, row in zip(sample, coefficients, strict=True):
        assert int((row > 0).sum()) == len(texture.support) == len(texture.weights)
        torch.testing.assert_close(row[texture.support], texture.weights)
        torch.testing.assert_close(texture.points, GRID.orientations[texture.support])


def test_one_orientation_is_a_vertex_and_two_an_edge():
    vertices = sample_texture_hull(400, 30.0, seed=3, support=edge_of(1)).coefficients()
    assert bool(((vertices == 0) | (vertices == 1)).all())
    # Every vertex is as likely: χ² of n - 1 degrees of freedom.
    counts = vertices.sum(0)
    chi = float(((counts - 400 / N) ** 2 / (400 / N)).sum())
    assert chi < (N - 1) + 4 * math.sqrt(2 * (N - 1))
    edges = sample_texture_hull(400, 30.0, seed=3, support=edge_of(2)).coefficients()
    assert bool(((edges > 0).sum(1) == 2).all())
    # Even along the edge.
    along = edges.amax(1).sub(0.5).mul(2).sort().values
    even = (torch.arange(400, dtype=torch.float64) + 0.5) / 400
    assert float((along - even).abs().max()) < 1.63 / math.sqrt(400)  # Kolmogorov, 1 %


@pytest.mark.parametrize("k", [2, 3, 10])
def test_points_are_even_on_their_face(k):
    count = 1500
    sample = sample_texture_hull(count, 30.0, seed=4, support=edge_of(k))
    weights = torch.stack([texture.weights for texture in sample])
    variance = (k - 1) / (k**2 * (k + 1))  # Dirichlet's law of ones
    assert float((weights.mean(0) - 1 / k).abs().max()) < 4 * math.sqrt(variance / count)
    second = weights.square().mean(0)
    expected = 2 / (k * (k + 1))
    error = math.sqrt((24 / (k * (k + 1) * (k + 2) * (k + 3)) - expected**2) / count)
    assert float((second - expected).abs().max()) < 4 * error
    # Two shares: E[w_i w_j] = 1 / (k (k + 1)).
    product = (weights[:, 0] * weights[:, 1]).mean()
    assert float(product) == pytest.approx(1 / (k * (k + 1)), abs=4 * error)


def test_a_texture_depends_on_seed_and_number_alone():
    few, many = sample_texture_hull(3, 30.0, seed=5), sample_texture_hull(40, 30.0, seed=5)
    for one, same in zip(few, many, strict=False):
        assert torch.equal(one.support, same.support)
        assert torch.equal(one.weights, same.weights)
    assert torch.equal(many[-1].weights, many[39].weights)
    assert [len(t.weights) for t in many[1:3]] == [len(few[1].weights), len(few[2].weights)]
    assert len(many) == len(list(many)) == 40
    other = sample_texture_hull(40, 30.0, seed=6)
    assert not torch.equal(many.coefficients(), other.coefficients())
    assert len({tuple(row.tolist()) for row in many.coefficients()}) == 40
    for number in (40, -41):
        with pytest.raises(IndexError, match="There are 40 textures"):
            many[number]


# Texture index


def test_index_is_that_of_a_density_constant_in_cells():
    texture = sample_texture_hull(1, 30.0, seed=7, support=edge_of(9))[0]
    fine, owner = GRID.samples()
    coefficients = texture.coefficients(GRID)
    density = (coefficients / GRID.volumes)[owner]
    assert float(density.mean()) == pytest.approx(1)
    assert texture.index() == pytest.approx(float(density.square().mean()))
    assert len(fine) == len(owner)


def test_index_of_vertices_and_of_the_random_texture():
    vertex = sample_texture_hull(1, 30.0, seed=8, support=edge_of(1))[0]
    assert vertex.index() == pytest.approx(1 / float(GRID.volumes[vertex.support]))
    every = HullTexture(GRID, torch.arange(N), GRID.volumes)
    assert every.index() == pytest.approx(1.0)


def test_flat_sampling_collapses_to_nearly_random():
    # E[Σ w²/v] = 2 Σ (1/v) / (n (n + 1)): 2 n / (n + 1) if the volumes are equal.
    sample = sample_texture_hull(300, 30.0, seed=9, support="flat")
    index = torch.tensor([texture.index() for texture in sample], dtype=torch.float64)
    expected = 2 * float((1 / GRID.volumes).sum()) / (N * (N + 1))
    assert float(index.mean()) == pytest.approx(expected, abs=4 * float(index.std()) / 300**0.5)
    sharp = sample_texture_hull(100, 30.0, seed=9)
    assert float(index.max()) < 0.25 * N < 0.8 * N < max(texture.index() for texture in sharp)


# Use


def test_grains_meet_the_coefficients():
    texture = sample_texture_hull(1, 30.0, seed=10, support=edge_of(5))[0]
    q = texture.orientations(200, seed=1)
    which = CUBIC.disorientation(q[:, None], texture.points[None])
    assert float(which.amin(1).max()) < 1e-6
    counts = torch.bincount(which.argmin(1), minlength=5) / 200
    assert float((counts - texture.weights).abs().max()) <= 1 / 200 + 1e-9


def test_coefficients_on_another_grid():
    texture = sample_texture_hull(1, 30.0, seed=11, support=edge_of(6))[0]
    same = DiscreteTexture(texture.points, texture.weights).coefficients(GRID)
    torch.testing.assert_close(texture.coefficients(GRID), same)
    coarse = orientation_grid(25.0)
    elsewhere = texture.coefficients(coarse)
    assert elsewhere.shape == (len(coarse),)
    assert float(elsewhere.sum()) == pytest.approx(1)


def test_density_is_spread_by_the_resolution():
    texture = sample_texture_hull(1, 30.0, seed=12)[0]
    assert texture.halfwidth == pytest.approx(math.radians(30))
    q = random_quaternions(10, 1)
    same = DiscreteTexture(texture.points, texture.weights, math.radians(30))
    torch.testing.assert_close(texture.density(q), same.density(q))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"count": 0}, "`count` must be at least 1"),
        ({"support": "dirichlet"}, "`support` must be one of log_uniform, uniform"),
        ({"seed": -1}, "`seed` must not be negative"),
        ({"resolution": 0.5}, "from 1 to 30 degrees"),
    ],
)
def test_wrong_samples_are_refused(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        sample_texture_hull(**({"resolution": 30.0} | arguments))


@pytest.mark.parametrize("k", [0, N + 1])
def test_wrong_laws_are_refused(k):
    with pytest.raises(ValueError, match=f"must give 1 to {N} orientations, but gave {k}"):
        draw_hull_texture(GRID, edge_of(k), torch.Generator())
