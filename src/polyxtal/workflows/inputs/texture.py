"""How a texture alone, a list of orientations, becomes a polycrystal."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

from polyxtal.crystal.load_material import load_material
from polyxtal.microstructure.from_texture import from_texture
from polyxtal.microstructure.io.texture_text import read_texture
from polyxtal.microstructure.polycrystal import Polycrystal

GRAINS = 729
"""Grains of the volume if not given."""


def texture_volume(
    file: str | Path,
    material: Sequence[str],
    grains: str | None = None,
    aspect: Sequence[float] | None = None,
    seed: int = 0,
) -> Polycrystal:
    """Return the volume that stands for a texture, see `from_texture`.

    Args:
        file: Text file or orientation density (.npz), see `read_texture`.
        material: The material of all grains, a shipped name or a phase file, whose lattice tells
            the symmetry of the crystals.
        grains: Number of grains in digits; None for `GRAINS`.
        aspect: Ratio of the edges of a grain along x, y, z; None for equal ones.
        seed: Random seed of the choice of grains.
    Raises:
        FileNotFoundError: if a file does not exist.
        ValueError: if a file or an argument is invalid.
    """
    names = [entry.partition("=")[2] or entry for entry in material]
    if not Path(file).is_file():
        raise FileNotFoundError(f"{file}: no such file.")
    if len(names) != 1:
        raise ValueError(
            f"{file}: a texture needs one material (--material NAME), whose lattice tells the "
            f"symmetry of its crystals, but {len(names)} are given."
        )
    if grains is not None and not (grains.isascii() and grains.isdigit() and len(grains) < 9):
        raise ValueError(
            f"{file}: argument `grains` must be the number of grains that stand for the texture, "
            f"such as {GRAINS}, but is {grains!r}."
        )
    lattice = load_material(names[0]).lattice
    texture = read_texture(file, laue=lattice.laue_group)
    if texture.laue != lattice.laue_group:
        raise ValueError(
            f"{file}: crystals have the Laue group {texture.laue.name}, but those of the material "
            f"{names[0]} have {lattice.laue_group.name}."
        )
    count = GRAINS if grains is None else int(grains)
    rve = from_texture(texture, count, aspect=aspect or (1.0, 1.0, 1.0), lattice=lattice, seed=seed)
    if grains is not None and rve.grains != count:
        warnings.warn(
            f"{file}: {rve.grains} grains stand for the texture instead of {count}, since their "
            "number must be the cube of an odd number: 27, 125, 343, 729, 1331, …",
            stacklevel=2,
        )
    return rve
