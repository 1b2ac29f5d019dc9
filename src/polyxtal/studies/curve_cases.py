"""Polycrystals and load paths to judge networks on, and their full fields, computed once and kept.

truth/<polycrystal>-<load>.npz   time, F, P of one full-field simulation
"""

from __future__ import annotations

import json
import math
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from polyxtal.algebra.randomness import generator_of
from polyxtal.algebra.rotation import random_quaternions
from polyxtal.crystal.material import Material, load_material
from polyxtal.files.atomic import atomic_file
from polyxtal.files.bounded import read_bounded
from polyxtal.mechanics.fullfield.simulate import simulate
from polyxtal.mechanics.loading import LoadPath
from polyxtal.mechanics.response import Response
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.microstructure.tessellate import tessellate
from polyxtal.texture.components import TEXTURE_TYPES, texture_type
from polyxtal.texture.distribution import DiscreteTexture, Texture
from polyxtal.texture.hull import sample_texture_hull

HULL = 4
ELONGATED, FIVE = "elongated", "five"
"""Random grains four times as long as wide, and five orientations."""
LOADS = ("tension", "shear", "cyclic")
TEXTURES = 9
"""Stream of random numbers for textures and grains."""
CONFIG, TRUTH = "cases.json", "truth"
MAX_JSON, MAX_TRUTH = 1 << 20, 1 << 24
_UNREADABLE = (ValueError, OSError, KeyError, TypeError, EOFError, MemoryError, NotImplementedError)
"""What NumPy raises at a damaged file."""


@dataclass(frozen=True)
class CaseSettings:
    """What networks are judged on.

    Attributes:
        grid: Voxels along an edge.
        grains: Grains of each polycrystal.
        material: Shipped name or phase file.
        strain: Largest strain in tension and shear; cycles go to two fifths of it. [-]
        seed: Of textures and grains.

    Raises:
        ValueError: if a number is out of range.
    """

    grid: int = 25
    grains: int = 139
    material: str = "AA6022-T4"
    strain: float = 0.05
    seed: int = 0

    def __post_init__(self) -> None:
        """Validate before anything is computed."""
        if not 2 <= self.grid <= 256:
            raise ValueError(f"Option --grid must be 2 to 256, but is {self.grid}.")
        if not 1 <= self.grains <= self.grid**3:
            raise ValueError(f"Option --grains must be 1 to {self.grid**3}, but is {self.grains}.")
        if not (math.isfinite(self.strain) and 0 < self.strain <= 0.5):
            raise ValueError(f"Option --strain must be above 0, at most 0.5, but is {self.strain}.")
        if not 0 <= self.seed < 2**32:
            raise ValueError(f"Option --seed must be 0 to {2**32 - 1}, but is {self.seed}.")

    def paths(self) -> dict[str, LoadPath]:
        """Return the load paths by name."""
        return {
            "tension": LoadPath.uniaxial(self.strain),
            "shear": LoadPath.shear(self.strain),
            "cyclic": LoadPath.cyclic(0.4 * self.strain),
        }

    def polycrystals(self) -> Iterator[tuple[str, Polycrystal]]:
        """Make the polycrystals: the paper's texture types, the hull's, and two hard ones."""
        hull = sample_texture_hull(HULL, seed=self.seed + 1000)
        textures: dict[str, Texture | None] = {
            name: texture_type(name, generator_of(self.seed, k, TEXTURES))
            for k, name in enumerate(TEXTURE_TYPES)
        }
        textures |= {f"hull {k + 1}": texture for k, texture in enumerate(hull)}
        five = random_quaternions(5, generator_of(self.seed, 100, TEXTURES))
        textures |= {ELONGATED: None, FIVE: DiscreteTexture(five, torch.full((5,), 0.2))}
        for k, (name, texture) in enumerate(textures.items()):
            yield (
                name,
                tessellate(
                    self.grid,
                    self.grains,
                    texture,
                    aspect=(4, 1, 1) if name == ELONGATED else (1, 1, 1),
                    seed=generator_of(self.seed, k, TEXTURES + 1),
                ),
            )


class Case(NamedTuple):
    """A polycrystal under a load, and the truth.

    Attributes:
        name: Of the polycrystal.
        load: Of the load path.
        rve: The polycrystal.
        path: The load path.
        truth: Full-field response.
    """

    name: str
    load: str
    rve: Polycrystal
    path: LoadPath
    truth: Response


def full_field_cases(
    settings: CaseSettings,
    folder: Path,
    on_case: Callable[[int, int], None] | None = None,
) -> list[Case]:
    """Compute the full fields, or read again those that are there.

    Args:
        settings: What is judged on.
        folder: Where they are kept, for these settings alone.
        on_case: Called with the cases that are ready, and of how many.
    Raises:
        ConvergenceError: if a full field does not converge.
        FileExistsError: if the folder holds something else.
        ValueError: if it holds those of other settings.
    """
    _claim(folder, settings)
    material = load_material(settings.material)
    polycrystals, paths = list(settings.polycrystals()), settings.paths()
    cases: list[Case] = []
    for name, rve in polycrystals:
        for load, path in paths.items():
            file = folder / TRUTH / f"{name.replace(' ', '-')}-{load}.npz"
            truth = _read(file, path)
            if truth is None:
                truth = _simulate(rve, material, path, file)
            cases.append(Case(name, load, rve, path, truth))
            if on_case is not None:
                on_case(len(cases), len(polycrystals) * len(paths))
    return cases


def _simulate(rve: Polycrystal, material: Material, path: LoadPath, file: Path) -> Response:
    found = simulate(rve, material, path)
    file.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(file) as temporary, temporary.open("wb") as stream:
        np.savez(stream, time=found.time, F=found.F, P=found.P)
    return Response(found.time, found.F, found.P)


def _read(file: Path, path: LoadPath) -> Response | None:
    if not file.is_file() or file.stat().st_size > MAX_TRUTH:
        return None
    try:
        with np.load(file, allow_pickle=False) as stored:
            time, f, p = (
                torch.from_numpy(np.asarray(stored[k], dtype=np.float64))
                for k in ("time", "F", "P")
            )
        response = Response(time, f, p)
    except (*_UNREADABLE, zipfile.BadZipFile, zlib.error):
        return None  # damaged: computed anew
    whole = len(time) == path.increments + 1 and bool(torch.isfinite(p).all())
    return response if whole else None


def _claim(folder: Path, settings: CaseSettings) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    asked, path = vars(settings), folder / CONFIG
    if path.is_file():
        try:
            earlier = json.loads(read_bounded(path, MAX_JSON))
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{path}: must say what was begun, but can not be read.") from error
        if not isinstance(earlier, dict):
            raise ValueError(f"{path}: must say what was begun, but is no mapping.")
        wrong = [name for name in asked if earlier.get(name) != asked[name]]
        if wrong:
            raise ValueError(
                f"{folder}: cases must go on with what they were begun with, but `{wrong[0]}` is "
                f"{earlier.get(wrong[0])} there and {asked[wrong[0]]} here."
            )
        return
    if any(folder.iterdir()):
        raise FileExistsError(f"{folder}: must be new, empty or hold such cases, but is not.")
    with atomic_file(path) as temporary:
        temporary.write_text(json.dumps(asked, indent=2) + "\n")
