"""Load paths: what is prescribed over time."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from polyxtal.mechanics.loading.path import LoadPath
from polyxtal.mechanics.loading.step import LoadStep
from polyxtal.mechanics.measures import AXES
from polyxtal.viz.style import LINE_COLORS, TICK_SIZE, style_axes

POINTS = 20
"""Points along a step that a prescribed history is drawn through."""

_UNITS = {"dot_F": "/s", "F": "", "L": "/s", "P": " MPa", "dot_P": " MPa/s"}


def step_label(step: LoadStep) -> str:
    """Write what a step prescribes, without components of F that stay as they are.

    Example:
        >>> from polyxtal.mechanics.loading.path import LoadPath
        >>> step_label(LoadPath.uniaxial(0.01, increments=3).steps[0])
        '10 s: dot_F xx = 0.001/s; P yy, zz = 0 MPa'
    """
    parts = []
    for kind, matrix in (
        (step.deformation_kind, step.deformation),
        (step.stress_kind, step.stress),
    ):
        names: dict[float, list[str]] = {}
        start = step.components(np.eye(3) if kind == "F" else np.zeros((3, 3)))
        for k, (value, kept) in enumerate(zip(np.ravel(matrix), np.ravel(start), strict=True)):
            if np.isfinite(value) and (value != kept or "P" in kind):
                names.setdefault(float(value), []).append(_component_name(step, k))
        parts += [f"{kind} {', '.join(n)} = {v:g}{_UNITS[kind]}" for v, n in names.items()]
    return f"{step.duration:g} s: " + ("; ".join(parts) or "hold")


def _component_name(step: LoadStep, k: int) -> str:
    """Name a component: 'xx', or for other tensors '(0.5 xx + 0.5 xy)'."""
    dyads = [i + j for i in AXES for j in AXES]
    if step.basis is None:
        return dyads[k]
    parts = [f"{b:.3g} {d}" for b, d in zip(step.basis[k], dyads, strict=True) if abs(b) > 1e-9]
    return "(" + " + ".join(parts).replace("+ -", "- ") + ")"


def prescribed_history(
    path: LoadPath,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Follow what a path prescribes, NaN where a component is left to the material.

    Returns:
        Times (n,) [s], deformation gradients (n, 3, 3) [-] and stresses P (n, 3, 3) [MPa]. A rate
        of F is followed from its last known value; after stress control there is none.
    """
    F, P = np.eye(3), np.zeros((3, 3))
    now, rows = 0.0, [(0.0, F, P)]
    for step in path:
        dt, free = step.duration / POINTS, step.stress_controlled
        for k in range(POINTS):
            whole = step.basis is not None or step.deformation_kind == "L"
            start = np.where(np.isnan(F), np.eye(3), F) if whole else F
            goal = step.goal(start, np.nan_to_num(P), dt, step.duration - k * dt)
            if step.deformation_kind == "F" and k == POINTS - 1:
                goal = np.where(free, goal, step.deformation)
            F = step.tensor(np.where(free, np.nan, goal))
            P = step.tensor(np.where(free, goal, np.nan))
            rows.append((now + (k + 1) * dt, F, P))
        now += step.duration
    time, deformation, stress = zip(*rows, strict=True)
    return np.array(time), np.stack(deformation), np.stack(stress)


def draw_load_path(axes: Axes, path: LoadPath) -> Axes:
    """Draw the prescribed strains F - I over time; stresses P if no strain is prescribed.

    Args:
        axes: Axes to draw onto.
        path: Load path.
    Returns:
        The axes: time in s, strain in percent or stress in MPa.
    """
    time, F, P = prescribed_history(path)
    strain = 100 * (F - np.eye(3))
    moving = bool((np.nan_to_num(strain) != 0).any())
    values, name, label = (strain, "F", "F - I [%]") if moving else (P, "P", "P [MPa]")
    shown = [ij for ij in np.ndindex(3, 3) if (np.nan_to_num(values[:, *ij]) != 0).any()]
    for (i, j), color in zip(shown, LINE_COLORS * 2, strict=False):
        axes.plot(time, values[:, i, j], color=color, label=f"{name} {'xyz'[i]}{'xyz'[j]}")
    axes.set_xlim(0, float(time[-1]))
    axes.set_xlabel("time [s]")
    axes.set_ylabel(label)
    style_axes(axes)
    if shown:
        axes.legend(fontsize=TICK_SIZE - 2, frameon=False, handlelength=1.2)
    return axes
