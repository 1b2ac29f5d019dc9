"""Distributions that a recipe's textures are drawn from; angles are in degrees."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import torch
from pydantic import Field, model_validator

from polyxtal.algebra.rotation import bunge_to_quaternion, random_quaternions
from polyxtal.crystal.laue import CUBIC, LaueGroup
from polyxtal.dataset.recipe_fields import Number, Part
from polyxtal.files.wording import shorten
from polyxtal.texture.components import TEXTURE_TYPES, FibreTexture, UnimodalTexture, texture_type
from polyxtal.texture.distribution import MixedTexture, Texture, UniformTexture
from polyxtal.texture.hull import SUPPORT_LAWS, draw_hull_texture
from polyxtal.texture.sheet import ROLLING_COMPONENTS, rolling_texture
from polyxtal.texture.zone import COARSEST, orientation_grid

FINEST = 3.0
"""Finest grid of textures, built by every worker: in 2 s at 10 degrees, two minutes at 3."""
KINDS = ("uniform", "hull", "types", "rolling", "unimodal", "fibre", "mixture", "choice")

Halfwidth = Annotated[Number, Field(ge=0.1, le=90.0)]
Share = Annotated[Number, Field(ge=0.0, le=1e6)]
Resolution = Annotated[Number, Field(ge=FINEST, le=COARSEST)]
Direction = tuple[Number, Number, Number]


class Uniform(Part):
    """Random orientations."""

    kind: Literal["uniform"] = "uniform"

    def draw(self, generator: torch.Generator, laue: LaueGroup = CUBIC) -> Texture:
        """Return the texture."""
        return UniformTexture(laue)


class Hull(Part):
    """A point of the texture hull, drawn by hierarchical simplex sampling."""

    kind: Literal["hull"] = "hull"
    resolution: Resolution = 10.0
    support: Literal["log_uniform", "uniform", "geometric", "flat"] = "log_uniform"

    def draw(self, generator: torch.Generator, laue: LaueGroup = CUBIC) -> Texture:
        """Draw a texture."""
        grid = orientation_grid(self.resolution, laue)
        return draw_hull_texture(grid, SUPPORT_LAWS[self.support], generator)


class Types(Part):
    """One of the paper's texture types about random orientations."""

    kind: Literal["types"] = "types"
    names: Annotated[
        tuple[Literal["S1", "S2", "W1", "W2"], ...], Field(min_length=1, max_length=100)
    ] = tuple(TEXTURE_TYPES)  # type: ignore[assignment]

    def draw(self, generator: torch.Generator, laue: LaueGroup = CUBIC) -> Texture:
        """Draw a type, with equal probability, and its orientations."""
        index = int(torch.randint(len(self.names), (), generator=generator))
        return texture_type(self.names[index], generator, laue)


class Rolling(Part):
    """Components of rolled fcc metals; the rest is random."""

    kind: Literal["rolling"] = "rolling"
    shares: Mapping[str, Share]
    halfwidth: Halfwidth = 10.0

    @model_validator(mode="after")
    def _known(self) -> Rolling:
        for name in self.shares:
            if name not in ROLLING_COMPONENTS:
                raise ValueError(
                    f"`shares` must be of {', '.join(ROLLING_COMPONENTS)}, but one is of "
                    f"{shorten(name)}"
                )
        if (total := sum(self.shares.values())) > 1 + 1e-9:
            raise ValueError(f"`shares` must not sum to more than 1, but sum to {total:g}")
        return self

    def draw(self, generator: torch.Generator, laue: LaueGroup = CUBIC) -> Texture:
        """Return the texture."""
        return rolling_texture(self.shares, math.radians(self.halfwidth))


class Unimodal(Part):
    """One orientation with scatter: given by Bunge angles, or random for each RVE."""

    kind: Literal["unimodal"] = "unimodal"
    bunge: tuple[Number, Number, Number] | None = None
    halfwidth: Halfwidth = 10.0

    def draw(self, generator: torch.Generator, laue: LaueGroup = CUBIC) -> Texture:
        """Return the texture, or draw its centre."""
        if self.bunge is None:
            centre = random_quaternions(1, generator)[0]
        else:
            angles = torch.tensor(self.bunge, dtype=torch.float64).deg2rad()
            centre = bunge_to_quaternion(angles)
        return UnimodalTexture(centre, math.radians(self.halfwidth), laue)


class Fibre(Part):
    """A crystal direction along a sample direction, with scatter."""

    kind: Literal["fibre"] = "fibre"
    crystal: Direction
    sample: Direction
    halfwidth: Halfwidth = 10.0

    @model_validator(mode="after")
    def _has_length(self) -> Fibre:
        for name in ("crystal", "sample"):
            length = math.hypot(*getattr(self, name))
            if not 1e-100 < length < 1e100:
                raise ValueError(f"`{name}` must be a direction, but has a length of {length:g}")
        return self

    def draw(self, generator: torch.Generator, laue: LaueGroup = CUBIC) -> Texture:
        """Return the texture."""
        fibre = FibreTexture(self.crystal, self.sample, math.radians(self.halfwidth))
        fibre.laue = laue
        return fibre


class Mixture(Part):
    """Several textures in one RVE, in volume shares."""

    kind: Literal["mixture"] = "mixture"
    of: Annotated[tuple[tuple[Share, AnyTexture], ...], Field(min_length=1, max_length=100)]

    @model_validator(mode="after")
    def _not_empty(self) -> Mixture:
        return _some_share(self)

    def draw(self, generator: torch.Generator, laue: LaueGroup = CUBIC) -> Texture:
        """Draw all of them."""
        return MixedTexture([(share, texture.draw(generator, laue)) for share, texture in self.of])


class Choice(Part):
    """One of several textures for each RVE, drawn by probability."""

    kind: Literal["choice"] = "choice"
    of: Annotated[tuple[tuple[Share, AnyTexture], ...], Field(min_length=1, max_length=100)]

    @model_validator(mode="after")
    def _not_empty(self) -> Choice:
        return _some_share(self)

    def draw(self, generator: torch.Generator, laue: LaueGroup = CUBIC) -> Texture:
        """Draw one of them."""
        shares = torch.tensor([share for share, _ in self.of], dtype=torch.float64)
        index = int(torch.multinomial(shares, 1, generator=generator))
        return self.of[index][1].draw(generator, laue)


def _some_share(part: Any) -> Any:
    if not sum(share for share, _ in part.of) > 0:
        raise ValueError("`of` must have a share above zero, but has none")
    return part


AnyTexture = Annotated[
    Uniform | Hull | Types | Rolling | Unimodal | Fibre | Mixture | Choice,
    Field(discriminator="kind"),
]
Mixture.model_rebuild()
Choice.model_rebuild()


def halfwidths(texture: Any) -> Iterator[float]:
    """Yield the half-widths of all components. [degrees]"""
    if isinstance(texture, Mixture | Choice):
        for _, part in texture.of:
            yield from halfwidths(part)
    elif isinstance(texture, Rolling | Unimodal | Fibre):
        yield texture.halfwidth


def hull_resolutions(texture: Any) -> Iterator[float]:
    """Yield the resolutions of all hulls. [degrees]"""
    if isinstance(texture, Mixture | Choice):
        for _, part in texture.of:
            yield from hull_resolutions(part)
    elif isinstance(texture, Hull):
        yield texture.resolution


def cubic_only(texture: Any) -> bool:
    """Return whether a part of the texture is that of rolled fcc metals."""
    if isinstance(texture, Mixture | Choice):
        return any(cubic_only(part) for _, part in texture.of)
    return isinstance(texture, Rolling)
