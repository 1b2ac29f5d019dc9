"""Write textures: weighted orientations for VPSC, popLA, MTEX and DAMASK, densities for MTEX."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.number_arrays import number_tensor
from polyxtal.algebra.rotation import (
    bunge_to_quaternion,
    quaternion_to_bunge,
    quaternion_to_matrix,
)
from polyxtal.argument_types import require_number, require_path, require_type
from polyxtal.crystal.laue import CUBIC, LaueGroup
from polyxtal.files.atomic import atomic_file
from polyxtal.texture.distribution import DiscreteTexture, Texture

DENSITY = ".odf"
"""Extension of a density on a grid."""
MAX_GRID = 10**7
"""Most orientations of a grid."""


def write_texture(
    texture: Texture,
    path: str | Path,
    *,
    ellipsoid: tuple[float, float, float] = (1.0, 1.0, 1.0),
    title: str = "polyxtal",
    resolution: float = 5.0,
) -> None:
    """Write weighted orientations, or a density on a grid, in the format of the extension.

    `read_texture` reads all of them, with the Laue group of the crystals, which is named in the
    title or a comment (in `.csv` unless it is m-3m). Weights are written so that they sum to 1.

    | extension | program | holds |
    |---|---|---|
    | `.tex` | VPSC | Bunge angles to 1e-6 degrees and weights |
    | `.wts` | popLA | Bunge angles to 1e-2 degrees and weights |
    | `.txt` | MTEX | Bunge angles to 1e-6 degrees and weights |
    | `.csv` | tables | unit quaternions and weights in full precision |
    | `.yaml` | DAMASK | one material of all orientations, O and v in full precision |
    | `.odf` | MTEX | the density on a regular grid of Bunge angles, to 1e-5 |

    Args:
        texture: For `.odf` any texture; for the others orientations with weights, such as
            `rve.texture()`, or `DiscreteTexture(response.orientations[-1], response.weights)`.
        path: File.
        ellipsoid: Axes of the mean grain, for VPSC. [-]
        title: First line, for VPSC and popLA (there the Laue group follows).
        resolution: Step of the grid of a density, 1 to 30, a divisor of 90. [degrees]
    Raises:
        FileNotFoundError: if the folder does not exist.
        ValueError: if the path ends otherwise, the texture is no list of orientations but must be
            one, the title is no printable line, or the axes or the step are out of range.

    Example:
        >>> import tempfile
        >>> import polyxtal as px
        >>> rve = px.from_texture(px.UniformTexture(), grains=27)
        >>> file = Path(tempfile.mkdtemp()) / "random.tex"
        >>> px.write_texture(rve.texture(), file)
        >>> len(px.read_texture(file).weights)
        27
    """
    require_type(texture, Texture, "texture")
    require_path(path, "path")
    require_type(title, str, "title")
    axes = number_tensor(ellipsoid, "ellipsoid").tolist()
    extension = Path(path).suffix.lower()
    if extension not in (*_WRITERS, DENSITY):
        raise ValueError(
            f"{path}: a texture file must end in {', '.join(_WRITERS)} or {DENSITY}, but does not."
        )
    if not title.isprintable():
        raise ValueError("Argument `title` must be one printable line, but is not.")
    if not isinstance(axes, list) or len(axes) != 3 or not all(0 < a < np.inf for a in axes):
        raise ValueError(f"Argument `ellipsoid` must be three positive axes, but is {ellipsoid}.")
    if extension == DENSITY:
        lines = _density(texture, resolution)
    else:
        require_type(texture, DiscreteTexture, "texture")
        assert isinstance(texture, DiscreteTexture)
        lines = _WRITERS[extension](texture, title, axes)
    with atomic_file(path) as temporary:
        temporary.write_text("\n".join([*lines, ""]), encoding="utf-8")


def _rows(texture: DiscreteTexture) -> list[list[float]]:
    angles = torch.rad2deg(quaternion_to_bunge(texture.points))
    return torch.cat([angles, texture.weights[:, None]], 1).tolist()


def _vpsc(texture: DiscreteTexture, title: str, ellipsoid: Iterable[float]) -> list[str]:
    return [
        title,
        " ".join(f"{axis:10.4f}" for axis in ellipsoid) + "  <-- axes of the mean grain",
        f"Bunge angles [deg] and weight, {crystal_symmetry(texture.laue)}",
        f"B   {len(texture.points)}",
        *("{:13.6f} {:12.6f} {:12.6f} {:16.9e}".format(*row) for row in _rows(texture)),
    ]


def _popla(texture: DiscreteTexture, title: str, ellipsoid: Iterable[float]) -> list[str]:
    return [
        f"{title}, {crystal_symmetry(texture.laue)}",
        "  Evm    F11    F12    F13    F21    F22    F23    F31    F32    F33",
        "0.000  1.000  0.000  0.000  0.000  1.000  0.000  0.000  0.000  1.000",
        "Bunge:phi1   PHI   phi2  ,gr.wt.   XYZ= 1 2 3",
        *("{:8.2f}{:8.2f}{:8.2f} {:14.8f}".format(*row) for row in _rows(texture)),
    ]


def _mtex(texture: DiscreteTexture, title: str, ellipsoid: Iterable[float]) -> list[str]:
    return [
        f"% {crystal_symmetry(texture.laue)}",
        "% phi1 Phi phi2 weight",
        *("{:.6f} {:.6f} {:.6f} {:.9e}".format(*row) for row in _rows(texture)),
    ]


def _csv(texture: DiscreteTexture, title: str, ellipsoid: Iterable[float]) -> list[str]:
    rows = torch.cat([texture.points, texture.weights[:, None]], 1).tolist()
    # Only where it must be: not every program skips comments of tables.
    symmetry = [] if texture.laue == CUBIC else [f"# {crystal_symmetry(texture.laue)}"]
    return [*symmetry, "w,x,y,z,weight", *(",".join(map(repr, row)) for row in rows)]


def _damask(texture: DiscreteTexture, title: str, ellipsoid: Iterable[float]) -> list[str]:
    grains = zip(texture.points.tolist(), texture.weights.tolist(), strict=True)
    count = len(texture.points)
    return [
        f"# {crystal_symmetry(texture.laue)}",
        "homogenization:",
        f"  texture: {{N_constituents: {count}, mechanical: {{type: isostrain}}}}",
        "material:",
        "- homogenization: texture",
        "  constituents:",
        *(f"  - {{O: {[*map(float, q)]}, phase: texture, v: {v!r}}}" for q, v in grains),
    ]


_Writer = Callable[[DiscreteTexture, str, Iterable[float]], list[str]]
_WRITERS: dict[str, _Writer] = {
    ".tex": _vpsc, ".wts": _popla, ".txt": _mtex, ".csv": _csv, ".yaml": _damask,
}  # fmt: skip


def crystal_symmetry(laue: LaueGroup) -> str:
    """Return the line by which MTEX names a crystal symmetry and its axes."""
    axes = "X||a, Y||b*, Z||c*" if laue.name.startswith(("-3", "6")) else ""
    return f'crystal symmetry: "{laue.name}"' + (f", {axes}" if axes else "")


def _density(texture: Texture, resolution: float) -> list[str]:
    """Return a density on a grid that covers all crystals once, the last angle fastest."""
    require_number(resolution, "resolution")
    if not 1 <= resolution <= 30 or abs(90 / resolution - round(90 / resolution)) > 1e-9:
        raise ValueError(
            f"Argument `resolution` must be from 1 to 30 degrees and divide 90, but is "
            f"{resolution:g}."
        )
    end, last = euler_ranges(texture.laue)
    counts = round(360 / resolution), round(end / resolution) + 1, round(last / resolution)
    if math.prod(counts) > MAX_GRID:
        raise ValueError(
            f"A grid must have at most {MAX_GRID} orientations, but has {math.prod(counts)}: take "
            "a coarser `resolution`."
        )
    axes = [torch.arange(count, dtype=torch.float64) * resolution for count in counts]
    angles = torch.cartesian_prod(*axes)
    density = texture.density(bunge_to_quaternion(torch.deg2rad(angles)))
    rows: Float[Tensor, "n 4"] = torch.cat([angles, density[:, None]], 1)
    return [
        "% MTEX ODF",
        f"% {crystal_symmetry(texture.laue)}",
        '% specimen symmetry: "1"',
        "% phi1 Phi phi2 value",
        *("{:.5f} {:.5f} {:.5f} {:.5f}".format(*row) for row in rows.tolist()),
    ]


def euler_ranges(laue: LaueGroup) -> tuple[float, float]:
    """Return the ranges of Φ and φ2 that hold each crystal, from the rotations about its z and x.

    Without the three-fold axes of cubic crystals, which leave each crystal three times. [degrees]
    """
    along = quaternion_to_matrix(laue.rotations)[:, 2, 2]
    fold = int((along > 1 - 1e-9).sum())
    return (90.0 if bool((along < -1 + 1e-9).any()) else 180.0), 360.0 / fold
