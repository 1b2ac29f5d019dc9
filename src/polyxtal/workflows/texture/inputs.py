"""Orientations of the files of `polyxtal texture`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from polyxtal.crystal.lattice import Lattice
from polyxtal.microstructure.io.registry import format_of
from polyxtal.microstructure.io.texture_text import read_texture
from polyxtal.texture.distribution import DiscreteTexture
from polyxtal.texture.orientation_density import ODF
from polyxtal.workflows.inputs.ebsd_map import MapSettings
from polyxtal.workflows.inputs.files import read_input


class TextureInput(NamedTuple):
    """What was read: weighted orientations or a density, and the lattice if it is known."""

    texture: DiscreteTexture | ODF
    lattice: Lattice | None
    phase: str


def read_texture_input(
    paths: Sequence[Path],
    frame: str | None = None,
    phase: str | None = None,
    laue: str | None = None,
) -> TextureInput:
    """Read a map or a volume, or lists of orientations, which are joined.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if a file is invalid, or files do not fit together.
    """
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(f"{path}: must be a file to read, but there is none.")
    if format_of(paths[0]) is None:
        return _read_lists(paths, laue)
    if len(paths) > 1:
        raise ValueError(f"{paths[1]}: maps and volumes must be given one at a time.")
    rve, _ = read_input(paths[0], ebsd=MapSettings(frame))
    shares = [
        float(rve.volume_fractions[rve.phase == k].sum()) for k in range(len(rve.phase_names))
    ]
    name = rve.phase_names[shares.index(max(shares))] if phase is None else phase
    texture = rve.texture(phase=name)
    kept = texture.weights > 0
    index = rve.phase_names.index(name)
    return TextureInput(
        DiscreteTexture(texture.points[kept], texture.weights[kept], laue=texture.laue),
        rve.lattices[index],
        name,
    )


def _read_lists(paths: Sequence[Path], laue: str | None) -> TextureInput:
    parts = [read_texture(path, laue=laue) for path in paths]
    if len(parts) == 1 and isinstance(parts[0], ODF):
        return TextureInput(parts[0], None, "")
    points, weights = list[Tensor](), list[Tensor]()
    for path, part in zip(paths, parts, strict=True):
        if isinstance(part, ODF) or part.laue != parts[0].laue:
            raise ValueError(
                f"{path}: files to join must be lists of orientations of one Laue group."
            )
        points.append(part.points)
        weights.append(part.weights * len(part.weights))
    joined = DiscreteTexture(torch.cat(points), torch.cat(weights), laue=parts[0].laue)
    return TextureInput(joined, None, "")
