"""The independent elastic constants of a crystal, and its stiffness from them.

The stiffnesses invariant under a Laue group form a linear space, whose coordinates are the
constants tabulated for crystals of that symmetry [Nye1985, Table 9].
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.mandel import (
    rotate_mandel,
    stiffness_mandel_to_voigt,
    stiffness_voigt_to_mandel,
)
from polyxtal.algebra.rotation import quaternion_to_matrix
from polyxtal.crystal.elasticity import Elasticity
from polyxtal.crystal.laue import CUBIC, HEXAGONAL, LaueGroup

_ORTHORHOMBIC = ("c11", "c22", "c33", "c12", "c13", "c23", "c44", "c55", "c66")
CONSTANTS = {
    "m-3m": ("c11", "c12", "c44"),
    "6/mmm": ("c11", "c12", "c13", "c33", "c44"),
    "4/mmm": ("c11", "c12", "c13", "c33", "c44", "c66"),
    "-3m": ("c11", "c12", "c13", "c14", "c33", "c44"),
    "4/m": ("c11", "c12", "c13", "c16", "c33", "c44", "c66"),
    "-3": ("c11", "c12", "c13", "c14", "c15", "c33", "c44"),
    "mmm": _ORTHORHOMBIC,
    "2/m": (*_ORTHORHOMBIC, "c15", "c25", "c35", "c46"),
    "-1": tuple(f"c{i}{j}" for i in range(1, 7) for j in range(i, 7)),
}
"""Independent constants by Laue group, fewest first; elasticity does not distinguish m-3 from m-3m,
nor 6/m from 6/mmm."""
SYSTEMS = {
    "m-3m": "cubic",
    "6/mmm": "hexagonal",
    "4/mmm": "tetragonal",
    "-3m": "trigonal",
    "4/m": "tetragonal",
    "-3": "trigonal",
    "mmm": "orthorhombic",
    "2/m": "monoclinic",
    "-1": "triclinic",
}
"""Crystal systems of the groups of `CONSTANTS`."""
_ROUND = 12
"""Decimals of the Voigt coefficients of `constant_basis`; all are multiples of 1/2."""


def constant_names(group: LaueGroup) -> tuple[str, ...]:
    """Return the names of the independent elastic constants of a Laue group, such as c11."""
    return CONSTANTS[{"m-3": "m-3m", "6/m": "6/mmm"}.get(group.name, group.name)]


def constant_basis(group: LaueGroup) -> Float[Tensor, "constants 6 6"]:
    """Return the derivatives of the stiffness by the constants: C = Σ_k c_k B_k, Mandel.

    Args:
        group: Laue group of the crystal; -1 has all 21 constants.
    Returns:
        B_k in the crystal frame, in the order of `constant_names`. [-]
    """
    return _basis(constant_names(group), group.name).clone()


@cache
def _basis(names: tuple[str, ...], group: str) -> Tensor:
    """Average stiffnesses of one constant each over the group, then solve for the constants."""
    at = [(int(name[1]) - 1, int(name[2]) - 1) for name in names]
    units = torch.zeros(len(names), 6, 6, dtype=torch.float64)
    for k, (i, j) in enumerate(at):
        units[k, i, j] = units[k, j, i] = 1
    rotations = quaternion_to_matrix(LaueGroup(group).rotations)
    mandel = stiffness_voigt_to_mandel(units)[:, None].expand(-1, len(rotations), 6, 6)
    mean = stiffness_mandel_to_voigt(rotate_mandel(mandel, rotations.expand(len(units), -1, 3, 3)))
    mean = mean.mean(1)
    row, column = torch.tensor(at).unbind(1)
    solved = torch.linalg.solve(mean[:, row, column], mean.flatten(1)).reshape(-1, 6, 6)
    return stiffness_voigt_to_mandel(solved.round(decimals=_ROUND) + 0.0)


@lru_cache(maxsize=256)
def has_symmetry(elasticity: Elasticity, group: LaueGroup) -> bool:
    """Return `elasticity.has_symmetry(group)`, cached."""
    return elasticity.has_symmetry(group)


def common_group(*elasticities: Elasticity) -> LaueGroup:
    """Return the Laue group with the fewest constants under which all stiffnesses are invariant."""
    groups = map(LaueGroup, CONSTANTS)
    return next(g for g in groups if all(has_symmetry(one, g) for one in elasticities))


def elastic_symmetry(elasticity: Elasticity) -> str:
    """Return the symmetry of elastic constants: "isotropic" or a crystal system.

    It refers to the crystal axes: constants with a four-fold axis along x are orthorhombic.
    """
    group = common_group(elasticity)
    if group == CUBIC and has_symmetry(elasticity, HEXAGONAL):
        return "isotropic"
    return SYSTEMS[group.name]


def independent_constants(
    elasticity: Elasticity, group: LaueGroup | None = None
) -> dict[str, float]:
    """Return the independent elastic constants of a crystal by name. [MPa]

    Args:
        elasticity: Elastic constants.
        group: Laue group; None for that with the fewest constants.

    Example:
        >>> import polyxtal as px
        >>> from polyxtal.crystal.elastic_constants import independent_constants
        >>> titanium = px.Elasticity.hexagonal(162.5e3, 91.8e3, 68.9e3, c33=180.6e3, c44=46.8e3)
        >>> list(independent_constants(titanium))
        ['c11', 'c12', 'c13', 'c33', 'c44']
    """
    names = constant_names(group or common_group(elasticity))
    return {name: elasticity.voigt[int(name[1]) - 1][int(name[2]) - 1] for name in names}


def elasticity_of_constants(group: LaueGroup, constants: Sequence[float]) -> Elasticity:
    """Build a crystal from its independent constants.

    Args:
        group: Laue group.
        constants: Constants in the order of `constant_names`. [MPa]
    Raises:
        ValueError: if there are not as many as the group has, or the crystal is not stable.
    """
    names = constant_names(group)
    if len(constants) != len(names):
        raise ValueError(
            f"A crystal of Laue group {group.name} must have {len(names)} elastic constants "
            f"({', '.join(names)}), but {len(constants)} are given."
        )
    values = torch.tensor(constants, dtype=torch.float64)
    return Elasticity.from_mandel(torch.einsum("k,kij->ij", values, constant_basis(group)))
