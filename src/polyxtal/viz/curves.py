"""Stress-strain curves."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike
from torch import Tensor

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
    """Draw stress-strain curves, one of them bold, the others thin and dashed.

    The thin ones lie on top, so that a curve which coincides with the bold one stays visible.

    Args:
        axes: Axes to draw onto.
        curves: Label to (strain [-], stress [MPa]), two vectors of one length.
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
            axes.plot(
                x,
                y,
                color=LINE_COLORS[1 + thin % (len(LINE_COLORS) - 1)],
                linestyle=_BASELINE_STYLES[thin % len(_BASELINE_STYLES)],
                linewidth=1.1,
                label=label,
                zorder=3,
            )
            thin += 1
    axes.set_xlabel(f"{strain_label} [%]")
    axes.set_ylabel(f"{stress_label} [MPa]")
    style_axes(axes)
    axes.margins(x=0.02, y=0.05)
    axes.legend(fontsize=TICK_SIZE, frameon=False, loc="best", handlelength=2.4)
    return axes
