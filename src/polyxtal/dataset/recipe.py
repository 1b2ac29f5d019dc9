"""Recipes of data sets: the same recipe gives the same data set.

In files, angles are in degrees, stiffness is in MPa and lengths are in voxels.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from polyxtal.argument_types import require_path
from polyxtal.crystal.lattice import Lattice
from polyxtal.crystal.laue import LAUE_GROUPS, LaueGroup
from polyxtal.dataset.recipe_fields import Count, Number, Part, is_number
from polyxtal.dataset.recipe_labels import StiffnessLabels
from polyxtal.dataset.recipe_textures import (
    KINDS,
    AnyTexture,
    Hull,
    Resolution,
    cubic_only,
    halfwidths,
    hull_resolutions,
)
from polyxtal.files.validated import validate_document
from polyxtal.files.wording import shorten
from polyxtal.files.yaml import read_yaml
from polyxtal.microstructure.tessellate import MAX_SPREAD
from polyxtal.texture.zone import SUBDIVISION, OrientationGrid, orientation_count, orientation_grid

MAX_GRAINS = 2**16
"""Grain ids are stored in 16 bits."""
MAX_GRID_VOXELS = 2**27
MAX_COUNT = 2**32
MAX_PART_BYTES = 2**31
"""A worker holds a part uncompressed, and a chunk must stay below 2 GiB."""
MAX_PARTS = 10**6
"""Each part is one file per array, and is checked at every start."""
MAX_FILE = 2**20
"""Largest file of a recipe. [bytes]"""
MAX_TEXT = 2**16
"""A recipe is written into the metadata, whose size readers limit. [characters]"""

Extent = Annotated[Number, Field(ge=0.01, le=100.0)]
Voxels = Annotated[Count, Field(ge=1, le=4096)]


class Recipe(Part):
    """Recipe of a data set.

    Attributes:
        count: Number of RVEs.
        seed: Random seed; RVE i depends only on i and the recipe without `count` and `part`.
        grid: Number of voxels along x, y, z; one number for a cube. A voxel's edge is 1 µm.
        grains: Number of grains, or [low, high] of a uniform distribution.
        spread: Standard deviation of ln diameter of log-normal grain sizes, or [low, high]
            (default: Voronoi tessellation). [-]
        aspect: Relative extent of grains along x, y, z, each a number or [low, high] of a
            log-uniform distribution, from 0.01 to 100. [-]
        laue: Laue group of the crystals.
        texture: Distribution of textures.
        coefficients: Resolution of the grid that texture coefficients are stored on (default:
            that of the finest hull, or 10). [degrees]
        labels: Stiffness labels (default: none).
        part: Number of RVEs in a part, the unit of computing, writing and repair.

    Example:
        >>> import polyxtal as px
        >>> recipe = px.Recipe(count=1000, grid=25, grains=[70, 210], texture={"kind": "hull"})
        >>> recipe.grid, recipe.parts
        ((25, 25, 25), 10)
    """

    count: Annotated[Count, Field(ge=1, le=MAX_COUNT)]
    seed: Annotated[Count, Field(ge=0, lt=2**63)] = 0
    grid: tuple[Voxels, Voxels, Voxels]
    grains: tuple[Count, Count]
    spread: tuple[Number, Number] | None = None
    aspect: tuple[tuple[Extent, Extent], ...] = ((1.0, 1.0),) * 3
    laue: Literal[LAUE_GROUPS] = "m-3m"  # type: ignore[valid-type]
    texture: AnyTexture = Hull()
    coefficients: Resolution | None = None
    labels: StiffnessLabels | None = None
    part: Annotated[Count, Field(ge=1, le=100_000)] = 100

    @model_validator(mode="before")
    @classmethod
    def _spell_out(cls, given: Any) -> Any:
        """Expand a single number to a range or a cube."""
        if not isinstance(given, Mapping):
            return given
        spelled = dict(given)
        if is_number(spelled.get("grid")):
            spelled["grid"] = [spelled["grid"]] * 3
        for name in ("grains", "spread"):
            if is_number(spelled.get(name)):
                spelled[name] = [spelled[name]] * 2
        if isinstance(spelled.get("aspect"), list | tuple):
            spelled["aspect"] = [[a, a] if is_number(a) else a for a in spelled["aspect"]]
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
                f"but is {shorten([list(part) for part in self.aspect])}"
            )
        if self.laue != "m-3m" and (self.labels or cubic_only(self.texture)):
            raise ValueError(
                "`laue` must be m-3m with stiffness labels or textures of kind 'rolling', "
                f"but is {self.laue}"
            )
        sharpest = self._resolution() / SUBDIVISION  # the distance of its finer samples
        for halfwidth in halfwidths(self.texture):
            if halfwidth < (1 - 1e-9) * sharpest:
                raise ValueError(
                    f"field `texture`: a `halfwidth` must be at least {sharpest:g} degrees to be "
                    f"seen on a grid of {self._resolution():g} degrees, see `coefficients`, but is "
                    f"{halfwidth:g}"
                )
        if self.parts > MAX_PARTS:
            raise ValueError(
                f"`part` must be at least {-(-self.count // MAX_PARTS)} for {self.count} RVEs, so "
                f"that there are at most {MAX_PARTS} parts, but is {self.part}"
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
        """Return the size of the arrays of one RVE. [bytes]"""
        labels = self.labels.count * (3 * 8 + 36 * 4) if self.labels else 0
        return (
            2 * math.prod(self.grid) + 16 * self.grains[1] + 4 * self.coefficient_count() + labels
        )

    @property
    def parts(self) -> int:
        """Number of parts."""
        return -(-self.count // self.part)

    def members(self, part: int) -> range:
        """Return the numbers of the RVEs in a part."""
        return range(part * self.part, min(self.count, (part + 1) * self.part))

    @property
    def laue_group(self) -> LaueGroup:
        """Laue group of the crystals."""
        return LaueGroup(self.laue)

    @property
    def lattice(self) -> Lattice | None:
        """Lattice of the crystals as far as the Laue group implies it; None for cubic m-3m."""
        return None if self.laue == "m-3m" else Lattice.of_laue_group(self.laue)

    def coefficient_grid(self) -> OrientationGrid:
        """Return the grid of orientations of the texture coefficients."""
        return orientation_grid(self._resolution(), self.laue)

    def coefficient_count(self) -> int:
        """Return the number of texture coefficients, without computing the grid's volumes."""
        return orientation_count(self._resolution(), self.laue_group)

    def _resolution(self) -> float:
        return self.coefficients or min(hull_resolutions(self.texture), default=10.0)


def read_recipe(path: str | Path) -> Recipe:
    """Read a recipe from a YAML file.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is not YAML, or a field is missing, unknown or out of range; the message
            names the file and the field.
    """
    require_path(path, "path")
    return make_recipe(read_yaml(path, MAX_FILE), path)


def make_recipe(document: Any, path: str | Path = "recipe") -> Recipe:
    """Validate a parsed recipe; `path` is named in the errors."""
    return validate_document(Recipe, document, path, KINDS)


def differences(first: Recipe, second: Recipe) -> Iterator[str]:
    """Describe the differences of two recipes, field by field."""
    a, b = first.model_dump(mode="json"), second.model_dump(mode="json")
    for name in a:
        if a[name] != b[name]:
            yield f"`{name}` is {shorten(a[name])} there and {shorten(b[name])} here"
