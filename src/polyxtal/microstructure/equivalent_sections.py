"""Grains in the sections of a volume compared with those on a measured map."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

from polyxtal.microstructure.section import Profiles, SectionStatistics

_ROUNDS = 12
SMALLEST_SHOWN = 0.65
"""Area from which sections of a volume show a grain, wherever the voxels lie. [voxels]

Without the same limit on the map, the spread would depend on the size of the voxels.
"""


class SectionComparison(NamedTuple):
    """Grains in a map and in the sections of a volume.

    Attributes:
        measured: Grains of the map, without those too small for the volume's voxels (below
            `SMALLEST_SHOWN`).
        sections: Grains in all sections of the volume normal to z, without those too small for the
            map (below the `minimum` of `segment`).
    """

    measured: SectionStatistics
    sections: SectionStatistics


def compare_profiles(
    cut: Profiles, seen: Profiles, smallest: float, voxel: float, path: Path
) -> SectionComparison:
    """Compare profiles of a volume with those of a map, each without what the other cannot show.

    Args:
        cut: Profiles of the volume's sections.
        seen: Profiles of the map.
        smallest: Area of the smallest grain of the map. [µm²]
        voxel: Area of a voxel's face. [µm²]
        path: File of the map, for errors.
    Raises:
        ValueError: if the voxels show no whole grain of the map.
    """
    # A grain of exactly the smallest size counts whatever the last bit says.
    floor = smallest * (1 - 1e-9)
    shown = seen.larger(max(floor, SMALLEST_SHOWN * voxel))
    if not bool((shown.weight > 0).any()):
        raise ValueError(
            f"{path}: voxels must show a grain of the map that its border does not cut, but show "
            "none: take a finer grid or fewer grains."
        )
    return SectionComparison(shown.statistics(), cut.larger(floor).statistics())


def fit_edge(cut: Profiles, seen: Profiles, smallest: float, path: Path) -> tuple[float, float]:
    """Return the voxel edge at which sections have the map's mean area.

    Args:
        cut: Profiles of a volume with voxels of 1 µm.
        seen: Profiles of the map.
        smallest: Area of the smallest grain of the map. [µm²]
        path: File of the map, for errors.
    Returns:
        The edge [µm], and the excess of the sections' spread over the map's. [-]
    """
    edge = math.sqrt(seen.statistics().mean_area / cut.statistics().mean_area)
    for _ in range(_ROUNDS):
        measured, sections = compare_profiles(_scaled(cut, edge), seen, smallest, edge**2, path)
        factor = math.sqrt(measured.mean_area / sections.mean_area)
        edge *= factor
        if abs(factor - 1) < 1e-6:
            break
    measured, sections = compare_profiles(_scaled(cut, edge), seen, smallest, edge**2, path)
    return edge, sections.spread - measured.spread


def _scaled(cut: Profiles, edge: float) -> Profiles:
    return Profiles(
        cut.area * edge**2, cut.extent * edge, cut.weight, cut.number, cut.plane * edge**2
    )
