"""Tables of points in the files of orientation maps."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from polyxtal.algebra.rotation import bunge_to_quaternion, quaternion_multiply
from polyxtal.crystal.lattice import Lattice
from polyxtal.files.wording import shorten
from polyxtal.microstructure.ebsd import EbsdMap
from polyxtal.microstructure.io.ebsd_grid import Header, place_points
from polyxtal.microstructure.polycrystal import MAX_EDGE

MAX_BYTES = 2**31
"""Largest file that is read: some 25 million points. [bytes]"""
MAX_PHASES = 1000


A, A_STAR = "a", "a*"
"""Edges of hexagonal cells, of the direct and of the reciprocal lattice; the latter is 30° off."""
A_STAR_TO_A = torch.tensor(
    [math.cos(math.pi / 12), 0.0, 0.0, -math.sin(math.pi / 12)], dtype=torch.float64
)
"""Rotation that turns such a crystal from x along a* to x along a, from the right. [-]"""


class Points(NamedTuple):
    """The points of a file, before they are placed on a grid.

    Attributes:
        angles: Bunge Euler angles of each point. [rad]
        position: x and y of each. [µm]
        phase: Phase index of each, -1 where nothing was indexed.
        phase_names: Name of each phase.
        lattices: Lattice of each phase; None where its symmetry is unknown.
        edge: Edge of hexagonal and trigonal cells along x, by the vendor: `A` or `A_STAR`.
        quality: Other columns by name.
        header: What the header says about the grid.
    """

    angles: NDArray[np.float64]
    position: NDArray[np.float64]
    phase: NDArray[np.int64]
    phase_names: tuple[str, ...]
    lattices: tuple[Lattice | None, ...]
    quality: dict[str, NDArray[np.float64]]
    header: Header
    edge: str


def build_map(path: Path, points: Points, rotation: Float[Tensor, "4"]) -> EbsdMap:
    """Place points on their grid and rotate their orientations into the map's axes.

    Grid points missing in the file are not indexed. Other than rectangular grids are resampled,
    see `place_points`.

    Args:
        path: File of the map.
        points: The points.
        rotation: Rotation of the Euler angles' axes into the map's, unit quaternion. [-]
    Raises:
        ValueError: if the points lie on no grid, or most of it is missing.
    """
    position = points.position
    far = ~(np.abs(position) <= MAX_EDGE).all(1)  # catches NaN, too
    if far.any():
        row = int(np.flatnonzero(far)[0])
        raise ValueError(
            f"{path}: points must lie within {MAX_EDGE:g} µm and must have finite positions, "
            f"but point {row} has {position[row].tolist()}."
        )
    index, step = place_points(path, position, points.header)
    present = index >= 0
    taken = np.maximum(index, 0)
    phase = np.where(present, points.phase[taken], -1)
    indexed = phase >= 0
    angles = np.where(indexed[..., None], points.angles[taken], 0.0)
    quaternions = _from_vendor_axes(bunge_to_quaternion(torch.from_numpy(angles)), phase, points)
    turned = quaternion_multiply(rotation.expand(*index.shape, 4), quaternions)
    identity = torch.tensor([1.0, 0.0, 0.0, 0.0], dtype=torch.float64)
    quality = {
        name: torch.from_numpy(np.where(present, values[taken], 0.0))
        for name, values in points.quality.items()
    }
    return EbsdMap(
        torch.where(torch.from_numpy(indexed)[..., None], turned, identity),
        torch.from_numpy(phase),
        points.phase_names,
        step,
        quality,
        path,
        points.lattices,
    )


def _from_vendor_axes(
    q: Float[Tensor, "nx ny 4"], phase: NDArray[np.int64], points: Points
) -> Float[Tensor, "nx ny 4"]:
    """Rotate hexagonal and trigonal crystals with x along a* so that it is along a."""
    if points.edge == A:
        return q
    turned = [one is not None and one.family == "hexagonal" for one in points.lattices]
    back = torch.tensor([*turned, False])[torch.from_numpy(phase)]  # -1 is the last
    return torch.where(back[..., None], quaternion_multiply(q, A_STAR_TO_A.expand_as(q)), q)


def lattice_of(path: Path, name: str, group: str | None, cell: Sequence[float]) -> Lattice | None:
    """Return the lattice of a phase from its Laue group and the cell's edges a, b, c.

    Raises:
        ValueError: if c/a is out of bounds.
    """
    if group is None:
        return None
    a, c = (cell[0], cell[2]) if len(cell) >= 3 else (0.0, 0.0)
    known = a > 0 and c > 0
    try:
        return Lattice.of_laue_group(group, c / a if known else None)
    except ValueError as error:
        raise ValueError(f"{path}: phase {shorten(name)}: {error}") from error


def number(path: Path, name: str, text: str) -> float:
    """Return a number of a header, with decimal comma or point.

    Raises:
        ValueError: if it is not a finite number.
    """
    try:
        value = float(text.strip().replace(",", "."))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{path}: {name} must be a number, but is {text.strip()[:40]!r}.")
    return value


def whole(text: str | None) -> int | None:
    """Return the whole number that a header's value begins with; None if it is missing or none."""
    found = re.match(r"\d{1,9}(?![\d.,])", (text or "").strip())
    return int(found[0]) if found else None


def unique_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return names of phases, numbered where blank or repeated."""
    stripped = [" ".join(name.split()) for name in names]
    count = Counter(stripped)
    named = [
        name if name and count[name] == 1 else f"{name or 'phase'} {k + 1}"
        for k, name in enumerate(stripped)
    ]
    return (
        tuple(named)
        if len(set(named)) == len(named)
        else tuple(f"{name} ({k + 1})" for k, name in enumerate(named))
    )
