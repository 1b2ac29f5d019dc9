"""Polycrystals with their full fields, to fit a learned head of local fields to.

    python benchmarks/fields_data.py out/fields/train --count 120

16^3 voxels and 37 grains, a third with random orientations, the others with textures of the hull;
half of them AA6022-T4; tension, compression, shear and plane strain along all axes to 1 to 4 %. The
fields are those of `px.predict_fields`. Volumes that are there already are
not computed again.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

import polyxtal as px
from polyxtal.files.arrays import write_arrays
from polyxtal.files.atomic import atomic_file

GRID, GRAINS, STRAINS = 16, 37, (0.01, 0.04)
SEED = 7000
"""Seed of the first volume."""
OTHERS = ("ferrite", "IN625", "317L")


class Sample(NamedTuple):
    """A polycrystal, its material, and its load by name, strain and axes."""

    rve: px.Polycrystal
    material: px.Material
    kind: str
    strain: float
    axes: str

    def path(self, increments: int | None = None) -> px.LoadPath:
        """Return the load in so many increments, or in its own."""
        if self.kind == "shear":
            return px.LoadPath.shear(self.strain, plane=self.axes, increments=increments)
        if self.kind == "plane strain":
            return px.LoadPath.plane_strain(
                self.strain, axis=self.axes[0], fixed=self.axes[1], increments=increments
            )
        return px.LoadPath.uniaxial(self.strain, axis=self.axes[0], increments=increments)


def sample(number: int) -> Sample:
    """Return a volume by its number."""
    seed = SEED + number
    draw = np.random.default_rng(seed)
    name = "AA6022-T4" if number % 2 == 0 else OTHERS[number // 2 % len(OTHERS)]
    texture = px.sample_texture_hull(1, seed=seed)[0] if number % 3 else None
    rve = px.tessellate(grid=GRID, grains=GRAINS, texture=texture, seed=seed)
    material = px.load_material(name)
    kind = ("uniaxial", "shear", "plane strain")[number // 2 % 3]
    sign = -1 if kind != "shear" and draw.random() < 0.5 else 1
    axes = "".join(draw.permutation(list("xyz"))[:2])
    lattices = (material.lattice,)
    rve = px.Polycrystal(rve.grain_id, rve.orientations, rve.size, lattices=lattices)
    return Sample(rve, material, kind, sign * draw.uniform(*STRAINS), axes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=120)
    given = parser.parse_args()
    torch.set_num_threads(1)
    given.folder.mkdir(parents=True, exist_ok=True)
    for number in range(given.count):
        file = given.folder / f"{number:04d}.npz"
        if file.is_file():
            continue
        one = sample(number)
        found = px.predict_fields(one.rve, one.material, one.path(), threads=1)
        arrays = {
            "stress": found.equivalent_stress[-1].float(),
            "strain": found.equivalent_plastic_strain[-1].float(),
        }
        with atomic_file(file) as temporary:
            write_arrays(temporary, arrays)
        print(f"{number + 1} of {given.count}", flush=True)


if __name__ == "__main__":
    main()
