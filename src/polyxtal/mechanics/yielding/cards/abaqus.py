"""Material of Abaqus: anisotropic elasticity, flow curve, Hill's stress ratios."""

from __future__ import annotations

import numpy as np

from polyxtal.mechanics.yielding.cards.sheet import Sheet
from polyxtal.mechanics.yielding.hill48 import Hill48
from polyxtal.mechanics.yielding.tensors import Array

ORDER = (0, 1, 2, 5, 4, 3)
"""Voigt indices in Abaqus's order 11, 22, 33, 12, 13, 23."""


def abaqus_card(sheet: Sheet) -> str:
    """Return *MATERIAL with *ELASTIC, *PLASTIC and *POTENTIAL."""
    hill, scale, remarks = sheet.hill()
    need = "Elements need *ORIENTATION with these axes."
    lines = [*sheet.header("**", (*remarks, need)), f"*MATERIAL, NAME={sheet.name}"]
    if sheet.density is not None:
        lines += ["*DENSITY", f"{sheet.density * sheet.units.density:.9g},"]
    lines.append("*ELASTIC, TYPE=ANISOTROPIC")
    constants = [
        sheet.stiffness[ORDER[i], ORDER[j]] * sheet.units.stress
        for j in range(6)
        for i in range(j + 1)
    ]
    lines += [", ".join(f"{c:.9g}" for c in constants[k : k + 8]) for k in range(0, 21, 8)]
    lines.append("*PLASTIC")
    strains, stresses = sheet.flow_curve(scale)
    lines += [f"{s:.9g}, {e:.9g}" for e, s in zip(strains, stresses, strict=True)]
    lines.append("*POTENTIAL")
    lines.append(", ".join(f"{ratio:.9g}" for ratio in stress_ratios(hill)))
    return "\n".join(lines) + "\n"


def stress_ratios(hill: Hill48) -> Array:
    """Return R11, R22, R33, R12, R13, R23: yield stresses over the reference stress.

    Those of shear are over the reference stress divided by √3.

    Raises:
        ValueError: if one does not exist, because the function is not convex.
    """
    F, G, H, L, M, N = hill.vector
    squares = [G + H, F + H, F + G, N / 1.5, M / 1.5, L / 1.5]
    if min(squares) <= 0:
        raise ValueError(
            "A card for Abaqus must have positive stress ratios, but Hill's function with "
            f"{hill.parameters} has none in one direction."
        )
    return np.array(squares) ** -0.5
