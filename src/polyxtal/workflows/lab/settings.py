"""Settings of `polyxtal lab`."""

from __future__ import annotations

from dataclasses import dataclass, field

from polyxtal.files.output_folder import OutputFolder
from polyxtal.virtual_lab.settings import LaboratorySettings
from polyxtal.workflows.inputs.ebsd_map import MapSettings

SUMMARY, POINTS, DIRECTIONS = "laboratory.json", "yield_points.csv", "directions.csv"
EARS, CURVES, PICTURE = "ears.csv", "curve-*.csv", "laboratory.png"
OUTPUT = OutputFolder("laboratory", (SUMMARY, POINTS, DIRECTIONS, EARS, CURVES, PICTURE))


@dataclass(frozen=True)
class LabSettings:
    """Settings of the virtual laboratory of a file.

    Attributes:
        material: Materials, see `choose_materials`; empty for those of the file.
        tests: Tests and accuracy.
        cup: Radii of a blank and of the cup drawn from it. [mm]
        threads: Number of tests at a time; None for one per core.
        seed: Random seed.
        ebsd: Settings for EBSD maps.
    """

    material: tuple[str, ...] = ()
    tests: LaboratorySettings = field(default_factory=LaboratorySettings)
    cup: tuple[float, float] = (90.0, 50.0)
    threads: int | None = None
    seed: int = 0
    ebsd: MapSettings = field(default_factory=MapSettings)

    def __post_init__(self) -> None:
        """Validate everything that does not depend on the file."""
        if len(self.cup) != 2 or not 0 < self.cup[1] < self.cup[0]:
            raise ValueError(
                "Argument `cup` must be the radius of a blank and the smaller one of its cup, "
                f"but is {self.cup}."
            )
        if self.threads is not None and self.threads < 1:
            raise ValueError(f"Argument `threads` must be at least 1, but is {self.threads}.")
