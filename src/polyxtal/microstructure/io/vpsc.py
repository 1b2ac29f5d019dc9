"""Write weighted orientations as a texture file of VPSC."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.rotation import quaternion_to_bunge
from polyxtal.argument_types import require_path, require_type
from polyxtal.files.atomic import atomic_file
from polyxtal.texture.distribution import DiscreteTexture


def write_texture(
    texture: DiscreteTexture,
    path: str | Path,
    *,
    ellipsoid: tuple[float, float, float] = (1.0, 1.0, 1.0),
    title: str = "polyxtal",
) -> None:
    """Write a list of orientations with weights in the format of VPSC, which `read_texture` reads.

    Bunge angles in degrees to 1e-6, and weights that sum to 1. VPSC rotates from sample to crystal
    axes by them, as Bunge does.

    Args:
        texture: Orientations and weights, such as `rve.texture()`, or
            `DiscreteTexture(response.orientations[-1], response.weights)`.
        path: File, ending in .tex.
        ellipsoid: Axes of the mean grain. [-]
        title: First line.
    Raises:
        FileNotFoundError: if the folder does not exist.
        ValueError: if the path ends otherwise, the title is no printable line, or the axes are not
            positive.

    Example:
        >>> import tempfile
        >>> import polyxtal as px
        >>> rve = px.from_texture(px.UniformTexture(), grains=27)
        >>> file = Path(tempfile.mkdtemp()) / "random.tex"
        >>> px.write_texture(rve.texture(), file)
        >>> len(px.read_texture(file).weights)
        27
    """
    require_type(texture, DiscreteTexture, "texture")
    require_path(path, "path")
    if Path(path).suffix.lower() != ".tex":
        raise ValueError(f"{path}: a texture file of VPSC must end in .tex, but does not.")
    if not title.isprintable():
        raise ValueError("Argument `title` must be one printable line, but is not.")
    if len(ellipsoid) != 3 or not all(0 < axis < np.inf for axis in ellipsoid):
        raise ValueError(
            f"Argument `ellipsoid` must be three positive axes, but is {tuple(ellipsoid)}."
        )
    rows = torch.cat([_angles(texture.points), texture.weights[:, None]], 1).tolist()
    lines = [
        title,
        " ".join(f"{axis:10.4f}" for axis in ellipsoid) + "  <-- axes of the mean grain",
        "Bunge angles [deg] and weight",
        f"B   {len(rows)}",
        *("{:13.6f} {:12.6f} {:12.6f} {:16.9e}".format(*row) for row in rows),
    ]
    with atomic_file(path) as temporary:
        temporary.write_text("\n".join([*lines, ""]), encoding="utf-8")


def _angles(orientations: Float[Tensor, "n 4"]) -> Float[Tensor, "n 3"]:
    return torch.rad2deg(quaternion_to_bunge(orientations))
