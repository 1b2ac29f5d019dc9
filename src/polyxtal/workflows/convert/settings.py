"""Settings of `polyxtal convert`."""

from __future__ import annotations

from dataclasses import dataclass, field

from polyxtal.workflows.inputs.ebsd_map import MapSettings


@dataclass(frozen=True)
class ConversionSettings:
    """What happens between reading and writing, in this order.

    Attributes:
        crop: Voxels kept, "x0:x1,y0:y1,z0:z1", 0-based and without the last; what is left out
            reaches to the end of the grid. None for all.
        coarsen: Voxels joined to one, "N" or "NX,NY,NZ". None for no coarsening.
        renumber: Remove grains without voxels.
        ebsd: How an EBSD map is read.
    """

    crop: str | None = None
    coarsen: str | None = None
    renumber: bool = False
    ebsd: MapSettings = field(default_factory=MapSettings)
