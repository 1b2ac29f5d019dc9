"""Measured orientations on a rectangular grid: what maps and stacks of them have in common."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, TypeVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from polyxtal.crystal.lattice import Lattice
from polyxtal.crystal.laue import CUBIC, LaueGroup
from polyxtal.files.wording import listing, shorten
from polyxtal.microstructure.polycrystal import UNIT_TOLERANCE, valid_edges

_Grid = TypeVar("_Grid", bound="MeasuredGrid")


@dataclass(frozen=True, eq=False, repr=False)
class MeasuredGrid:
    """Orientations and phases of points, some of which were not indexed; see `EbsdMap`.

    Raises:
        ValueError: if shapes do not fit, a phase is out of range, or a quaternion is not of unit
            length.
    """

    AXES: ClassVar[int]
    """Number of axes of the grid."""

    orientations: Float[Tensor, "*grid 4"]
    phase: Int[Tensor, "*grid"]
    phase_names: tuple[str, ...]
    step: tuple[float, ...]
    quality: Mapping[str, Float[Tensor, "*grid"]]
    path: Path
    lattices: tuple[Lattice | None, ...] | None = None
    excluded: float = 0.0
    frame: str | None = None

    def __post_init__(self) -> None:
        """Validate shapes, phases, quaternions and steps."""
        shape = tuple(self.phase.shape)
        shapes = {tuple(field.shape) for field in self.quality.values()}
        fits = len(shape) == self.AXES and tuple(self.orientations.shape) == (*shape, 4)
        if not fits or shapes - {shape}:
            grid = ", ".join(("nx", "ny", "nz")[: self.AXES])
            raise ValueError(
                f"Arguments `orientations`, `phase` and `quality` must have shapes ({grid}, 4), "
                f"({grid}) and ({grid}), but have {tuple(self.orientations.shape)}, {shape} and "
                f"{sorted(shapes)}."
            )
        names = len(self.phase_names)
        low, high = (int(self.phase.min()), int(self.phase.max())) if math.prod(shape) else (0, -2)
        if not -1 <= low <= high < names or len(set(self.phase_names)) != names:
            raise ValueError(
                f"Argument `phase` must index the {names} distinct phase names or be -1, "
                f"but spans {low} to {high}."
            )
        norm = torch.linalg.vector_norm(self.orientations, dim=-1)
        if not bool(((norm - 1).abs() <= UNIT_TOLERANCE).all()):
            raise ValueError("Argument `orientations` must hold unit quaternions, but does not.")
        if len(self.step) != self.AXES or not valid_edges(self.step):
            count = {2: "two", 3: "three"}[self.AXES]
            raise ValueError(f"Argument `step` must be {count} lengths [µm], but is {self.step}.")
        if self.lattices is not None and len(self.lattices) != names:
            raise ValueError(
                f"Argument `lattices` must have one entry for each of {names} phases, "
                f"but has {len(self.lattices)}."
            )

    @property
    def indexed(self) -> Bool[Tensor, "*grid"]:
        """Points with an indexed orientation."""
        return self.phase >= 0

    def laue_group(self, phase: int) -> LaueGroup:
        """Return the Laue group of a phase.

        Raises:
            ValueError: if its symmetry is unknown.
        """
        if self.lattices is None:
            return CUBIC
        lattice = self.lattices[phase]
        if lattice is None:
            raise ValueError(
                f"{self.path}: the symmetry of phase {shorten(self.phase_names[phase])} must be "
                "known, but the file does not say it: exclude the phase, so that its points go to "
                "the neighbouring grains."
            )
        return lattice.laue_group

    def exclude(self: _Grid, *names: str) -> _Grid:
        """Return a map in which the points of these phases are not indexed; the names stay.

        Raises:
            ValueError: if there is no such phase.
        """
        unknown = [name for name in names if name not in self.phase_names]
        if unknown:
            raise ValueError(
                f"{self.path}: phases to exclude must be among {listing(self.phase_names)}, "
                f"but {listing(unknown)} is not."
            )
        dropped = torch.tensor([self.phase_names.index(name) for name in names], dtype=torch.int64)
        mask = torch.isin(self.phase, dropped)
        kept = self.keep(~mask)
        return replace(kept, excluded=self.excluded + float(mask.double().mean()))

    def keep(self: _Grid, mask: Bool[Tensor, "*grid"]) -> _Grid:
        """Return a map without the indexed points outside a mask, such as those of low quality."""
        if mask.shape != self.phase.shape:
            raise ValueError(
                f"Argument `mask` must have the map's shape {tuple(self.phase.shape)}, "
                f"but has {tuple(mask.shape)}."
            )
        mask = mask & self.indexed
        identity = torch.tensor([1.0, 0.0, 0.0, 0.0], dtype=self.orientations.dtype)
        return replace(
            self,
            phase=torch.where(mask, self.phase, -1),
            orientations=torch.where(mask[..., None], self.orientations, identity),
        )
