"""A measured map of orientations, and the frames in which its Euler angles can be given.

Axes of a map: x and y are those of the file's positions, z = x × y. Vendors draw maps with x to the
right and y down the page, so z points into the specimen, away from the viewer; +y is down.

Euler angles refer to three specimen axes A1, A2, A3 of the vendor, which are mostly not the map's,
and no file says which they are. `frame` says it: the rotation p that turns components along A1, A2,
A3 into components along x, y, z, so that a point's orientation is p q(φ1, Φ, φ2).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from polyxtal.crystal.lattice import Lattice
from polyxtal.crystal.laue import CUBIC, LaueGroup
from polyxtal.microstructure.polycrystal import UNIT_TOLERANCE

if TYPE_CHECKING:
    from polyxtal.microstructure.segment import GrainMap

_ROOT = 0.5**0.5

FRAMES: dict[str, tuple[float, float, float, float]] = {
    "map": (1.0, 0.0, 0.0, 0.0),
    "edax-1": (0.0, _ROOT, _ROOT, 0.0),
    "edax-2": (0.0, _ROOT, -_ROOT, 0.0),
    "edax-3": (0.0, 1.0, 0.0, 0.0),
    "edax-4": (0.0, 0.0, 1.0, 0.0),
    "oxford": (0.0, 1.0, 0.0, 0.0),
}
"""Rotation of the Euler angles' axes A1, A2, A3 into the map's x, y, z, by name.

| name | A1, A2, A3 along | rotation | said elsewhere |
|---|---|---|---|
| `map` | x, y, z | none | MTEX's setting 0: Euler angles of the map's own axes |
| `edax-1` | y, x, -z | 180° about x + y | EDAX's and MTEX's setting 1 |
| `edax-2` | -y, -x, -z | 180° about x - y | setting 2, what MTEX's import wizard takes |
| `edax-3` | x, -y, -z | 180° about x | setting 3 |
| `edax-4` | -x, y, -z | 180° about y | setting 4; DREAM.3D's default for HKL |
| `oxford` | x, -y, -z | 180° about x | MTEX's convertEuler2SpatialReferenceFrame for .ctf |

In all but the first, A3 points out of the specimen, to the viewer, as vendors have it. Settings 1
and 2 differ by half a turn about z, and so do 3 and 4; from 1 or 2 to 3 or 4 it is a quarter turn,
which swaps what lies along x and y.
"""

Frame = str | Sequence[float] | Tensor
"""Name of a frame, or the rotation itself as a unit quaternion, scalar first."""


@dataclass(frozen=True, eq=False, repr=False)
class EbsdMap:
    """A map of orientations on a rectangular grid.

    Attributes:
        orientations: Unit quaternions, scalar first, v_map = R(q) v_crystal; axis 0 is x, axis 1
            is y; the identity where nothing was indexed. [-]
        phase: Index into `phase_names`; -1 where nothing was indexed.
        phase_names: Name of each phase.
        step: Distance of neighbouring points along x and y. [µm]
        quality: Other columns of the file by name, in the file's units.
        path: The file it came from.
        lattices: Lattice of each phase, None where its symmetry is unknown; none at all if every
            phase is cubic.

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

    orientations: Float[Tensor, "nx ny 4"]
    phase: Int[Tensor, "nx ny"]
    phase_names: tuple[str, ...]
    step: tuple[float, float]
    quality: Mapping[str, Float[Tensor, "nx ny"]]
    path: Path
    lattices: tuple[Lattice | None, ...] | None = None

    def __post_init__(self) -> None:
        """Refuse what does not fit together."""
        shape = tuple(self.phase.shape)
        shapes = {tuple(field.shape) for field in self.quality.values()}
        if len(shape) != 2 or tuple(self.orientations.shape) != (*shape, 4) or shapes - {shape}:
            raise ValueError(
                "Arguments `orientations`, `phase` and `quality` must have shapes (nx, ny, 4), "
                f"(nx, ny) and (nx, ny), but have {tuple(self.orientations.shape)}, {shape} and "
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
        if len(self.step) != 2 or not all(math.isfinite(s) and s > 0 for s in self.step):
            raise ValueError(f"Argument `step` must be two lengths [µm], but is {self.step}.")
        if self.lattices is not None and len(self.lattices) != names:
            raise ValueError(
                f"Argument `lattices` must have one entry for each of {names} phases, "
                f"but has {len(self.lattices)}."
            )

    def __repr__(self) -> str:
        """Describe without dumping arrays."""
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
        """Edge lengths of the map, a step for each point. [µm]"""
        return self.grid[0] * self.step[0], self.grid[1] * self.step[1]

    @property
    def indexed(self) -> Bool[Tensor, "nx ny"]:
        """Where an orientation was found."""
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
                f"{self.path}: the symmetry of phase {self.phase_names[phase]!r} must be known, "
                "but the file does not say it: exclude the phase, so that its points go to the "
                "neighbouring grains."
            )
        return lattice.laue_group

    def exclude(self, *names: str) -> EbsdMap:
        """Take all points of these phases for not indexed; the names stay.

        Raises:
            ValueError: if there is no such phase.
        """
        unknown = [name for name in names if name not in self.phase_names]
        if unknown:
            raise ValueError(
                f"{self.path}: phases to exclude must be among {', '.join(self.phase_names)}, "
                f"but {', '.join(unknown)} is not."
            )
        dropped = torch.tensor([self.phase_names.index(name) for name in names], dtype=torch.int64)
        return self.keep(~torch.isin(self.phase, dropped))

    def keep(self, mask: Bool[Tensor, "nx ny"]) -> EbsdMap:
        """Take points outside a mask for not indexed, as those of low `quality`."""
        if tuple(mask.shape) != self.grid:
            raise ValueError(
                f"Argument `mask` must have the map's shape {self.grid}, but has "
                f"{tuple(mask.shape)}."
            )
        mask = mask & self.indexed
        identity = torch.tensor([1.0, 0.0, 0.0, 0.0], dtype=self.orientations.dtype)
        return replace(
            self,
            phase=torch.where(mask, self.phase, -1),
            orientations=torch.where(mask[..., None], self.orientations, identity),
        )

    def grains(
        self, threshold: float = math.radians(5.0), *, minimum: int = 5, fill: bool = True
    ) -> GrainMap:
        """Find the grains, see `segment`."""
        # Not above: a grain's mean orientation comes from the readers, which make maps.
        from polyxtal.microstructure.segment import segment

        return segment(self, threshold, minimum=minimum, fill=fill)


def frame_rotation(frame: Frame | None, path: str | Path = "EBSD map") -> Float[Tensor, "4"]:
    """Find the rotation from the Euler angles' axes into the map's.

    Args:
        frame: A name of `FRAMES`, or a unit quaternion, scalar first, as numbers or as text
            "w,x,y,z".
        path: File that the error names.
    Raises:
        ValueError: if the frame is missing, unknown, or no unit quaternion.
    """
    choices = f"must be one of {', '.join(FRAMES)}, or a unit quaternion w,x,y,z"
    if frame is None:
        raise ValueError(
            f"{path}: argument `frame` {choices} that turns the Euler angles' axes into the map's, "
            "but is missing, and the file can not say it."
        )
    values: Sequence[float]
    if isinstance(frame, str):
        if frame in FRAMES:
            values = FRAMES[frame]
        else:
            try:
                values = [float(part) for part in frame.split(",")]
            except ValueError:
                values = ()
    else:
        values = [float(v) for v in frame]
    length = math.sqrt(sum(v * v for v in values)) if len(values) == 4 else math.nan
    if not abs(length - 1) <= UNIT_TOLERANCE:
        raise ValueError(f"{path}: argument `frame` {choices}, but is {frame!r}.")
    return torch.tensor(values, dtype=torch.float64) / length
