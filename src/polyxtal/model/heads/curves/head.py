"""Curves that a polycrystal is expected to follow, from typical networks and its stiffness.

Networks that know texture and grain shape alone miss how the grains of one polycrystal happen to
lie. They miss it alike in a linear polycrystal of strongly anisotropic crystals, whose stiffness C
is predicted: so their stress is corrected by what they miss in that stiffness [PonteCastaneda1991],

    P = P_typical (1 + intercept - slope δ),    δ = (m : C_typical : m) / (m : C : m) - 1,

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
"""Increments up to where crystals yield, and beyond."""
INCREMENTS = KNEE + FLOW
REVERSAL = (
    ((-0.009, 1), (-0.004, 2), (-0.027, 3)),
    ((-0.013, 1), (-0.006, 2), (-0.04, 3)),
)
"""Changes of strain and increments of the way back in tension and shear, through the other knee."""
CYCLE = (
    ((-0.008, 2), (-0.008, 4), (-0.028, 4), (0.008, 2), (0.008, 4), (0.004, 1)),
    ((-0.012, 2), (-0.01, 4), (-0.05, 4)),
)
"""Likewise, of whole cycles."""
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
        self,
        typical: NetworkEnsemble,
        material: Material,
        missed: Float[Tensor, "6"],
        paths: Sequence[LoadPath] | None = None,
    ) -> list[CurveTarget]:
        """Return the curves to expect.

        Args:
            typical: Typical networks of the polycrystal.
            material: Of its crystals.
            missed: δ of each path, see `missed_stiffness`; zero for what is not known. [-]
            paths: That begin as the standard paths do; None for these, with their reversal. What
                comes after is corrected as the last increment before.
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
    """Stretch along x, y, z and shear in yz, xz, xy, in few increments: what networks follow.

    Args:
        reverse: Then go back, through the other knee and beyond where the path began.
    """
    return _paths(*(REVERSAL if reverse else ((), ())))


def cyclic_paths() -> list[LoadPath]:
    """Load as on the standard paths, then to the other side, and in tension forward again.

    What networks are chosen by: finer than what they follow, and longer.
    """
    return _paths(*CYCLE)


Parts = Sequence[tuple[float, int]]
"""Changes of strain [-], each in so many increments."""


def _paths(tension: Parts, shear: Parts) -> list[LoadPath]:
    """Load along all axes and in all planes, then go on."""
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
    """Take typical networks along paths."""
    return [
        CurveTarget(path, typical.respond(material, path, tolerance=TOLERANCE)) for path in paths
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
