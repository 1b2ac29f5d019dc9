"""Texture components: one orientation or one fibre with scatter, and those of rolled metals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.number_arrays import number_tensor
from polyxtal.algebra.rotation import (
    matrix_to_quaternion,
    quaternion_conjugate,
    quaternion_multiply,
    quaternion_to_matrix,
    random_quaternions,
)
from polyxtal.crystal.lattice import Lattice
from polyxtal.crystal.laue import CUBIC, LaueGroup
from polyxtal.texture.distribution import (
    DEFAULT_HALFWIDTH,
    MixedTexture,
    Texture,
    UniformTexture,
    unit_quaternions,
)
from polyxtal.texture.kernel import (
    concentration,
    direction_density,
    draw_directions,
    draw_rotations,
    halfwidth_of_deviation,
)
from polyxtal.texture.kernel_density import kernel_density
from polyxtal.texture.zone import as_group

TEXTURE_TYPES: Mapping[str, tuple[float, float, int]] = {
    "S1": (0.90, 5.0, 1),
    "S2": (0.60, 10.0, 1),
    "W1": (0.0, 10.0, 0),
    "W2": (0.35, 10.0, 2),
}
"""Share of each dominant orientation, scatter σ [degrees] and number; the rest is random.

Strong and weak textures with the names of the paper, which gives no numbers: these are our choice.
"""


class UnimodalTexture(Texture):
    """One orientation with von Mises-Fisher scatter.

    Args:
        orientation: Unit quaternion of the centre. [-]
        halfwidth: Angle at which the density has dropped to half, 0.1° to 90°. [rad]
        laue: Laue group of the crystals, or its name.
    Raises:
        ValueError: if the half-width is out of range or the quaternion not of unit length.

    Example:
        >>> import polyxtal as px
        >>> goss = px.UnimodalTexture(px.miller_orientation((0, 1, 1), (1, 0, 0)), halfwidth=0.1)
        >>> float(goss.density(goss.orientation[None])) > 100  # times random, at the centre
        True
    """

    def __init__(
        self,
        orientation: Float[Tensor, "4"],
        halfwidth: float = DEFAULT_HALFWIDTH,
        laue: str | LaueGroup = CUBIC,
    ) -> None:
        """Check the arguments."""
        concentration(halfwidth)
        self.laue = as_group(laue)
        self.orientation = unit_quaternions("orientation", orientation)
        self.halfwidth = halfwidth

    def density(self, orientations: Float[Tensor, "n 4"]) -> Float[Tensor, " n"]:
        """Return the mean of the kernel over the equivalents. [multiples of random]"""
        one = torch.ones(1, dtype=torch.float64)
        return kernel_density(orientations, self.orientation[None], one, self.halfwidth, self.laue)

    def draw(self, place: Float[Tensor, " n"], generator: torch.Generator) -> Float[Tensor, "n 4"]:
        """Draw scattered copies of the centre."""
        scatter = draw_rotations(len(place), self.halfwidth, generator)
        return quaternion_multiply(self.orientation, scatter)


class FibreTexture(Texture):
    """Crystals that share one direction and are random about it.

    Args:
        crystal: Crystal direction h in Cartesian crystal axes; with a lattice, Miller or
            Miller-Bravais indices of the plane that h is normal to. [-]
        sample: Sample direction r that h and its equivalents scatter about. [-]
        halfwidth: Angle at which the density of h has dropped to half. [rad]
        lattice: Lattice of the crystals (default: cubic).
    Raises:
        ValueError: if a direction has no length or the half-width is out of range.

    Example:
        >>> drawn = FibreTexture((1, 1, 1), (0, 0, 1)).orientations(100, seed=0)
        >>> drawn.shape
        torch.Size([100, 4])
    """

    def __init__(
        self,
        crystal: Sequence[float],
        sample: Sequence[float],
        halfwidth: float = DEFAULT_HALFWIDTH,
        lattice: Lattice | None = None,
    ) -> None:
        """Scale the directions to unit length."""
        concentration(halfwidth)
        self.crystal = (
            unit_direction("crystal", crystal) if lattice is None else lattice.plane(list(crystal))
        )
        self.laue = CUBIC if lattice is None else lattice.laue_group
        self.sample, self.halfwidth = unit_direction("sample", sample), halfwidth

    def density(self, orientations: Float[Tensor, "n 4"]) -> Float[Tensor, " n"]:
        """Return the mean of the kernel over the equivalents of h. [multiples of random]"""
        copies = quaternion_to_matrix(self.laue.rotations) @ self.crystal
        seen = quaternion_to_matrix(orientations).mT @ self.sample  # r in crystal axes
        return direction_density(seen @ copies.mT, self.halfwidth).mean(-1)

    def draw(self, place: Float[Tensor, " n"], generator: torch.Generator) -> Float[Tensor, "n 4"]:
        """Draw random rotations about r, then tilt."""
        count = len(place)
        turn = math.pi * torch.rand(count, generator=generator, dtype=torch.float64)
        about = torch.zeros(count, 4, dtype=torch.float64)
        about[:, 0], about[:, 3] = turn.cos(), turn.sin()
        tilted = draw_directions(count, self.halfwidth, generator)
        # h -> z, a turn about z, z -> tilted, z -> r.
        return quaternion_multiply(
            rotation_from_z(self.sample),
            quaternion_multiply(
                rotation_from_z(tilted),
                quaternion_multiply(about, quaternion_conjugate(rotation_from_z(self.crystal))),
            ),
        )


def miller_orientation(
    plane: Sequence[float], direction: Sequence[float], lattice: Lattice | None = None
) -> Float[Tensor, "4"]:
    """Return the orientation (hkl)[uvw]: plane normal along z, direction along x.

    Args:
        plane: Miller indices of the plane, or Miller-Bravais indices for hexagonal lattices.
        direction: Indices of the direction.
        lattice: Lattice of the crystal (default: cubic).
    Raises:
        ValueError: if the direction does not lie in the plane.

    Example:
        >>> [round(part, 4) for part in miller_orientation((0, 0, 1), (1, 1, 0)).tolist()]
        [0.9239, 0.0, 0.0, -0.3827]
    """
    if lattice is None:
        normal, along = unit_direction("plane", plane), unit_direction("direction", direction)
    else:
        normal, along = lattice.plane(list(plane)), lattice.direction(list(direction))
    if abs(float(normal @ along)) > 1e-9:
        raise ValueError(
            f"The direction must lie in the plane, but {tuple(direction)} and {tuple(plane)} "
            "are not perpendicular."
        )
    return matrix_to_quaternion(torch.stack([along, torch.linalg.cross(normal, along), normal]))


def texture_type(
    name: str, seed: int | torch.Generator = 0, laue: str | LaueGroup = CUBIC
) -> MixedTexture:
    """Return one of the paper's texture types S1, S2, W1, W2 about random orientations.

    Args:
        name: S1: one dominant orientation with σ = 5° in 90 % of the volume; S2: one with 10° in
            60 %; W1: random; W2: two with 10° in 35 % each. (Numbers not from the paper.)
        seed: Random seed of the dominant orientations.
        laue: Laue group of the crystals, or its name.
    Raises:
        ValueError: if the name is unknown.

    Example:
        >>> [round(share, 2) for share in texture_type("W2", seed=0).shares.tolist()]
        [0.35, 0.35, 0.3]
    """
    if name not in TEXTURE_TYPES:
        raise ValueError(
            f"A texture type must be one of {', '.join(TEXTURE_TYPES)}, but is '{name}'."
        )
    share, sigma, count = TEXTURE_TYPES[name]
    halfwidth = halfwidth_of_deviation(math.radians(sigma))
    parts: list[tuple[float, Texture]] = [
        (share, UnimodalTexture(q, halfwidth, laue)) for q in random_quaternions(count, seed)
    ]
    return MixedTexture([*parts, (1 - share * count, UniformTexture(laue))])


def unit_direction(name: str, components: Sequence[float] | Tensor) -> Float[Tensor, "3"]:
    """Return a direction scaled to unit length.

    Raises:
        ValueError: if it does not have three components or no length; names the argument.
    """
    vector = number_tensor(components, name)
    if tuple(vector.shape) != (3,) or not 0 < float(vector.norm()) < math.inf:
        raise ValueError(
            f"Argument `{name}` must be three components, not all zero, but is {components}."
        )
    return vector / vector.norm()


def rotation_from_z(direction: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 4"]:
    """Return a rotation that takes z to unit directions; about x for -z."""
    x, y, z = direction.unbind(-1)
    half = torch.stack([1 + z, -y, x, torch.zeros_like(z)], dim=-1)
    opposite = torch.tensor([0.0, 1.0, 0.0, 0.0], dtype=direction.dtype)
    half = torch.where(z[..., None] < -1 + 1e-14, opposite, half)
    return half / half.norm(dim=-1, keepdim=True)
