"""Settings of `polyxtal texture`."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from polyxtal.viz.sphere import EQUAL_ANGLE, EQUAL_AREA
from polyxtal.workflows.inputs.ebsd_map import MapSettings


@dataclass(frozen=True)
class FigureSettings:
    """How pole figures are read, corrected and inverted; see `read_pole_figures`.

    Attributes:
        lattice: Pearson symbol of the lattice; None if the files are not pole figures.
        c_over_a: Ratio of the cell's edges. [-]
        reflections: For each figure its indices, several with weights as in
            `10-11=1.23,01-11=0.52`, or `auto` for those of the file; empty for all of the files.
        alpha: Angles of the first and the last scan of Rigaku's text. [degrees]
        centre: Angle that tables have at the centre, 0 or 90. [degrees]
        missing: Intensity of directions that were not measured.
        clip: Negative intensities become 0.
        background: For all figures or for each, a number or a file.
        defocusing: For all figures or for each, the file of a random sample.
        resolution: Distance of the kernels' centres. [degrees]
        ghost_correction: Take the largest uniform part first.
    """

    lattice: str | None = None
    c_over_a: float | None = None
    reflections: tuple[str, ...] = ()
    alpha: tuple[float, float] | None = None
    centre: float = 0.0
    missing: float | None = None
    clip: bool = False
    background: tuple[str, ...] = ()
    defocusing: tuple[str, ...] = ()
    resolution: float = 5.0
    ghost_correction: bool = True

    @property
    def changed(self) -> list[str]:
        """Names of the settings that differ from their defaults."""
        return [one.name for one in fields(self) if getattr(self, one.name) != one.default]


@dataclass(frozen=True)
class TextureSettings:
    """Settings of the estimate, see the command line.

    Attributes:
        phase: Phase, if the file holds several.
        laue: Laue group, where the file does not say it.
        symmetry: Symmetry of the sample.
        halfwidth: Half-width of the kernel; None for the rule. [degrees]
        rule: Rule of the half-width.
        unit: Unit of the angles of lists, "deg" or "rad"; None if the file says it.
        sections: Sections of the picture, "phi2" or "sigma".
        projection: Projection of the pole figures, "equal-area" or "equal-angle".
        maps: How maps, stacks and volumes are read.
        figures: How pole figures are read.

    Raises:
        ValueError: if the half-width is out of range, or the sections or the projection are
            unknown.
    """

    phase: str | None = None
    laue: str | None = None
    symmetry: str = "triclinic"
    halfwidth: float | None = None
    rule: str = "cross-validation"
    unit: str | None = None
    sections: str = "phi2"
    projection: str = "equal-area"
    maps: MapSettings = field(default_factory=MapSettings)
    figures: FigureSettings = field(default_factory=FigureSettings)

    def __post_init__(self) -> None:
        """Check, before anything is read, the half-width and what only the pictures use."""
        if self.halfwidth is not None and not 0.1 <= self.halfwidth <= 90:
            raise ValueError(
                f"Argument `halfwidth` must be from 0.1 to 90 degrees, but is {self.halfwidth:g}."
            )
        if self.sections not in ("phi2", "sigma"):
            raise ValueError(
                f"Argument `sections` must be phi2 or sigma, but is {self.sections!r}."
            )
        if self.projection not in (EQUAL_AREA, EQUAL_ANGLE):
            raise ValueError(
                f"Argument `projection` must be {EQUAL_AREA} or {EQUAL_ANGLE}, "
                f"but is {self.projection!r}."
            )
