"""What the normals of a small network are fitted to: expected curves on nine load paths.

A network of many leaves, untrained, follows tension, simple shear and plane strain; the curve head
corrects its stress by the predicted stiffness of the linear comparison polycrystal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.crystal.material import Material
from polyxtal.mechanics.loading.path import LoadPath
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.model.foundation import FoundationModel
from polyxtal.model.heads.curves.head import (
    AXES,
    COMPARISON,
    LARGEST_MISS,
    PLANES,
    CurveHead,
    standard_paths,
)
from polyxtal.network.fit import CurveTarget
from polyxtal.network.fit_goals import TOLERANCE
from polyxtal.network.reference import reference_ensemble

STRAINS = (0.003, 0.005, 0.008, 0.013, 0.020)
"""Strains of tension and plane strain at which stresses are compared. [-]"""
SHEAR = 1.5
"""Shear strain over the strain of the other paths. [-]"""
FIXED = ("y", "z", "x")
"""Axis without strain for plane strain along x, y, z."""
CURVES, POINTS = 9, len(STRAINS)


def nine_paths() -> list[LoadPath]:
    """Return tension along x, y, z, shear in yz, xz, xy, and plane strain along x, y, z."""
    tension = [
        _path(1.0, lambda e, a=axis: LoadPath.uniaxial(e, axis=a, increments=1)) for axis in AXES
    ]
    shear = [
        _path(SHEAR, lambda e, p=plane: LoadPath.shear(e, plane=p, increments=1))
        for plane in PLANES
    ]
    plane_strain = [
        _path(1.0, lambda e, a=a, b=b: LoadPath.plane_strain(e, axis=a, fixed=b, increments=1))
        for a, b in zip(AXES, FIXED, strict=True)
    ]
    return [*tension, *shear, *plane_strain]


def _path(factor: float, make: Callable[[float], LoadPath]) -> LoadPath:
    steps = np.diff((0.0, *STRAINS)) * factor
    return LoadPath(tuple(step for one in steps.tolist() for step in make(one)))


def expected_curves(
    rve: Polycrystal,
    model: FoundationModel,
    material: Material,
    leaves: int,
    seed: int,
) -> list[CurveTarget]:
    """Return the expected curves of a polycrystal.

    Args:
        rve: Polycrystal.
        model: Model with heads for stiffness and curves.
        material: Material of the crystals.
        leaves: Leaves of the reference network.
        seed: Random seed of the reference network.
    """
    typical = reference_ensemble(rve, leaves, 1, seed)
    found = model.predict_stiffness(rve, COMPARISON)
    factors = correction(
        model.head(CurveHead), missed_stiffness(typical.stiffness(COMPARISON), found)
    )
    targets = []
    for path, factor in zip(nine_paths(), factors, strict=True):
        response = typical.members[0].respond(material, path, tolerance=TOLERANCE)
        stress = response.P.clone()
        stress[1:] *= factor[:, None, None]
        targets.append(CurveTarget(path, replace(response, P=stress)))
    return targets


def load_directions() -> Float[Tensor, "9 6"]:
    """Return the deviatoric unit Mandel strain of each of the nine paths. [-]"""
    directions = torch.zeros(CURVES, 6, dtype=torch.float64)
    directions[:3, :3] = (3 * torch.eye(3, dtype=torch.float64) - 1) / 6**0.5
    directions[3:6, 3:] = torch.eye(3, dtype=torch.float64)
    for k in range(3):  # the axis lengthens, the fixed one does not, the third one shortens
        directions[6 + k, k], directions[6 + k, (k + 2) % 3] = 0.5**0.5, -(0.5**0.5)
    return directions


def missed_stiffness(
    typical: Float[Tensor, "6 6"], expected: Float[Tensor, "6 6"]
) -> Float[Tensor, "9"]:
    """Return δ of the nine paths from the stiffnesses with `COMPARISON` crystals. [-]"""
    directions = load_directions()
    of = [torch.einsum("km,mn,kn->k", directions, one, directions) for one in (typical, expected)]
    return (of[0] / of[1] - 1).clamp(-LARGEST_MISS, LARGEST_MISS)


def correction(head: CurveHead, missed: Float[Tensor, "9"]) -> Float[Tensor, "9 points"]:
    """Return the factors of the reference stress, 1 + intercept - slope δ.

    The head's coefficients are interpolated in time, at the strain rate that all paths share; those
    of plane strain, which it has not, are the mean of tension and shear.
    """
    known, asked = standard_paths(), nine_paths()
    rows = []
    for table in (head.intercept, head.slope):
        tension, shear = (
            np.interp(_times(asked[k]), _times(known[k]), row.numpy())
            for k, row in zip((0, 3), table, strict=True)
        )
        rows.append(torch.from_numpy(np.stack([tension, shear, (tension + shear) / 2])))
    intercept, slope = (row.repeat_interleave(3, 0) for row in rows)
    return 1 + intercept - slope * missed[:, None]


def _times(path: LoadPath) -> np.ndarray:
    return np.cumsum(np.concatenate([step.time_increments() for step in path]))
