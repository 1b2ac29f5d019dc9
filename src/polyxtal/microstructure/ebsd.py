"""A measured map of orientations, and its grains.

The axes of a map, and the frames of its Euler angles, are defined in `frames.py`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from polyxtal.crystal.lattice import Lattice
from polyxtal.microstructure.measured_grid import MeasuredGrid
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.microstructure.section import (
    Profiles,
    SectionStatistics,
    areas,
    at_border,
    map_profiles,
    second_moments,
)
from polyxtal.microstructure.segment import DEFAULT_THRESHOLD, segment


@dataclass(frozen=True, eq=False, repr=False)
class EbsdMap(MeasuredGrid):
    """A map of orientations on a rectangular grid.

    Attributes:
        orientations: Unit quaternions, scalar first, v_map = R(q) v_crystal; axis 0 is x, axis 1
            is y; the identity at points that were not indexed. [-]
        phase: Index into `phase_names`; -1 at points that were not indexed.
        phase_names: Name of each phase.
        step: Distance of neighbouring points along x and y. [µm]
        quality: Other columns of the file by name, in the file's units.
        path: File that the map was read from.
        lattices: Lattice of each phase, None where its symmetry is unknown (default: all cubic).
        excluded: Share of the points whose phase was excluded, see `exclude`. [-]
        frame: Frame of the Euler angles that the file stores; None if it stores none.

    Raises:
        ValueError: if shapes do not fit, a phase is out of range, or a quaternion is not of unit
            length.

    Example:
        >>> import polyxtal as px
        >>> layer = px.tessellate(grid=(48, 48, 1), grains=60, seed=0).orientation_field()[:, :, 0]
        >>> one = torch.zeros(48, 48, dtype=torch.int64)
        >>> measured = px.EbsdMap(layer, one, ("Al",), (0.5, 0.5), {}, Path("map"))
        >>> measured.grains().polycrystal
        Polycrystal(grid=(48, 48, 1), grains=68, size=(24, 24, 0.5) µm, phases=('Al',))
    """

    AXES: ClassVar[int] = 2

    orientations: Float[Tensor, "nx ny 4"]
    phase: Int[Tensor, "nx ny"]
    phase_names: tuple[str, ...]
    step: tuple[float, float]
    quality: Mapping[str, Float[Tensor, "nx ny"]]
    path: Path
    lattices: tuple[Lattice | None, ...] | None = None
    excluded: float = 0.0
    frame: str | None = None

    def __repr__(self) -> str:
        """Return a short description."""
        nx, ny = self.grid
        return (
            f"EbsdMap(grid=({nx}, {ny}), step=({self.step[0]:g}, {self.step[1]:g}) µm, "
            f"indexed={100 * float(self.indexed.double().mean()):.1f} %, "
            f"phases={self.phase_names}, file={self.path.name})"
        )

    @property
    def grid(self) -> tuple[int, int]:
        """Number of points along x and y."""
        nx, ny = self.phase.shape
        return nx, ny

    @property
    def size(self) -> tuple[float, float]:
        """Edge lengths of the map, one step per point. [µm]"""
        return self.grid[0] * self.step[0], self.grid[1] * self.step[1]

    def grains(
        self, threshold: float = DEFAULT_THRESHOLD, *, minimum: int = 5, fill: bool = True
    ) -> GrainMap:
        """Find the grains, see `segment`.

        Args:
            threshold: Disorientation at a grain boundary (default: 5°). [rad]
            minimum: Smallest number of points in a grain.
            fill: Assign every point to a grain; otherwise points without a grain keep -1.
        Raises:
            ValueError: if an argument is out of range, the symmetry of an indexed phase is
                unknown, or no region is large enough.
        """
        found = segment(self, threshold, minimum=minimum, fill=fill)
        return GrainMap(
            found.grain_id, found.orientations, found.phase, self, found.filled, minimum
        )


@dataclass(frozen=True, eq=False, repr=False)
class GrainMap:
    """The grains of a map.

    Attributes:
        grain_id: Grain of each point, 0-based; -1 where there is none (see `segment`).
        orientations: Mean orientation of each grain, over its measured points. [-]
        phase: Phase of each grain, an index into the map's `phase_names`.
        source: The map.
        filled: Share of the points that took their grain from a neighbour. [-]
        minimum: Smallest number of measured points in a grain.
    """

    grain_id: Int[Tensor, "nx ny"]
    orientations: Float[Tensor, "grains 4"]
    phase: Int[Tensor, "grains"]
    source: EbsdMap
    filled: float
    minimum: int

    def __repr__(self) -> str:
        """Return a short description."""
        return (
            f"GrainMap(grains={self.grains}, at the border={int(self.border.sum())}, "
            f"grid={self.source.grid}, filled={100 * self.filled:.1f} %)"
        )

    @property
    def grains(self) -> int:
        """Number of grains."""
        return len(self.orientations)

    @property
    def area(self) -> Float[Tensor, " grains"]:
        """Area of each grain. [µm²]"""
        return areas(self.grain_id, self.grains, self.source.step)

    @property
    def diameter(self) -> Float[Tensor, " grains"]:
        """Diameter of the circle of equal area. [µm]"""
        return (self.area * (4 / math.pi)).sqrt()

    @property
    def elongation(self) -> Float[Tensor, " grains"]:
        """Aspect ratio of the ellipse with the grain's second moments, at least 1. [-]"""
        moments = second_moments(self.grain_id, self.grains, self.source.step)
        xx, yy, xy = moments.unbind(-1)
        mean, radius = 0.5 * (xx + yy), torch.hypot(0.5 * (xx - yy), xy)
        return ((mean + radius) / (mean - radius)).sqrt()

    @property
    def border(self) -> Bool[Tensor, " grains"]:
        """Whether the map's border cuts the grain, so that its size is unknown."""
        return at_border(self.grain_id, self.grains)

    def statistics(self, border: str = "correct") -> SectionStatistics:
        """Return mean sizes and shapes; for `border` see `profiles`."""
        return self.profiles(border).statistics()

    def profiles(self, border: str = "correct") -> Profiles:
        """Return areas and extents of the grains.

        Args:
            border: Treatment of grains that the map's border cuts. "keep" takes them as they
                are, too small. "omit" leaves them out, and with them more large grains than small.
                "correct" compensates for that: in the number of grains, from which the mean area
                follows, each counts ½ less for each edge that cuts it and ¼ more for each corner,
                so that a grain counts once in all maps that could show it [Gundersen1978]; in the
                averages, only whole grains enter, by the inverse of the area in which each could
                lie without being cut [Miles1974]. Grains larger than the map stay unknown.
        Raises:
            ValueError: if `border` is none of these, or every grain is at the border.
        """
        if border in ("correct", "omit") and bool(self.border.all()):
            raise ValueError(
                f"{self.source.path}: some grain must lie within the map to be measured, "
                f"but all {self.grains} are cut by its border."
            )
        return map_profiles(self.grain_id, self.grains, self.source.step, border)

    @property
    def polycrystal(self) -> Polycrystal:
        """The grains as a volume one voxel thick, (nx, ny, 1); the thickness is a step. [µm]

        Like any volume it is treated as periodic, which a measured map is not.

        Raises:
            ValueError: if points have no grain.
        """
        empty = int((self.grain_id < 0).sum())
        if empty:
            raise ValueError(
                f"{self.source.path}: every point must belong to a grain, but {empty} do not: "
                "let `fill` give them to their neighbours."
            )
        width, height = self.source.size
        thickness = math.sqrt(self.source.step[0] * self.source.step[1])
        return Polycrystal(
            self.grain_id[..., None],
            self.orientations,
            (width, height, thickness),
            self.phase,
            self.source.phase_names,
            self.source.lattices,
        )
