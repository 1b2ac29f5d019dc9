"""How an EBSD map becomes a polycrystal."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from polyxtal.microstructure.polycrystal import Polycrystal


@dataclass(frozen=True)
class MapSettings:
    """Settings for EBSD maps; must be unset for other files.

    Attributes:
        frame: Reference frame of the Euler angles, see `read_ebsd`.
        threshold: Disorientation threshold between grains; None for 5°. [rad]
        exclude: Phases to fill from neighbouring points.
        volume: Voxels along the edge of a statistically equivalent volume, see
            `equivalent_rve`; None for the map itself, a single layer.
        volume_seed: Random seed of that volume.
    """

    frame: str | None = None
    threshold: float | None = None
    exclude: tuple[str, ...] = ()
    volume: int | None = None
    volume_seed: int = 0

    def read(self, file: str | Path) -> Polycrystal:
        """Read a polycrystal file, converting EBSD maps by these settings."""
        from polyxtal.microstructure.equivalent import equivalent_rve
        from polyxtal.microstructure.io.registry import extensions, is_map, read, read_ebsd

        if self.volume is None:
            return read(file, frame=self.frame, threshold=self.threshold, exclude=self.exclude)
        if not is_map(file):
            raise ValueError(
                f"{file}: argument `volume` must be left out except for "
                f"{' and '.join(extensions('map'))} files."
            )
        ebsd = read_ebsd(file, frame=self.frame).exclude(*self.exclude)
        grains = ebsd.grains() if self.threshold is None else ebsd.grains(self.threshold)
        return equivalent_rve(grains, self.volume, seed=self.volume_seed)
