"""Isometric view of a voxel volume."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from torch import Tensor

from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.viz.lengths import length_label
from polyxtal.viz.section import grain_boundaries
from polyxtal.viz.sphere import direction_name, to_numpy
from polyxtal.viz.style import INK, LABEL_SIZE, TITLE_SIZE
from polyxtal.viz.texture import grain_colors

# View from (1, -1, 1): columns are the directions of x, y, z on the page.
_ISOMETRIC = np.array([[3**0.5 / 2, 3**0.5 / 2, 0.0], [-0.5, 0.5, 1.0]])

# Visible faces: normal axis, and whether at the far end of that axis.
_FACES = ((0, True), (1, False), (2, True))


def _face(
    ids: np.ndarray, size: tuple[float, float, float], axis: int, far: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Slice the grain ids of a face and place its voxel corners on the page."""
    ids = ids.take(-1 if far else 0, axis=axis)
    first, second = (a for a in range(3) if a != axis)
    corners = np.zeros((ids.shape[0] + 1, ids.shape[1] + 1, 3))
    corners[..., first] = np.linspace(0, size[first], ids.shape[0] + 1)[:, None]
    corners[..., second] = np.linspace(0, size[second], ids.shape[1] + 1)
    corners[..., axis] = size[axis] if far else 0.0
    return ids, corners @ _ISOMETRIC.T


def draw_faces(
    axes: Axes,
    ids: np.ndarray,
    size: tuple[float, float, float],
    colors: np.ndarray,
    boundaries: bool = True,
) -> None:
    """Draw the three visible faces of a block of voxels.

    Args:
        axes: Two-dimensional axes to draw onto.
        ids: (nx, ny, nz) grain of every voxel.
        size: Edge lengths in any unit, that of the page.
        colors: (grains, 3) red, green and blue in [0, 1].
        boundaries: Whether to draw the grain boundaries.
    """
    for axis, far in _FACES:
        face, page = _face(ids, size, axis, far)
        axes.pcolormesh(
            page[..., 0], page[..., 1], colors[face], shading="flat", linewidth=0, rasterized=True
        )
        if boundaries:
            segments = grain_boundaries(face, page)
            axes.add_collection(
                LineCollection(list(segments), colors=INK, linewidths=0.5, capstyle="round")
            )
        rim = np.concatenate([page[0], page[:, -1], page[-1, ::-1], page[::-1, 0]])
        axes.plot(*rim.T, color=INK, linewidth=1.0, solid_joinstyle="round")


def draw_volume(
    axes: Axes,
    rve: Polycrystal,
    direction: Sequence[int | float] | Tensor = (0.0, 0.0, 1.0),
    boundaries: bool = True,
) -> Axes:
    """Draw three faces of the volume in isometric view, coloured by orientation.

    Visible are the far faces of x and z and the near face of y; equal lengths along x, y and z
    are equal on the page. Every grain has the colour of its own phase's Laue group.

    Args:
        axes: Two-dimensional axes to draw onto.
        rve: Polycrystal.
        direction: Sample direction of the inverse-pole-figure colours. [-]
        boundaries: Whether to draw the grain boundaries.
    Returns:
        The axes, in µm on the page.
    Raises:
        ValueError: unless the direction has three components, not all zero.
    """
    colors = to_numpy(grain_colors(rve, direction))
    draw_faces(axes, rve.grain_id.numpy(), rve.size, colors, boundaries)
    _draw_arrows(axes, rve.size)
    axes.set_title(f"Inverse-pole-figure colours, {direction_name(direction)}", fontsize=TITLE_SIZE)
    axes.set_aspect("equal")
    axes.set_axis_off()
    return axes


def _draw_arrows(axes: Axes, size: tuple[float, float, float]) -> None:
    """Draw arrows with lengths along the silhouette's edges and leave room for them."""
    sx, sy, sz = size
    corners = np.array([[x, y, z] for x in (0, sx) for y in (0, sy) for z in (0, sz)], float)
    page = corners @ _ISOMETRIC.T
    gap = 0.05 * np.ptp(page, axis=0).max()
    edges = (
        ((0, 0, 0), (sx, 0, 0), (-0.5, -(3**0.5) / 2), "right", "top"),
        ((sx, 0, 0), (sx, sy, 0), (0.5, -(3**0.5) / 2), "left", "top"),
        ((0, 0, 0), (0, 0, sz), (-1.0, 0.0), "right", "center"),
    )
    for name, length, (start, end, outward, ha, va) in zip("xyz", size, edges, strict=True):
        a, b = (_ISOMETRIC @ np.asarray(point, float) for point in (start, end))
        shift = gap * np.asarray(outward)
        tail, head = a + 0.25 * (b - a) + shift, a + 0.75 * (b - a) + shift
        axes.annotate(
            "",
            tuple(head),
            xytext=tuple(tail),
            arrowprops={
                "arrowstyle": "-|>",
                "color": INK,
                "linewidth": 1.0,
                "shrinkA": 0,
                "shrinkB": 0,
            },
        )
        place = 0.5 * (tail + head) + 0.6 * shift
        axes.text(
            place[0],
            place[1],
            f"{name}, {length_label(length, max(size))}",
            ha=ha,
            va=va,
            fontsize=LABEL_SIZE,
            color=INK,
        )
    (x_low, y_low), (x_high, y_high) = page.min(0), page.max(0)
    axes.set_xlim(x_low - 5 * gap, x_high + 2 * gap)
    axes.set_ylim(y_low - 2 * gap, y_high + gap)
