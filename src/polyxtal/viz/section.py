"""Fields and orientations on a plane: sections of a volume, and measured maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, QuadMesh
from torch import Tensor

from polyxtal.mechanics.measures import AXES
from polyxtal.microstructure.ebsd import EbsdMap
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.viz.lengths import length_unit
from polyxtal.viz.sphere import direction_name, to_numpy
from polyxtal.viz.style import INK, TITLE_SIZE, style_axes
from polyxtal.viz.texture import crystal_colors, grain_colors


def grain_boundaries(ids: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Collect the edges between voxels of two grains.

    Args:
        ids: (n, m) grain of every voxel.
        corners: (n + 1, m + 1, 2) positions of the voxels' corners on the page.
    Returns:
        (edges, 2, 2) ends of every edge.
    """
    i, j = np.nonzero(ids[1:] != ids[:-1])
    across = np.stack([corners[i + 1, j], corners[i + 1, j + 1]], axis=1)
    i, j = np.nonzero(ids[:, 1:] != ids[:, :-1])
    along = np.stack([corners[i, j + 1], corners[i + 1, j + 1]], axis=1)
    return np.concatenate([across, along])


def draw_field(
    axes: Axes,
    values: np.ndarray,
    size: tuple[float, float],
    names: Sequence[str] = ("x", "y"),
    ids: np.ndarray | None = None,
    **style: Any,
) -> QuadMesh:
    """Draw a field over a rectangle, its edges in the unit that gives numbers of 1 to 1000.

    Args:
        axes: Axes to draw onto.
        values: (n, m) numbers or (n, m, 3) colours; axis 0 runs to the right, axis 1 upwards.
        size: Edge lengths along axes 0 and 1. [µm]
        names: Names of these axes.
        ids: (n, m) grain of every voxel, to draw grain boundaries; None for none.
        **style: What `Axes.pcolormesh` takes, such as `cmap`.
    Returns:
        The mesh, for a colour bar.
    """
    unit = length_unit(max(size))
    edges = [
        np.linspace(0, length / unit.micrometres, count + 1)
        for length, count in zip(size, values.shape, strict=False)
    ]
    mesh = axes.pcolormesh(
        *edges, values.swapaxes(0, 1), shading="flat", linewidth=0, rasterized=True, **style
    )
    if ids is not None:
        segments = grain_boundaries(ids, np.stack(np.meshgrid(*edges, indexing="ij"), axis=-1))
        axes.add_collection(LineCollection(list(segments), colors=INK, linewidths=0.5))
    axes.set_aspect("equal")
    axes.set_xlabel(f"{names[0]} [{unit.name}]")
    axes.set_ylabel(f"{names[1]} [{unit.name}]")
    style_axes(axes)
    axes.grid(False)
    return mesh


def draw_ipf_section(
    axes: Axes,
    rve: Polycrystal,
    normal: str = "z",
    at: float = 0.5,
    direction: Sequence[int | float] | Tensor = (0.0, 0.0, 1.0),
    boundaries: bool = True,
) -> Axes:
    """Draw a section of a volume in inverse-pole-figure colours.

    Args:
        axes: Axes to draw onto.
        rve: Polycrystal.
        normal: Normal of the section: "x", "y" or "z".
        at: Position along the normal over the edge length, from 0 to 1. [-]
        direction: Sample direction of the colours. [-]
        boundaries: Whether to draw the grain boundaries.
    Returns:
        The axes; x or y to the right, y or z upwards.
    Raises:
        ValueError: if `normal`, `at` or `direction` is invalid.
    """
    if normal not in AXES or not 0 <= at <= 1:
        raise ValueError(
            "Arguments `normal` and `at` must be 'x', 'y' or 'z' and from 0 to 1, but are "
            f"{normal!r} and {at:g}."
        )
    axis = AXES[normal]
    right, up = (k for k in range(3) if k != axis)
    layer = min(int(at * rve.grid[axis]), rve.grid[axis] - 1)
    ids = rve.grain_id.numpy().take(layer, axis=axis)
    colors = to_numpy(grain_colors(rve, direction))
    size = (rve.size[right], rve.size[up])
    draw_field(axes, colors[ids], size, ("xyz"[right], "xyz"[up]), ids if boundaries else None)
    return _title(axes, direction)


def draw_ebsd_map(
    axes: Axes,
    ebsd: EbsdMap,
    direction: Sequence[int | float] | Tensor = (0.0, 0.0, 1.0),
) -> Axes:
    """Draw a measured map in inverse-pole-figure colours, grey where nothing was indexed.

    Args:
        axes: Axes to draw onto.
        ebsd: Map.
        direction: Direction of the colours in the map's axes. [-]
    Returns:
        The axes; x to the right and y down the page, as vendors draw maps.
    Raises:
        ValueError: unless the direction has three components, not all zero.
    """
    colors = crystal_colors(ebsd.orientations, ebsd.phase, ebsd.laue_group, direction)
    draw_field(axes, to_numpy(colors), ebsd.size)
    axes.invert_yaxis()
    return _title(axes, direction)


def _title(axes: Axes, direction: Sequence[int | float] | Tensor) -> Axes:
    axes.set_title(f"Inverse-pole-figure colours, {direction_name(direction)}", fontsize=TITLE_SIZE)
    return axes
