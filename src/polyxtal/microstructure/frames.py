"""Frames in which the Euler angles of a measured map can be given.

Axes of a map: x and y are those of the file's positions, z = x × y. Vendors draw maps with x to the
right and y down the page, so z points into the specimen, away from the viewer; +y is down.

Euler angles refer to three specimen axes A1, A2, A3 of the vendor. These mostly differ from the
map's axes, and no file records how. The frame is the rotation p from components along A1, A2, A3 to
components along x, y, z; the orientation of a point is then p q(φ1, Φ, φ2).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.microstructure.polycrystal import UNIT_TOLERANCE

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


class MissingFrame(ValueError):
    """No frame is given, and the file stores none."""


def frame_rotation(frame: Frame | None, path: str | Path = "EBSD map") -> Float[Tensor, "4"]:
    """Return the rotation from the Euler angles' axes into the map's.

    Args:
        frame: A name of `FRAMES`, or a unit quaternion, scalar first, as numbers or as text
            "w,x,y,z".
        path: File, for errors.
    Raises:
        ValueError: if the frame is missing, unknown, or no unit quaternion.
    """
    choices = f"must be one of {', '.join(FRAMES)}, or a unit quaternion w,x,y,z"
    if frame is None:
        raise MissingFrame(
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
