"""A stack of measured maps, from serial sectioning, and its grains in three dimensions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from polyxtal.crystal.lattice import Lattice
from polyxtal.microstructure.measured_grid import MeasuredGrid
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.microstructure.section_alignment import Shift
from polyxtal.microstructure.segment import DEFAULT_THRESHOLD, segment


@dataclass(frozen=True, eq=False, repr=False)
class EbsdStack(MeasuredGrid):
    """Orientations on a grid in three dimensions, from serial sections.

    Attributes:
        orientations: Unit quaternions, scalar first, v_stack = R(q) v_crystal; axes 0 and 1 are x
            and y of the maps, axis 2 is z = x × y; the identity where nothing was indexed. [-]
        phase: Index into `phase_names`; -1 at points that were not indexed.
        phase_names: Name of each phase.
        step: Distance of neighbouring points along x and y, and of sections. [µm]
        quality: Columns that all sections have, by name, in the files' units.
        path: First section, or the pattern of all, for errors.
        lattices: Lattice of each phase, None where its symmetry is unknown (default: all cubic).
        excluded: Share of the points whose phase was excluded, see `exclude`. [-]
        frame: Frame of the Euler angles that the first section stores; None if it stores none.
        shifts: Place of each section's first point relative to that of the first section. [steps]

    Raises:
        ValueError: if shapes do not fit, a phase is out of range, or a quaternion is not of unit
            length.
    """

    AXES: ClassVar[int] = 3

    orientations: Float[Tensor, "nx ny nz 4"]
    phase: Int[Tensor, "nx ny nz"]
    phase_names: tuple[str, ...]
    step: tuple[float, float, float]
    quality: Mapping[str, Float[Tensor, "nx ny nz"]]
    path: Path
    lattices: tuple[Lattice | None, ...] | None = None
    excluded: float = 0.0
    frame: str | None = None
    shifts: tuple[Shift, ...] = ()

    def __repr__(self) -> str:
        """Return a short description."""
        return (
            f"EbsdStack(grid={self.grid}, step=({', '.join(f'{s:g}' for s in self.step)}) µm, "
            f"indexed={100 * float(self.indexed.double().mean()):.1f} %, "
            f"phases={self.phase_names}, sections={len(self.shifts)})"
        )

    @property
    def grid(self) -> tuple[int, int, int]:
        """Number of points along x and y, and of layers."""
        nx, ny, nz = self.phase.shape
        return nx, ny, nz

    @property
    def size(self) -> tuple[float, float, float]:
        """Edge lengths, one step per point. [µm]"""
        x, y, z = (n * s for n, s in zip(self.grid, self.step, strict=True))
        return x, y, z

    def grains(
        self, threshold: float = DEFAULT_THRESHOLD, *, minimum: int = 5, fill: bool = True
    ) -> StackGrains:
        """Find the grains in three dimensions, see `segment`.

        Grains reach across layers without any indexed point, which are filled from the nearest
        layer.

        Args:
            threshold: Disorientation at a grain boundary (default: 5°). [rad]
            minimum: Smallest number of points in a grain.
            fill: Assign every point to a grain; otherwise points without a grain keep -1.
        Raises:
            ValueError: if an argument is out of range, the symmetry of an indexed phase is
                unknown, or no region is large enough.
        """
        every = torch.arange(self.grid[2])
        some = self.indexed.any(0).any(0)
        layers = every[some] if bool(some.any()) else every
        measured = replace(
            self,
            orientations=self.orientations[:, :, layers],
            phase=self.phase[:, :, layers],
            quality={},
        )
        found = segment(measured, threshold, minimum=minimum, fill=fill)
        gap, nearest = (every[:, None] - layers).abs().min(1)
        grain_id = found.grain_id[:, :, nearest]
        if not fill:
            grain_id[:, :, gap > 0] = -1
        share = len(layers) / self.grid[2]
        filled = found.filled * share + (1 - share) * fill
        return StackGrains(grain_id, found.orientations, found.phase, self, filled, minimum)


@dataclass(frozen=True, eq=False, repr=False)
class StackGrains:
    """The grains of a stack.

    Attributes:
        grain_id: Grain of each point, 0-based; -1 where there is none (see `segment`).
        orientations: Mean orientation of each grain, over its measured points. [-]
        phase: Phase of each grain, an index into the stack's `phase_names`.
        source: The stack.
        filled: Share of the points that took their grain from a neighbour. [-]
        minimum: Smallest number of measured points in a grain.
    """

    grain_id: Int[Tensor, "nx ny nz"]
    orientations: Float[Tensor, "grains 4"]
    phase: Int[Tensor, "grains"]
    source: EbsdStack
    filled: float
    minimum: int

    def __repr__(self) -> str:
        """Return a short description."""
        return (
            f"StackGrains(grains={self.grains}, at the border={int(self.border.sum())}, "
            f"grid={self.source.grid}, filled={100 * self.filled:.1f} %)"
        )

    @property
    def grains(self) -> int:
        """Number of grains."""
        return len(self.orientations)

    @property
    def volume(self) -> Float[Tensor, " grains"]:
        """Volume of each grain. [µm³]"""
        owner = self.grain_id[self.grain_id >= 0]
        count = torch.bincount(owner, minlength=self.grains).to(torch.float64)
        return count * math.prod(self.source.step)

    @property
    def diameter(self) -> Float[Tensor, " grains"]:
        """Diameter of the sphere of equal volume. [µm]"""
        return (self.volume * (6 / math.pi)) ** (1 / 3)

    @property
    def border(self) -> Bool[Tensor, " grains"]:
        """Whether a face of the stack cuts the grain, so that its size is unknown."""
        cut = torch.zeros(self.grains + 1, dtype=torch.bool)  # the last serves -1
        for axis in range(3):
            for layer in (0, -1):
                cut[self.grain_id.select(axis, layer).reshape(-1)] = True
        return cut[:-1]

    @property
    def polycrystal(self) -> Polycrystal:
        """The grains as a volume. [µm]

        Like any volume it is treated as periodic, which a measured stack is not.

        Raises:
            ValueError: if points have no grain.
        """
        empty = int((self.grain_id < 0).sum())
        if empty:
            raise ValueError(
                f"{self.source.path}: every point must belong to a grain, but {empty} do not: "
                "let `fill` give them to their neighbours."
            )
        source = self.source
        return Polycrystal(
            self.grain_id, self.orientations, source.size, self.phase, source.phase_names,
            source.lattices,
        )  # fmt: skip
