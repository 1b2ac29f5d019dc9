"""Texture components: one orientation or one fibre with scatter, and those of rolled metals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

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
    kernel_density,
    unit_quaternions,
)
from polyxtal.texture.kernel import (
    concentration,
    direction_density,
    draw_directions,
    draw_rotations,
    halfwidth_of_deviation,
)
from polyxtal.texture.zone import as_group

ROLLING_COMPONENTS: Mapping[str, tuple[tuple[int, int, int], tuple[int, int, int]]] = {
    "cube": ((0, 0, 1), (1, 0, 0)),
    "rotated cube": ((0, 0, 1), (1, 1, 0)),
    "goss": ((0, 1, 1), (1, 0, 0)),
    "brass": ((0, 1, 1), (2, -1, 1)),
    "copper": ((1, 1, 2), (1, 1, -1)),
    "dillamore": ((4, 4, 11), (11, 11, -8)),
    "s": ((1, 2, 3), (6, 3, -4)),
}
"""Components of rolled fcc metals: plane {hkl} normal to z, direction <uvw> along x."""

TEXTURE_TYPES: Mapping[str, tuple[float, float, int]] = {
    "S1": (0.90, 5.0, 1),
    "S2": (0.60, 10.0, 1),
    "W1": (0.0, 10.0, 0),
    "W2": (0.35, 10.0, 2),
}
"""Share of each dominant orientation, its scatter σ [degrees], their number; the rest is random.

Strong and weak textures named as in the paper; it gives no numbers, these are our choice.
"""


class UnimodalTexture(Texture):
    """One orientation and the scatter about it, after von Mises and Fisher.

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
        """Average the kernel over symmetric copies. [multiples of random]"""
        one = torch.ones(1, dtype=torch.float64)
        return kernel_density(orientations, self.orientation[None], one, self.halfwidth, self.laue)

    def draw(self, place: Float[Tensor, " n"], generator: torch.Generator) -> Float[Tensor, "n 4"]:
        """Scatter the centre."""
        scatter = draw_rotations(len(place), self.halfwidth, generator)
        return quaternion_multiply(self.orientation, scatter)


class FibreTexture(Texture):
    """Crystals that share one direction and are random about it.

    Args:
        crystal: Crystal direction h in Cartesian crystal axes; with a lattice, Miller or
            Miller-Bravais indices of the plane that h is normal to. [-]
        sample: Sample direction r that h and its symmetry copies scatter about. [-]
        halfwidth: Angle at which the density of h has dropped to half. [rad]
        lattice: Lattice of the crystals; None for cubic ones.
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
            _direction("crystal", crystal) if lattice is None else lattice.plane(list(crystal))
        )
        self.laue = CUBIC if lattice is None else lattice.laue_group
        self.sample, self.halfwidth = _direction("sample", sample), halfwidth

    def density(self, orientations: Float[Tensor, "n 4"]) -> Float[Tensor, " n"]:
        """Average the kernel over the copies of h. [multiples of random]"""
        copies = quaternion_to_matrix(self.laue.rotations) @ self.crystal
        seen = quaternion_to_matrix(orientations).mT @ self.sample  # r in crystal axes
        return direction_density(seen @ copies.mT, self.halfwidth).mean(-1)

    def draw(self, place: Float[Tensor, " n"], generator: torch.Generator) -> Float[Tensor, "n 4"]:
        """Turn about r, then tilt."""
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
    """Find the orientation (hkl)[uvw]: plane normal along z, direction along x.

    Args:
        plane: Miller indices of the plane, of hexagonal lattices also Miller-Bravais.
        direction: Indices of the direction.
        lattice: Lattice of the crystal; None for a cubic one.
    Raises:
        ValueError: if the direction does not lie in the plane.

    Example:
        >>> [round(part, 4) for part in miller_orientation((0, 0, 1), (1, 1, 0)).tolist()]
        [0.9239, 0.0, 0.0, -0.3827]
    """
    if lattice is None:
        normal, along = _direction("plane", plane), _direction("direction", direction)
    else:
        normal, along = lattice.plane(list(plane)), lattice.direction(list(direction))
    if abs(float(normal @ along)) > 1e-9:
        raise ValueError(
            f"The direction must lie in the plane, but {tuple(direction)} and {tuple(plane)} "
            "are not perpendicular."
        )
    return matrix_to_quaternion(torch.stack([along, torch.linalg.cross(normal, along), normal]))


def rolling_component(name: str, halfwidth: float = DEFAULT_HALFWIDTH) -> Texture:
    """Build a component of rolled fcc metals: x is the rolling direction, z the sheet's normal.

    The two-fold axes of the sheet make up to four variants of it, all alike.

    Args:
        name: cube, rotated cube, goss, brass, copper, dillamore or s.
        halfwidth: Angle at which the density has dropped to half. [rad]
    Raises:
        ValueError: if the name is unknown or the half-width out of range.

    Example:
        >>> len(rolling_component("brass").components)  # variants under the sheet's symmetry
        2
    """
    if name.lower() not in ROLLING_COMPONENTS:
        known = ", ".join(ROLLING_COMPONENTS)
        raise ValueError(f"A rolling component must be one of {known}, but is '{name}'.")
    centre = miller_orientation(*ROLLING_COMPONENTS[name.lower()])
    variants: list[Tensor] = []
    for half_turn in torch.eye(4, dtype=torch.float64):  # the identity, 180° about x, y, z
        variant = quaternion_multiply(half_turn, centre)
        if all(float(CUBIC.disorientation(variant, known)) > 1e-4 for known in variants):
            variants.append(variant)
    return MixedTexture([(1.0, UnimodalTexture(v, halfwidth)) for v in variants])


def rolling_texture(
    shares: Mapping[str, float], halfwidth: float = DEFAULT_HALFWIDTH
) -> MixedTexture:
    """Mix rolling components; what their shares leave of 1 is random.

    Args:
        shares: Volume share by component's name. [-]
        halfwidth: Of all components. [rad]
    Raises:
        ValueError: if a name is unknown, a share negative, or their sum above 1.

    Example:
        >>> rolling_texture({"brass": 0.25, "copper": 0.125, "s": 0.5}).shares.tolist()
        [0.25, 0.125, 0.5, 0.125]
    """
    rest = 1 - math.fsum(shares.values())
    if rest < -1e-9 or min(shares.values(), default=0.0) < 0:
        raise ValueError(
            f"The shares of components must not be negative nor exceed 1 in all, but are {shares}."
        )
    parts: list[tuple[float, Texture]] = [
        (share, rolling_component(name, halfwidth)) for name, share in shares.items()
    ]
    return MixedTexture([*parts, (max(0.0, rest), UniformTexture())])


def basal_texture(
    lattice: Lattice,
    tilt: float = 0.0,
    towards: Sequence[float] = (0.0, 1.0, 0.0),
    halfwidth: float = DEFAULT_HALFWIDTH,
    share: float = 1.0,
) -> MixedTexture:
    """Build the texture of a rolled hexagonal sheet: c axes about the sheet's normal z, or split.

    Rolled magnesium has its c axes at the normal or some 10° towards the rolling direction x,
    titanium and zirconium 20 to 40° towards the transverse direction y.

    Args:
        lattice: Hexagonal lattice.
        tilt: Angle of the c axes from z, to either side, 0 to 90°. [rad]
        towards: Sample direction of the tilt, in the plane of the sheet. [-]
        halfwidth: Angle at which the density of c axes has dropped to half. [rad]
        share: Volume share; the rest is random. [-]
    Raises:
        ValueError: if the lattice is not hexagonal, or a number is out of range.

    Example:
        >>> import math
        >>> import polyxtal as px
        >>> sheet = basal_texture(px.Lattice("hP", 1.587), tilt=math.radians(30))
        >>> sheet.orientations(20, seed=1).shape, sheet.laue.name
        (torch.Size([20, 4]), '6/mmm')
    """
    if lattice.family != "hexagonal":
        raise ValueError(f"A basal texture must be of a hexagonal lattice, not {lattice.family}.")
    if not (0 <= tilt <= math.pi / 2 and 0 <= share <= 1):
        raise ValueError(
            "A basal texture must have a tilt of 0 to 90 degrees, given in rad, and a share of 0 "
            f"to 1, but has {tilt:g} rad and {share:g}."
        )
    aside = _direction("towards", towards)
    if abs(float(aside[2])) > 1e-9:
        raise ValueError(f"Argument `towards` must lie in the sheet, but is {tuple(towards)}.")
    normal = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
    poles = [math.cos(tilt) * normal + sign * math.sin(tilt) * aside for sign in (1.0, -1.0)]
    parts: list[tuple[float, Texture]] = [
        (share / 2, FibreTexture((0, 0, 0, 1), pole.tolist(), halfwidth, lattice)) for pole in poles
    ]
    return MixedTexture([*parts, (1 - share, UniformTexture(lattice.laue_group))])


def texture_type(
    name: str, seed: int | torch.Generator = 0, laue: str | LaueGroup = CUBIC
) -> MixedTexture:
    """Build one of the paper's texture types S1, S2, W1, W2 about random orientations.

    Args:
        name: S1: one dominant orientation with σ = 5° in 90 % of the volume; S2: one with 10° in
            60 %; W1: random; W2: two with 10° in 35 % each. (Numbers not from the paper.)
        seed: Seed of the dominant orientations.
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


def _direction(name: str, components: Sequence[float]) -> Tensor:
    vector = torch.tensor([float(c) for c in components], dtype=torch.float64)
    if tuple(vector.shape) != (3,) or not 0 < float(vector.norm()) < math.inf:
        raise ValueError(
            f"Argument `{name}` must be three components, not all zero, but is {components}."
        )
    return vector / vector.norm()


def rotation_from_z(direction: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 4"]:
    """Find a rotation that takes z to unit directions; about x where that is -z."""
    x, y, z = direction.unbind(-1)
    half = torch.stack([1 + z, -y, x, torch.zeros_like(z)], dim=-1)
    opposite = torch.tensor([0.0, 1.0, 0.0, 0.0], dtype=direction.dtype)
    half = torch.where(z[..., None] < -1 + 1e-14, opposite, half)
    return half / half.norm(dim=-1, keepdim=True)
