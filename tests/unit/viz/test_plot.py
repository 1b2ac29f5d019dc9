"""`px.plot`: figures of whole objects on axes given or new, and lengths without offsets."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib import pyplot
from matplotlib.collections import LineCollection, QuadMesh

import polyxtal as px
from polyxtal.algebra.rotation import random_quaternions
from polyxtal.viz.lengths import length_label, length_unit
from polyxtal.viz.style import new_figure
from polyxtal.viz.texture import NO_CRYSTAL, ipf_colors

EYE = torch.eye(3, dtype=torch.float64)
TITANIUM = px.Lattice("hP", 1.587)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    pyplot.close("all")


def new_axes(**kind):
    return new_figure().add_subplot(**kind)


def save(axes) -> None:
    axes.figure.savefig(BytesIO(), format="png", dpi=40)  # every warning is an error here


def tension(strains=(0.0, 0.1, 0.2), stresses=(0.0, 100.0, 150.0)) -> px.Response:
    F, P = EYE.repeat(len(strains), 1, 1), torch.zeros(len(strains), 3, 3, dtype=torch.float64)
    F[:, 1, 1] += torch.tensor(strains, dtype=torch.float64)
    P[:, 1, 1] = torch.tensor(stresses, dtype=torch.float64)
    return px.Response(torch.arange(len(strains), dtype=torch.float64), F, P)


def two_phases() -> px.Polycrystal:
    """Layers of titanium below and a cubic crystal above."""
    ids = torch.tensor([0, 0, 1, 2]).expand(3, 2, 4)
    q = random_quaternions(3, 5)
    return px.Polycrystal(ids, q, (3, 2, 4), [0, 0, 1], ("alpha", "beta"), (TITANIUM, None))


def mesh_of(axes) -> np.ndarray:
    (mesh,) = (c for c in axes.collections if isinstance(c, QuadMesh))
    return np.asarray(mesh.get_array())


# Curves


@pytest.mark.parametrize(
    ("measure", "strain", "stress", "labels"),
    [
        ("engineering", 20, 150, ("Engineering strain, yy", "First Piola-Kirchhoff stress, yy")),
        ("true", 100 * np.log(1.2), 150, ("True strain, yy", "Cauchy stress, yy")),
        (
            "equivalent",
            100 * np.log(1.2) * 2 / 3,
            150,
            ("Von Mises equivalent strain", "Von Mises equivalent stress"),
        ),
    ],
)
def test_curve_shows_the_loaded_component_in_every_measure(measure, strain, stress, labels):
    """F = diag(1, 1.2, 1): P Fᵀ / det F is P itself along y."""
    axes = px.plot.curve(tension(), measure=measure, ax=new_axes())
    (line,) = axes.get_lines()
    assert line.get_xdata()[-1] == pytest.approx(strain)
    assert line.get_ydata()[-1] == pytest.approx(stress)
    assert (axes.get_xlabel(), axes.get_ylabel()) == (f"{labels[0]} [%]", f"{labels[1]} [MPa]")
    assert axes.get_legend() is None
    save(axes)


def test_curves_of_several_responses_have_a_legend():
    responses = {"full field": tension(), "network": tension(stresses=(0.0, 90.0, 160.0))}
    axes = px.plot.curve(responses, "xy", ax=new_axes())
    assert axes.get_xlabel() == "Amount of shear, xy [%]"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [*responses]
    with pytest.raises(ValueError, match="must be 'engineering', 'true' or 'equivalent', but is"):
        px.plot.curve(tension(), measure="nominal")
    with pytest.raises(ValueError, match="at least one curve"):
        px.plot.curve({})


# Pole figures


def peak_of(axes) -> float:
    return float(np.max(axes.collections[0].get_array()))


def test_pole_figure_takes_all_that_has_orientations():
    rve = px.Polycrystal([[[0, 1]]], random_quaternions(2, 1))
    network = px.MaterialNetwork.from_polycrystal(rve, 4)
    ensemble = px.MaterialNetwork.from_polycrystal(rve, 4, ensemble=2)
    q = rve.orientations[None].expand(3, 2, 4)
    response = tension()
    deformed = px.Response(response.time, response.F, response.P, q, rve.volume_fractions)
    same = [px.plot.pole_figure(one, ax=new_axes()) for one in (rve, rve.texture(), deformed)]
    for axes in same:
        assert axes.get_title() == "Pole figure {111}"
        offsets = np.asarray(axes.collections[-1].get_offsets())
        np.testing.assert_allclose(offsets, np.asarray(same[0].collections[-1].get_offsets()))
    for one in (network, ensemble):
        assert px.plot.pole_figure(one, ax=new_axes()).get_title() == "Pole figure {111}"


def test_pole_figure_of_a_smooth_texture():
    centre = torch.tensor([1.0, 0, 0, 0], dtype=torch.float64)
    texture = px.UnimodalTexture(centre, 0.2)
    axes = px.plot.pole_figure(texture, (0, 0, 1), ax=new_axes())
    assert axes.get_title() == "Pole figure {001}"
    assert peak_of(axes) > 5
    flat = px.plot.pole_figure(px.UniformTexture(), ax=new_axes())
    assert flat.get_title() == "Pole figure {111}"


def test_phases_of_two_symmetries_are_shown_one_at_a_time():
    rve = two_phases()
    for crystals in (rve, px.MaterialNetwork.from_polycrystal(rve, 6)):
        with pytest.raises(ValueError, match="of one Laue group, but those of the phases alpha, b"):
            px.plot.pole_figure(crystals)
        axes = px.plot.pole_figure(crystals, phase="alpha", ax=new_axes())
        assert axes.get_title() == "Pole figure {0001}"
        assert px.plot.pole_figure(crystals, phase="beta").get_title() == "Pole figure {111}"
        with pytest.raises(ValueError, match="`phase` must be one of alpha, beta, but is 'gamma'"):
            px.plot.pole_figure(crystals, phase="gamma")


def test_responses_without_crystals_have_no_pole_figure():
    with pytest.raises(ValueError, match="must have orientations to plot, but this one has none"):
        px.plot.pole_figure(tension())
    response = tension()
    q = random_quaternions(2).expand(3, 2, 4)
    known = px.Response(response.time, response.F, response.P, q, torch.ones(2).double() / 2)
    with pytest.raises(ValueError, match="`phase` must be one of none, but is 'Al'"):
        px.plot.pole_figure(known, phase="Al")
    assert px.plot.pole_figure(known, lattice=TITANIUM).get_title() == "Pole figure {0001}"


# Maps and volumes


@pytest.mark.parametrize(("normal", "names"), [("x", "yz"), ("y", "xz"), ("z", "xy")])
def test_a_section_has_the_colours_of_its_grains(normal, names):
    rve = px.tessellate(grid=(4, 5, 6), grains=7, size=(4, 5, 6), seed=2)
    axes = px.plot.ipf_map(rve, normal, at=0.99, direction=(1, 2, 0), ax=new_axes())
    ids = rve.grain_id.select("xyz".index(normal), -1)
    expected = ipf_colors(rve.orientations, (1, 2, 0))[ids].transpose(0, 1)
    np.testing.assert_allclose(mesh_of(axes), expected)
    assert (axes.get_xlabel(), axes.get_ylabel()) == tuple(f"{name} [µm]" for name in names)
    right, up = (rve.size["xyz".index(name)] for name in names)
    assert (axes.get_xlim()[1], axes.get_ylim()[1]) == (right, up)
    save(axes)


def test_a_section_draws_boundaries_between_grains():
    axes = px.plot.ipf_map(two_phases(), "y", ax=new_axes())
    (lines,) = (c for c in axes.collections if isinstance(c, LineCollection))
    heights = sorted(float(segment[:, 1].mean()) for segment in lines.get_segments())
    assert heights == [2, 2, 2, 3, 3, 3]
    bare = px.plot.ipf_map(two_phases(), "y", boundaries=False, ax=new_axes())
    assert not [c for c in bare.collections if isinstance(c, LineCollection)]
    colors = mesh_of(axes)[:, 0]  # each layer in the colours of its own phase
    rve = two_phases()
    np.testing.assert_allclose(colors[0], ipf_colors(rve.orientations[0], laue="6/mmm"))
    np.testing.assert_allclose(colors[3], ipf_colors(rve.orientations[2], laue="m-3m"))


@pytest.mark.parametrize(("normal", "at"), [("w", 0.5), ("z", 1.5), ("z", -0.1)])
def test_sections_outside_are_refused(normal, at):
    with pytest.raises(ValueError, match="`normal` and `at` must be 'x', 'y' or 'z' and from 0"):
        px.plot.ipf_map(two_phases(), normal, at)


def test_a_measured_map_runs_down_the_page_and_is_grey_where_unknown():
    q = random_quaternions(6, 3).reshape(3, 2, 4)
    phase = torch.zeros(3, 2, dtype=torch.int64)
    phase[1, 1] = -1
    ebsd = px.EbsdMap(q, phase, ("Al",), (0.25, 0.125), {}, Path("map.ang"))
    axes = px.plot.ipf_map(ebsd, ax=new_axes())
    colors = mesh_of(axes)
    np.testing.assert_allclose(colors[0, 2], ipf_colors(q[2, 0]))
    np.testing.assert_allclose(colors[1, 1], [NO_CRYSTAL] * 3)
    assert axes.get_ylim() == (250, 0)
    assert axes.get_xlim() == (0, 750)
    save(axes)


@pytest.mark.parametrize(
    ("micrometres", "label"),
    [
        (1e-3, "1 nm"), (0.5, "500 nm"), (0.9999999, "1 µm"), (1, "1 µm"), (999, "999 µm"),
        (1e3, "1 mm"), (25e3, "25 mm"), (1e6, "1"), (1e-5, "0.01 nm"), (2e9, "2000"),
        (1.23456789, "1.235 µm"), (1 / 3, "333.3 nm"), (0.99996, "1 µm"), (0.99994, "999.9 nm"),
    ],
)  # fmt: skip
def test_lengths_are_numbers_of_1_to_1000(micrometres, label):
    assert length_label(micrometres) == label


@pytest.mark.parametrize(
    ("edge", "unit"), [(1e6, "relative"), (4e3, "mm"), (7.0, "µm"), (0.02, "nm"), (1e-4, "nm")]
)
def test_axes_have_no_offset(edge, unit):
    rve = px.tessellate(grid=3, grains=3, size=(edge, edge / 2, edge))
    axes = px.plot.ipf_map(rve, ax=new_axes())
    axes.figure.canvas.draw()
    assert axes.xaxis.get_offset_text().get_text() == ""
    assert axes.get_xlabel() == f"x [{unit}]"
    assert axes.get_xlim()[1] == pytest.approx(edge / length_unit(edge).micrometres)


def test_volume_and_surface_take_objects():
    rve = two_phases()
    axes = px.plot.volume(rve, (1, 0, 0), ax=new_axes())
    assert len([c for c in axes.collections if isinstance(c, QuadMesh)]) == 3
    crystal = px.CubicElasticity(168.4e3, 121.4e3, 75.4e3)
    effective = px.ElasticHomogenization(crystal.stiffness(), torch.tensor(0.0), 1, 0.0, 2)
    for stiffness in (crystal, px.Material("Cu", crystal), crystal.stiffness(), effective):
        surface = px.plot.stiffness_surface(stiffness, 8, ax=new_axes(projection="3d"))
        assert surface.figure.axes[1].get_ylabel() == "Young's modulus [GPa]"
    with pytest.raises(ValueError, match="must be three-dimensional axes"):
        px.plot.stiffness_surface(crystal, ax=new_axes())


def test_without_axes_a_figure_is_opened_that_pyplot_knows():
    rve, crystal = two_phases(), px.CubicElasticity(168.4e3, 121.4e3, 75.4e3)
    figures = [
        axes.figure
        for axes in (
            px.plot.curve(tension()),
            px.plot.pole_figure(rve, phase="beta"),
            px.plot.ipf_map(rve),
            px.plot.volume(rve),
            px.plot.stiffness_surface(crystal, 8),
        )
    ]
    assert [pyplot.figure(n) for n in pyplot.get_fignums()] == figures
    pyplot.close("all")
    px.plot.curve(tension(), ax=new_axes())
    assert not pyplot.get_fignums()


def test_plot_is_listed_and_has_every_function():
    assert "plot" in px.__all__
    assert px.plot.__all__ == [
        "curve", "inverse_pole_figure", "ipf_map", "misorientations", "odf_sections",
        "pole_figure", "stiffness_surface", "volume",
    ]  # fmt: skip
