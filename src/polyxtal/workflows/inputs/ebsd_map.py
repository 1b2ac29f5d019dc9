"""How a file, in particular an EBSD map or a stack of them, becomes a polycrystal."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from polyxtal.microstructure.ebsd import GrainMap
    from polyxtal.microstructure.io.files import SourceOptions
    from polyxtal.microstructure.polycrystal import Polycrystal
    from polyxtal.microstructure.stack import StackGrains


@dataclass(frozen=True)
class MapSettings:
    """Settings for EBSD maps, and what to read of other files; must be unset where none applies.

    Attributes:
        frame: Reference frame of the Euler angles, see `read_ebsd`.
        threshold: Disorientation threshold between grains; None for 5°. [rad]
        exclude: Phases to fill from neighbouring points.
        volume: Voxels along the edge of a statistically equivalent volume, see
            `equivalent_rve`; None for the map itself, a single layer.
        volume_seed: Random seed of that volume, or of the one that stands for a texture.
        max_filled: Largest share of the points to fill from neighbouring points; None for 0.5. [-]
        container, array, grains, grid, increment: What to read of a file that leaves a choice, see
            `SourceOptions`; of a texture, `grains` is the number of grains.
        section_spacing: Distance between the sections of a stack, whose files a pattern names, see
            `read_ebsd_stack`. [µm]
        align: Align the sections of a stack.
        aspect: Ratio of the edges of a grain along x, y, z, of a texture only. [-]
    """

    frame: str | None = None
    threshold: float | None = None
    exclude: tuple[str, ...] = ()
    volume: int | None = None
    volume_seed: int = 0
    max_filled: float | None = None
    section_spacing: float | None = None
    align: bool = True
    container: str | None = None
    array: str | None = None
    grains: str | None = None
    grid: int | tuple[int, ...] | None = None
    increment: int | None = None
    aspect: tuple[float, ...] | None = None

    @property
    def source(self) -> SourceOptions:
        """What to read of the file."""
        return {
            "container": self.container,
            "array": self.array,
            "grains": self.grains,
            "grid": self.grid,
            "increment": self.increment,
        }

    def check_texture(self, file: str | Path) -> None:
        """Raise ValueError if a setting that does not fit a texture is given."""
        allowed = ("grains", "aspect", "volume_seed")
        for field in fields(self):
            if field.name not in allowed and getattr(self, field.name) != field.default:
                raise ValueError(f"{file}: argument `{field.name}` must be left out for a texture.")

    def read(
        self, file: str | Path, check: Callable[[Polycrystal], None] | None = None
    ) -> tuple[Polycrystal, GrainMap | StackGrains | None]:
        """Read a polycrystal file; for an EBSD map or stack, return its grains, too.

        Args:
            file: File.
            check: Called with the map as a polycrystal before a volume is made from it.
        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if the file is invalid or a setting does not fit it.
        """
        from polyxtal.microstructure.equivalent import VOXELS_PER_GRAIN, equivalent_rve
        from polyxtal.microstructure.filled import check_filled
        from polyxtal.microstructure.io import read, read_ebsd
        from polyxtal.microstructure.io.registry import extensions, is_map, listed
        from polyxtal.microstructure.io.sections import is_pattern

        if is_pattern(file):
            grains = self._read_stack(file)
            return grains.polycrystal, grains
        if self.section_spacing is not None or not self.align:
            raise ValueError(
                f"{file}: arguments `section_spacing` and `align` must be left out except for "
                "a stack of sections, a pattern such as 'S*.ang' in quotation marks."
            )
        if not is_map(file):
            if self.volume is not None:
                raise ValueError(
                    f"{file}: argument `volume` must be left out except for "
                    f"{listed(extensions('map'), 'and')} files."
                )
            rve = read(
                file,
                frame=self.frame,
                threshold=self.threshold,
                exclude=self.exclude,
                max_filled=self.max_filled,
                **self.source,
            )
            return rve, None
        ebsd = read_ebsd(file, frame=self.frame, **self.source).exclude(*self.exclude)
        grains = ebsd.grains() if self.threshold is None else ebsd.grains(self.threshold)
        check_filled(grains, self.max_filled)
        if self.volume is None:
            warnings.warn(
                f"{file}: a map is one layer of voxels, which is treated as columns along z; a "
                "volume with the map's grain sizes and texture (--volume N) is nearer to the "
                "material.",
                stacklevel=2,
            )
            return grains.polycrystal, grains
        if check is not None:
            check(grains.polycrystal)
        rve = equivalent_rve(grains, self.volume, seed=self.volume_seed)
        placed = max(1, round(math.prod(rve.grid) / VOXELS_PER_GRAIN))
        if rve.grains < placed:
            warnings.warn(
                f"{file}: {placed - rve.grains} of the {placed} grains of the volume are smaller "
                "than a voxel and left out; a larger --volume keeps more.",
                stacklevel=2,
            )
        return rve, grains

    def _read_stack(self, pattern: str | Path) -> StackGrains:
        from polyxtal.microstructure.filled import check_filled
        from polyxtal.microstructure.io.ebsd_stack import read_ebsd_stack

        if self.section_spacing is None:
            raise ValueError(
                f"{pattern}: argument `section_spacing` must be the distance between the sections "
                "in µm, but is missing, and no file states it."
            )
        if self.volume is not None:
            raise ValueError(
                f"{pattern}: argument `volume` must be left out for a stack of sections, which is "
                "a volume itself."
            )
        stack = read_ebsd_stack(
            pattern, self.section_spacing, frame=self.frame, align=self.align
        ).exclude(*self.exclude)
        grains = stack.grains() if self.threshold is None else stack.grains(self.threshold)
        check_filled(grains, self.max_filled)
        return grains
