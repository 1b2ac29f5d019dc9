"""Pictures of several phases: each in its own colours, the largest in pole figures."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
import torch
from matplotlib.collections import QuadMesh

from polyxtal.algebra.rotation import random_quaternions
from polyxtal.crystal.lattice import Lattice
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.viz.style import new_figure
from polyxtal.viz.texture import ipf_colors
from polyxtal.viz.volume import draw_volume
from polyxtal.workflows.summary.panels import draw_texture_panel, draw_volume_panel, shown_crystals

TITANIUM = Lattice("hP", 1.587)


def save(figure) -> None:
    figure.savefig(BytesIO(), format="png", dpi=40)  # every warning is an error here


def two_phases(first: int = 2) -> Polycrystal:
    """Four equal grains; the first `first` of them are titanium, the others cubic."""
    phase = [0 if grain < first else 1 for grain in range(4)]
    ids = torch.arange(4).reshape(1, 2, 2)
    q = random_quaternions(4, 9)
    return Polycrystal(ids, q, (1, 1, 1), phase, ("alpha", "beta"), (TITANIUM, None))


def test_grains_have_the_colours_of_their_own_phase():
    rve = two_phases()
    axes = draw_volume(new_figure().add_subplot(), rve)
    (colors,) = (
        np.asarray(mesh.get_array()).reshape(-1, 3)
        for mesh in [c for c in axes.collections if isinstance(c, QuadMesh)][:1]
    )
    np.testing.assert_allclose(colors[:2], ipf_colors(rve.orientations[:2], laue="6/mmm"))
    np.testing.assert_allclose(colors[2:], ipf_colors(rve.orientations[2:], laue="m-3m"))


@pytest.mark.parametrize(
    ("first", "only", "title"), [(3, "alpha", "{0001}"), (1, "beta", "{111}"), (4, None, "{0001}")]
)
def test_the_largest_phase_is_shown_and_named(first, only, title):
    rve = two_phases(first)
    shown = shown_crystals(rve, rve.phase, rve.volume_fractions)
    assert shown.only == only
    assert shown.lattice == (None if only == "beta" else TITANIUM)
    assert shown.members.tolist() == [
        only is None or (k < first) == (only == "alpha") for k in range(4)
    ]
    figure = new_figure(9, 4)
    left, right = figure.subfigures(1, 2)
    draw_volume_panel(left, rve)
    q, weights = rve.orientations, rve.volume_fractions
    draw_texture_panel(right, rve, rve.phase, (q, q), weights, (0.25, 0.5))
    name = f"\nlargest phase, {only}" if only else ""
    titles = [axes.get_title() for axes in right.axes[:2]]
    assert titles == [f"Pole figure {title}, {when}{name}" for when in ("start", "end")]
    assert ("colour key of the largest phase" in left.axes[0].get_title()) == (only is not None)
    key = {text.get_text() for text in left.axes[1].texts}
    assert ("111" if only == "beta" else "0001") in key
    poles = len(np.asarray(right.axes[0].collections[-1].get_offsets()))
    assert poles == {3: 3, 1: 3 * 4, 4: 4}[first]
    save(figure)


def test_phases_of_one_group_are_shown_together():
    rve = two_phases()
    alike = Polycrystal(
        rve.grain_id, rve.orientations, rve.size, rve.phase, rve.phase_names, (Lattice("cF"), None)
    )
    shown = shown_crystals(alike, alike.phase, alike.volume_fractions)
    assert shown.only is None
    assert bool(shown.members.all())
