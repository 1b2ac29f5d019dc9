"""Yield surface, r-values, yield stresses, curves and ears of a virtual laboratory, on one page."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from polyxtal.mechanics.response import Response
from polyxtal.mechanics.yielding.result import YieldFit
from polyxtal.virtual_lab.result import TAYLOR, Directional, Laboratory
from polyxtal.viz.style import LINE_COLORS, TICK_SIZE, new_figure, style_axes

WIDTH, HEIGHT = 11.0, 7.2
"""Size of the page. [inch]"""
CURVES = (0.0, 45.0, 90.0)
"""Angles of the tensions whose curves are drawn. [degrees]"""
_STYLES = ("-", "--", "-.", ":", (0, (5, 1)))


def draw_laboratory(
    laboratory: Laboratory,
    fits: Mapping[str, YieldFit] | None = None,
    cup: tuple[float, float] | None = None,
) -> Figure:
    """Return the page of a laboratory.

    Args:
        laboratory: The laboratory.
        fits: Yield functions fitted to it, by name.
        cup: Radii of a blank and of the cup drawn from it [mm]; None for a drawing ratio of 1.8.
    """
    figure = new_figure(WIDTH, HEIGHT)
    panels = figure.subplots(2, 3).ravel()
    fits = fits or {}
    draw_section(panels[0], laboratory, fits)
    draw_directional(panels[1], laboratory, fits, "r-value [-]")
    draw_directional(panels[2], laboratory, fits, "yield stress over that along x [-]")
    draw_flow_curves(panels[3], laboratory)
    draw_ears(panels[4], laboratory, cup or (1.8, 1.0))
    draw_plastic_directions(panels[5], laboratory)
    return figure


def draw_section(
    axes: Axes, laboratory: Laboratory, fits: Mapping[str, YieldFit] | None = None
) -> Axes:
    """Draw σ_x and σ_y at yield, over the yield stress along x at the first level.

    After a prestrain, with those before it at the first level.
    """
    unit = _along_x(laboratory)
    for color, level in zip(LINE_COLORS, laboratory.settings.levels, strict=False):
        points = _section(laboratory, level, None) / unit
        label = f"equal plastic work, ε_p = {100 * level:g} %"
        axes.plot(*points.T, "o", ms=3.5, color=color, label=label)
        if laboratory.taylor:
            outline = _section(laboratory, level, TAYLOR) / unit
            closed = np.vstack([outline, outline[:1]])
            axes.plot(*closed.T, "-", lw=0.8, alpha=0.6, color=color)
    if laboratory.initial is not None:
        once = _section(laboratory.initial, laboratory.settings.levels[0], None) / unit
        axes.plot(*once.T, "o", ms=3.5, mfc="none", color="#888888", label="before the prestrain")
    if laboratory.taylor:
        axes.plot([], [], "-", lw=0.8, alpha=0.6, color="#222222", label=TAYLOR)
    for style, (name, fit) in zip(_STYLES[1:], (fits or {}).items(), strict=False):
        axes.plot(
            *(fit.function.contour(reference=fit.reference) / unit).T,
            linestyle=style,
            lw=1,
            color="#222222",
            label=name,
        )
    axes.set_xlabel("σ_x / σ_0 [-]")
    axes.set_ylabel("σ_y / σ_0 [-]")
    axes.set_aspect("equal")
    style_axes(axes)
    axes.legend(fontsize=TICK_SIZE - 1.5, frameon=False, loc="lower center", ncols=2,
                bbox_to_anchor=(0.5, 1.0))  # fmt: skip
    return axes


def draw_directional(
    axes: Axes, laboratory: Laboratory, fits: Mapping[str, YieldFit] | None, label: str
) -> Axes:
    """Draw r-values or yield stresses over the angle to x, with the bounds of both kinds."""
    of_r = label.startswith("r-value")

    def values(model: str | None) -> list[Directional]:
        if of_r:
            return laboratory.r_values(model)
        return laboratory.yield_stresses(model=model)

    found = sorted(values(None))
    unit = 1.0 if of_r else _along_x(laboratory)
    angles = [one.angle for one in found]
    heights = [one.value / unit for one in found]
    sampling = [np.hypot(one.grid, one.sampling) / unit for one in found]
    axes.errorbar(angles, heights, sampling, fmt="none", ecolor="#bbbbbb", elinewidth=3,
                  label="± grid and sampling")  # fmt: skip
    bars = [one.grid / unit for one in found]
    axes.errorbar(angles, heights, bars, fmt="o-", ms=3.5, lw=1, capsize=2, color=LINE_COLORS[0],
                  label="full field ± grid")  # fmt: skip
    if laboratory.taylor:
        other = sorted(values(TAYLOR))
        scale = 1.0 if of_r else other[0].value
        axes.plot([one.angle for one in other], [one.value / scale for one in other], "-", lw=0.8,
                  color="#888888", label=TAYLOR)  # fmt: skip
    fine = np.linspace(min(angles), max(angles), 91)
    for style, (name, fit) in zip(_STYLES[1:], (fits or {}).items(), strict=False):
        stress = fit.function.yield_stress(fine, reference=fit.reference) / unit
        drawn = fit.function.r_value(fine) if of_r else stress
        axes.plot(fine, drawn, linestyle=style, lw=1, color="#222222", label=name)
    axes.set_xlabel("angle to x [degrees]")
    axes.set_ylabel(label)
    axes.set_xticks(angles)
    style_axes(axes)
    axes.legend(fontsize=TICK_SIZE - 1.5, frameon=False)
    return axes


def draw_flow_curves(axes: Axes, laboratory: Laboratory) -> Axes:
    """Draw true stress over true strain in tension and equibiaxial tension."""
    names = {f"uniaxial {a:g}": f"{a:g}°" for a in CURVES if a in laboratory.settings.angles}
    for color, (name, label) in zip(LINE_COLORS, names.items(), strict=False):
        strain, stress = _tension(laboratory.curve(name), float(name.split()[-1]))
        axes.plot(100 * strain, stress, color=color, lw=1.3, label=f"tension {label}")
    response = laboratory.curve("plane stress 45")
    thickness = -response.true_strain[:, 2, 2]
    mean = 0.5 * (response.true_stress[:, 0, 0] + response.true_stress[:, 1, 1])
    axes.plot(100 * thickness.numpy(), mean.numpy(), "--", color="#222222", lw=1.1,
              label="equibiaxial, over -ε_z")  # fmt: skip
    axes.set_xlabel("true strain [%]")
    axes.set_ylabel("true stress [MPa]")
    style_axes(axes)
    axes.legend(fontsize=TICK_SIZE - 1.5, frameon=False, loc="lower right")
    return axes


def draw_ears(axes: Axes, laboratory: Laboratory, cup: tuple[float, float]) -> Axes:
    """Draw the height of a drawn cup over the angle to x, in radii of the cup."""
    blank, radius = cup
    models = [None, TAYLOR] if laboratory.taylor else [None]
    for model in models:
        angle, height = laboratory.ears(blank, radius, model).numpy().T
        axes.plot(angle, height / radius, color="#888888" if model else LINE_COLORS[0],
                  lw=0.8 if model else 1.3, label=model or "full field")  # fmt: skip
    axes.set_xlabel("angle to x [degrees]")
    axes.set_ylabel("height over radius of the cup [-]")
    axes.set_title(f"ears from r-values, drawing ratio {blank / radius:.3g}")
    axes.set_xticks(range(0, 361, 90))
    style_axes(axes)
    axes.legend(fontsize=TICK_SIZE - 1.5, frameon=False)
    return axes


def draw_plastic_directions(axes: Axes, laboratory: Laboratory) -> Axes:
    """Draw r-values over the plastic strain, whose change shows how the texture evolves."""
    for color, angle in zip(LINE_COLORS, laboratory.settings.angles, strict=False):
        strain, r = laboratory.r_history(angle)
        axes.plot(100 * strain, r, color=color, lw=1.1, label=f"{angle:g}°")
    axes.set_xlabel("true strain [%]")
    axes.set_ylabel("r-value so far [-]")
    style_axes(axes)
    axes.legend(fontsize=TICK_SIZE - 1.5, frameon=False, ncols=2)
    return axes


def _along_x(laboratory: Laboratory) -> float:
    return next(one.value for one in laboratory.yield_stresses() if one.angle == 0.0)


def _section(laboratory: Laboratory, level: float, model: str | None) -> NDArray[np.float64]:
    """Return σ_x and σ_y at yield, by ascending angle. [MPa]"""
    found = [p for p in laboratory.yield_points(level, model) if p.kind == "plane stress"]
    found.sort(key=lambda p: p.angle or 0.0)
    return np.array([[p.stress[0, 0], p.stress[1, 1]] for p in found]).reshape(-1, 2)


def _tension(response: Response, angle: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    turn = torch.tensor(np.radians(angle), dtype=torch.float64)
    axis = torch.stack([turn.cos(), turn.sin(), torch.zeros_like(turn)])
    strain = torch.einsum("i,tij,j->t", axis, response.true_strain, axis)
    stress = torch.einsum("i,tij,j->t", axis, response.true_stress, axis)
    return strain.numpy(), stress.numpy()
