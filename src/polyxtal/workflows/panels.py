"""Panels that the figures of several workflows share."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import SubFigure

from polyxtal.mechanics.response import Response
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.viz.curves import draw_curves
from polyxtal.viz.style import INK, TICK_SIZE, TITLE_SIZE
from polyxtal.viz.texture import draw_ipf_key
from polyxtal.viz.volume import draw_volume
from polyxtal.workflows.curve_numbers import CurveNumbers


def draw_volume_panel(panel: SubFigure, rve: Polycrystal, when: str = "") -> None:
    """Draw the cube of voxels with its key of colours; `when` ends the title."""
    axes = panel.subplots()
    draw_volume(axes, rve)
    axes.set_title(axes.get_title() + when, fontsize=TITLE_SIZE)
    # Beside the cube's upper edge, which the layout's own boxes would not allow.
    draw_ipf_key(panel.add_axes((0.79, 0.77, 0.19, 0.19)))


def draw_curve_panel(axes: Axes, curves: Mapping[str, Response], curve: CurveNumbers) -> None:
    """Draw the loaded component of responses by name, and mark the proof stress of `curve`."""
    component = curve.component
    normal = component[0] == component[1]
    draw_curves(
        axes,
        {name: (r.strain(component), r.stress(component)) for name, r in curves.items()},
        strain_label=f"{'Engineering strain' if normal else 'Amount of shear'}, {component}",
        stress_label=f"First Piola-Kirchhoff stress, {component}",
    )
    if curve.proof_stress is not None and curve.elastic_slope is not None:
        strain = 100 * (curve.proof_stress / curve.elastic_slope)
        strain += 0.2 if curve.proof_stress > 0 else -0.2
        axes.plot([strain], [curve.proof_stress], "o", color=INK, markersize=5, zorder=5)
        axes.annotate(
            f"0.2 % proof stress\n{curve.proof_stress:.1f} MPa",
            (strain, curve.proof_stress),
            xytext=(14, -14) if curve.proof_stress > 0 else (14, 14),
            textcoords="offset points",
            fontsize=TICK_SIZE,
            color=INK,
            va="top" if curve.proof_stress > 0 else "bottom",
        )
    axes.set_title("Stress-strain curve", fontsize=TITLE_SIZE)
