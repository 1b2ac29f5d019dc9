"""Write raster tessellations of Neper (.tesr), in text.

Neper's orientations are the rotations from sample to crystal axes; what it calls `active`, its
default, is q with v_sample = R(q) v_crystal.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from polyxtal.files.atomic import atomic_file
from polyxtal.files.wording import listing
from polyxtal.microstructure.polycrystal import Polycrystal

LINE = 20
"""Numbers in a line."""

_SYMMETRIES = {"m-3m": "cubic", "6/mmm": "hexagonal", "-1": "triclinic"}


def write_tesr(rve: Polycrystal, path: str | Path) -> None:
    """Write cells (grains) with their orientations, and the cell of each voxel, x fastest.

    Cells are numbered from 1, lengths are in µm. The crystal symmetry is that of the phase, or
    triclinic, Neper's word for none, where phases differ or their lattice is unknown. Phases are
    not stored, which a warning says where there are several, nor are materials.

    Args:
        rve: The polycrystal.
        path: File.
    Raises:
        FileNotFoundError: if the folder does not exist.
    """
    phases = rve.phase.unique().tolist()
    if len(phases) > 1:
        names = listing(rve.phase_names[k] for k in phases)
        warnings.warn(f"{path}: a .tesr stores no phases, but there are {names}.", stacklevel=3)
    groups = {None if rve.lattices[k] is None else rve.laue_group(k).name for k in phases}
    group = groups.pop() if len(groups) == 1 else None
    lines = [
        "***tesr",
        " **format",
        "   2.1",
        " **general",
        "   3",
        "   " + " ".join(map(str, rve.grid)),
        "   " + " ".join(repr(step) for step in rve.spacing),
        " **cell",
        f"   {rve.grains}",
        "  *id",
        *_wrapped(np.arange(1, rve.grains + 1)),
        "  *ori",
        "   quaternion:active",
        *("   " + " ".join(map(repr, q)) for q in rve.orientations.tolist()),
    ]
    lines += [
        "  *crysym",
        f"   {_SYMMETRIES.get(group, group) if group else 'triclinic'}",
        " **data",
        "   ascii",
    ]
    with atomic_file(path) as temporary, temporary.open("w", encoding="ascii") as file:
        file.write("\n".join(lines) + "\n")
        for layer in rve.grain_id.numpy().transpose(2, 1, 0) + 1:
            np.savetxt(file, layer, fmt="%d")
        file.write("***end\n")


def _wrapped(numbers: np.ndarray) -> list[str]:
    """Return numbers in lines."""
    rows = [numbers[k : k + LINE] for k in range(0, len(numbers), LINE)]
    return ["   " + " ".join(map(str, row.tolist())) for row in rows]
