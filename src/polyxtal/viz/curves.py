"""Stress-strain curves."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike
from torch import Tensor

from polyxtal.mechanics.ladder.estimated_response import EstimatedResponse
from polyxtal.mechanics.response import Response, loaded_component
from polyxtal.viz.style import LINE_COLORS, TICK_SIZE, style_axes

_BASELINE_STYLES = ("--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1, 1, 1)))


def _to_numpy(values: ArrayLike | Tensor) -> np.ndarray:
    plain = values.detach().cpu().numpy() if isinstance(values, Tensor) else values
    return np.asarray(plain, dtype=np.float64)


def draw_curves(
    axes: Axes,
    curves: Mapping[str, tuple[ArrayLike | Tensor, ArrayLike | Tensor]],
    highlight: str | None = None,
    strain_label: str = "Strain",
    stress_label: str = "Stress",
) -> Axes:
    """Draw stress-strain curves, one of them bold, the others thin and dashed on top of it.

    So a curve that coincides with the bold one stays visible.

    Args:
        axes: Axes to draw onto.
        curves: Label to (strain [-], stress [MPa]), two vectors of one length; a single curve
            labelled "" has no legend.
        highlight: Label of the bold curve; the first if None.
        strain_label: Name of the abscissa, without unit.
        stress_label: Name of the ordinate, without unit.
    Returns:
        The axes; the abscissa is in percent.
    Raises:
        ValueError: if there is no curve, `highlight` is none of them, or lengths differ.
    """
    if not curves:
        raise ValueError("Argument `curves` must hold at least one curve, but is empty.")
    bold = next(iter(curves)) if highlight is None else highlight
    if bold not in curves:
        raise ValueError(
            f"Argument `highlight` must be one of {list(curves)}, but is {highlight!r}."
        )
    thin = 0
    for label, (strain, stress) in curves.items():
        x, y = 100.0 * _to_numpy(strain), _to_numpy(stress)
        if x.ndim != 1 or x.shape != y.shape:
            raise ValueError(
                f"Strain and stress of curve {label!r} must be vectors of one length, "
                f"but have shapes {x.shape} and {y.shape}."
            )
        if label == bold:
            axes.plot(x, y, color=LINE_COLORS[0], linewidth=2.6, label=label, zorder=2)
        else:
            color = LINE_COLORS[1 + thin % (len(LINE_COLORS) - 1)]
            dashes = _BASELINE_STYLES[thin % len(_BASELINE_STYLES)]
            axes.plot(x, y, color=color, linestyle=dashes, linewidth=1.1, label=label, zorder=3)
            thin += 1
    axes.set_xlabel(f"{strain_label} [%]")
    axes.set_ylabel(f"{stress_label} [MPa]")
    style_axes(axes)
    axes.margins(x=0.02, y=0.05)
    if any(curves):
        axes.legend(fontsize=TICK_SIZE, frameon=False, loc="best", handlelength=2.4)
    return axes


def draw_responses(
    axes: Axes,
    responses: Mapping[str, Response],
    component: str | None = None,
    measure: str = "engineering",
) -> Axes:
    """Draw the stress-strain curves of responses.

    Args:
        axes: Axes to draw onto.
        responses: Label to response; the first is bold.
        component: Component such as "xx"; None for the one that does the most work in the first.
        measure: "engineering" (F - I and first Piola-Kirchhoff stress, with a band for the bounds
            of the first response if it has them), "true" (Hencky strain and Cauchy stress) or
            "equivalent" (their von Mises equivalents, of no component).
    Returns:
        The axes; the abscissa is in percent.
    Raises:
        ValueError: if there is no response, or the component or the measure is unknown.
    """
    if measure == "equivalent":
        curves = {k: (r.equivalent_strain, r.equivalent_stress) for k, r in responses.items()}
        return draw_curves(
            axes, curves, None, "Von Mises equivalent strain", "Von Mises equivalent stress"
        )
    if measure not in ("engineering", "true"):
        raise ValueError(
            f"Argument `measure` must be 'engineering', 'true' or 'equivalent', but is {measure!r}."
        )
    if component is None and responses:
        loaded = loaded_component(next(iter(responses.values())))
        component = "".join("xyz"[k] for k in loaded)
    name = component or "xx"
    curves = {k: (r.strain(name, measure), r.stress(name, measure)) for k, r in responses.items()}
    strain, stress = "True strain", "Cauchy stress"
    if measure == "engineering":
        strain = "Engineering strain" if name[0] == name[-1] else "Amount of shear"
        stress = "First Piola-Kirchhoff stress"
    draw_curves(axes, curves, None, f"{strain}, {name}", f"{stress}, {name}")
    first = next(iter(responses.values()))
    if measure == "engineering" and isinstance(first, EstimatedResponse):
        _draw_band(axes, first, name)
    return axes


def _draw_band(axes: Axes, response: EstimatedResponse, component: str) -> None:
    """Draw the bounds of the stress around the bold curve."""
    x, y = 100 * _to_numpy(response.strain(component)), _to_numpy(response.stress(component))
    bound = _to_numpy(response.stress_bound(component))
    axes.fill_between(
        x, y - bound, y + bound, color=LINE_COLORS[0], alpha=0.25, linewidth=0, zorder=1
    )
