"""Figure of an orientation density: poles, sections, misorientations."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from polyxtal.crystal.lattice import Lattice
from polyxtal.texture.orientation_density import ODF
from polyxtal.viz.misorientation import draw_misorientations
from polyxtal.viz.odf_sections import draw_odf_sections
from polyxtal.viz.style import new_figure
from polyxtal.viz.texture_overview import draw_texture_overview


def draw_texture(odf: ODF, lattice: Lattice | None = None) -> Figure:
    """Draw pole figures, inverse pole figures, sections of constant φ2, and misorientations."""
    figure = new_figure(13.0, 7.5)
    halves: Any = figure.subfigures(2, 1, height_ratios=(1.0, 1.4))
    draw_texture_overview(halves[0], odf, lattice=lattice)
    left, right = halves[1].subfigures(1, 2, width_ratios=(1.4, 1.0))
    end = {"triclinic": 360.0, "monoclinic": 180.0}.get(odf.sample_symmetry, 90.0)
    draw_odf_sections(left, odf, phi1_end=end)
    draw_misorientations(right.subplots(), odf)
    return figure
