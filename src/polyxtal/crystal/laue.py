"""The eleven Laue groups: how a crystal's symmetry acts on its orientation.

An orientation q maps crystal to sample axes, so a crystal symmetry s acts from the right: q and
q s describe the same crystal. Diffraction and elasticity do not distinguish a crystal from its
inverse, so that the proper rotations of the Laue group are the relevant symmetry.

Crystal axes are Cartesian: z ∥ c and, in hexagonal and trigonal crystals, x ∥ a1; in monoclinic
ones y ∥ b, the two-fold axis.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.rotation import (
    axis_angle_to_quaternion,
    normalize_quaternion,
    quaternion_conjugate,
    quaternion_multiply,
    rotation_angle,
)


def _octahedral() -> Tensor:
    """Return the rotations of the cube; the first 12 are those of the tetrahedron."""
    half, root = 0.5, 0.5**0.5
    elements = [[1.0, 0.0, 0.0, 0.0]]
    elements += [[0.0, *row] for row in torch.eye(3, dtype=torch.float64).tolist()]
    elements += [
        [half, a * half, b * half, c * half] for a in (1, -1) for b in (1, -1) for c in (1, -1)
    ]
    for axis in range(3):
        for sign in (1, -1):
            q = [root, 0.0, 0.0, 0.0]
            q[1 + axis] = sign * root
            elements.append(q)
    for i, j in ((0, 1), (0, 2), (1, 2)):
        for sign in (1, -1):
            q = [0.0, 0.0, 0.0, 0.0]
            q[1 + i], q[1 + j] = root, sign * root
            elements.append(q)
    return torch.tensor(elements, dtype=torch.float64)


def _cyclic(fold: int, axis: int = 2) -> Tensor:
    """Return the rotations about one axis."""
    angle = 2 * torch.pi / fold * torch.arange(fold, dtype=torch.float64)
    turns = axis_angle_to_quaternion(torch.eye(3, dtype=torch.float64)[axis], angle)
    return torch.where(turns.abs() < 1e-15, 0.0, turns)


def _dihedral(fold: int) -> Tensor:
    """Return the rotations about z, each without and with a preceding half turn about x."""
    turns = _cyclic(fold)
    flip = torch.tensor([0.0, 1.0, 0.0, 0.0], dtype=torch.float64)
    return torch.cat([turns, quaternion_multiply(turns, flip.expand_as(turns))])


_BUILD = {
    "-1": lambda: _cyclic(1),
    "2/m": lambda: _cyclic(2, axis=1),
    "mmm": lambda: _dihedral(2),
    "4/m": lambda: _cyclic(4),
    "4/mmm": lambda: _dihedral(4),
    "-3": lambda: _cyclic(3),
    "-3m": lambda: _dihedral(3),
    "6/m": lambda: _cyclic(6),
    "6/mmm": lambda: _dihedral(6),
    "m-3": lambda: _octahedral()[:12],
    "m-3m": _octahedral,
}

LAUE_GROUPS = tuple(_BUILD)
"""Names (Hermann-Mauguin) of the eleven Laue groups."""


_POINT_GROUPS = {
    "-1": "1 -1",
    "2/m": "2 m 2/m",
    "mmm": "222 mm2 mmm",
    "4/m": "4 -4 4/m",
    "4/mmm": "422 4mm -42m -4m2 4/mmm",
    "-3": "3 -3",
    "-3m": "32 3m -3m",
    "6/m": "6 -6 6/m",
    "6/mmm": "622 6mm -6m2 -62m 6/mmm",
    "m-3": "23 m-3 m3",
    "m-3m": "432 -43m m-3m m3m",
}


def laue_of_point_group(name: str) -> str | None:
    """Return the Laue group of one of the 32 point groups (Hermann-Mauguin); None for others."""
    return next((laue for laue, names in _POINT_GROUPS.items() if name in names.split()), None)


@cache
def _rotations(name: str) -> Tensor:
    q = _BUILD[name]()
    return torch.where(q[:, :1] < 0, -q, q)


@dataclass(frozen=True)
class LaueGroup:
    """The proper rotations of one of the eleven Laue groups.

    Attributes:
        name: Hermann-Mauguin symbol, one of `LAUE_GROUPS`.

    Raises:
        ValueError: if the name is not that of a Laue group.

    Example:
        >>> from polyxtal.crystal.laue import LaueGroup
        >>> LaueGroup("6/mmm").order
        12
    """

    name: str

    def __post_init__(self) -> None:
        """Validate the name."""
        if self.name not in _BUILD:
            raise ValueError(
                f"A Laue group must be one of {', '.join(LAUE_GROUPS)}, but is {self.name!r}."
            )

    @property
    def rotations(self) -> Float[Tensor, "order 4"]:
        """The proper rotations; the identity comes first."""
        return _rotations(self.name).clone()

    @property
    def order(self) -> int:
        """Number of proper rotations."""
        return len(_rotations(self.name))

    def equivalents(self, q: Float[Tensor, "*batch 4"]) -> Float[Tensor, "*batch order 4"]:
        """Return the quaternions q s that describe the same crystal."""
        return quaternion_multiply(q[..., None, :], _rotations(self.name).to(q))

    def reduce(self, q: Float[Tensor, "*batch 4"]) -> Float[Tensor, "*batch 4"]:
        """Return the equivalent orientation with the smallest rotation angle, w >= 0.

        On the surface of the fundamental zone several equivalents share that angle. The first in
        lexicographic order of (x, y, z), rounded to 1e-9, is taken, so that the result is unique.
        """
        candidates = normalize_quaternion(self.equivalents(q))
        rounded = candidates.mul(1e9).round()
        tied = rounded[..., 0] >= rounded[..., 0].amax(-1, keepdim=True) - 1
        for component in (1, 2, 3):
            value = torch.where(tied, rounded[..., component], -torch.inf)
            tied = tied & (value >= value.amax(-1, keepdim=True) - 1)
        index = tied.to(torch.int8).argmax(-1)[..., None, None]
        return candidates.gather(-2, index.expand(*index.shape[:-1], 4)).squeeze(-2)

    def nearest(
        self, q: Float[Tensor, "*#batch 4"], reference: Float[Tensor, "*#batch 4"]
    ) -> Float[Tensor, "*batch 4"]:
        """Return the equivalent ±q s that is nearest to a reference orientation."""
        q, reference = torch.broadcast_tensors(q, reference)
        cosine = self._scalar_parts(quaternion_multiply(quaternion_conjugate(reference), q))
        best = cosine.abs().argmax(-1, keepdim=True)
        chosen = quaternion_multiply(q, _rotations(self.name).to(q)[best.squeeze(-1)])
        return torch.where(cosine.gather(-1, best) < 0, -chosen, chosen)

    def half_angle_cosine(self, q: Float[Tensor, "*batch 4"]) -> Float[Tensor, "*batch"]:
        """Return cos(ω/2) of the smallest rotation angle ω among the equivalents q s.

        For m-3m, the components of q by size, a ≥ b ≥ c ≥ d, give the largest of a, (a + b)/√2
        and (a + b + c + d)/2, without a list of the 24 equivalents.
        """
        if self.name != "m-3m":
            return self._scalar_parts(q).abs().amax(-1).clamp_max(1.0)
        a, b, c, d = q.abs().sort(-1, descending=True).values.unbind(-1)
        cosine = torch.maximum(a, torch.maximum((a + b) * 0.5**0.5, (a + b + c + d) * 0.5))
        return cosine.clamp_max(1.0)

    def disorientation(
        self, p: Float[Tensor, "*#batch 4"], q: Float[Tensor, "*#batch 4"]
    ) -> Float[Tensor, "*batch"]:
        """Return the smallest rotation angle between two crystals of this symmetry. [rad]"""
        between = quaternion_multiply(quaternion_conjugate(p), q)
        return rotation_angle(self.equivalents(between)).amin(-1)

    def _scalar_parts(self, q: Float[Tensor, "*batch 4"]) -> Float[Tensor, "*batch order"]:
        """Return the scalar part of each equivalent q s."""
        return q @ quaternion_conjugate(_rotations(self.name).to(q)).mT


CUBIC = LaueGroup("m-3m")
HEXAGONAL = LaueGroup("6/mmm")
TETRAGONAL = LaueGroup("4/mmm")
