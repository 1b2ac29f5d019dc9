"""Polycrystals with their full fields, to fit a learned head of local fields to.

    python benchmarks/fields_data.py out/fields/train --count 140

AA6022-T4 in tension along x to 3 %, 25^3 voxels and 139 grains; a third with random orientations,
the others with textures of the hull. Volumes that are there already are not computed again.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

import polyxtal as px
from polyxtal.files.arrays import write_arrays
from polyxtal.files.atomic import atomic_file

GRID, GRAINS, STRAIN = 25, 139, 0.03
SEED = 7000
"""Seed of the first volume."""


def polycrystal(number: int) -> px.Polycrystal:
    """Return a polycrystal by its number: every third has random orientations."""
    seed = SEED + number
    texture = px.sample_texture_hull(1, seed=seed)[0] if number % 3 else None
    return px.tessellate(grid=GRID, grains=GRAINS, texture=texture, seed=seed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=140)
    given = parser.parse_args()
    torch.set_num_threads(1)
    alloy = px.load_material("AA6022-T4")
    given.folder.mkdir(parents=True, exist_ok=True)
    for number in range(given.count):
        file = given.folder / f"{number:04d}.npz"
        if file.is_file():
            continue
        rve = polycrystal(number)
        fields = px.simulate(rve, alloy, px.LoadPath.uniaxial(STRAIN), threads=1).fields
        arrays = {
            "stress": fields.equivalent_stress.float(),
            "strain": fields.equivalent_plastic_strain.float(),
        }
        with atomic_file(file) as temporary:
            write_arrays(temporary, arrays)
        print(f"{number + 1} of {given.count}", flush=True)


if __name__ == "__main__":
    main()
