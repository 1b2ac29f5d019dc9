"""Curves that a polycrystal is expected to follow, from typical networks and its stiffness.

Networks that know texture and grain shape alone miss how the grains of one polycrystal happen to
lie. They miss it alike in a linear polycrystal of strongly anisotropic crystals, whose stiffness C
is predicted: so their stress is corrected by what they miss in that stiffness [PonteCastaneda1991],

    P = P_typical (1 + intercept - slope δ),    δ = (m : C_typical : m) / (m : C : m) - 1,

with m the deviatoric direction of the load. Intercepts and slopes are fitted to full fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.crystal.elasticity import CubicElasticity
from polyxtal.crystal.material import Material
from polyxtal.mechanics.loading import LoadPath
from polyxtal.mechanics.response import Response
from polyxtal.network.fit import CurveTarget
from polyxtal.network.tree import NetworkEnsemble

MODES = ("tension", "shear")
AXES = ("x", "y", "z")
PLANES = ("yz", "xz", "xy")
KNEE, FLOW = 2, 4
"""Increments up to where crystals yield, and beyond."""
INCREMENTS = KNEE + FLOW
REVERSAL = 3
"""Increments back, through the other knee; corrected as the last ones before it."""
TOLERANCE = 1e-5
"""Traction jumps that are left to stay, relative to the largest stress. [-]"""
LARGEST_MISS = 0.2
"""δ beyond this is taken as this. [-]"""


def _crystal(zener: float, bulk: float = 80e3, shear: float = 26e3) -> CubicElasticity:
    """Make a crystal of about aluminium's moduli; `shear` is Voigt's. [MPa]"""
    tetragonal = 5 * shear / (2 + 3 * zener)
    return CubicElasticity(bulk + 4 / 3 * tetragonal, bulk - 2 / 3 * tetragonal, zener * tetragonal)


COMPARISON = _crystal(8.0)
"""The linear crystal that stands for slip: soft on the cube's faces, stiff across them."""


@dataclass(frozen=True, eq=False)
class CurveHead:
    """How full fields differ from typical networks.

    Attributes:
        intercept: By mode and increment of the paths. [-]
        slope: By mode and increment of the paths. [-]
        about: What else `network.json` says: training, results.
        stiffness: Fingerprint of the stiffness head that told what is expected when this one was
            fitted, see `heads.files`; None if that is not known.
    """

    intercept: Float[Tensor, "2 increments"]
    slope: Float[Tensor, "2 increments"]
    about: Mapping[str, Any] = field(default_factory=dict)
    stiffness: str | None = None

    def __post_init__(self) -> None:
        """Validate shapes and numbers."""
        for name in ("intercept", "slope"):
            given = getattr(self, name)
            if tuple(given.shape) != (len(MODES), INCREMENTS):
                raise ValueError(
                    f"`{name}` must have shape {(len(MODES), INCREMENTS)}, "
                    f"but has {tuple(given.shape)}."
                )
            if not bool((given.abs() < 10).all()):
                raise ValueError(f"`{name}` must hold numbers below 10, but does not.")

    def expected(
        self, typical: NetworkEnsemble, material: Material, missed: Float[Tensor, "6"]
    ) -> list[CurveTarget]:
        """Return the curves to expect.

        Args:
            typical: Typical networks of the polycrystal.
            material: Of its crystals.
            missed: δ of each path, see `missed_stiffness`; zero for what is not known. [-]
        """
        targets = []
        for k, target in enumerate(typical_curves(typical, material, reverse=True)):
            mode = k // len(AXES)
            factor = 1 + self.intercept[mode] - self.slope[mode] * missed[k]
            factor = torch.cat([factor, factor[-1:].expand(REVERSAL)])
            stress = target.response.P.clone()
            stress[1:] *= factor[:, None, None].to(stress)
            targets.append(CurveTarget(target.path, replace(target.response, P=stress)))
        return targets


def standard_paths(reverse: bool = False) -> list[LoadPath]:
    """Stretch along x, y, z and shear in yz, xz, xy, in few increments: what networks follow.

    Args:
        reverse: Then go back, until crystals yield the other way.
    """
    paths = []
    for axis in AXES:
        parts = [(0.004, KNEE), (0.02, FLOW), *([(-0.01, REVERSAL)] if reverse else [])]
        steps = [LoadPath.uniaxial(e, axis=axis, increments=n) for e, n in parts]
        paths.append(LoadPath(tuple(step for part in steps for step in part)))
    for plane in PLANES:
        parts = [(0.006, KNEE), (0.035, FLOW), *([(-0.015, REVERSAL)] if reverse else [])]
        steps = [LoadPath.shear(e, plane=plane, increments=n) for e, n in parts]
        paths.append(LoadPath(tuple(step for part in steps for step in part)))
    return paths


def typical_curves(
    typical: NetworkEnsemble, material: Material, reverse: bool = False
) -> list[CurveTarget]:
    """Take typical networks along the standard paths."""
    return [
        CurveTarget(path, typical.respond(material, path, tolerance=TOLERANCE))
        for path in standard_paths(reverse)
    ]


def loaded_stress(response: Response, number: int) -> Float[Tensor, "increments"]:
    """Return the stress that does the work on standard path `number`, up to a reversal. [MPa]"""
    i, j = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))[number]
    return response.P[1 : INCREMENTS + 1, i, j]


def missed_stiffness(
    typical: Float[Tensor, "6 6"], expected: Float[Tensor, "6 6"]
) -> Float[Tensor, "6"]:
    """Return δ of the standard paths from the stiffness of `COMPARISON` crystals. [-]"""
    directions = torch.zeros(6, 6, dtype=torch.float64)
    directions[:3, :3] = (3 * torch.eye(3, dtype=torch.float64) - 1) / 6**0.5
    directions[3:, 3:] = torch.eye(3, dtype=torch.float64)
    ratio = torch.einsum("km,mn,kn->k", directions, typical, directions) / torch.einsum(
        "km,mn,kn->k", directions, expected, directions
    )
    return (ratio - 1).clamp(-LARGEST_MISS, LARGEST_MISS)
