"""The curve head: expected stress-strain curves from reference networks and predicted stiffness.

Reference networks account for texture and grain shape, not for the arrangement of the grains in
one polycrystal. Their error is similar in a linear polycrystal of strongly anisotropic crystals,
whose stiffness C is predicted; so it corrects their stress [PonteCastaneda1991],

    P = P_ref (1 + intercept - slope δ),    δ = (m : C_ref : m) / (m : C : m) - 1,

with m the deviatoric direction of the load. Intercepts and slopes are fitted to full fields.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.crystal.elasticity import CubicElasticity
from polyxtal.crystal.material import Material
from polyxtal.mechanics.loading.path import LoadPath
from polyxtal.mechanics.response import Response
from polyxtal.network.fit import CurveTarget
from polyxtal.network.tree import NetworkEnsemble

MODES = ("tension", "shear")
AXES = ("x", "y", "z")
PLANES = ("yz", "xz", "xy")
KNEE, FLOW = 2, 4
"""Increments up to yielding, and beyond."""
INCREMENTS = KNEE + FLOW
REVERSAL = (
    ((-0.009, 1), (-0.004, 2), (-0.027, 3)),
    ((-0.013, 1), (-0.006, 2), (-0.04, 3)),
)
"""Strain changes and increments of load reversal in tension and shear, up to reverse yielding."""
CYCLE = (
    ((-0.008, 2), (-0.008, 4), (-0.028, 4), (0.008, 2), (0.008, 4), (0.004, 1)),
    ((-0.012, 2), (-0.01, 4), (-0.05, 4)),
)
"""Strain changes and increments of load cycles in tension and shear."""
TOLERANCE = 1e-5
"""Tolerance of traction jumps, relative to the largest stress. [-]"""
LARGEST_MISS = 0.2
"""Bound of |δ|. [-]"""


def _crystal(zener: float, bulk: float = 80e3, shear: float = 26e3) -> CubicElasticity:
    """Return a crystal with about aluminium's moduli; `shear` is Voigt's. [MPa]"""
    tetragonal = 5 * shear / (2 + 3 * zener)
    return CubicElasticity(bulk + 4 / 3 * tetragonal, bulk - 2 / 3 * tetragonal, zener * tetragonal)


COMPARISON = _crystal(8.0)
"""Linear comparison crystal for slip, of a Zener ratio of 8."""


@dataclass(frozen=True, eq=False)
class CurveHead:
    """A fitted correction of the curves of reference networks.

    Attributes:
        intercept: Intercept by mode and increment of the paths. [-]
        slope: Slope by mode and increment of the paths. [-]
        about: Further content of `network.json`: training, results.
        stiffness: Fingerprint of the stiffness head that this one was fitted with, see
            `heads.stiffness.file`; None if unknown.
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
        self,
        typical: NetworkEnsemble,
        material: Material,
        missed: Float[Tensor, "6"],
        paths: Sequence[LoadPath] | None = None,
    ) -> list[CurveTarget]:
        """Return the expected curves.

        Args:
            typical: Reference networks of the polycrystal.
            material: Material of its crystals.
            missed: δ of each path, see `missed_stiffness`; zero where unknown. [-]
            paths: Paths that start with the standard ones (default: these, with reversal). Later
                increments have the correction of the last standard one.
        """
        given = standard_paths(reverse=True) if paths is None else paths
        targets = []
        for k, target in enumerate(typical_curves(typical, material, given)):
            mode = k // len(AXES)
            factor = 1 + self.intercept[mode] - self.slope[mode] * missed[k]
            after = target.path.increments - INCREMENTS
            factor = torch.cat([factor, factor[-1:].expand(after)])
            stress = target.response.P.clone()
            stress[1:] *= factor[:, None, None].to(stress)
            targets.append(CurveTarget(target.path, replace(target.response, P=stress)))
        return targets


def standard_paths(reverse: bool = False) -> list[LoadPath]:
    """Return tension along x, y, z and shear in yz, xz, xy, the paths that networks are fitted to.

    Args:
        reverse: Append a load reversal, up to reverse yielding and beyond the initial strain.
    """
    return _paths(*(REVERSAL if reverse else ((), ())))


def cyclic_paths() -> list[LoadPath]:
    """Return the paths that networks are selected by: finer and longer than the standard ones.

    They start as the standard paths, then load in reverse, and in tension forward again.
    """
    return _paths(*CYCLE)


Parts = Sequence[tuple[float, int]]
"""Strain changes [-] and their numbers of increments."""


def _paths(tension: Parts, shear: Parts) -> list[LoadPath]:
    """Return tension along all axes and shear in all planes, followed by further parts."""
    along = ((0.004, KNEE), (0.02, FLOW), *tension)
    across = ((0.006, KNEE), (0.035, FLOW), *shear)
    return [
        *(_joined(LoadPath.uniaxial(e, axis=a, increments=n) for e, n in along) for a in AXES),
        *(_joined(LoadPath.shear(e, plane=p, increments=n) for e, n in across) for p in PLANES),
    ]


def _joined(parts: Iterable[LoadPath]) -> LoadPath:
    return LoadPath(tuple(step for part in parts for step in part))


def typical_curves(
    typical: NetworkEnsemble, material: Material, paths: Sequence[LoadPath]
) -> list[CurveTarget]:
    """Return the responses of reference networks along paths."""
    return [
        CurveTarget(path, typical.respond(material, path, tolerance=TOLERANCE)) for path in paths
    ]


def loaded_stress(response: Response, number: int) -> Float[Tensor, " increments"]:
    """Return the work-conjugate stress of standard path `number`, up to a reversal. [MPa]"""
    i, j = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))[number]
    return response.P[1 : INCREMENTS + 1, i, j]


def missed_stiffness(
    typical: Float[Tensor, "6 6"], expected: Float[Tensor, "6 6"]
) -> Float[Tensor, "6"]:
    """Return δ of the standard paths from the stiffnesses with `COMPARISON` crystals. [-]"""
    directions = torch.zeros(6, 6, dtype=torch.float64)
    directions[:3, :3] = (3 * torch.eye(3, dtype=torch.float64) - 1) / 6**0.5
    directions[3:, 3:] = torch.eye(3, dtype=torch.float64)
    ratio = torch.einsum("km,mn,kn->k", directions, typical, directions) / torch.einsum(
        "km,mn,kn->k", directions, expected, directions
    )
    return (ratio - 1).clamp(-LARGEST_MISS, LARGEST_MISS)
