"""Figure panels shared by workflows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from torch import Tensor

from polyxtal.crystal.lattice import Lattice
from polyxtal.mechanics.ladder.estimated_response import EstimatedResponse
from polyxtal.mechanics.response import Response
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.viz.curves import draw_responses
from polyxtal.viz.density import pole_density
from polyxtal.viz.poles import main_plane, plane_name
from polyxtal.viz.sphere import hemisphere_grid
from polyxtal.viz.sphere_axes import POINTS_LABEL
from polyxtal.viz.style import INK, LABEL_SIZE, TICK_SIZE, TITLE_SIZE, new_figure
from polyxtal.viz.texture import FEW_CRYSTALS, draw_ipf_key, draw_pole_figure
from polyxtal.viz.volume import draw_volume
from polyxtal.workflows.summary.curve import CurveNumbers, curve_bounds


class ShownCrystals(NamedTuple):
    """Crystals shown in a texture figure: all, or those of the largest phase.

    Attributes:
        members: Mask of the crystals.
        lattice: Their lattice, that of the largest phase; None for cubic ones.
        phase: Index of the largest phase.
        only: Name of that phase, if others are omitted because their Laue group differs.
    """

    members: Bool[Tensor, " crystals"]
    lattice: Lattice | None
    phase: int
    only: str | None


def shown_crystals(
    rve: Polycrystal, phase: Int[Tensor, " crystals"], weights: Float[Tensor, " crystals"]
) -> ShownCrystals:
    """Select the crystals shown in a texture figure.

    Args:
        rve: Polycrystal with the phases.
        phase: Phase of each crystal.
        weights: Volume of each crystal, in any unit.
    """
    volume = torch.zeros(len(rve.phase_names), dtype=torch.float64)
    volume.index_add_(0, phase, weights.to(volume))
    largest = int(volume.argmax())
    groups = {rve.laue_group(index) for index in phase[weights > 0].unique().tolist()}
    alone = len(groups) > 1
    members = phase == largest if alone else torch.ones_like(phase, dtype=torch.bool)
    only = rve.phase_names[largest] if alone else None
    return ShownCrystals(members, rve.lattices[largest], largest, only)


def four_panels() -> tuple[Figure, Any]:
    """Return a figure and its 2 x 2 panels, labelled (a) to (d)."""
    figure = new_figure(9.6, 7.6)
    panels: Any = figure.subfigures(2, 2, wspace=0.02, hspace=0.03, width_ratios=(1.0, 1.05))
    for letter, panel in zip("abcd", panels.flat, strict=True):
        panel.text(0.01, 0.985, f"({letter})", fontsize=TITLE_SIZE, weight="bold", va="top")
    return figure, panels


def draw_volume_panel(panel: SubFigure, rve: Polycrystal, when: str = "") -> None:
    """Plot the voxel volume with its colour key; `when` ends the title.

    Each grain is coloured by its own Laue group; if these differ, the key is that of the
    largest phase, as stated in the title.
    """
    axes = panel.subplots()
    draw_volume(axes, rve)
    shown = shown_crystals(rve, rve.phase, rve.volume_fractions)
    key = f"\ncolour key of the largest phase, {shown.only}" if shown.only else ""
    axes.set_title(axes.get_title() + when + key, fontsize=TITLE_SIZE)
    # Beside the upper edge of the cube, which the automatic layout does not allow.
    draw_ipf_key(panel.add_axes((0.79, 0.77, 0.19, 0.19)), rve.laue_group(shown.phase))


def draw_texture_panel(
    panel: SubFigure,
    rve: Polycrystal,
    phase: Int[Tensor, " crystals"],
    ends: tuple[Float[Tensor, "crystals 4"], Float[Tensor, "crystals 4"]],
    weights: Float[Tensor, " crystals"],
    strengths: tuple[float, float],
) -> None:
    """Plot the main pole figures at start and end on a common colour scale.

    If phases differ in their Laue group, the pole figures are those of the largest phase, as
    stated in the titles.

    Args:
        panel: Part of a figure, without axes.
        rve: Polycrystal with the phases.
        phase: Phase of each crystal.
        ends: Initial and final orientations. [-]
        weights: Volume of each crystal, in any unit.
        strengths: Initial and final texture strength of all crystals. [-]
    """
    members, lattice, _, only = shown_crystals(rve, phase, weights)
    plane, grid = main_plane(lattice), hemisphere_grid(45).reshape(-1, 3)
    share = weights[members]
    shown = [q[members] for q in ends]
    densities = [pole_density(q, share, plane, grid, lattice=lattice) for q in shown]
    peak = max(2.0, *(float(density.max()) for density in densities))
    both = panel.subplots(1, 2)
    for axes, q, when, strength in zip(both, shown, ("start", "end"), strengths, strict=True):
        draw_pole_figure(axes, q, share, plane, peak=peak, colorbar=False, lattice=lattice)
        title = f"Pole figure {plane_name(plane, lattice)}, {when}"
        name = f"\nlargest phase, {only}" if only else ""
        axes.set_title(title + name, fontsize=TITLE_SIZE)
        axes.text(
            0.5,
            -0.04,
            f"texture strength {f'of all phases {strength:.3f}' if only else f'{strength:.3f}'}",
            transform=axes.transAxes,
            ha="center",
            va="top",
            fontsize=TICK_SIZE,
            color=INK,
        )
    filled = both[1].collections[0]
    bar = panel.colorbar(filled, ax=list(both), orientation="horizontal", shrink=0.6, aspect=26)
    label = "Density [multiples of random]"
    if len(share) <= FEW_CRYSTALS:
        label += f"\nwhite points: poles of the {POINTS_LABEL}"
    bar.set_label(label, fontsize=LABEL_SIZE, color=INK)
    bar.ax.tick_params(labelsize=TICK_SIZE, colors=INK)
    bar.outline.set_linewidth(0.5)


def draw_curve_panel(axes: Axes, curves: Mapping[str, Response], curve: CurveNumbers) -> None:
    """Plot the loaded component of responses by name, and mark the proof stress of `curve`."""
    draw_responses(axes, curves, curve.component)
    if curve.proof_stress is not None and curve.elastic_slope is not None:
        strain = 100 * (curve.proof_stress / curve.elastic_slope)
        strain += 0.2 if curve.proof_stress > 0 else -0.2
        axes.plot([strain], [curve.proof_stress], "o", color=INK, markersize=5, zorder=5)
        first = next(iter(curves.values()))
        bound = ""
        if isinstance(first, EstimatedResponse):
            width = curve_bounds(first, curve).proof_stress
            bound = f" ± {width:.1f}" if width else ""
        axes.annotate(
            f"0.2 % proof stress\n{curve.proof_stress:.1f}{bound} MPa",
            (strain, curve.proof_stress),
            xytext=(14, -14) if curve.proof_stress > 0 else (14, 14),
            textcoords="offset points",
            fontsize=TICK_SIZE,
            color=INK,
            va="top" if curve.proof_stress > 0 else "bottom",
        )
    axes.set_title("Stress-strain curve", fontsize=TITLE_SIZE)
