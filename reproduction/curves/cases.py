"""Polycrystals and load paths to evaluate networks on, and their full fields, computed once.

truth/<polycrystal>-<load>.npz   time, F, P of one full-field simulation; grains at its end
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.progress import Progress, no_progress
from polyxtal.algebra.randomness import generator_of
from polyxtal.algebra.rotation import random_quaternions
from polyxtal.crystal.elasticity import CubicElasticity, Elasticity
from polyxtal.crystal.load_material import load_material
from polyxtal.crystal.material import Material
from polyxtal.files.arrays import open_arrays, write_arrays
from polyxtal.files.atomic import atomic_file
from polyxtal.files.run_folder import RunFolder
from polyxtal.mechanics.fullfield.simulate import simulate
from polyxtal.mechanics.loading.path import LoadPath
from polyxtal.mechanics.response import Response
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.microstructure.tessellate import tessellate
from polyxtal.texture.components import TEXTURE_TYPES, texture_type
from polyxtal.texture.distribution import DiscreteTexture, Texture
from polyxtal.texture.hull import sample_texture_hull

HULL = 4
ELONGATED, FIVE = "elongated", "five"
"""Random grains four times as long as wide, and five orientations."""
POLYCRYSTALS = (*TEXTURE_TYPES, *(f"hull {k + 1}" for k in range(HULL)), ELONGATED, FIVE)
LOADS: Mapping[str, Callable[[float], LoadPath]] = {
    "tension": LoadPath.uniaxial,
    "unloading": lambda strain: LoadPath.uniaxial(strain, unload=True),
    "shear": LoadPath.shear,
    "plane strain": lambda strain: LoadPath.plane_strain(-strain),
    "cyclic": lambda strain: LoadPath.cyclic(0.4 * strain),
}
"""By name: to a strain; cycles go to two fifths of it, and unloading is tension taken back."""
USUAL = ("tension", "shear", "cyclic")
TEXTURES = 9
"""Stream of random numbers for textures and grains."""
CONFIG, TRUTH = "cases.json", "truth"
MAX_TRUTH = 1 << 24


@dataclass(frozen=True)
class CaseSettings:
    """Polycrystals and loads that networks are evaluated on.

    Attributes:
        grid: Voxels along an edge.
        grains: Grains of each polycrystal.
        material: Shipped name or phase file.
        strain: Largest strain in monotonic loads; cycles go to two fifths of it. [-]
        seed: Random seed of textures and grains.
        zener: Zener ratio of the crystals instead of the material's own, at its bulk modulus and
            Voigt shear modulus; None for its own. [-]
        loads: Some of `LOADS`.
        names: Some of `POLYCRYSTALS`; each is the same whichever others there are.

    Raises:
        ValueError: if a number is out of range or a name unknown.
    """

    grid: int = 25
    grains: int = 139
    material: str = "AA6022-T4"
    strain: float = 0.05
    seed: int = 0
    zener: float | None = None
    loads: tuple[str, ...] = USUAL
    names: tuple[str, ...] = POLYCRYSTALS

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
        if self.zener is not None and not 0.01 <= self.zener <= 100:
            raise ValueError(f"Option --zener must be 0.01 to 100, but is {self.zener}.")
        for option, given, known in (
            ("--loads", self.loads, tuple(LOADS)),
            ("--polycrystals", self.names, POLYCRYSTALS),
        ):
            unknown = [name for name in given if name not in known]
            if unknown or not given or len(set(given)) < len(given):
                raise ValueError(
                    f"Option {option} must be different ones of {', '.join(known)}, but is "
                    f"{', '.join(given) or 'empty'}."
                )

    def paths(self) -> dict[str, LoadPath]:
        """Return the load paths by name."""
        return {name: LOADS[name](self.strain) for name in self.loads}

    def law(self) -> Material:
        """Return the material, with other elastic constants where `zener` says so.

        Raises:
            FileNotFoundError, ValueError: see `load_material`.
        """
        material = load_material(self.material)
        if self.zener is None:
            return material
        return replace(material, elasticity=with_zener(material.elasticity, self.zener))

    def common(self) -> dict[str, Any]:
        """Return what full fields depend on beside names and loads, the law's numbers among it."""
        asked = asdict(self) | {"law": asdict(self.law())}
        return {name: value for name, value in asked.items() if name not in ("names", "loads")}

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
            if name not in self.names:
                continue
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


def with_zener(crystal: Elasticity, zener: float) -> CubicElasticity:
    """Change a crystal's Zener ratio, but neither its bulk modulus nor its Voigt shear modulus.

        G_V = (c11 - c12 + 3 c44) / 5, c11 - c12 = 10 G_V / (2 + 3 A)

    Args:
        crystal: The crystal. [MPa]
        zener: A = 2 c44 / (c11 - c12). [-]
    """
    if not isinstance(crystal, CubicElasticity):
        raise ValueError("A Zener ratio must be of a cubic crystal, but this one is not.")
    shear = (crystal.c11 - crystal.c12 + 3 * crystal.c44) / 5
    difference = 10 * shear / (2 + 3 * zener)
    c12 = crystal.bulk_modulus - difference / 3
    return CubicElasticity(c12 + difference, c12, zener * difference / 2)


class Case(NamedTuple):
    """A polycrystal under a load, and the truth.

    Attributes:
        name: Name of the polycrystal.
        load: Name of the load path.
        rve: The polycrystal.
        path: The load path.
        truth: Full-field response.
        turned: How the grains lie at its end. [-]
    """

    name: str
    load: str
    rve: Polycrystal
    path: LoadPath
    truth: Response
    turned: Float[Tensor, "grains 4"]


def full_field_cases(
    settings: CaseSettings,
    folder: Path,
    progress: Progress = no_progress,
) -> list[Case]:
    """Compute the full fields, or read again those that are there.

    Args:
        settings: Polycrystals and loads.
        folder: Where they are kept, for these settings alone, but any names and loads.
        progress: Called after each case.
    Raises:
        ConvergenceError: if a full field does not converge.
        FileNotFoundError: if there is no such material.
        FileExistsError: if the folder holds something else.
        ValueError: if it holds those of other settings, or of another law.
    """
    material = settings.law()
    polycrystals, paths = list(settings.polycrystals()), settings.paths()
    cases: list[Case] = []
    with RunFolder(folder, CONFIG, "a set of cases").run(settings.common()):
        for (name, rve), (load, path) in product(polycrystals, paths.items()):
            file = folder / TRUTH / f"{name}-{load}.npz".replace(" ", "-")
            found = _read(file, rve, path)
            if found is None:
                found = _simulate(rve, material, path, file)
            cases.append(Case(name, load, rve, path, *found))
            progress("full fields", len(cases), len(polycrystals) * len(paths))
    return cases


def _simulate(
    rve: Polycrystal, material: Material, path: LoadPath, file: Path
) -> tuple[Response, Tensor]:
    found = simulate(rve, material, path)
    assert found.orientations is not None
    turned = found.orientations[-1]
    file.parent.mkdir(parents=True, exist_ok=True)
    arrays = {"time": found.time, "F": found.F, "P": found.P, "turned": turned}
    with atomic_file(file) as temporary:
        write_arrays(temporary, arrays)
    return Response(found.time, found.F, found.P), turned


def _read(file: Path, rve: Polycrystal, path: LoadPath) -> tuple[Response, Tensor] | None:
    if not file.is_file():
        return None
    try:
        with open_arrays(file, MAX_TRUTH) as stored:
            time, f, p, turned = (
                torch.from_numpy(stored.read(name)) for name in ("time", "F", "P", "turned")
            )
        response = Response(time, f, p)
    except (ValueError, TypeError):
        return None  # damaged: computed again
    whole = len(time) == path.increments + 1 and turned.shape == rve.orientations.shape
    finite = bool(torch.isfinite(p).all() and torch.isfinite(turned).all())
    return (response, turned) if whole and finite else None
