"""Figures of an orientation density: poles, sections, misorientations; measured pole figures."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from polyxtal.crystal.lattice import Lattice
from polyxtal.texture.orientation_density import ODF
from polyxtal.viz.misorientation import draw_misorientations
from polyxtal.viz.odf_sections import draw_odf_sections
from polyxtal.viz.pole_comparison import draw_pole_comparison
from polyxtal.viz.sigma_sections import draw_sigma_sections
from polyxtal.viz.style import new_figure
from polyxtal.viz.texture_overview import draw_texture_overview
from polyxtal.workflows.texture.inputs import TextureInput
from polyxtal.workflows.texture.settings import TextureSettings


def draw_texture(given: TextureInput, settings: TextureSettings) -> dict[str, Figure]:
    """Return the figures of a density by the names of their files."""
    figures = {
        "texture.png": _overview(given.odf, given.lattice, settings.sections, settings.projection)
    }
    if given.inversion is not None:
        count = len(given.inversion.figures)
        figure = new_figure(1.0 + 2.4 * count, 5.2)
        draw_pole_comparison(figure, given.inversion, settings.projection)
        figures["pole_figures.png"] = figure
    return figures


def _overview(odf: ODF, lattice: Lattice | None, sections: str, projection: str) -> Figure:
    figure = new_figure(13.0, 8.0)
    halves: Any = figure.subfigures(2, 1, height_ratios=(1.0, 1.6))
    draw_texture_overview(halves[0], odf, lattice=lattice, projection=projection)
    left, right = halves[1].subfigures(1, 2, width_ratios=(1.6, 1.0))
    if sections == "sigma":
        draw_sigma_sections(left, odf, projection=projection)
    else:
        end = {"triclinic": 360.0, "monoclinic": 180.0}.get(odf.sample_symmetry, 90.0)
        draw_odf_sections(left, odf, phi1_end=end)
    draw_misorientations(right.subplots(), odf)
    return figure
