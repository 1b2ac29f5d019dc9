"""Standard positions in sections of Euler space: rolling components and fibres."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from torch import Tensor

from polyxtal.algebra.rotation import (
    quaternion_conjugate,
    quaternion_multiply,
    quaternion_to_bunge,
    quaternion_to_matrix,
)
from polyxtal.crystal.laue import CUBIC, LaueGroup
from polyxtal.texture.components import rotation_from_z, unit_direction
from polyxtal.texture.fibres import (
    Fibre,
    beta_fibre,
    component_variants,
    sheet_variants,
    standard_fibres,
)
from polyxtal.viz.poles import index_label
from polyxtal.viz.sphere import to_numpy
from polyxtal.viz.style import INK, TICK_SIZE

NEAR = 2.5
"""Largest distance from a section at which a component is marked in it. [degrees]"""
WITHIN = 0.25
"""Largest distance from a section at which a fibre lies in it. [degrees]"""
APART = 6.0
"""Least distance from components at which the β fibre is marked. [degrees]"""
MARKERS = {"cube": "s", "rotated cube": "P", "goss": "D", "brass": "o", "copper": "^", "s": "*"}
NAMES = {
    "cube": "Cube",
    "rotated cube": "Rotated cube",
    "goss": "Goss",
    "brass": "Brass",
    "copper": "Copper",
    "s": "S",
}
LETTERS = {"alpha": "α", "beta": "β", "gamma": "γ", "tau": "τ"}
MARKED = ("alpha", "gamma", "tau", "basal", "prismatic")
"""First words of the fibres that are drawn."""
_TURNS = 720

Place = Callable[[Tensor], Tensor]
"""Function of Bunge angles (n, 3) [degrees] that returns the places (n, 2) in a picture."""


def mark_euler_section(axes: Axes, phi2: float, laue: LaueGroup, ends: tuple[float, float]) -> None:
    """Mark fibres and components in a section of constant φ2, with φ1 and Φ up to `ends`."""

    def distance(angles: Tensor) -> Tensor:
        return _wrapped(angles[..., 2] - phi2, 360.0)

    def place(angles: Tensor) -> Tensor:
        return angles[..., :2]

    lines = [
        (name, part)
        for name, line in section_fibres(laue, distance, phi2)
        for part in [line[(line[:, 0] <= ends[0] + 1e-3) & (line[:, 1] <= ends[1] + 1e-3)]]
        if len(part) > 5
    ]
    draw_fibres(axes, [(name, place(line)) for name, line in lines], ends[0], 80.0)
    if laue != CUBIC:
        return
    points = {name: component_points(name, phi2, ends[0]) for name in MARKERS}
    marked = torch.cat([*points.values()])
    beta = beta_crossings(phi2, ends[0])
    apart = beta[torch.cdist(beta, marked).amin(1) > APART]
    for number, (left, down) in enumerate(apart.tolist()):
        axes.plot(
            left, down, marker="X", markersize=5, markerfacecolor=INK, markeredgecolor="white",
            markeredgewidth=0.5, zorder=3.5, clip_on=False,
        )  # fmt: skip
        if number == 0:
            _label(axes, LETTERS["beta"], (left, down), (5, -6))
    draw_components(axes, points, ends[0], 80.0)


def component_points(name: str, phi2: float, phi1_end: float = 90.0) -> Float[Tensor, "points 2"]:
    """Return the points (φ1, Φ) of a rolling component and its variants in a section. [degrees]

    Args:
        name: A key of `ROLLING_COMPONENTS`.
        phi2: Section; components within 2.5° of it count. [degrees]
        phi1_end: Right end of φ1. [degrees]
    """
    phi1, tilt, twist = _component_angles(name).unbind(-1)
    # At Φ = 0 only φ1 + φ2 counts.
    flat = tilt < 1e-4
    phi1 = torch.where(flat, phi1 + twist - phi2, phi1).add(1e-4).remainder(360) - 1e-4
    near = _wrapped(twist - phi2, 360.0).abs() <= NEAR
    # A point at 0° is also one at 360°.
    points = torch.stack([phi1, tilt], dim=-1)[near | flat]
    points = torch.cat([points, points + torch.tensor([360.0, 0.0], dtype=torch.float64)])
    inside = (points[:, 0] <= phi1_end + 1e-3) & (points[:, 1] <= 90 + 1e-3)
    return _unique(points[inside])


def sigma_points(name: str, sigma: float) -> Float[Tensor, "points 3"]:
    """Return the Bunge angles of a rolling component in a section of constant φ1 + φ2. [degrees]"""
    angles = _component_angles(name)
    near = _wrapped(angles[:, 0] + angles[:, 2] - sigma, 360.0).abs() <= NEAR
    return angles[near & (angles[:, 1] <= 90 + 1e-3)]


def beta_crossings(phi2: float, phi1_end: float) -> Float[Tensor, "points 2"]:
    """Return the points (φ1, Φ) where the β fibre and its variants cross a section. [degrees]"""
    line = CUBIC.equivalents(sheet_variants(beta_fibre()).reshape(4, -1, 4))
    angles = quaternion_to_bunge(line.movedim(-2, 1)).rad2deg().reshape(-1, line.shape[1], 3)
    found: list[Tensor] = []
    off = _wrapped(angles[..., 2] - phi2, 360.0)
    for first, last in pairwise(range(angles.shape[1])):
        a, b = off[:, first], off[:, last]
        step = angles[:, last] - angles[:, first]
        crossed = (a * b <= 0) & (step.abs().amax(-1) < 30) & ((b - a).abs() > 1e-9)
        share = (a / (a - b))[crossed, None]
        found.append((angles[:, first][crossed] + share * step[crossed])[:, :2])
    points = torch.cat(found)
    inside = (points[:, 0] <= phi1_end + 1e-3) & (points[:, 1] <= 90 + 1e-3)
    return _unique(points[inside])


def section_fibres(
    laue: LaueGroup, distance: Callable[[Tensor], Tensor], flat_phi2: float
) -> Iterator[tuple[str, Float[Tensor, "n 3"]]]:
    """Yield the name and the Bunge angles [degrees] of each piece of a fibre within a section.

    Args:
        laue: Laue group of the crystals.
        distance: Function that returns the distance of Bunge angles from the section. [degrees]
        flat_phi2: φ2 of orientations with Φ = 0, where only φ1 + φ2 counts. [degrees]
    """
    for name, fibre in standard_fibres(laue).items():
        if name.split()[0] not in MARKED:
            continue
        seen = set[tuple[float, ...]]()
        for angles in fibre_angles(fibre, laue, flat_phi2):
            for piece in _pieces(angles, distance(angles).abs() < WITHIN):
                key = tuple((2 * piece.amin(0)).round().tolist() + piece.amax(0).round().tolist())
                if key not in seen:
                    seen.add(key)
                    yield name, piece


def fibre_angles(fibre: Fibre, laue: LaueGroup, flat_phi2: float) -> Float[Tensor, "m turns 3"]:
    """Return the Bunge angles along a fibre and its equivalents. [degrees]"""
    h = unit_direction("crystal", [float(v) for v in fibre[0]])
    r = unit_direction("sample", [float(v) for v in fibre[1]])
    copies = quaternion_to_matrix(laue.rotations) @ h
    copies = torch.cat([copies, -copies])
    copies = torch.unique(copies.mul(1e6).round() / 1e6, dim=0)
    half = math.pi * torch.arange(_TURNS + 1, dtype=torch.float64) / _TURNS
    zero = torch.zeros_like(half)
    spin = torch.stack([half.cos(), zero, zero, half.sin()], -1)
    back = quaternion_conjugate(rotation_from_z(copies / copies.norm(dim=1, keepdim=True)))
    q = quaternion_multiply(rotation_from_z(r), quaternion_multiply(spin[None], back[:, None]))
    phi1, tilt, phi2 = quaternion_to_bunge(q).rad2deg().unbind(-1)
    flat = tilt < 1e-4
    phi1 = torch.where(flat, phi1 + phi2 - flat_phi2, phi1).add(1e-4).remainder(360) - 1e-4
    phi2 = torch.where(flat, torch.full_like(phi2, flat_phi2), phi2)
    return torch.stack([phi1, tilt, phi2], -1)


def draw_fibres(axes: Axes, lines: list[tuple[str, Tensor]], right: float, low: float) -> None:
    """Draw lines of places, with the name of each fibre beside its first line.

    Args:
        axes: Axes.
        lines: Name and places of each line.
        right: Right end of the axes; names beyond three quarters of it stand to the left.
        low: Place of y beyond which names stand above the line.
    """
    named = set[str]()
    for name, line in sorted(lines, key=lambda one: float(one[1][:, 0].mean())):
        x, y = to_numpy(line).T
        axes.plot(x, y, color="white", linewidth=1.6, zorder=3, clip_on=False)
        axes.plot(x, y, color=INK, linewidth=0.9, linestyle="--", zorder=3, clip_on=False)
        if name not in named:
            level = np.ptp(y) < np.ptp(x)
            index = int((0.18 if level else 0.85) * len(line))
            aside = -5 if x[index] > 0.75 * right else 4
            shift = (aside, 7 if y[index] > low else -6)
            _label(axes, fibre_label(name), line[index].tolist(), shift)
        named.add(name)


def fibre_label(name: str) -> str:
    """Return a Greek letter, or the first two words with overlined negative indices."""
    word, direction = name.split()[:2]
    if word in LETTERS:
        return LETTERS[word]
    return f"{word} {re.sub(r'-([0-9])', lambda found: index_label([-int(found[1])]), direction)}"


def draw_components(axes: Axes, points: dict[str, Tensor], right: float, low: float) -> None:
    """Draw markers of components, with the name beside the first of each.

    Args:
        axes: Axes.
        points: Places by component.
        right: Right end of the axes; names beyond three quarters of it stand to the left.
        low: Place of y beyond which names stand above the marker.
    """
    for name, at in points.items():
        if not len(at):
            continue
        x, y = to_numpy(at).T
        marker = MARKERS[name]
        axes.scatter(
            x, y, s=60.0 if marker == "*" else 26.0, marker=marker, facecolor="white",
            edgecolor=INK, linewidth=0.7, clip_on=False, zorder=4, label=name,
        )  # fmt: skip
        left, down = at[0].tolist()
        shift = 6 if down > low else -14 if name == "rotated cube" else -6
        _label(axes, NAMES[name], (left, down), (-5 if left > 0.75 * right else 5, shift))


def _label(axes: Axes, text: str, at: Sequence[float], shift: tuple[float, float]) -> None:
    label = axes.annotate(
        text, (at[0], at[1]), xytext=shift, textcoords="offset points",
        ha="right" if shift[0] < 0 else "left", va="center", fontsize=TICK_SIZE - 1, color=INK,
        zorder=5,
    )  # fmt: skip
    label.set_path_effects([withStroke(linewidth=1.8, foreground="white")])


def _component_angles(name: str) -> Tensor:
    variants = CUBIC.equivalents(component_variants(name)).reshape(-1, 4)
    return quaternion_to_bunge(variants).rad2deg()


def _pieces(angles: Tensor, inside: Tensor) -> Iterator[Tensor]:
    """Yield the connected pieces of a closed line that lie inside, single crossings left out."""
    if not bool(inside.any()):
        return
    angles, within = angles[:-1], inside[:-1].numpy()  # the last point is the first
    jump = ((angles - angles.roll(1, 0)).abs().amax(-1) > 5).numpy()
    first = int(np.argmax(jump | (within != np.roll(within, 1))))  # a break, or 0
    angles, within, jump = angles.roll(-first, 0), np.roll(within, -first), np.roll(jump, -first)
    breaks = jump | (within != np.roll(within, 1))
    breaks[0] = True
    starts = np.flatnonzero(breaks)
    for start, end in zip(starts, [*starts[1:], len(angles)], strict=True):
        if within[start] and end - start > 5:
            yield angles[start:end]


def _wrapped(angle: Tensor, period: float) -> Tensor:
    """Return an angle modulo a period, as near to 0 as it can be."""
    return (angle + period / 2).remainder(period) - period / 2


def _unique(points: Tensor) -> Tensor:
    return torch.unique(points.mul(100).round() / 100, dim=0).abs()
