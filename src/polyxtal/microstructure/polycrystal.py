"""A voxel polycrystal, the object that all functions work on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import ArrayLike
from torch import Tensor

from polyxtal.algebra.number_arrays import number_array
from polyxtal.algebra.rotation import quaternion_multiply
from polyxtal.argument_types import require_type
from polyxtal.crystal.lattice import Lattice
from polyxtal.crystal.laue import CUBIC, LaueGroup
from polyxtal.files.wording import listing, shorten
from polyxtal.notebook import notebook_html
from polyxtal.texture.distribution import DEFAULT_HALFWIDTH, DiscreteTexture

UNIT_TOLERANCE = 1e-3
"""Largest deviation of |q| from 1 that is accepted as rounding and normalised."""

MIN_EDGE, MAX_EDGE = 1e-100, 1e100
"""Smallest and largest edge of a voxel; its volume is a normal number. [µm]"""


@dataclass(frozen=True, eq=False, init=False, repr=False)
class Polycrystal:
    """A periodic voxel polycrystal: one orientation per grain, one grain per voxel.

    Attributes:
        grain_id: Grain of each voxel, 0-based; axis 0 is x, 1 is y, 2 is z.
        orientations: Unit quaternions, scalar first, v_sample = R(q) v_crystal. [-]
        size: Edge lengths of the volume along x, y, z. [µm]
        phase: Phase of each grain, 0-based, an index into `phase_names`.
        phase_names: Name of each phase.
        lattices: Lattice of each phase; None where it is unknown.

    A grain without voxels is allowed (its volume fraction is zero).

    Raises:
        ValueError: if a shape, an id, a quaternion, a size or a phase is invalid.

    Example:
        >>> import polyxtal as px
        >>> rve = px.Polycrystal([[[0, 1]]], [[1, 0, 0, 0], [0, 1, 0, 0]])
        >>> rve
        Polycrystal(grid=(1, 1, 2), grains=2, size=(1, 1, 1) µm, phases=('crystal',))
        >>> rve.volume_fractions.tolist()
        [0.5, 0.5]
    """

    grain_id: Int[Tensor, "nx ny nz"]
    orientations: Float[Tensor, "grains 4"]
    size: tuple[float, float, float]
    phase: Int[Tensor, "grains"]
    phase_names: tuple[str, ...]
    lattices: tuple[Lattice | None, ...]

    _repr_html_ = notebook_html

    def __init__(
        self,
        grain_id: ArrayLike | Tensor,
        orientations: ArrayLike | Tensor,
        size: Sequence[float] = (1.0, 1.0, 1.0),
        phase: ArrayLike | Tensor | None = None,
        phase_names: Sequence[str] = ("crystal",),
        lattices: Lattice | str | Sequence[Lattice | str | None] | None = None,
    ) -> None:
        """Validate and take private copies of all arrays."""
        quaternions = _validate_orientations(orientations)
        grains = _validate_grain_id(grain_id, len(quaternions))
        lengths = tuple(number_array(size, "size").reshape(-1).astype(float).tolist())
        if len(lengths) != 3 or not valid_edges(
            s / n for s, n in zip(lengths, grains.shape, strict=True)
        ):
            raise ValueError(
                "Argument `size` must be three positive lengths [µm] and make the edges of a voxel "
                f"{MIN_EDGE:g} to {MAX_EDGE:g}, but is {shorten(lengths)}."
            )
        if isinstance(phase_names, str):
            phase_names = (phase_names,)
        require_type(phase_names, Iterable, "phase_names")
        names = tuple(str(name) for name in phase_names)
        object.__setattr__(self, "grain_id", grains)
        object.__setattr__(self, "orientations", quaternions)
        object.__setattr__(self, "size", lengths)
        object.__setattr__(self, "phase", _validate_phase(phase, len(quaternions), names))
        object.__setattr__(self, "phase_names", names)
        object.__setattr__(self, "lattices", _validate_lattices(lattices, names))

    def __repr__(self) -> str:
        """Return a short description."""
        size = ", ".join(f"{s:g}" for s in self.size)
        return (
            f"Polycrystal(grid={self.grid}, grains={self.grains}, size=({size}) µm, "
            f"phases={self.phase_names})"
        )

    @property
    def grid(self) -> tuple[int, int, int]:
        """Number of voxels along x, y, z."""
        nx, ny, nz = self.grain_id.shape
        return nx, ny, nz

    @property
    def grains(self) -> int:
        """Number of grains, empty ones included."""
        return len(self.orientations)

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Edge lengths of a voxel. [µm]"""
        (sx, sy, sz), (nx, ny, nz) = self.size, self.grid
        return sx / nx, sy / ny, sz / nz

    @property
    def volume_fractions(self) -> Float[Tensor, "grains"]:
        """Volume fraction of each grain; they sum to 1. [-]"""
        count = torch.bincount(self.grain_id.reshape(-1), minlength=self.grains)
        return count.to(torch.float64) / self.grain_id.numel()

    def orientation_field(self) -> Float[Tensor, "nx ny nz 4"]:
        """Return the orientation of every voxel. [-]"""
        return self.orientations[self.grain_id]

    def laue_group(self, phase: int = 0) -> LaueGroup:
        """Return the Laue group of a phase's crystals; m-3m where the lattice is unknown."""
        lattice = self.lattices[phase]
        return CUBIC if lattice is None else lattice.laue_group

    def texture(
        self, halfwidth: float = DEFAULT_HALFWIDTH, phase: str | None = None
    ) -> DiscreteTexture:
        """Return the volume-weighted texture of the grains.

        Args:
            halfwidth: Half-width of the kernel of its density. [rad]
            phase: Name of the phase (default: all grains).
        Raises:
            ValueError: if there is no such phase, or none is named and phases with grains differ
                in their Laue group.
        """
        members = torch.ones(self.grains, dtype=torch.bool)
        if phase is not None:
            if phase not in self.phase_names:
                raise ValueError(
                    f"Argument `phase` must be one of {listing(self.phase_names)}, "
                    f"but is {phase!r}."
                )
            members = self.phase == self.phase_names.index(phase)
        used: list[int] = self.phase[members].unique().tolist()
        groups = {self.laue_group(index) for index in used}
        if len(groups) > 1:
            raise ValueError(
                "A texture must be of crystals of one Laue group, but the phases "
                f"{listing(self.phase_names[index] for index in used)} differ; name one."
            )
        laue = groups.pop() if groups else CUBIC
        weights = self.volume_fractions[members]
        return DiscreteTexture(self.orientations[members], weights, halfwidth, laue)

    def rotate(self, rotation: Float[Tensor, "4"]) -> Polycrystal:
        """Rotate every crystal by a sample-frame rotation; the voxels stay where they are.

        Args:
            rotation: Unit quaternion p; every orientation q becomes p q. [-]
        """
        turned = quaternion_multiply(rotation.to(self.orientations), self.orientations)
        return Polycrystal(
            self.grain_id, turned, self.size, self.phase, self.phase_names, self.lattices
        )


def valid_edges(edges: Iterable[float]) -> bool:
    """Return whether edges of a voxel [µm] are within bounds; NaN is not."""
    return all(MIN_EDGE <= edge <= MAX_EDGE for edge in edges)


def _validate_lattices(
    lattices: Lattice | str | Sequence[Lattice | str | None] | None, names: tuple[str, ...]
) -> tuple[Lattice | None, ...]:
    if lattices is None or isinstance(lattices, Lattice | str):
        lattices = (lattices,) * len(names)
    require_type(lattices, Sequence, "lattices")
    for one in lattices:
        require_type(one, (Lattice, str, type(None)), "lattices")
    if len(lattices) != len(names):
        raise ValueError(
            f"Argument `lattices` must hold one lattice for each of the {len(names)} phases, "
            f"but holds {len(lattices)}."
        )
    return tuple(Lattice(one) if isinstance(one, str) else one for one in lattices)


def _validate_orientations(orientations: ArrayLike | Tensor) -> Tensor:
    q = torch.as_tensor(number_array(orientations, "orientations").astype(np.float64))
    if q.ndim != 2 or q.shape[1] != 4 or len(q) == 0:
        raise ValueError(
            "Argument `orientations` must have shape (grains, 4) with at least one grain, "
            f"but has shape {tuple(q.shape)}."
        )
    norm = torch.linalg.vector_norm(q, dim=1)
    bad = ~((norm - 1).abs() <= UNIT_TOLERANCE)  # catches NaN, too
    if bad.any():
        grain = int(bad.nonzero()[0])
        raise ValueError(
            f"Argument `orientations` must hold unit quaternions, but that of grain {grain} is "
            f"{[round(v, 6) for v in q[grain].tolist()]} of length {float(norm[grain]):.6g} "
            f"({int(bad.sum())} of {len(q)} are wrong)."
        )
    # Normalising unit quaternions again would change their last bit at every copy.
    return torch.where((norm - 1).abs()[:, None] > 1e-14, q / norm[:, None], q)


def _validate_grain_id(grain_id: ArrayLike | Tensor, grains: int) -> Tensor:
    ids = number_array(grain_id, "grain_id")
    if ids.ndim != 3 or ids.size == 0:
        raise ValueError(
            "Argument `grain_id` must have shape (nx, ny, nz) with at least one voxel, "
            f"but has shape {ids.shape}."
        )
    if not np.issubdtype(ids.dtype, np.integer):
        raise ValueError(f"Argument `grain_id` must hold integers, but holds {ids.dtype}.")
    low, high = int(ids.min()), int(ids.max())
    if low < 0:
        raise ValueError(f"Argument `grain_id` must be 0-based, but holds {low}.")
    if high >= grains:
        raise ValueError(
            f"Every grain id must have an orientation, but id {high} has none: "
            f"{grains} orientations were given for ids 0 to {grains - 1}."
        )
    return torch.as_tensor(ids.astype(np.int64))


def _validate_phase(
    phase: ArrayLike | Tensor | None, grains: int, names: tuple[str, ...]
) -> Tensor:
    if not names or len(set(names)) != len(names):
        raise ValueError(f"Argument `phase_names` must be distinct names, but is {shorten(names)}.")
    if phase is None:
        return torch.zeros(grains, dtype=torch.int64)
    index = number_array(phase, "phase")
    if index.shape != (grains,) or not np.issubdtype(index.dtype, np.integer):
        raise ValueError(
            f"Argument `phase` must hold one integer per grain, shape ({grains},), "
            f"but has shape {index.shape} of {index.dtype}."
        )
    if index.min() < 0 or index.max() >= len(names):
        raise ValueError(
            f"Argument `phase` must index the {len(names)} phase names, "
            f"but spans {index.min()} to {index.max()}."
        )
    return torch.as_tensor(index.astype(np.int64))
