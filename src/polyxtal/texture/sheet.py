"""Textures of rolled sheets: components of fcc metals, basal poles of hexagonal ones."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from polyxtal.algebra.rotation import quaternion_multiply
from polyxtal.argument_types import require_number, require_type
from polyxtal.crystal.lattice import Lattice
from polyxtal.crystal.laue import CUBIC
from polyxtal.texture.components import (
    FibreTexture,
    UnimodalTexture,
    miller_orientation,
    unit_direction,
)
from polyxtal.texture.distribution import DEFAULT_HALFWIDTH, MixedTexture, Texture, UniformTexture

ROLLING_COMPONENTS: Mapping[str, tuple[tuple[int, int, int], tuple[int, int, int]]] = {
    "cube": ((0, 0, 1), (1, 0, 0)),
    "rotated cube": ((0, 0, 1), (1, 1, 0)),
    "goss": ((0, 1, 1), (1, 0, 0)),
    "brass": ((0, 1, 1), (2, -1, 1)),
    "copper": ((1, 1, 2), (1, 1, -1)),
    "dillamore": ((4, 4, 11), (11, 11, -8)),
    "s": ((1, 2, 3), (6, 3, -4)),
}
"""Components of rolled fcc metals: plane normal {hkl} along z, direction <uvw> along x."""


def rolling_component(name: str, halfwidth: float = DEFAULT_HALFWIDTH) -> Texture:
    """Return a component of rolled fcc metals: x is the rolling direction, z the sheet normal.

    The orthorhombic sample symmetry generates up to four variants, with equal shares.

    Args:
        name: cube, rotated cube, goss, brass, copper, dillamore or s.
        halfwidth: Angle at which the density has dropped to half. [rad]
    Raises:
        ValueError: if the name is unknown or the half-width out of range.

    Example:
        >>> len(rolling_component("brass").components)  # variants under the sheet's symmetry
        2
    """
    require_type(name, str, "name")
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
    """Return a mixture of rolling components and a random rest.

    Args:
        shares: Volume shares by name of the component. [-]
        halfwidth: Half-width of all components. [rad]
    Raises:
        ValueError: if a name is unknown, a share negative, or their sum above 1.

    Example:
        >>> rolling_texture({"brass": 0.25, "copper": 0.125, "s": 0.5}).shares.tolist()
        [0.25, 0.125, 0.5, 0.125]
    """
    require_type(shares, Mapping, "shares")
    for share in shares.values():
        require_number(share, "shares")
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
    """Return the texture of a rolled hexagonal sheet: c axes about the sheet normal z, or split.

    In rolled magnesium the c axes are at the normal or about 10° towards the rolling direction x,
    in titanium and zirconium 20 to 40° towards the transverse direction y.

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
    require_type(lattice, Lattice, "lattice")
    if lattice.family != "hexagonal":
        raise ValueError(f"A basal texture must be of a hexagonal lattice, not {lattice.family}.")
    if not (0 <= tilt <= math.pi / 2 and 0 <= share <= 1):
        raise ValueError(
            "A basal texture must have a tilt of 0 to 90 degrees, given in rad, and a share of 0 "
            f"to 1, but has {tilt:g} rad and {share:g}."
        )
    aside = unit_direction("towards", towards)
    if abs(float(aside[2])) > 1e-9:
        raise ValueError(f"Argument `towards` must lie in the sheet, but is {tuple(towards)}.")
    normal = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
    poles = [math.cos(tilt) * normal + sign * math.sin(tilt) * aside for sign in (1.0, -1.0)]
    parts: list[tuple[float, Texture]] = [
        (share / 2, FibreTexture((0, 0, 0, 1), pole.tolist(), halfwidth, lattice)) for pole in poles
    ]
    return MixedTexture([*parts, (1 - share, UniformTexture(lattice.laue_group))])
