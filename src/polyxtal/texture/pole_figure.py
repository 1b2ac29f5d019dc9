"""A measured pole figure: intensities of one reflection, or of several superposed ones.

The pole figure of a reflection h is the density of crystals whose pole h points along the sample
direction r. Diffraction does not distinguish h from -h [Bunge1982]:

    P_h(r) = ½ (P(h ∥ r) + P(-h ∥ r)),   mean 1 over the sphere.

A measured intensity is ν Σ_k w_k P_hk(r), with ν an unknown scale and w_k the shares of the
reflections that superpose at one Bragg angle; they sum to 1.

Directions are given by the tilt from z and the azimuth from x towards y, both in the sample frame.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Bool, Float
from numpy.typing import ArrayLike
from torch import Tensor

from polyxtal.algebra.number_arrays import number_tensor
from polyxtal.algebra.rotation import quaternion_to_matrix
from polyxtal.argument_types import require_type
from polyxtal.crystal.lattice import Lattice
from polyxtal.crystal.laue import LaueGroup
from polyxtal.texture.distribution import unit_quaternions

MAX_DIRECTIONS = 10**6
"""Largest number of directions of one figure."""
_UNIT_TOLERANCE = 1e-6

Reflections = Sequence[int] | Mapping[tuple[int, ...], float]
"""Indices, or superposed ones with weights."""


@dataclass(frozen=True, eq=False)
class PoleFigure:
    """Intensities of a reflection, or of several superposed ones, over sample directions.

    Attributes:
        reflections: Indices (hkl) or (hkil) with the share of each; shares sum to 1. [-]
        directions: Unit vectors in the sample frame. [-]
        intensities: Of each direction, in any unit. [-]
        lattice: Lattice of the crystals, with c/a where indices need it.
        name: Of the figure, for messages and tables; its indices by default.

    Args:
        reflections: Indices of a plane, such as (1, 1, 1), or a mapping of indices to the
            structure weight of each superposed reflection, in any unit.
        directions: Unit vectors, (n, 3). [-]
        intensities: Non-negative, (n,). [-]
        lattice: Lattice of the crystals.
        name: Of the figure.
    Raises:
        ValueError: if an intensity is negative or not finite, all are zero, a direction is not of
            unit length, the numbers of both differ, or indices or c/a do not fit the lattice.

    Example:
        >>> import polyxtal as px
        >>> up, right = [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]
        >>> figure = px.PoleFigure((1, 1, 1), [up, right], [3.0, 1.0], px.Lattice("cF"))
        >>> figure.name, figure.tilt.tolist() == [0.0, math.pi / 2]
        ('111', True)
    """

    reflections: Mapping[tuple[int, ...], float]
    directions: Tensor
    intensities: Tensor
    lattice: Lattice
    name: str = field(default="")

    def __init__(
        self,
        reflections: Reflections,
        directions: ArrayLike | Tensor,
        intensities: ArrayLike | Tensor,
        lattice: Lattice,
        name: str = "",
    ) -> None:
        """Scale the shares of the reflections and check all arguments."""
        require_type(lattice, Lattice, "lattice")
        shares = reflection_shares(reflections)
        text = "+".join(miller_text(indices) for indices in shares)
        name = name or text
        at = number_tensor(directions, "directions")
        values = number_tensor(intensities, "intensities")
        if at.ndim != 2 or at.shape[-1] != 3 or values.shape != at.shape[:1]:
            raise ValueError(
                f"Pole figure {name}: directions must be of shape (n, 3) with n intensities, but "
                f"are of shape {tuple(at.shape)} with intensities of {tuple(values.shape)}."
            )
        if not 1 <= len(at) <= MAX_DIRECTIONS:
            raise ValueError(
                f"Pole figure {name}: must have 1 to {MAX_DIRECTIONS} directions, but has "
                f"{len(at)}."
            )
        off = (torch.linalg.vector_norm(at, dim=1) - 1).abs().max()
        if not float(off) <= _UNIT_TOLERANCE:
            raise ValueError(
                f"Pole figure {name}: directions must be unit vectors, but are off by up to "
                f"{float(off):g}."
            )
        if not bool(torch.isfinite(values).all()) or float(values.min()) < 0:
            raise ValueError(
                f"Pole figure {name}: intensities must be finite and not negative, but the "
                f"smallest is {float(values.min()):g}."
            )
        if float(values.max()) == 0:
            raise ValueError(f"Pole figure {name}: an intensity must be positive, but all are 0.")
        object.__setattr__(self, "reflections", shares)
        object.__setattr__(self, "directions", at)
        object.__setattr__(self, "intensities", values)
        object.__setattr__(self, "lattice", lattice)
        object.__setattr__(self, "name", name)
        _ = self.poles

    def __len__(self) -> int:
        """Return the number of directions."""
        return len(self.directions)

    @property
    def laue(self) -> LaueGroup:
        """Laue group of the crystals."""
        return self.lattice.laue_group

    @property
    def tilt(self) -> Float[Tensor, " n"]:
        """Angle of each direction from z. [rad]"""
        x, y, z = self.directions.unbind(1)
        return torch.atan2(torch.hypot(x, y), z)

    @property
    def azimuth(self) -> Float[Tensor, " n"]:
        """Angle of each direction about z, from x towards y, in [0, 2π). [rad]"""
        x, y, _ = self.directions.unbind(1)
        return torch.atan2(y, x).remainder(2 * math.pi)

    @property
    def poles(self) -> Float[Tensor, "reflections 3"]:
        """Unit normals of the reflecting planes in crystal axes. [-]"""
        return torch.cat([self.lattice.plane(list(indices))[None] for indices in self.reflections])

    @property
    def shares(self) -> Float[Tensor, " reflections"]:
        """Share of each reflection; they sum to 1. [-]"""
        return torch.tensor(list(self.reflections.values()), dtype=torch.float64)

    def keep(self, mask: Bool[Tensor, " n"]) -> PoleFigure:
        """Return the figure of the chosen directions only, such as `figure.tilt < 1.2`.

        Raises:
            ValueError: if none is chosen, or the mask is of another length.
        """
        chosen = torch.as_tensor(mask)
        if chosen.dtype != torch.bool or chosen.shape != self.intensities.shape:
            raise ValueError(
                f"Argument `mask` must be {len(self)} truth values, but has shape "
                f"{tuple(chosen.shape)} of {chosen.dtype}."
            )
        return replace_data(self, self.directions[chosen], self.intensities[chosen])

    def rotated(self, rotation: ArrayLike | Tensor) -> PoleFigure:
        """Return the figure of the rotated sample: r becomes R(p) r.

        Args:
            rotation: Unit quaternion p, as in `CONVENTIONS.md`. [-]
        Raises:
            ValueError: if it is none.
        """
        p = unit_quaternions("rotation", rotation)
        turned = self.directions @ quaternion_to_matrix(p).mT
        return replace_data(self, turned, self.intensities)


def replace_data(
    figure: PoleFigure, directions: Float[Tensor, "m 3"], intensities: Float[Tensor, " m"]
) -> PoleFigure:
    """Return a figure of the same reflections with other data."""
    return replace(figure, directions=directions, intensities=intensities)


def sample_directions(
    tilt: Float[Tensor, "*batch"], azimuth: Float[Tensor, "*batch"]
) -> Float[Tensor, "*batch 3"]:
    """Return the unit vectors of tilts from z and azimuths from x towards y [rad]."""
    radius = torch.sin(tilt)
    return torch.stack(
        [radius * torch.cos(azimuth), radius * torch.sin(azimuth), torch.cos(tilt)], dim=-1
    )


def miller_text(indices: Sequence[int]) -> str:
    """Return indices in one word, such as 10-11; those of two digits apart, such as 10 1 0."""
    apart = " " if any(abs(index) > 9 for index in indices) else ""
    return apart.join(str(index) for index in indices)


def reflection_shares(reflections: Reflections) -> dict[tuple[int, ...], float]:
    """Return indices with the share of each.

    Raises:
        ValueError: if they are no whole numbers, or weights are not positive.
    """
    require_type(reflections, (Sequence, Mapping), "reflections")
    given = reflections if isinstance(reflections, Mapping) else {tuple(reflections): 1.0}
    found: dict[tuple[int, ...], float] = {}
    for indices, weight in given.items():
        whole = not isinstance(indices, str) and isinstance(indices, Sequence)
        if not whole or len(indices) not in (3, 4) or any(int(i) != i for i in indices):
            raise ValueError(
                "Argument `reflections` must be three or four whole indices, or map such to "
                f"weights, but holds {str(indices)[:60]!r}."
            )
        if not 0 < float(weight) < math.inf:
            raise ValueError(
                f"Argument `reflections`: weights must be positive, but that of "
                f"{miller_text(indices)} is {float(weight):g}."
            )
        found[tuple(int(i) for i in indices)] = float(weight)
    if not found:
        raise ValueError("Argument `reflections` must hold a reflection, but is empty.")
    total = math.fsum(found.values())
    return {indices: weight / total for indices, weight in found.items()}
