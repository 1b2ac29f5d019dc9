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
from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.crystal.elasticity import CubicElasticity
from polyxtal.crystal.material import Material
from polyxtal.mechanics.loading.path import LoadPath
from polyxtal.mechanics.loading.stepping import follow_averages
from polyxtal.mechanics.response import Response
from polyxtal.network.fit import CurveTarget
from polyxtal.network.online_compiled import CompiledOnline
from polyxtal.network.tree import NetworkEnsemble

MODES = ("tension", "shear", "plane strain")
AXES = ("x", "y", "z")
PLANES = ("yz", "xz", "xy")
HELD = ("y", "z", "x")
"""Axis that is held in plane strain along x, y, z."""
STRAINS = (0.003, 0.006, 0.012, 0.02)
"""Strains after the increments, through the knee and to steady flow. [-]"""
SHEAR = 1.5
"""Shear strain relative to the strain in tension. [-]"""
INCREMENTS = len(STRAINS)
LOADED = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1), (0, 0), (1, 1), (2, 2))
"""Component that does the work on each path."""
EXPONENT = 6.0
"""Largest stress exponent of the law that networks are fitted with. [-]"""
TOLERANCE = 1e-3
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

    intercept: Float[Tensor, "modes increments"]
    slope: Float[Tensor, "modes increments"]
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
        material: Material | Mapping[str, Material],
        missed: Float[Tensor, " paths"],
    ) -> list[CurveTarget]:
        """Return the expected curves on the standard paths.

        Args:
            typical: Reference networks of the polycrystal.
            material: Material of its crystals.
            missed: δ of each path, see `missed_stiffness`; zero where unknown. [-]
        """
        targets = []
        for k, target in enumerate(typical_curves(typical, material, standard_paths())):
            mode = k // len(AXES)
            stress = target.response.P.clone()
            factor = 1 + self.intercept[mode] - self.slope[mode] * missed[k]
            stress[1:] *= factor[:, None, None].to(stress)
            targets.append(CurveTarget(target.path, replace(target.response, P=stress)))
        return targets


def plain_curve_head() -> CurveHead:
    """Return the head that corrects nothing."""
    nothing = torch.zeros(len(MODES), INCREMENTS, dtype=torch.float64)
    return CurveHead(nothing, nothing.clone())


def standard_paths() -> list[LoadPath]:
    """Return the paths that networks are fitted to.

    Tension along x, y, z; shear in yz, xz, xy; plane strain along x, y, z with y, z, x held.
    """
    parts = [after - before for before, after in pairwise((0.0, *STRAINS))]
    return [
        *(_joined(LoadPath.uniaxial(e, axis=a, increments=1) for e in parts) for a in AXES),
        *(_joined(LoadPath.shear(SHEAR * e, plane=p, increments=1) for e in parts) for p in PLANES),
        *(
            _joined(LoadPath.plane_strain(e, axis=a, fixed=b, increments=1) for e in parts)
            for a, b in zip(AXES, HELD, strict=True)
        ),
    ]


def _joined(parts: Iterable[LoadPath]) -> LoadPath:
    return LoadPath(tuple(step for part in parts for step in part))


def softened(material: Material) -> Material:
    """Return the material with stress exponents of at most `EXPONENT`.

    Which normals are good hardly depends on the exponent, but large ones make increments costly and
    the fit's errors rough functions of the normals. Laws without exponents are left as they are.
    """
    law: Any = material.plasticity
    if not hasattr(law, "stress_exponent"):
        return material
    twinning = getattr(law, "twinning", None)
    changes: dict[str, Any] = {"stress_exponent": _at_most(law.stress_exponent)}
    if twinning is not None:
        changes["twinning"] = replace(twinning, stress_exponent=_at_most(twinning.stress_exponent))
    return replace(material, plasticity=replace(law, **changes))


def _at_most(exponent: Any) -> Any:
    if isinstance(exponent, int | float):
        return min(float(exponent), EXPONENT)
    return tuple(min(float(n), EXPONENT) for n in exponent)


def typical_curves(
    typical: NetworkEnsemble,
    material: Material | Mapping[str, Material],
    paths: Sequence[LoadPath],
) -> list[CurveTarget]:
    """Return the volume averages F and P of reference networks along paths."""
    members, normals = [], []
    for network in typical.members:
        law = network.law(material)
        start = law.initial_state(network.orientations)
        members.append(CompiledOnline(network.laminates(), law, start, TOLERANCE))
        normals.append(network.normals.detach().numpy())
    targets = []
    for path in paths:
        curves = []
        for stepper, turned in zip(members, normals, strict=True):
            stepper.restart(turned)
            curves.append(follow_averages(path, stepper))
        F, P = (torch.stack([getattr(c, name) for c in curves]).mean(0) for name in "FP")
        targets.append(CurveTarget(path, Response(curves[0].time, F, P)))
    return targets


def loaded_stress(response: Response, number: int) -> Float[Tensor, " increments"]:
    """Return the stress that does the work on standard path `number`. [MPa]"""
    i, j = LOADED[number]
    return response.P[1:, i, j]


def missed_stiffness(
    typical: Float[Tensor, "6 6"], expected: Float[Tensor, "6 6"]
) -> Float[Tensor, " paths"]:
    """Return δ of the standard paths from the stiffnesses with `COMPARISON` crystals. [-]"""
    directions = load_directions()
    ratio = torch.einsum("km,mn,kn->k", directions, typical, directions) / torch.einsum(
        "km,mn,kn->k", directions, expected, directions
    )
    return (ratio - 1).clamp(-LARGEST_MISS, LARGEST_MISS)


def load_directions() -> Float[Tensor, "paths 6"]:
    """Return the deviatoric unit Mandel strain of each standard path. [-]"""
    directions = torch.zeros(len(LOADED), 6, dtype=torch.float64)
    directions[:3, :3] = (3 * torch.eye(3, dtype=torch.float64) - 1) / 6**0.5
    directions[3:6, 3:] = torch.eye(3, dtype=torch.float64)
    for k, (axis, held) in enumerate(zip(AXES, HELD, strict=True)):
        free = (set(AXES) - {axis, held}).pop()
        directions[6 + k, AXES.index(axis)] = 0.5**0.5
        directions[6 + k, AXES.index(free)] = -(0.5**0.5)
    return directions
