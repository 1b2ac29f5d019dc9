"""Elastic constants of a crystal of any symmetry."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.mandel import (
    rotate_mandel,
    stiffness_mandel_to_voigt,
    stiffness_voigt_to_mandel,
)
from polyxtal.algebra.number_arrays import number_tensor
from polyxtal.algebra.rotation import quaternion_to_matrix
from polyxtal.argument_types import require_number, require_numbers
from polyxtal.crystal.laue import LaueGroup
from polyxtal.crystal.usual_units import warn_of_units

LARGEST_STIFFNESS, LARGEST_CONTRAST = 1e15, 1e10
"""Largest stiffness [MPa] and contrast [-] that can be inverted in double precision."""
SYMMETRIC = 1e-9
"""Relative tolerance of symmetry checks. [-]"""

Matrix6 = tuple[tuple[float, ...], ...]


def cubic_stiffness(
    c11: Float[Tensor, "*batch"], c12: Float[Tensor, "*batch"], c44: Float[Tensor, "*batch"]
) -> Float[Tensor, "*batch 6 6"]:
    """Build Mandel stiffness matrices in the crystal frame from the three cubic constants. [MPa]"""
    zero = torch.zeros_like(c11)
    normal = [[c11 if i == j else c12 for j in range(3)] + [zero] * 3 for i in range(3)]
    shear = [[zero] * 3 + [2 * c44 if i == j else zero for j in range(3)] for i in range(3)]
    return torch.stack([torch.stack(row, -1) for row in normal + shear], -2)


@dataclass(frozen=True)
class Elasticity:
    """Elastic constants of a crystal, as its stiffness in the crystal frame.

    Crystal axes are Cartesian: z ∥ c and, in hexagonal and trigonal crystals, x ∥ a1.

    Attributes:
        voigt: 6x6 stiffness in Voigt form (engineering shear strain), order 11, 22, 33, 23, 13,
            12. [MPa]

    Raises:
        ValueError: if it is not 6x6, finite and symmetric, or the crystal would be unstable (an
            eigenvalue that is not positive).

    Example:
        >>> import polyxtal as px
        >>> zinc = px.Elasticity.hexagonal(163.7e3, 36.4e3, 53.0e3, c33=63.5e3, c44=38.8e3)
        >>> round(zinc.voigt[5][5])  # c66 = (c11 - c12) / 2
        63650
    """

    voigt: Matrix6

    def __post_init__(self) -> None:
        """Validate shape, symmetry and stability."""
        given = number_tensor(self.voigt, "voigt")
        if tuple(given.shape) != (6, 6):
            raise ValueError(
                f"An elastic stiffness must have shape (6, 6), but has {tuple(given.shape)}."
            )
        if not bool(torch.isfinite(given).all()):
            raise ValueError(f"Elastic constants must be finite, but are {self._constants(given)}.")
        largest = float(given.abs().max())
        if float((given - given.T).abs().max()) > SYMMETRIC * largest:
            i, j = divmod(int((given - given.T).abs().argmax()), 6)
            raise ValueError(
                f"An elastic stiffness must be symmetric, but c{i + 1}{j + 1} is "
                f"{float(given[i, j]):g} and c{j + 1}{i + 1} is {float(given[j, i]):g} MPa."
            )
        symmetric = 0.5 * (given + given.T)
        object.__setattr__(self, "voigt", tuple(tuple(row) for row in symmetric.tolist()))
        softest, *_, stiffest = torch.linalg.eigvalsh(stiffness_voigt_to_mandel(symmetric)).tolist()
        if not softest > 0:
            raise ValueError(
                "A stable crystal must have a positive definite stiffness, but its smallest "
                f"eigenvalue is {softest:g} MPa: {self._constants(given)}."
            )
        if not (stiffest <= LARGEST_STIFFNESS and softest >= stiffest / LARGEST_CONTRAST):
            raise ValueError(
                f"Elastic constants must stay below {LARGEST_STIFFNESS:g} MPa and within a "
                f"contrast of {LARGEST_CONTRAST:g}, but are {self._constants(given)}."
            )

    @staticmethod
    def _constants(voigt: Tensor) -> str:
        upper = [(i, j) for i in range(6) for j in range(i, 6) if float(voigt[i, j]) != 0]
        return ", ".join(f"c{i + 1}{j + 1}={float(voigt[i, j]):g}" for i, j in upper) + " MPa"

    @classmethod
    def cubic(cls, c11: float, c12: float, c44: float) -> CubicElasticity:
        """Build a cubic crystal from its three constants. [MPa]"""
        return CubicElasticity(c11, c12, c44)

    @classmethod
    def isotropic(cls, young: float, poisson: float) -> CubicElasticity:
        """Build an isotropic solid from Young's modulus [MPa] and Poisson's ratio [-].

        Raises:
            ValueError: unless young > 0 and -1 < poisson < 1/2.
        """
        require_numbers(young=young, poisson=poisson)
        if not (young > 0 and -1 < poisson < 0.5):
            raise ValueError(
                "An isotropic solid must have young > 0 and -1 < poisson < 1/2, "
                f"but young={young:g} MPa and poisson={poisson:g}."
            )
        shear = young / (2 * (1 + poisson))
        lame = 2 * shear * poisson / (1 - 2 * poisson)
        return CubicElasticity(lame + 2 * shear, lame, shear)

    @classmethod
    def hexagonal(cls, c11: float, c12: float, c13: float, c33: float, c44: float) -> Elasticity:
        """Build a hexagonal crystal (6/mmm, 6/m) from its five constants. [MPa]"""
        require_numbers(c11=c11, c12=c12)
        return cls._built((c11, c11, c33), (c12, c13, c13), (c44, c44, 0.5 * (c11 - c12)))

    @classmethod
    def tetragonal(
        cls,
        c11: float,
        c12: float,
        c13: float,
        c33: float,
        c44: float,
        c66: float,
        c16: float = 0.0,
    ) -> Elasticity:
        """Build a tetragonal crystal from its six constants, or seven for 4/m. [MPa]"""
        require_numbers(c11=c11, c12=c12, c16=c16)
        more = {(0, 5): c16, (1, 5): -c16}
        return cls._built((c11, c11, c33), (c12, c13, c13), (c44, c44, c66), more)

    @classmethod
    def trigonal(
        cls,
        c11: float,
        c12: float,
        c13: float,
        c14: float,
        c33: float,
        c44: float,
        c15: float = 0.0,
    ) -> Elasticity:
        """Build a trigonal crystal from its six constants, or seven for -3. [MPa]

        The two-fold axis is x ∥ a1; the other setting has the opposite sign of c14.
        """
        require_numbers(c11=c11, c12=c12, c14=c14, c15=c15)
        more = {(0, 3): c14, (1, 3): -c14, (4, 5): c14, (0, 4): c15, (1, 4): -c15, (3, 5): -c15}
        return cls._built((c11, c11, c33), (c12, c13, c13), (c44, c44, 0.5 * (c11 - c12)), more)

    @classmethod
    def orthotropic(
        cls,
        c11: float,
        c22: float,
        c33: float,
        c12: float,
        c13: float,
        c23: float,
        c44: float,
        c55: float,
        c66: float,
    ) -> Elasticity:
        """Build an orthorhombic crystal from its nine constants. [MPa]"""
        return cls._built((c11, c22, c33), (c12, c13, c23), (c44, c55, c66))

    @classmethod
    def _built(
        cls,
        normal: tuple[float, float, float],
        coupling: tuple[float, float, float],
        shear: tuple[float, float, float],
        more: dict[tuple[int, int], float] | None = None,
    ) -> Elasticity:
        c = torch.zeros(6, 6, dtype=torch.float64)
        names = ["c11", "c22", "c33", "c12", "c13", "c23", "c44", "c55", "c66"]
        values = dict(zip(names, (*normal, *coupling, *shear), strict=True))
        require_numbers(**values)
        places = {(int(n[1]) - 1, int(n[2]) - 1): value for n, value in values.items()}
        for (i, j), value in (places | (more or {})).items():
            c[i, j] = c[j, i] = value
        warn_of_units(float(c.abs().max()))
        return Elasticity(tuple(tuple(row) for row in c.tolist()))

    @classmethod
    def from_mandel(cls, stiffness: Float[Tensor, "6 6"] | Sequence[Sequence[float]]) -> Elasticity:
        """Build a crystal from its Mandel stiffness. [MPa]"""
        matrix = torch.as_tensor(stiffness, dtype=torch.float64)
        return Elasticity(tuple(tuple(r) for r in stiffness_mandel_to_voigt(matrix).tolist()))

    def stiffness(
        self, orientations: Float[Tensor, "*batch 4"] | None = None
    ) -> Float[Tensor, "*batch 6 6"]:
        """Return the Mandel stiffness in the crystal frame, or in the sample frame of each crystal.

        Args:
            orientations: Unit quaternions, v_sample = R(q) v_crystal; None for the crystal frame.
        Returns:
            Mandel stiffness. [MPa]
        """
        crystal = self._crystal_stiffness()
        if orientations is None:
            return crystal
        rotation = quaternion_to_matrix(orientations)
        return rotate_mandel(crystal.to(orientations).expand(*rotation.shape[:-2], 6, 6), rotation)

    def _crystal_stiffness(self) -> Float[Tensor, "6 6"]:
        return stiffness_voigt_to_mandel(torch.tensor(self.voigt, dtype=torch.float64))

    @property
    def bulk_modulus(self) -> float:
        """Voigt's bulk modulus: mean pressure under uniform dilatation, C_iijj / 9. [MPa]"""
        return math.fsum(c for row in self.voigt[:3] for c in row[:3]) / 9

    @property
    def dilates_uniformly(self) -> bool:
        """Whether a dilatation causes pure pressure, C : I = 3 K I, as in cubic crystals."""
        push = self._crystal_stiffness()[:, :3].sum(1) / (3 * self.bulk_modulus)
        uniform = torch.tensor([1.0] * 3 + [0.0] * 3, dtype=torch.float64)
        return bool(((push - uniform).abs() < SYMMETRIC).all())

    def has_symmetry(self, group: LaueGroup) -> bool:
        """Return whether the stiffness is invariant under a Laue group."""
        turned = self.stiffness(group.rotations)
        crystal = self._crystal_stiffness()
        return bool(((turned - crystal).abs() <= 1e-6 * crystal.abs().max()).all())


@dataclass(frozen=True)
class CubicElasticity(Elasticity):
    """Elastic constants of a cubic crystal. [MPa]

    Raises:
        ValueError: if a constant is not finite, or the crystal would be unstable:
            c44 > 0, c11 > |c12| and c11 + 2 c12 > 0 must hold (Born).

    Example:
        >>> import polyxtal as px
        >>> aluminium = px.CubicElasticity(c11=107.3e3, c12=60.8e3, c44=28.3e3)
        >>> round(aluminium.zener, 3), round(aluminium.bulk_modulus)
        (1.217, 76300)
    """

    voigt: Matrix6 = field(init=False, repr=False, compare=False)
    c11: float
    c12: float
    c44: float

    def __post_init__(self) -> None:
        """Validate stability."""
        for name in ("c11", "c12", "c44"):
            require_number(getattr(self, name), name)
        c11, c12, c44 = self.c11, self.c12, self.c44
        given = f"c11={c11:g}, c12={c12:g}, c44={c44:g} MPa"
        if not all(math.isfinite(c) for c in (c11, c12, c44)):
            raise ValueError(f"Cubic elastic constants must be finite, but are {given}.")
        if not (c44 > 0 and c11 > abs(c12) and c11 + 2 * c12 > 0):
            raise ValueError(
                "A stable cubic crystal must have c44 > 0, c11 > |c12| and c11 + 2 c12 > 0, "
                f"but {given}."
            )
        modes = 2 * c44, c11 - c12, c11 + 2 * c12
        if not (max(modes) <= LARGEST_STIFFNESS and min(modes) >= max(modes) / LARGEST_CONTRAST):
            raise ValueError(
                f"Cubic elastic constants must stay below {LARGEST_STIFFNESS:g} MPa and within a "
                f"contrast of {LARGEST_CONTRAST:g}, but are {given}."
            )
        normal = [[c11 if i == j else c12 for j in range(3)] + [0.0] * 3 for i in range(3)]
        shear = [[0.0] * 3 + [c44 if i == j else 0.0 for j in range(3)] for i in range(3)]
        object.__setattr__(self, "voigt", tuple(map(tuple, normal + shear)))
        warn_of_units(max(c11, abs(c12), c44))

    def _crystal_stiffness(self) -> Float[Tensor, "6 6"]:
        return cubic_stiffness(*torch.tensor([self.c11, self.c12, self.c44], dtype=torch.float64))

    @property
    def zener(self) -> float:
        """Zener's anisotropy ratio 2 c44 / (c11 - c12); 1 is isotropic. [-]"""
        return 2 * self.c44 / (self.c11 - self.c12)

    @property
    def bulk_modulus(self) -> float:
        """(c11 + 2 c12) / 3. [MPa]"""
        return (self.c11 + 2 * self.c12) / 3


# The matrix follows from the three constants: `dataclasses.asdict` and `replace` leave it out.
del CubicElasticity.__dataclass_fields__["voigt"]
