"""Settings of `polyxtal lab`."""

from __future__ import annotations

from dataclasses import dataclass, field

from polyxtal.argument_types import require_threads
from polyxtal.files.output_folder import OutputFolder
from polyxtal.mechanics.yielding.cards.units import UNITS
from polyxtal.mechanics.yielding.cards.write import CODES
from polyxtal.mechanics.yielding.fit import KINDS
from polyxtal.virtual_lab.settings import LaboratorySettings
from polyxtal.workflows.inputs.ebsd_map import MapSettings
from polyxtal.workflows.inputs.load import LoadSettings

SUMMARY, POINTS, DIRECTIONS = "laboratory.json", "yield_points.csv", "directions.csv"
TESTS = "tests.npz"
"""The tests, from which other fits and cards are made later."""
EARS, CURVES, PICTURE = "ears.csv", "curve-*.csv", "laboratory.png"
LIGHTEST, HEAVIEST = 100.0, 30000.0
"""Range of the densities of metals and their foams. [kg/m³]"""
CARD = "card"
"""First part of the names of material cards."""
OUTPUT = OutputFolder(
    "laboratory",
    (
        SUMMARY, POINTS, DIRECTIONS, EARS, CURVES, f"{CARD}-*", PICTURE, TESTS,
        TESTS.replace(".npz", ".initial.npz"),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class LabSettings:
    """Settings of the virtual laboratory of a file.

    Attributes:
        material: Materials, see `choose_materials`; empty for those of the file.
        tests: Tests and accuracy.
        cup: Radii of a blank and of the cup drawn from it. [mm]
        fits: Yield functions to fit, see `fit_laboratory`; None for the usual ones, empty for none.
        cards: Codes to write material cards for, see `write_cards`.
        units: System of units of the cards.
        density: Density for cards that need it. [kg/m³]
        threads: Number of tests at a time; None for one per core.
        seed: Random seed.
        prestrain: Load before every test; None for none.
        ebsd: Settings for EBSD maps.
    """

    material: tuple[str, ...] = ()
    tests: LaboratorySettings = field(default_factory=LaboratorySettings)
    cup: tuple[float, float] = (90.0, 50.0)
    fits: tuple[str, ...] | None = None
    cards: tuple[str, ...] = ()
    units: str = "mm-t-s"
    density: float | None = None
    threads: int | None = None
    seed: int = 0
    prestrain: LoadSettings | None = None
    ebsd: MapSettings = field(default_factory=MapSettings)

    def __post_init__(self) -> None:
        """Validate everything that does not depend on the file."""
        if len(self.cup) != 2 or not 0 < self.cup[1] < self.cup[0]:
            raise ValueError(
                "Argument `cup` must be the radius of a blank and the smaller one of its cup, "
                f"but is {self.cup}."
            )
        for name in self.fits or ():
            if name not in KINDS:
                raise ValueError(
                    f"Argument `fits` must be of {', '.join(KINDS)}, but holds {name!r}."
                )
        for name, values, known in (("cards", self.cards, CODES), ("units", (self.units,), UNITS)):
            for value in values:
                if value not in known:
                    raise ValueError(
                        f"Argument `{name}` must be of {', '.join(known)}, but holds {value!r}."
                    )
        if self.cards and self.fits == ():
            raise ValueError("Argument `cards` needs a fitted yield function, but `fits` is empty.")
        if self.density is None and any(code.startswith("ls-dyna") for code in self.cards):
            raise ValueError("Argument `density` must be given for cards of LS-DYNA, but is not.")
        if self.density is not None and not LIGHTEST <= self.density <= HEAVIEST:
            raise ValueError(
                f"Argument `density` must be {LIGHTEST:g} to {HEAVIEST:g} kg/m³, "
                f"but is {self.density:g}."
            )
        require_threads(self.threads)
