"""Textures that grains are drawn from: published angles, closed forms, shares of volume."""

from __future__ import annotations

import math

import pytest
import torch

from polyxtal.algebra.rotation import (
    bunge_to_quaternion,
    quaternion_multiply,
    quaternion_to_matrix,
    random_quaternions,
)
from polyxtal.crystal.laue import CUBIC
from polyxtal.texture.components import (
    FibreTexture,
    UnimodalTexture,
    miller_orientation,
    texture_type,
)
from polyxtal.texture.cubochoric import cubochoric_grid
from polyxtal.texture.distribution import DiscreteTexture, MixedTexture, UniformTexture
from polyxtal.texture.harmonics import cubic_harmonics
from polyxtal.texture.kernel import halfwidth_of_deviation, harmonic_factor
from polyxtal.texture.kernel_density import kernel_density
from polyxtal.texture.measure import texture_coefficients
from polyxtal.texture.sheet import ROLLING_COMPONENTS, rolling_component, rolling_texture
from polyxtal.texture.zone import orientation_grid
from polyxtal.viz.density import sample_poles

PUBLISHED = {
    "cube": (0.0, 0.0, 0.0),
    "goss": (0.0, 45.0, 0.0),
    "brass": (35.26, 45.0, 0.0),
    "copper": (90.0, 35.26, 45.0),
    "s": (58.98, 36.70, 63.43),
}
"""Bunge's angles of the components of rolled fcc metals. [degrees]"""

WIDE = math.radians(15)
EVEN = cubochoric_grid(16)
HALF_TURNS = torch.eye(4, dtype=torch.float64)


def some_textures():
    q = random_quaternions(3, 1)
    return {
        "random": UniformTexture(),
        "unimodal": UnimodalTexture(q[0], WIDE),
        "fibre": FibreTexture((1, 1, 2), (1, 2, 3), WIDE),
        "rolling": rolling_texture({"brass": 0.3, "copper": 0.2}, WIDE),
        "list": DiscreteTexture(q, torch.tensor([1.0, 2.0, 5.0], dtype=torch.float64), WIDE),
        "mixture": MixedTexture([(1.0, UniformTexture()), (3.0, UnimodalTexture(q[1], WIDE))]),
    }


def angles_to(q: torch.Tensor, centres: torch.Tensor) -> torch.Tensor:
    """Angle from each orientation to the closest centre. [degrees]"""
    return CUBIC.disorientation(q[:, None], centres[None]).amin(1).rad2deg()


# Rolling components


@pytest.mark.parametrize("name", PUBLISHED)
def test_components_are_where_the_literature_has_them(name):
    published = bunge_to_quaternion(torch.tensor([PUBLISHED[name]], dtype=torch.float64).deg2rad())
    texture = rolling_component(name)
    assert isinstance(texture, MixedTexture)
    variants = torch.stack([part.orientation for part in texture.components])
    # The angles are rounded to 0.01°; the inverse rotation would be 3° to 27° away.
    assert float(angles_to(published, variants)) < 0.02
    # Every variant is the published one, turned about a two-fold axis of the sheet.
    turned = quaternion_multiply(HALF_TURNS, published)
    assert float(angles_to(variants, turned).max()) < 0.02
    assert float(angles_to(turned, variants).max()) < 0.02


@pytest.mark.parametrize(
    ("name", "count"),
    [("cube", 1), ("goss", 1), ("brass", 2), ("copper", 2), ("s", 4), ("rotated cube", 1)],
)
def test_the_sheet_has_so_many_variants(name, count):
    texture = rolling_component(name.upper())
    assert isinstance(texture, MixedTexture)
    assert texture.shares.tolist() == pytest.approx([1 / count] * count)
    # All alike: the density knows the sheet's symmetry.
    q = random_quaternions(20, 2)
    turned = quaternion_multiply(HALF_TURNS[:, None], q).reshape(-1, 4)
    density = texture.density(turned).reshape(4, 20)
    torch.testing.assert_close(density, density[:1].expand(4, 20), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ROLLING_COMPONENTS)
def test_planes_and_directions_are_along_the_sheet(name):
    plane, direction = ROLLING_COMPONENTS[name]
    matrix = quaternion_to_matrix(miller_orientation(plane, direction))
    normal = matrix @ torch.tensor(plane, dtype=torch.float64)
    along = matrix @ torch.tensor(direction, dtype=torch.float64)
    assert float(normal[2] / normal.norm()) == pytest.approx(1)
    assert float(along[0] / along.norm()) == pytest.approx(1)


def test_rolling_texture_is_filled_up_by_random_crystals():
    texture = rolling_texture({"brass": 0.5, "Goss": 0.25})
    assert texture.shares.tolist() == [0.5, 0.25, 0.25]
    q = random_quaternions(30, 3)
    expected = (
        0.5 * rolling_component("brass").density(q)
        + 0.25 * rolling_component("goss").density(q)
        + 0.25
    )
    torch.testing.assert_close(texture.density(q), expected)


# Densities


@pytest.mark.parametrize("name", some_textures())
def test_mean_density_is_one(name):
    texture = some_textures()[name]
    assert float(texture.density(EVEN).mean()) == pytest.approx(1, abs=5e-3)
    drawn = texture.density(random_quaternions(4000, 4))
    error = float(drawn.std()) / math.sqrt(4000)
    assert float(drawn.mean()) == pytest.approx(1, abs=4 * error + 1e-12)


@pytest.mark.parametrize("name", some_textures())
def test_density_ignores_symmetry_copies(name):
    texture, q = some_textures()[name], random_quaternions(20, 5)
    copies = texture.density(CUBIC.equivalents(q).reshape(-1, 4)).reshape(20, 24)
    torch.testing.assert_close(
        copies, texture.density(q)[:, None].expand(20, 24), rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize("name", some_textures())
def test_draws_follow_the_density(name):
    # The mean of the harmonics over draws against the integral of density times harmonics.
    texture, even = some_textures()[name], EVEN
    drawn = texture.orientations(3000, seed=6)
    torch.testing.assert_close(drawn.norm(dim=-1), torch.ones(3000).double())
    density = texture.density(even)
    for degree in (4, 6):
        if name == "list":  # grains do without the kernel
            expected = harmonic_factor(WIDE, degree) * texture_coefficients(drawn, degree=degree)
        else:
            expected = texture_coefficients(drawn, degree=degree)
        got = (density @ cubic_harmonics(even, degree)) / len(even)
        assert float((got - expected).norm()) < 4 / math.sqrt(3000)


def test_fibre_has_its_pole_and_no_other_order():
    texture = FibreTexture((1, 1, 1), (0, 0, 1), math.radians(8))
    q = texture.orientations(4000, seed=7)
    poles = sample_poles(q, (1, 1, 1))
    closest = poles[..., 2].abs().amax(1)
    kappa = math.log(2) / (1 - math.cos(math.radians(8)))
    assert float((1 - closest).mean()) == pytest.approx(1 / kappa, rel=0.06)
    # Evenly about z: the three other poles see every azimuth.
    other = poles[poles[..., 2].abs() < 0.7]
    azimuth = torch.atan2(other[:, 1], other[:, 0])
    for fold in (1, 2, 3, 6):
        assert float(torch.exp(1j * fold * azimuth).mean().abs()) < 4 / math.sqrt(4000)
    # Along the fibre the density does not change.
    turn = torch.linspace(0, math.pi, 20, dtype=torch.float64)
    about = torch.stack([turn.cos(), 0 * turn, 0 * turn, turn.sin()], -1)
    along = texture.density(quaternion_multiply(about, q[:1]))
    torch.testing.assert_close(along, along[:1].expand(20))


@pytest.mark.parametrize("sample", [(0, 0, 1), (0, 0, -1), (1, -2, 0.5)])
@pytest.mark.parametrize("crystal", [(0, 0, -1), (1, 2, 3)])
def test_sharp_fibre_takes_crystal_to_sample_direction(crystal, sample):
    q = FibreTexture(crystal, sample, math.radians(0.1)).orientations(50, seed=8)
    h, r = (torch.tensor([float(v) for v in d], dtype=torch.float64) for d in (crystal, sample))
    along = quaternion_to_matrix(q) @ (h / h.norm())
    assert float((along @ (r / r.norm())).acos().rad2deg().max()) < 0.5


def test_scatter_is_as_asked():
    centre = random_quaternions(1, 9)
    texture = UnimodalTexture(centre[0], halfwidth_of_deviation(math.radians(5)))
    angle = angles_to(texture.orientations(5000, seed=10), centre).deg2rad()
    # A rotation vector of three normal components: the mean square angle is 3 σ².
    assert float(angle.square().mean().sqrt().rad2deg()) == pytest.approx(5 * 3**0.5, rel=0.02)


@pytest.mark.parametrize(
    ("name", "sigma", "dominant", "share"),
    [("S1", 5.0, 1, 0.9), ("S2", 10.0, 1, 0.6), ("W1", 0.0, 0, 0.0), ("W2", 10.0, 2, 0.35)],
)
def test_texture_types(name, sigma, dominant, share):
    texture = texture_type(name, seed=11)
    assert texture.shares.tolist() == pytest.approx([share] * dominant + [1 - dominant * share])
    assert isinstance(texture.components[-1], UniformTexture)
    for part in texture.components[:-1]:
        assert isinstance(part, UnimodalTexture)
        assert part.halfwidth == pytest.approx(halfwidth_of_deviation(math.radians(sigma)))
    q = random_quaternions(5, 12)
    assert torch.equal(texture.density(q), texture_type(name, seed=11).density(q))
    assert name == "W1" or not torch.equal(texture.density(q), texture_type(name, 12).density(q))


# Shares of the volume


def test_components_get_their_volume():
    q = random_quaternions(5, 13)
    weights = torch.tensor([0.4, 0.3, 0.2, 0.1, 0.0], dtype=torch.float64)
    texture = DiscreteTexture(q, weights)
    volume = torch.rand(300, generator=torch.Generator().manual_seed(1), dtype=torch.float64) ** 3
    volume[::7] = 0
    volume = volume / volume.sum()
    for shares in (volume, volume.to(torch.float32), 100 * volume):
        drawn = texture.orientations(shares, seed=2)
        which = CUBIC.disorientation(drawn[:, None], q[None]).argmin(1)
        got = torch.zeros(5, dtype=torch.float64).index_add_(0, which, volume)
        assert float((got - weights).abs().max()) <= float(volume.max()) + 1e-6
    equal = texture.orientations(100, seed=2)
    which = CUBIC.disorientation(equal[:, None], q[None]).argmin(1)
    counts = torch.bincount(which, minlength=5)
    assert counts.tolist() == [40, 30, 20, 10, 0]
    # Big grains are not favoured, and grains next to each other are not alike.
    assert len(set(which[:10].tolist())) > 1


def test_mixtures_hand_their_parts_the_right_stretch():
    q = random_quaternions(4, 14)
    halves = [DiscreteTexture(q[:2]), DiscreteTexture(q[2:])]
    texture = MixedTexture([(3.0, halves[0]), (0.0, UniformTexture()), (1.0, halves[1])])
    drawn = texture.orientations(80, seed=3)
    which = CUBIC.disorientation(drawn[:, None], q[None]).argmin(1)
    assert torch.bincount(which).tolist() == [30, 30, 10, 10]
    assert float(angles_to(drawn, q).max()) < 1e-4


def test_same_seed_same_orientations():
    texture = some_textures()["rolling"]
    one = texture.orientations(50, seed=4)
    assert torch.equal(one, texture.orientations(50, seed=4))
    assert torch.equal(one, texture.orientations(50, torch.Generator().manual_seed(4)))
    assert not torch.equal(one, texture.orientations(50, seed=5))


def test_coefficients_are_shares_of_cells():
    grid = orientation_grid(30.0)
    torch.testing.assert_close(UniformTexture().coefficients(grid), grid.volumes)
    q = grid.orientations[[3, 8]]
    weights = torch.tensor([1.0, 3.0], dtype=torch.float64)
    expected = torch.zeros(len(grid), dtype=torch.float64)
    expected[[3, 8]] = torch.tensor([0.25, 0.75], dtype=torch.float64)
    torch.testing.assert_close(DiscreteTexture(q, weights).coefficients(grid), expected)
    # A smooth one against the cells of its draws.
    texture = UnimodalTexture(q[0], math.radians(20))
    got = texture.coefficients(grid)
    assert float(got.sum()) == pytest.approx(1)
    drawn = texture.orientations(8000, seed=15)
    owner, _ = grid.nearest(drawn)
    counted = torch.bincount(owner, minlength=len(grid)) / 8000
    assert float((got - counted).abs().max()) < 4 * math.sqrt(0.25 / 8000)


def test_density_of_a_list_is_its_kernels():
    q, at = random_quaternions(2, 16), random_quaternions(20, 17)
    parts = torch.stack([UnimodalTexture(one, WIDE).density(at) for one in q])
    weights = torch.tensor([1.0, 3.0], dtype=torch.float64)
    got = DiscreteTexture(q, weights, WIDE).density(at)
    torch.testing.assert_close(got, 0.25 * parts[0] + 0.75 * parts[1], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(got, kernel_density(at, q, weights / 4, WIDE))


ONE = random_quaternions(1)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: rolling_component("bras"), "must be one of cube, .* but is 'bras'"),
        (lambda: rolling_texture({"s": 0.7, "cube": 0.4}), "nor exceed 1 in all"),
        (lambda: rolling_texture({"s": -0.1}), "must not be negative"),
        (lambda: texture_type("S3"), "must be one of S1, S2, W1, W2"),
        (lambda: miller_orientation((1, 1, 1), (1, 1, 1)), "must lie in the plane"),
        (lambda: miller_orientation((0, 0, 0), (1, 1, 1)), "`plane` must be three components"),
        (lambda: FibreTexture((1, 1), (0, 0, 1)), "`crystal` must be three components"),
        (lambda: FibreTexture((1, 1, 1), (0, 0, math.nan)), "`sample` must be three components"),
        (lambda: FibreTexture((1, 1, 1), (0, 0, 1), 2.0), "0.1 to 90 degrees"),
        (lambda: UnimodalTexture(2 * ONE[0]), "unit length, but is off by up to 1"),
        (lambda: UnimodalTexture(ONE[0], 5.0), "0.1 to 90 degrees"),
        (lambda: DiscreteTexture(2 * ONE), "unit length, but is off by up to 1"),
        (lambda: DiscreteTexture(ONE[:0]), "unit length, but is empty"),
        (lambda: DiscreteTexture(ONE, torch.tensor([math.inf]).double()), "non-negative with a"),
        (lambda: DiscreteTexture(ONE, None, 0.0), "0.1 to 90 degrees"),
        (lambda: MixedTexture([]), "must have components"),
        (lambda: MixedTexture([(-1.0, UniformTexture())]), "must have components"),
        (lambda: UniformTexture().orientations(0), "at least one grain"),
        (lambda: UniformTexture().orientations(-1), "at least one grain"),
        (lambda: UniformTexture().orientations(torch.zeros(3)), "at least one grain"),
        (lambda: UniformTexture().orientations(torch.tensor([1.0, -1.0])), "at least one grain"),
        (lambda: UniformTexture().orientations(torch.tensor([math.inf])), "at least one grain"),
    ],
)
def test_wrong_textures_are_refused_in_one_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
