"""Figure of a prediction: volume, curve, stiffness surface, texture."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from polyxtal.viz.stiffness import draw_young_modulus_surface
from polyxtal.viz.style import TITLE_SIZE
from polyxtal.workflows.predict.run import Prediction
from polyxtal.workflows.summary.panels import (
    draw_curve_panel,
    draw_texture_panel,
    draw_volume_panel,
    four_panels,
)


def draw_prediction(prediction: Prediction) -> Figure:
    """Plot the four panels of a prediction.

    Args:
        prediction: The prediction.
    Returns:
        The Matplotlib figure.
    """
    figure, panels = four_panels()
    draw_volume_panel(panels[0, 0], prediction.rve)
    _draw_curve_panel(panels[0, 1].subplots(), prediction)
    _draw_surface_panel(panels[1, 0], prediction)
    _draw_texture_panel(panels[1, 1], prediction)
    return figure


def _draw_curve_panel(axes: Axes, prediction: Prediction) -> None:
    name = prediction.method.capitalize()
    curves = {name: prediction.response, **prediction.baselines}
    draw_curve_panel(axes, curves, prediction.curve)


def _draw_surface_panel(panel: SubFigure, prediction: Prediction) -> None:
    axes: Any = panel.subplots(subplot_kw={"projection": "3d"})
    draw_young_modulus_surface(axes, prediction.stiffness[prediction.answer])
    axes.set_title("Young's modulus over all directions", fontsize=TITLE_SIZE)


def _draw_texture_panel(panel: SubFigure, prediction: Prediction) -> None:
    draw_texture_panel(
        panel,
        prediction.rve,
        prediction.phase,
        (prediction.orientations[0], prediction.orientations[-1]),
        prediction.weights,
        (prediction.texture.strength_start, prediction.texture.strength_end),
    )
