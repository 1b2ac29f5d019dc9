"""Settings of `polyxtal convert`."""

from __future__ import annotations

from dataclasses import dataclass, field

from polyxtal.workflows.inputs.ebsd_map import MapSettings


@dataclass(frozen=True)
class ConversionSettings:
    """Operations between reading and writing, in this order.

    Attributes:
        crop: Voxels to keep, "x0:x1,y0:y1,z0:z1", 0-based, end excluded; an omitted limit is
            that of the grid. None for all.
        coarsen: Voxels per merged block, "N" or "NX,NY,NZ". None for no coarsening.
        renumber: Remove grains without voxels.
        ebsd: Settings for EBSD maps.
        colors: Add inverse-pole-figure colours to a `.vti`.
    """

    crop: str | None = None
    coarsen: str | None = None
    renumber: bool = False
    ebsd: MapSettings = field(default_factory=MapSettings)
    colors: bool = False
