"""What a computation starts from: what was read from its files, and what was assumed."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from polyxtal.crystal.material import Material
from polyxtal.microstructure.ebsd import GrainMap
from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.microstructure.stack import StackGrains

UNITS = {
    "microstructure": "um for size and step, um^2 for mean_grain_area, um^3 for mean_grain_volume, "
    "others -"
}
"""Entry of a summary's `units`."""


@dataclass(frozen=True, eq=False)
class Reading:
    """What was read, and the warnings about it.

    Attributes:
        file: Input file.
        rve: Polycrystal.
        materials: Material of each phase with grains, None for a void; empty if none is used.
        sources: Where each material comes from: a file, a shipped name or constants.
        map: Grains of the EBSD map or stack that the polycrystal comes from, if any.
        frame: Reference frame of the map's Euler angles.
        remarks: Sentences about what may not be meant.
    """

    file: str
    rve: Polycrystal
    materials: Mapping[str, Material | None] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    map: GrainMap | StackGrains | None = None
    frame: str | None = None
    remarks: tuple[str, ...] = ()

    def summary(self) -> dict[str, Any]:
        """Return all of it as numbers, lists and strings, for JSON."""
        return microstructure_summary(self.rve) | {
            "phases": {name: self._phase(name) for name in self.rve.phase_names},
            "map": self._map(),
            "remarks": list(self.remarks),
        }

    def _phase(self, name: str) -> dict[str, Any]:
        rve = self.rve
        index = rve.phase_names.index(name)
        lattice, members = rve.lattices[index], rve.phase == index
        material = self.materials.get(name)
        return {
            "lattice": lattice and lattice.symbol,
            "laue_group": rve.laue_group(index).name,
            "grains": int(members.sum()),
            "volume_fraction": float(rve.volume_fractions[members].sum()),
            "material": material and material.name,
            "material_from": self.sources.get(name) if material else None,
            "void": name in self.materials and material is None,
        }

    def _map(self) -> dict[str, Any] | None:
        if self.map is None:
            return None
        seen = {
            "points": self.map.source.grid,
            "step": self.map.source.step,
            "indexed": float(self.map.source.indexed.double().mean()),
            "excluded": self.map.source.excluded,
            "filled": self.map.filled,
            "grains": self.map.grains,
            "grains_at_border": int(self.map.border.sum()),
            "frame": self.frame or self.map.source.frame,
        }
        if isinstance(self.map, StackGrains):
            shifts = self.map.source.shifts
            return seen | {
                "mean_grain_volume": float(self.map.volume.mean()),
                "sections": len(shifts),
                "largest_shift": max(abs(steps) for shift in shifts for steps in shift),
            }
        return seen | {
            "mean_grain_area": float(self.map.area.mean()),
            "replaced_by_volume": self.rve.grid[2] > 1,
        }


def microstructure_summary(rve: Polycrystal) -> dict[str, Any]:
    """Return grid, size and number of grains of a polycrystal, for JSON."""
    empty = int((rve.volume_fractions == 0).sum())
    return {
        "grid": rve.grid,
        "size": rve.size,
        "grains": rve.grains,
        "grains_without_voxels": empty,
    }


@contextmanager
def remarks() -> Iterator[list[str]]:
    """Collect the sentences of the warnings raised in the block; they are passed on at its end."""
    sentences: list[str] = []
    caught: list[warnings.WarningMessage] = []
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            yield sentences
    finally:
        said = (str(w.message) for w in caught if issubclass(w.category, UserWarning))
        sentences += dict.fromkeys(said)
        for one in caught:
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
