"""Settings of a simulation from a file."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from polyxtal.argument_types import require_threads
from polyxtal.mechanics.elastic.schemes import SCHEMES
from polyxtal.workflows.inputs.ebsd_map import MapSettings
from polyxtal.workflows.inputs.load import LoadSettings

ENGINES = ("polyxtal", "damask")
FIELD_FORMATS = ("vti", "hdf5")
NOT_FOR_DAMASK = ("void", "tol", "scheme", "fields", "threads")


@dataclass(frozen=True)
class SimulationSettings(LoadSettings):
    """Settings of a simulation, in addition to those of its load.

    Attributes:
        material: Materials, see `choose_materials`; empty for those of the file.
        void: Void phases.
        tol: Tolerance of the relative equilibrium residual. [-]
        scheme: Discretisation, "fourier" or "rotated".
        engine: "polyxtal", or "damask" for the grid solver of DAMASK.
        fields: Format of the series of local fields, "vti" for ParaView or "hdf5" in the layout of
            DAMASK's results; None for no series.
        fields_every: Increments between two sets of fields; None for the last increment only.
        threads: Number of threads of the constitutive law; None for torch's number.
        checkpoint_every: Interval between checkpoints. [s]
        taylor: Also compute the Taylor baseline; not available with voids.
        ebsd: Settings for EBSD maps.

    Raises:
        ValueError: if a number is out of range, or two settings are incompatible.
    """

    material: tuple[str, ...] = ()
    void: tuple[str, ...] = ()
    tol: float = 1e-4
    scheme: str = "fourier"
    engine: str = "polyxtal"
    fields: str | None = None
    fields_every: int | None = None
    threads: int | None = None
    checkpoint_every: float = 60.0
    taylor: bool = True
    ebsd: MapSettings = field(default_factory=MapSettings)

    def __post_init__(self) -> None:
        """Validate everything that does not depend on the file."""
        super().__post_init__()
        if not 0 < self.tol < 1:
            raise ValueError(f"Argument `tol` must be between 0 and 1, but is {self.tol:g}.")
        for name, value, known in (
            ("scheme", self.scheme, SCHEMES),
            ("engine", self.engine, ENGINES),
            ("fields", self.fields or FIELD_FORMATS[0], FIELD_FORMATS),
        ):
            if value not in known:
                raise ValueError(
                    f"Argument `{name}` must be {' or '.join(known)}, but is {value!r}."
                )
        require_threads(self.threads)
        if self.fields_every is not None and self.fields_every < 1:
            raise ValueError(
                f"Argument `fields_every` must be at least 1, but is {self.fields_every}."
            )
        if self.fields_every is not None and self.fields is None:
            raise ValueError(
                "Argument `fields_every` must come with `fields`, but that is not given."
            )
        if not (math.isfinite(self.checkpoint_every) and self.checkpoint_every >= 0):
            raise ValueError(
                "Argument `checkpoint_every` must be finite and not negative, "
                f"but is {self.checkpoint_every}."
            )
        if self.engine == "damask":
            for name in self.changed(NOT_FOR_DAMASK):
                raise ValueError(
                    f"Argument `{name}` must be left out with engine damask, but is given."
                )
