"""One figure of a prediction: volume, curve, elastic surface, texture."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from polyxtal.viz.curves import draw_curves
from polyxtal.viz.density import pole_density
from polyxtal.viz.sphere import hemisphere_grid
from polyxtal.viz.stiffness import draw_young_modulus_surface
from polyxtal.viz.style import INK, LABEL_SIZE, TICK_SIZE, TITLE_SIZE, new_figure
from polyxtal.viz.texture import draw_ipf_key, draw_pole_figure
from polyxtal.viz.volume import draw_volume
from polyxtal.workflows.predict import Prediction

POLE = (1, 1, 1)


def draw_prediction(prediction: Prediction) -> Figure:
    """Draw the four panels of a prediction.

    Args:
        prediction: What to draw.
    Returns:
        A figure to be saved by its `savefig`.
    """
    figure = new_figure(9.6, 7.6)
    panels: Any = figure.subfigures(2, 2, wspace=0.02, hspace=0.03, width_ratios=(1.0, 1.05))
    _draw_volume_panel(panels[0, 0], prediction)
    _draw_curve_panel(panels[0, 1].subplots(), prediction)
    _draw_surface_panel(panels[1, 0], prediction)
    _draw_texture_panel(panels[1, 1], prediction)
    for letter, panel in zip("abcd", panels.flat, strict=True):
        panel.text(0.01, 0.985, f"({letter})", fontsize=TITLE_SIZE, weight="bold", va="top")
    return figure


def _draw_volume_panel(panel: SubFigure, prediction: Prediction) -> None:
    axes = panel.subplots()
    draw_volume(axes, prediction.rve)
    # Beside the cube's upper edge, which the layout's own boxes would not allow.
    draw_ipf_key(panel.add_axes((0.79, 0.77, 0.19, 0.19)))


def _draw_curve_panel(axes: Axes, prediction: Prediction) -> None:
    component, curve = prediction.curve.component, prediction.curve
    curves = {"Material network": prediction.response, **prediction.baselines}
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


def _draw_surface_panel(panel: SubFigure, prediction: Prediction) -> None:
    axes: Any = panel.subplots(subplot_kw={"projection": "3d"})
    draw_young_modulus_surface(axes, prediction.stiffness["network"])
    axes.set_title("Young's modulus over all directions", fontsize=TITLE_SIZE)


def _draw_texture_panel(panel: SubFigure, prediction: Prediction) -> None:
    """Draw the poles at start and end on one scale of colours."""
    ends = prediction.orientations[0], prediction.orientations[-1]
    grid = hemisphere_grid(45).reshape(-1, 3)
    weights = prediction.weights
    peak = max(2.0, *(float(pole_density(q, weights, POLE, grid).max()) for q in ends))
    first, last = panel.subplots(1, 2)
    draw_pole_figure(first, ends[0], weights, POLE, peak=peak, colorbar=False)
    draw_pole_figure(last, ends[1], weights, POLE, peak=peak, colorbar=False)
    strengths = prediction.texture.strength_start, prediction.texture.strength_end
    for axes, when, strength in zip((first, last), ("start", "end"), strengths, strict=True):
        axes.set_title(f"Pole figure {{111}}, {when}", fontsize=TITLE_SIZE)
        axes.text(
            0.5,
            -0.04,
            f"texture strength {strength:.3f}",
            transform=axes.transAxes,
            ha="center",
            va="top",
            fontsize=TICK_SIZE,
            color=INK,
        )
    filled = last.collections[0]
    bar = panel.colorbar(filled, ax=[first, last], orientation="horizontal", shrink=0.6, aspect=26)
    bar.set_label("Density [multiples of random]", fontsize=LABEL_SIZE, color=INK)
    bar.ax.tick_params(labelsize=TICK_SIZE, colors=INK)
    bar.outline.set_linewidth(0.5)
