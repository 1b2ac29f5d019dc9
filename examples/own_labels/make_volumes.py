"""200 volumes and the table of their labels, as they may come from measurements or simulations.

Run from anywhere: python examples/own_labels/make_volumes.py FOLDER
"""

from __future__ import annotations

import csv
import math
import sys
from pathlib import Path

import numpy as np

import polyxtal as px

HEADER = ("file", "stress at 1 % strain [MPa]", "grain size [um]")


def main(folder: Path, count: int = 200) -> Path:
    """Write volumes/000.npz and so on, and labels.csv; return the table."""
    (folder / "volumes").mkdir(parents=True, exist_ok=True)
    alloy, path = px.load_material("AA6022-T4"), px.LoadPath.uniaxial(0.01, increments=5)
    textures = px.sample_texture_hull(count, seed=5)
    random = np.random.default_rng(5)
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(HEADER)
        for number in range(count):
            grains = int(random.integers(50, 200))
            rve = px.tessellate(25, grains, textures[number], seed=number)
            name = f"volumes/{number:03d}.npz"
            px.write(rve, folder / name, {"crystal": alloy})
            # Taylor's model, for speed: any number that is known of a volume will do.
            stress = px.taylor_response(rve, alloy, path).stress("xx")[-1]
            diameter = (6 / math.pi * math.prod(rve.size) / grains) ** (1 / 3)
            table.writerow((name, f"{float(stress):.6g}", f"{diameter:.6g}"))
    return folder / "labels.csv"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
