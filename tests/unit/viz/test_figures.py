"""Figures: what is drawn is what the numbers say, and densities are multiples of random."""

from __future__ import annotations

import math
from io import BytesIO

import numpy as np
import pytest
import torch
from matplotlib.collections import LineCollection, QuadMesh

from polyxtal.algebra.rotation import quaternion_to_matrix, random_quaternions
from polyxtal.crystal.elasticity import CubicElasticity
from polyxtal.crystal.laue import CUBIC
from polyxtal.mechanics.bounds.moduli import young_modulus
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.viz import density as density_module
from polyxtal.viz.curves import draw_curves
from polyxtal.viz.density import inverse_pole_density, pole_density, sample_poles
from polyxtal.viz.sector import reduce_to_sector, sector_grid, sector_outline
from polyxtal.viz.sphere import project_equal_area, unproject_equal_area
from polyxtal.viz.stiffness import (
    draw_young_modulus_surface,
    facet_brightness,
    young_modulus_surface,
)
from polyxtal.viz.style import new_figure
from polyxtal.viz.texture import (
    direction_colors,
    draw_inverse_pole_figure,
    draw_ipf_key,
    draw_pole_figure,
    ipf_colors,
)
from polyxtal.viz.volume import draw_volume

COPPER = CubicElasticity(c11=168.4e3, c12=121.4e3, c44=75.4e3)
IDENTITY = torch.tensor([[1.0, 0.0, 0.0, 0.0]], dtype=torch.float64)


def directions(*rows: tuple[float, float, float]) -> torch.Tensor:
    vectors = torch.tensor(rows, dtype=torch.float64)
    return vectors / vectors.norm(dim=-1, keepdim=True)


def fibonacci_sphere(count: int) -> torch.Tensor:
    """Directions of equal solid angle, so a plain mean is the mean over the sphere."""
    index = torch.arange(count, dtype=torch.float64) + 0.5
    z = 1 - 2 * index / count
    azimuth = math.pi * (1 + 5**0.5) * index
    r = (1 - z * z).sqrt()
    return torch.stack([r * azimuth.cos(), r * azimuth.sin(), z], dim=-1)


def uniform_orientations(count: int) -> torch.Tensor:
    """A super-Fibonacci spiral: far more even than random draws [Alexa2022, Alg. 1]."""
    s = torch.arange(count, dtype=torch.float64) + 0.5
    r, big = (s / count).sqrt(), (1 - s / count).sqrt()
    alpha, beta = 2 * math.pi * s / 2**0.5, 2 * math.pi * s / 1.533751168755204288118
    return torch.stack([r * alpha.sin(), r * alpha.cos(), big * beta.sin(), big * beta.cos()], -1)


def save(figure) -> bytes:
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=50)  # every warning is an error here
    return buffer.getvalue()


# Sphere


def test_equal_area_projection_keeps_areas_and_inverts():
    n = fibonacci_sphere(20_000)
    n = n[n[:, 2] >= 0]
    points = project_equal_area(n)
    torch.testing.assert_close(unproject_equal_area(points), n, rtol=0, atol=1e-12)
    inside = float((points.norm(dim=-1) < 0.5).to(torch.float64).mean())
    assert inside == pytest.approx(0.25, abs=1e-3)


def test_standard_triangle_holds_every_direction_once():
    x, y, z = reduce_to_sector(fibonacci_sphere(2000)).unbind(-1)
    assert bool(((z >= x) & (x >= y) & (y >= 0)).all())
    grid = sector_grid(10)
    torch.testing.assert_close(reduce_to_sector(grid), grid, rtol=0, atol=1e-12)
    corners = directions((0, 0, 1), (1, 0, 1), (1, 1, 1))
    outline = sector_outline(10)
    assert all(float((outline - c).norm(dim=-1).min()) < 1e-12 for c in corners)
    torch.testing.assert_close(outline[0], outline[-1])


# Colours


def test_corners_of_the_triangle_are_red_green_and_blue():
    corners = directions((0, 0, 1), (1, 0, 1), (1, 1, 1))
    eye = torch.eye(3, dtype=torch.float64)
    torch.testing.assert_close(direction_colors(corners), eye, rtol=0, atol=1e-7)
    along = ([0, 0, 1], [1, 0, 1], [1, 1, 1])
    colors = torch.cat([ipf_colors(IDENTITY, direction) for direction in along])
    torch.testing.assert_close(colors, eye, rtol=0, atol=1e-7)


def test_symmetry_copies_share_one_colour():
    q = random_quaternions(50)
    colors = ipf_colors(q, (1, 2, 3))
    copies = ipf_colors(CUBIC.equivalents(q), (1, 2, 3))
    torch.testing.assert_close(copies, colors[:, None].expand(50, 24, 3), rtol=0, atol=1e-6)
    assert float(colors.std(0).min()) > 0.1


def test_colour_belongs_to_the_crystal_direction_along_the_sample_axis():
    # One off-axis crystal, where R and its transpose give different colours.
    q = random_quaternions(20, 1)
    matrix = quaternion_to_matrix(q)
    along_z = torch.stack([m.T @ torch.tensor([0.0, 0, 1], dtype=torch.float64) for m in matrix])
    torch.testing.assert_close(ipf_colors(q), direction_colors(along_z))
    assert float((ipf_colors(q) - direction_colors(matrix[..., 2])).abs().max()) > 0.1


def test_colours_fill_the_range_and_one_channel_is_full():
    colors = direction_colors(fibonacci_sphere(5000))
    assert float(colors.min()) >= 0
    torch.testing.assert_close(colors.amax(-1), torch.ones(5000, dtype=torch.float64))


# Densities


@pytest.mark.parametrize("plane", [(1, 1, 1), (1, 0, 0), (1, 1, 0), (1, 1, 2)])
def test_uniform_texture_has_one_multiple_of_random_everywhere(plane):
    q = uniform_orientations(3000)
    got = pole_density(q, None, plane, fibonacci_sphere(200), math.radians(15))
    torch.testing.assert_close(got, torch.ones_like(got), rtol=0, atol=0.02)
    at = sector_grid(8).reshape(-1, 3)
    got = inverse_pole_density(q, None, plane, at, math.radians(15))
    torch.testing.assert_close(got, torch.ones_like(got), rtol=0, atol=0.02)


@pytest.mark.parametrize("halfwidth", [5, 10, 30])
def test_mean_density_is_one_for_any_texture(halfwidth):
    q, at = random_quaternions(3, 2), fibonacci_sphere(8000)
    weights = torch.tensor([1.0, 5.0, 2.0], dtype=torch.float64)
    poles = pole_density(q, weights, (1, 1, 1), at, math.radians(halfwidth))
    inverse = inverse_pole_density(q, weights, (1, 2, 3), at, math.radians(halfwidth))
    assert float(poles.mean()) == pytest.approx(1, abs=2e-3)
    assert float(inverse.mean()) == pytest.approx(1, abs=2e-3)
    assert float(poles.max()) > 1.1  # it is a texture


def test_kernel_drops_to_half_at_its_halfwidth():
    halfwidth = math.radians(8)
    at = directions((0, 0, 1), (math.sin(halfwidth), 0, math.cos(halfwidth)))
    centre, edge = pole_density(IDENTITY, None, (0, 0, 1), at, halfwidth)
    assert float(edge / centre) == pytest.approx(0.5, rel=1e-4)


def test_pole_density_peaks_at_the_poles_in_proportion_to_the_weights():
    q = random_quaternions(2, 3)
    weights = torch.tensor([1.0, 9.0], dtype=torch.float64)
    normals = directions((1, 1, 1), (-1, 1, 1), (1, -1, 1), (1, 1, -1))
    light, heavy = (normals @ matrix.T for matrix in quaternion_to_matrix(q))
    assert float((light @ heavy.T).abs().max()) < math.cos(math.radians(15))  # apart
    at = torch.cat([light, -light, heavy, -heavy, fibonacci_sphere(5000)])
    density = pole_density(q, weights, (1, 1, 1), at, math.radians(4))
    assert float(density[8:16].min()) > 0.99 * float(density.max())
    ratio = density[8:16] / density[:8]
    torch.testing.assert_close(ratio, torch.full_like(ratio, 9.0), rtol=0.01, atol=0)


def test_families_have_their_multiplicity():
    count = {(1, 0, 0): 3, (1, 1, 1): 4, (1, 1, 0): 6, (1, 1, 2): 12, (1, 2, 0): 12}
    for plane, multiplicity in count.items():
        assert sample_poles(IDENTITY, plane).shape == (1, multiplicity, 3)


def test_densities_ignore_symmetry_copies():
    q, at = random_quaternions(5, 4), fibonacci_sphere(300)
    copies = CUBIC.equivalents(q)[:, 17]
    for estimate in (pole_density, inverse_pole_density):
        expected = estimate(q, None, (0, 1, 2), at)
        torch.testing.assert_close(
            estimate(copies, None, (0, 1, 2), at), expected, rtol=1e-4, atol=1e-5
        )


def test_merging_close_axes_leaves_the_density(monkeypatch: pytest.MonkeyPatch):
    q, at = random_quaternions(400, 5), fibonacci_sphere(500)
    weights = torch.linspace(0, 1, 400, dtype=torch.float64)
    exact = pole_density(q, weights, (1, 1, 2), at)
    merged = []

    def spy(axes, share, halfwidth, original=density_module._merge_close_axes):
        result = original(axes, share, halfwidth)
        merged.append((len(axes), len(result[0])))
        return result

    monkeypatch.setattr(density_module, "_merge_close_axes", spy)
    monkeypatch.setattr(density_module, "_BINS", 10)
    got = pole_density(q, weights, (1, 1, 2), at)
    assert len(merged) == 1
    assert merged[0][1] < 0.9 * merged[0][0]
    torch.testing.assert_close(got, exact, rtol=2e-3, atol=1e-3)


def test_wrong_directions_and_halfwidths_are_refused():
    with pytest.raises(ValueError, match="`direction` must be three components"):
        ipf_colors(IDENTITY, (0, 0, 0))
    with pytest.raises(ValueError, match="`plane` must be three components"):
        pole_density(IDENTITY, None, (1, 1), directions((0, 0, 1)))
    with pytest.raises(ValueError, match="`halfwidth` must lie between"):
        pole_density(IDENTITY, None, (1, 1, 1), directions((0, 0, 1)), 0.0)


# Drawings


def test_curves_draw_the_data_in_percent_and_embolden_one():
    strain = torch.linspace(0, 0.05, 11, dtype=torch.float64)
    curves = {"full field": (strain, 200 * strain), "network": (strain.numpy(), [3.0] * 11)}
    axes = draw_curves(new_figure().add_subplot(), curves, highlight="network")
    first, second = axes.get_lines()
    np.testing.assert_allclose(first.get_xdata(), 100 * strain.numpy())
    np.testing.assert_allclose(first.get_ydata(), 200 * strain.numpy())
    assert second.get_linewidth() > 2 * first.get_linewidth()
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("Strain [%]", "Stress [MPa]")
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["full field", "network"]
    save(axes.figure)


def test_curves_refuse_what_they_cannot_draw():
    axes = new_figure().add_subplot()
    with pytest.raises(ValueError, match="at least one curve"):
        draw_curves(axes, {})
    with pytest.raises(ValueError, match="`highlight` must be one of"):
        draw_curves(axes, {"a": ([0.0], [0.0])}, highlight="b")
    with pytest.raises(ValueError, match="vectors of one length"):
        draw_curves(axes, {"a": ([0.0], [0.0, 1.0])})


def test_surface_radius_is_youngs_modulus():
    stiffness = COPPER.stiffness(random_quaternions(1, 6))[0]
    points, radius = young_modulus_surface(stiffness, 12)
    torch.testing.assert_close(points.norm(dim=-1), radius)
    expected = young_modulus(stiffness, points.reshape(-1, 3)).reshape(radius.shape) / 1e3
    torch.testing.assert_close(radius, expected)
    assert float(radius.max() / radius.min()) > 2


def test_surface_spans_all_directions_and_is_drawn_with_a_bar_in_gigapascal():
    figure = new_figure()
    axes = figure.add_subplot(projection="3d")
    draw_young_modulus_surface(axes, COPPER.stiffness(), 24)
    points, radius = young_modulus_surface(COPPER.stiffness(), 24)
    for component in range(3):  # E along a cube axis, at both ends
        ends = [torch.zeros(3, dtype=torch.float64) for _ in range(2)]
        ends[0][component], ends[1][component] = float(radius.min()), -float(radius.min())
        assert all(float((points - end).norm(dim=-1).min()) < 1e-9 for end in ends)
    assert len(axes.collections[0].get_facecolor()) == 24 * 48
    bar = figure.axes[1]
    assert bar.get_ylabel() == "Young's modulus [GPa]"
    np.testing.assert_allclose(bar.get_ylim(), (radius.min(), radius.max()), rtol=5e-3)
    assert axes.get_xlim() == axes.get_ylim() == axes.get_zlim()
    save(figure)


def test_isotropic_stiffness_has_one_colour():
    figure = new_figure()
    axes = figure.add_subplot(projection="3d")
    draw_young_modulus_surface(axes, CubicElasticity(120e3, 60e3, 30e3).stiffness(), 6)
    save(figure)
    # Rounding must not be stretched over the whole colour map: only the light differs.
    colors = axes.collections[0].get_facecolor()[:, :3]
    hue, brightness = colors / colors.sum(-1, keepdims=True), colors.sum(-1)
    assert float(np.ptp(hue, axis=0).max()) < 0.02
    assert 0.6 < brightness.min() / brightness.max() < 0.75


def test_little_anisotropy_has_little_of_the_colours():
    """Two percent are a tenth of a scale of ten percent to both sides, which the bar says."""
    figure = new_figure()
    axes = figure.add_subplot(projection="3d")
    nearly = CubicElasticity(120e3, 60e3, 30.4e3).stiffness()
    _, radius = young_modulus_surface(nearly, 12)
    low, high = float(radius.min()), float(radius.max())
    assert 1.005 < high / low < 1.03
    draw_young_modulus_surface(axes, nearly, 12)
    bar = figure.axes[1]
    bottom, top = bar.get_ylim()
    assert top / (low + high) == pytest.approx(0.55)
    assert bottom / (low + high) == pytest.approx(0.45)
    said = f"Young's modulus [GPa]\n{low:.4g} to {high:.4g}; the colours span ±10 %"
    assert bar.get_ylabel() == said
    save(figure)


def test_the_surface_is_smooth_and_lit_from_above():
    brightness = facet_brightness(young_modulus_surface(COPPER.stiffness())[0])
    assert brightness.shape == (150, 300)
    assert bool(((brightness >= 0.65) & (brightness <= 1)).all())
    for axis in range(2):  # steps that are not seen
        assert float(brightness.diff(dim=axis).abs().max()) < 0.07
    assert float(brightness[0].mean()) > 0.9  # at the upper pole
    assert float(brightness[-1].mean()) == pytest.approx(0.65)


@pytest.mark.parametrize("draw", [draw_pole_figure, draw_inverse_pole_figure])
def test_texture_figures_show_points_of_few_crystals_only(draw):
    figure = new_figure(7.0, 3.0)
    few, many = figure.subplots(1, 2)
    assert draw(few, random_quaternions(20)) is few
    draw(many, random_quaternions(201), torch.rand(201, dtype=torch.float64))
    assert len(few.collections) == len(many.collections) + 1
    assert [text.get_text() for text in few.get_legend().get_texts()] == [
        "crystals, area by volume"
    ]
    assert many.get_legend() is None
    assert figure.axes[2].get_ylabel() == "Density [multiples of random]"
    assert figure.axes[2].get_ylim()[0] == 0
    save(figure)


def test_points_lie_inside_the_figures():
    figure = new_figure()
    pole, inverse = figure.subplots(1, 2)
    q = random_quaternions(50, 7)
    draw_pole_figure(pole, q, colorbar=False)
    offsets = np.asarray(pole.collections[-1].get_offsets())
    assert offsets.shape == (200, 2)
    assert np.linalg.norm(offsets, axis=1).max() <= 1 + 1e-9
    draw_inverse_pole_figure(inverse, q, colorbar=False)
    x, y = np.asarray(inverse.collections[-1].get_offsets()).T
    assert x.shape == (50,)
    assert (y >= -1e-12).all()
    assert (x >= y - 1e-12).all()
    assert len(figure.axes) == 2


def test_a_lower_peak_leaves_no_hole():
    axes = new_figure().add_subplot()
    draw_pole_figure(axes, IDENTITY, peak=3.0)
    assert axes.collections[0].extend == "max"


def test_key_shows_the_three_corner_colours():
    figure = new_figure(3.0, 2.6)
    axes = draw_ipf_key(figure.add_subplot())
    (mesh,) = (c for c in axes.collections if isinstance(c, QuadMesh))
    colors = np.asarray(mesh.get_array())
    for corner in np.eye(3):
        assert np.abs(colors - corner).max(-1).min() < 0.1
    assert {text.get_text() for text in axes.texts} == {"001", "101", "111"}
    save(figure)


def test_volume_shows_three_faces_in_the_colours_of_their_grains():
    grain_id = torch.arange(24).reshape(2, 3, 4)
    q = random_quaternions(24, 8)
    rve = Polycrystal(grain_id, q.numpy(), size=(2.0, 3.0, 4.0))
    figure = new_figure()
    axes = draw_volume(figure.add_subplot(), rve, (1, 0, 0))
    meshes = [c for c in axes.collections if isinstance(c, QuadMesh)]
    colors = ipf_colors(q, (1, 0, 0)).numpy()
    faces = (grain_id[-1], grain_id[:, 0], grain_id[:, :, -1])
    assert len(meshes) == 3
    for mesh, face in zip(meshes, faces, strict=True):
        np.testing.assert_allclose(np.asarray(mesh.get_array()), colors[face.numpy()])
    # The three faces meet in the corner (x, y, z) = (2, 0, 4): one point on the page.
    corners = (
        meshes[0].get_coordinates()[0, -1],
        meshes[1].get_coordinates()[-1, -1],
        meshes[2].get_coordinates()[-1, 0],
    )
    np.testing.assert_allclose(corners[0], corners[1], atol=1e-12)
    np.testing.assert_allclose(corners[0], corners[2], atol=1e-12)
    labels = {text.get_text() for text in axes.texts}
    assert {"x, 2 µm", "y, 3 µm", "z, 4 µm"} <= labels
    save(figure)


def test_volume_draws_boundaries_between_different_grains_only():
    grain_id = torch.zeros(2, 2, 2, dtype=torch.int64)
    grain_id[:, :, 1] = 1  # one horizontal boundary: two voxel edges on each upright face
    rve = Polycrystal(grain_id, random_quaternions(2).numpy())
    axes = draw_volume(new_figure().add_subplot(), rve)
    lines = [c for c in axes.collections if isinstance(c, LineCollection)]
    assert sorted(len(c.get_segments()) for c in lines) == [0, 2, 2]
    bare = draw_volume(new_figure().add_subplot(), rve, boundaries=False)
    assert not [c for c in bare.collections if isinstance(c, LineCollection)]
