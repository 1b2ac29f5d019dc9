"""The crystal lattice: its symmetry, and directions and planes from Miller indices.

Crystal axes are Cartesian with x ∥ a1 and z ∥ c. For a lattice vector u a1 + v a2 + w c and the
normal of a plane (h k l) that gives, up to length,

    cubic, tetragonal:   s = (u, v, w c/a),                      n = (h, k, l a/c)
    hexagonal, [u v t w] (h k i l):
                         s = (3u/2, (u + 2v) √3/2, w c/a),       n = (h, (h + 2k)/√3, l a/c)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from numpy.typing import ArrayLike
from torch import Tensor

from polyxtal.argument_types import require_number
from polyxtal.crystal.laue import LAUE_GROUPS, LaueGroup

_FAMILIES = {
    "a": ("triclinic", ("-1",)),
    "m": ("monoclinic", ("2/m",)),
    "o": ("orthorhombic", ("mmm",)),
    "t": ("tetragonal", ("4/mmm", "4/m")),
    "h": ("hexagonal", ("6/mmm", "6/m", "-3m", "-3")),
    "c": ("cubic", ("m-3m", "m-3")),
}
_CENTRINGS = {"a": "P", "m": "PS", "o": "PSIF", "t": "PI", "h": "PR", "c": "PIF"}

SMALLEST_RATIO, LARGEST_RATIO = 0.1, 10.0
"""Bounds of c/a: far from any crystal, but they detect lengths given as ratios. [-]"""
IDEAL_RATIO = math.sqrt(8 / 3)
"""c/a of close-packed spheres. [-]"""


@dataclass(frozen=True)
class Lattice:
    """A crystal lattice.

    Attributes:
        symbol: Pearson symbol (cF, cI, cP, hP, hR, tI, tP, oP, …), or only its first letter where
            the centring is unknown, as in most orientation maps.
        c_over_a: Ratio of the cell's edges, of hexagonal and tetragonal lattices; None if unknown.
            [-]
        laue: Laue group; None for that of the lattice itself, the highest it allows.

    Raises:
        ValueError: if the symbol is none, c/a is not for this lattice or out of bounds, or the
            Laue group is of another crystal family.

    Example:
        >>> from polyxtal.crystal.lattice import Lattice
        >>> titanium = Lattice("hP", c_over_a=1.587)
        >>> titanium.laue_group.name, titanium.family
        ('6/mmm', 'hexagonal')
        >>> [round(x, 3) for x in titanium.direction([2, -1, -1, 0]).tolist()]
        [1.0, 0.0, 0.0]
    """

    symbol: str
    c_over_a: float | None = None
    laue: str | None = None

    def __post_init__(self) -> None:
        """Validate that symbol, ratio and group agree."""
        letter, centring = str(self.symbol)[:1], str(self.symbol)[1:]
        if letter not in _FAMILIES or centring not in ("", *_CENTRINGS[letter]):
            raise ValueError(
                "A lattice must be a Pearson symbol such as cF, cI, hP or tI, or its first letter, "
                f"but is {self.symbol!r}."
            )
        if self.c_over_a is not None:
            require_number(self.c_over_a, "c_over_a")
            if letter not in "ht":
                raise ValueError(
                    f"c/a must be left out for a {self.family} lattice, but is {self.c_over_a:g}."
                )
            ratio = float(self.c_over_a)
            if not SMALLEST_RATIO <= ratio <= LARGEST_RATIO:
                raise ValueError(
                    f"c/a must be between {SMALLEST_RATIO:g} and {LARGEST_RATIO:g}, "
                    f"but is {ratio:g}."
                )
            object.__setattr__(self, "c_over_a", ratio)
        groups = _FAMILIES[letter][1]
        if self.laue is None or self.laue == self._highest():
            object.__setattr__(self, "laue", None)
        elif self.laue not in groups:
            raise ValueError(
                f"The Laue group of a {self.family} lattice must be one of {', '.join(groups)}, "
                f"but is {self.laue!r}."
            )

    def _highest(self) -> str:
        return "-3m" if self.symbol == "hR" else _FAMILIES[self.symbol[0]][1][0]

    @classmethod
    def of_laue_group(cls, name: str, c_over_a: float | None = None) -> Lattice:
        """Return the lattice of unknown centring with a Laue group.

        Raises:
            ValueError: if there is no such group.
        """
        for letter, (_, groups) in _FAMILIES.items():
            if name in groups:
                return cls(letter, c_over_a if letter in "ht" else None, name)
        raise ValueError(f"A Laue group must be one of {', '.join(LAUE_GROUPS)}, but is {name!r}.")

    @property
    def family(self) -> str:
        """Crystal family: triclinic, monoclinic, orthorhombic, tetragonal, hexagonal or cubic."""
        return _FAMILIES[self.symbol[0]][0]

    @property
    def laue_group(self) -> LaueGroup:
        """Laue group."""
        return LaueGroup(self.laue or self._highest())

    def agrees_with(self, other: Lattice) -> bool:
        """Return whether both can be the same crystal: same family, and centring where known."""
        mine, theirs = self.symbol, other.symbol
        return mine == theirs or (mine[0] == theirs[0] and 1 in (len(mine), len(theirs)))

    def direction(self, indices: ArrayLike | Tensor) -> Float[Tensor, "*batch 3"]:
        """Return unit vectors along directions [uvw], hexagonal [uvtw] or [UVW]. [-]

        Raises:
            ValueError: if the indices do not fit the lattice, or c/a is needed and unknown.
        """
        u = torch.as_tensor(indices, dtype=torch.float64)
        u = self._check(u, "direction")
        if self.family == "hexagonal":
            if u.shape[-1] == 3:  # [UVW] of the three-axis cell: s = U a1 + V a2 + W c
                x, y = u[..., 0] - 0.5 * u[..., 1], 0.75**0.5 * u[..., 1]
            else:
                x = 1.5 * u[..., 0]
                y = 0.75**0.5 * (u[..., 0] + 2 * u[..., 1])
            return self._unit(torch.stack([x, y, self._ratio(u) * u[..., -1]], -1))
        scale = torch.ones_like(u)
        if self.family == "tetragonal":
            scale[..., 2] = self._ratio(u)
        return self._unit(scale * u)

    def plane(self, indices: ArrayLike | Tensor) -> Float[Tensor, "*batch 3"]:
        """Return unit normals of planes (hkl), hexagonal (hkil) or (hkl). [-]

        Raises:
            ValueError: if the indices do not fit the lattice, or c/a is needed and unknown.
        """
        h = torch.as_tensor(indices, dtype=torch.float64)
        h = self._check(h, "plane")
        if self.family == "hexagonal":
            y = (h[..., 0] + 2 * h[..., 1]) / 3**0.5
            return self._unit(torch.stack([h[..., 0], y, h[..., -1] / self._ratio(h)], -1))
        scale = torch.ones_like(h)
        if self.family == "tetragonal":
            scale[..., 2] = 1 / self._ratio(h)
        return self._unit(scale * h)

    def _ratio(self, indices: Tensor) -> float:
        """Return c/a, which indices along c or perpendicular to it do not need."""
        if self.c_over_a is not None:
            return self.c_over_a
        if bool(((indices[..., -1] != 0) & (indices[..., :-1] != 0).any(-1)).any()):
            raise ValueError(f"A {self.family} lattice must have its c/a here, but it is unknown.")
        return 1.0

    def _check(self, indices: Tensor, what: str) -> Tensor:
        hexagonal = self.family == "hexagonal"
        if self.family not in ("cubic", "tetragonal", "hexagonal"):
            raise ValueError(
                f"Miller indices must be of a cubic, tetragonal or hexagonal lattice, "
                f"but this one is {self.family}."
            )
        if indices.shape[-1] not in ((3, 4) if hexagonal else (3,)):
            raise ValueError(
                f"A {what} of a {self.family} lattice must have "
                f"{'3 or 4' if hexagonal else '3'} indices, but has {indices.shape[-1]}."
            )
        if (
            hexagonal
            and indices.shape[-1] == 4
            and bool((indices[..., :3].sum(-1).abs() > 1e-9).any())
        ):
            raise ValueError(
                f"The first three of four indices of a {what} must sum to 0, "
                f"but are {indices[..., :3].tolist()}."
            )
        if bool((indices == 0).all(-1).any()):
            raise ValueError(f"A {what} must have an index that is not 0, but all are.")
        return indices

    @staticmethod
    def _unit(vectors: Tensor) -> Tensor:
        return vectors / torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
