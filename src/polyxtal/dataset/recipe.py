"""A recipe names everything a data set is made of; the same recipe makes the same data set.

In files angles are in degrees; stiffness is in MPa, lengths are in voxels.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from polyxtal.algebra.rotation import bunge_to_quaternion, random_quaternions
from polyxtal.crystal.elasticity import CubicElasticity
from polyxtal.files.yaml import read_yaml, shorten
from polyxtal.microstructure.tessellate import MAX_SPREAD
from polyxtal.texture.components import (
    ROLLING_COMPONENTS,
    TEXTURE_TYPES,
    FibreTexture,
    UnimodalTexture,
    rolling_texture,
    texture_type,
)
from polyxtal.texture.cubochoric import cubochoric_grid
from polyxtal.texture.distribution import MixedTexture, Texture, UniformTexture
from polyxtal.texture.hull import SUPPORT_LAWS, draw_hull_texture
from polyxtal.texture.zone import (
    COARSEST,
    SUBDIVISION,
    OrientationGrid,
    _cells,
    in_zone,
    orientation_grid,
)

MAX_GRAINS = 2**16
"""Grain ids are stored in 16 bits."""
MAX_GRID_VOXELS = 2**27
MAX_COUNT = 2**32
MAX_PART_BYTES = 2**31
"""A worker holds a part uncompressed, and a chunk must stay below 2 GiB."""
MAX_TEXT = 2**16
"""A recipe is written into the metadata, which readers bound."""
FINEST = 3.0
"""Finest grid of textures; every worker builds it: 2 s at 10 degrees, two minutes at 3."""

# Strict: a number in quotes, or `true`, is a slip.
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Count = Annotated[int, Field(strict=True)]
Halfwidth = Annotated[Number, Field(ge=0.1, le=90.0)]
Share = Annotated[Number, Field(ge=0.0)]
Positive = Annotated[Number, Field(gt=0.0)]
Extent = Annotated[Number, Field(ge=0.01, le=100.0)]
Resolution = Annotated[Number, Field(ge=FINEST, le=COARSEST)]
Voxels = Annotated[Count, Field(ge=1, le=4096)]
Direction = tuple[Number, Number, Number]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Uniform(_Part):
    """Random orientations."""

    kind: Literal["uniform"] = "uniform"

    def draw(self, generator: torch.Generator) -> Texture:
        """Return the texture."""
        return UniformTexture()


class Hull(_Part):
    """A point of the texture hull, drawn by hierarchical simplex sampling."""

    kind: Literal["hull"] = "hull"
    resolution: Resolution = 10.0
    support: Literal["log_uniform", "uniform", "geometric", "flat"] = "log_uniform"

    def draw(self, generator: torch.Generator) -> Texture:
        """Draw a texture."""
        grid = orientation_grid(self.resolution)
        return draw_hull_texture(grid, SUPPORT_LAWS[self.support], generator)


class Types(_Part):
    """One of the paper's texture types about random orientations."""

    kind: Literal["types"] = "types"
    names: Annotated[
        tuple[Literal["S1", "S2", "W1", "W2"], ...], Field(min_length=1, max_length=100)
    ] = tuple(TEXTURE_TYPES)  # type: ignore[assignment]

    def draw(self, generator: torch.Generator) -> Texture:
        """Draw a type, all alike, and its orientations."""
        index = int(torch.randint(len(self.names), (), generator=generator))
        return texture_type(self.names[index], generator)


class Rolling(_Part):
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

    def draw(self, generator: torch.Generator) -> Texture:
        """Return the texture."""
        return rolling_texture(self.shares, math.radians(self.halfwidth))


class Unimodal(_Part):
    """One orientation with scatter: given by Bunge's angles, or a random one for each RVE."""

    kind: Literal["unimodal"] = "unimodal"
    bunge: tuple[Number, Number, Number] | None = None
    halfwidth: Halfwidth = 10.0

    def draw(self, generator: torch.Generator) -> Texture:
        """Return the texture, or draw its centre."""
        if self.bunge is None:
            centre = random_quaternions(1, generator)[0]
        else:
            angles = torch.tensor(self.bunge, dtype=torch.float64).deg2rad()
            centre = bunge_to_quaternion(angles)
        return UnimodalTexture(centre, math.radians(self.halfwidth))


class Fibre(_Part):
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

    def draw(self, generator: torch.Generator) -> Texture:
        """Return the texture."""
        return FibreTexture(self.crystal, self.sample, math.radians(self.halfwidth))


class Mixture(_Part):
    """Textures together in one RVE, in volume shares."""

    kind: Literal["mixture"] = "mixture"
    of: Annotated[tuple[tuple[Share, AnyTexture], ...], Field(min_length=1, max_length=100)]

    @model_validator(mode="after")
    def _not_empty(self) -> Mixture:
        return _some_share(self)

    def draw(self, generator: torch.Generator) -> Texture:
        """Draw all of them."""
        return MixedTexture([(share, texture.draw(generator)) for share, texture in self.of])


class Choice(_Part):
    """One of several textures for each RVE, by probability."""

    kind: Literal["choice"] = "choice"
    of: Annotated[tuple[tuple[Share, AnyTexture], ...], Field(min_length=1, max_length=100)]

    @model_validator(mode="after")
    def _not_empty(self) -> Choice:
        return _some_share(self)

    def draw(self, generator: torch.Generator) -> Texture:
        """Draw one of them."""
        shares = torch.tensor([share for share, _ in self.of], dtype=torch.float64)
        index = int(torch.multinomial(shares, 1, generator=generator))
        return self.of[index][1].draw(generator)


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


class SampledConstants(_Part):
    """Cubic crystals drawn for each RVE: log-even Zener ratio A, even bulk modulus K and G / K.

    G is Voigt's shear modulus: (c11 - c12) / 2 = 5 G / (2 + 3 A), c44 = A (c11 - c12) / 2. All
    crystals drawn are stable.
    """

    count: Annotated[Count, Field(ge=1, le=1000)]
    zener: tuple[Positive, Positive] = (0.1, 10.0)
    bulk: tuple[Positive, Positive] = (50e3, 250e3)
    shear_over_bulk: tuple[Positive, Positive] = (0.2, 0.8)

    @model_validator(mode="after")
    def _in_order(self) -> SampledConstants:
        for name in ("zener", "bulk", "shear_over_bulk"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"`{name}` must be [low, high], but is [{low}, {high}]")
        for zener in self.zener:  # the extremes are stable and within bounds, so are all between
            for bulk in self.bulk:
                for ratio in self.shear_over_bulk:
                    _cubic(zener, bulk, ratio)
        return self

    def draw(self, generator: torch.Generator) -> list[CubicElasticity]:
        """Draw crystals."""
        crystals = []
        for u, v, w in torch.rand(self.count, 3, generator=generator, dtype=torch.float64).tolist():
            zener = math.exp(_between(math.log(self.zener[0]), math.log(self.zener[1]), u))
            crystals.append(
                _cubic(zener, _between(*self.bulk, v), _between(*self.shear_over_bulk, w))
            )
        return crystals


class StiffnessLabels(_Part):
    """Effective stiffness by `polyxtal.homogenize` for crystals that are given, then drawn ones."""

    constants: Annotated[tuple[tuple[Number, Number, Number], ...], Field(max_length=1000)] = ()
    sampled: SampledConstants | None = None
    tolerance: Annotated[Number, Field(ge=1e-12, le=1e-2)] = 1e-6
    scheme: Literal["fourier", "rotated"] = "fourier"

    @model_validator(mode="after")
    def _stable(self) -> StiffnessLabels:
        for c11, c12, c44 in self.constants:
            CubicElasticity(c11, c12, c44)
        if not self.constants and self.sampled is None:
            raise ValueError("must have `constants` or `sampled`")
        return self

    @property
    def count(self) -> int:
        """Number of crystals for each RVE."""
        return len(self.constants) + (self.sampled.count if self.sampled else 0)

    def draw(self, generator: torch.Generator) -> list[CubicElasticity]:
        """Return the given crystals and draw the others."""
        given = [CubicElasticity(*constants) for constants in self.constants]
        return given + (self.sampled.draw(generator) if self.sampled else [])


class Recipe(_Part):
    """All that a data set is made of.

    Attributes:
        count: Number of RVEs.
        seed: RVE i depends on the recipe but for `count` and `part`, and on i alone.
        grid: Voxels along x, y, z; one number for a cube. RVEs are as large, in micrometres.
        grains: Number of grains, or [low, high] to draw from evenly.
        spread: Of the log-normal grain diameters, or [low, high]; None for Voronoi's.
        aspect: Relative extent of grains along x, y, z, each a number or [low, high], log-even,
            from 0.01 to 100.
        texture: Where textures are drawn from.
        coefficients: Resolution of the grid that texture coefficients are stored on, None for
            the hull's own or 10. [degrees]
        labels: Stiffness labels; None for none.
        part: RVEs in a shard: what is computed, written and rebuilt as one.
    """

    count: Annotated[Count, Field(ge=1, le=MAX_COUNT)]
    seed: Annotated[Count, Field(ge=0, lt=2**63)] = 0
    grid: tuple[Voxels, Voxels, Voxels]
    grains: tuple[Count, Count]
    spread: tuple[Number, Number] | None = None
    aspect: tuple[tuple[Extent, Extent], ...] = ((1.0, 1.0),) * 3
    texture: AnyTexture = Hull()
    coefficients: Resolution | None = None
    labels: StiffnessLabels | None = None
    part: Annotated[Count, Field(ge=1, le=100_000)] = 100

    @model_validator(mode="before")
    @classmethod
    def _spell_out(cls, given: Any) -> Any:
        """Let a number stand for a range or a cube."""
        if not isinstance(given, Mapping):
            return given
        spelled = dict(given)
        if _is_number(spelled.get("grid")):
            spelled["grid"] = [spelled["grid"]] * 3
        for name in ("grains", "spread"):
            if _is_number(spelled.get(name)):
                spelled[name] = [spelled[name]] * 2
        if isinstance(spelled.get("aspect"), list | tuple):
            spelled["aspect"] = [[a, a] if _is_number(a) else a for a in spelled["aspect"]]
        return spelled

    @model_validator(mode="after")
    def _consistent(self) -> Recipe:
        voxels = math.prod(self.grid)
        if voxels > MAX_GRID_VOXELS:
            raise ValueError(f"`grid` must not exceed {MAX_GRID_VOXELS} voxels, but has {voxels}")
        most = min(voxels, MAX_GRAINS)
        if not 1 <= self.grains[0] <= self.grains[1] <= most:
            raise ValueError(
                f"`grains` must be [low, high] from 1 to {most}, but is {list(self.grains)}"
            )
        if self.spread and not 0 <= self.spread[0] <= self.spread[1] <= MAX_SPREAD:
            raise ValueError(
                f"`spread` must be [low, high] from 0 to {MAX_SPREAD}, but is {list(self.spread)}"
            )
        if len(self.aspect) != 3 or any(low > high for low, high in self.aspect):
            raise ValueError(
                "`aspect` must be three numbers or ranges [low, high], "
                f"but is {[list(part) for part in self.aspect]}"
            )
        sharpest = self._resolution() / SUBDIVISION  # the distance of its finer samples
        for halfwidth in _halfwidths(self.texture):
            if halfwidth < (1 - 1e-9) * sharpest:
                raise ValueError(
                    f"field `texture`: a `halfwidth` must be at least {sharpest:g} degrees to be "
                    f"seen on a grid of {self._resolution():g} degrees, see `coefficients`, but is "
                    f"{halfwidth:g}"
                )
        if self.part > 1 and self.part * self._bytes() > MAX_PART_BYTES:
            raise ValueError(
                f"`part` must not exceed {max(1, MAX_PART_BYTES // self._bytes())} with RVEs of "
                f"this size, so that it fits into memory, but is {self.part}"
            )
        if (size := len(self.model_dump_json())) > MAX_TEXT:
            raise ValueError(f"a recipe must not exceed {MAX_TEXT} characters, but has {size}")
        return self

    def _bytes(self) -> int:
        """Size of the arrays of one RVE."""
        labels = self.labels.count * (3 * 8 + 36 * 4) if self.labels else 0
        return (
            2 * math.prod(self.grid) + 16 * self.grains[1] + 4 * self.coefficient_count() + labels
        )

    @property
    def parts(self) -> int:
        """Number of shards."""
        return -(-self.count // self.part)

    def members(self, part: int) -> range:
        """Numbers of the RVEs in a shard."""
        return range(part * self.part, min(self.count, (part + 1) * self.part))

    def coefficient_grid(self) -> OrientationGrid:
        """Return the orientations that texture coefficients belong to."""
        return orientation_grid(self._resolution())

    def coefficient_count(self) -> int:
        """Return their number, without the work that the grid's volumes take."""
        return _orientations(self._resolution())

    def _resolution(self) -> float:
        own = self.texture.resolution if isinstance(self.texture, Hull) else 10.0
        return self.coefficients or own


def _halfwidths(texture: Any) -> Iterator[float]:
    """List the scatter of all components. [degrees]"""
    if isinstance(texture, Mixture | Choice):
        for _, part in texture.of:
            yield from _halfwidths(part)
    elif isinstance(texture, Rolling | Unimodal | Fibre):
        yield texture.halfwidth


@lru_cache(maxsize=8)
def _orientations(resolution: float) -> int:
    return len(in_zone(cubochoric_grid(_cells(resolution))))


def read_recipe(path: str | Path) -> Recipe:
    """Read a recipe from a YAML file.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no YAML, or a field is missing, unknown or out of range; the sentence
            names the file and the field.
    """
    return make_recipe(read_yaml(path), path)


def make_recipe(document: Any, path: str | Path = "recipe") -> Recipe:
    """Validate a parsed recipe; `path` is named in the errors."""
    if not isinstance(document, Mapping):
        raise ValueError(f"{path}: must hold a mapping of fields, but holds {shorten(document)}.")
    try:
        return Recipe.model_validate(document)
    except ValidationError as error:
        raise ValueError(f"{path}: {_sentence(error)}") from error


def differences(first: Recipe, second: Recipe) -> Iterator[str]:
    """Say where two recipes differ, field by field."""
    a, b = first.model_dump(mode="json"), second.model_dump(mode="json")
    for name in a:
        if a[name] != b[name]:
            yield f"`{name}` is {shorten(a[name])} there and {shorten(b[name])} here"


_REASONS = {
    "tuple_type": "be a list",
    "model_type": "be a mapping of fields",
    "model_attributes_type": "be a mapping of fields",
    "mapping_type": "be a mapping",
}
_KINDS = {"uniform", "hull", "types", "rolling", "unimodal", "fibre", "mixture", "choice"}


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    # pydantic names the kind of a texture, too, which is no field of the file.
    where = ".".join(
        str(part) if isinstance(part, int) else shorten(part).strip("'")
        for part in first["loc"]
        if part not in _KINDS
    )
    more = error.error_count() - 1
    end = f" ({more} more wrong)." if more else "."
    match first["type"]:
        case "missing":
            return f"field `{where}` must be given, but is not{end}"
        case "extra_forbidden":
            return f"field `{where}` must be one that recipes know, but is not{end}"
        case "union_tag_not_found":
            return f"field `{where}.kind` must be given, but is not{end}"
        case "union_tag_invalid":
            tag = shorten(first.get("ctx", {}).get("tag"))
            return f"field `{where}.kind` must be of {', '.join(sorted(_KINDS))}, but is {tag}{end}"
        case "value_error":
            reason = first["msg"].removeprefix("Value error, ").rstrip(".")
            return f"field `{where}`: {reason}{end}" if where else f"{reason}{end}"
        case "invalid_key":
            return f"field `{where}` must be a name, but is not{end}"
        case "too_short" | "too_long":
            bound = "at least" if first["type"] == "too_short" else "at most"
            limits = first.get("ctx", {})
            number = limits.get("min_length", limits.get("max_length"))
            return (
                f"field `{where}` must have {bound} {number} entries, but has another number{end}"
            )
        case kind:
            reason = _REASONS.get(kind) or first["msg"].removeprefix("Input should ").rstrip(".")
            return f"field `{where}` must {reason}, but is {shorten(first['input'])}{end}"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _between(low: float, high: float, u: float) -> float:
    return low + (high - low) * u


def _cubic(zener: float, bulk: float, shear_over_bulk: float) -> CubicElasticity:
    tetragonal = 5 * shear_over_bulk * bulk / (2 + 3 * zener)  # (c11 - c12) / 2
    return CubicElasticity(bulk + 4 / 3 * tetragonal, bulk - 2 / 3 * tetragonal, zener * tetragonal)
