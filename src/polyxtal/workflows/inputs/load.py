"""Load path of a prediction or a simulation, by name or from a DAMASK load file."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from polyxtal.mechanics.loading.path import LoadPath

LOADS = ("uniaxial", "cyclic", "shear", "plane-strain", "biaxial", "relaxation", "creep")
LOAD_SETTINGS = (
    "path",
    "strain",
    "rate",
    "axis",
    "unload",
    "angle",
    "stress_ratio",
    "hold",
    "stress",
)
"""Settings that a DAMASK load file replaces."""


HOLD = 1000.0
"""Time at constant strain or stress. [s]"""
_PAIRS = {"shear": "xy", "plane-strain": "zy", "biaxial": "xy"}
"""Default axes of the loads that need two."""
_ONLY = {"stress_ratio": ("biaxial",), "hold": ("relaxation", "creep"), "stress": ("creep",)}
"""Loads that a setting is for."""


@dataclass(frozen=True)
class LoadSettings:
    """Settings of the load path.

    Attributes:
        path: Type of load path, one of `LOADS`.
        strain: Engineering strain, or the amount of shear. [-]
        rate: Strain rate. [1/s]
        axis: Loaded axis, "x" if None; for shear, direction and normal, "xy" if None; for plane
            strain, loaded and constrained axis, "zy" if None.
        unload: Unload to zero stress at the end.
        angle: Angle by which the load is turned about z, from x towards y. [degrees]
        stress_ratio: For biaxial tension, stress along the second axis over that along the first,
            1 if None. [-]
        hold: For relaxation and creep, time at constant strain or stress, 1000 if None. [s]
        stress: For creep, nominal stress along the axis. [MPa]
        load: DAMASK load file instead of all of these.

    Raises:
        ValueError: if `load` is given together with what it replaces, or settings do not fit.
    """

    path: str = "uniaxial"
    strain: float = 0.05
    rate: float = 1e-3
    axis: str | None = None
    unload: bool = False
    angle: float = 0.0
    stress_ratio: float | None = None
    hold: float | None = None
    stress: float | None = None
    load: str | None = None

    def __post_init__(self) -> None:
        """Validate all that can be known without building the path."""
        if self.load is not None:
            for name in self.changed(LOAD_SETTINGS):
                raise ValueError(f"Argument `load` must stand alone, but `{name}` is given, too.")
        if self.path not in LOADS:
            raise ValueError(
                f"Argument `path` must be one of {', '.join(LOADS)}, but is {self.path!r}."
            )
        for name, paths in _ONLY.items():
            if getattr(self, name) is not None and self.path not in paths:
                raise ValueError(
                    f"Argument `{name}` must be left out for {self.path}: it is for "
                    f"{' and '.join(paths)}."
                )
        if self.path == "creep" and self.stress is None:
            raise ValueError("Argument `stress` must be given for creep, but is not.")
        if self.unload and self.path != "uniaxial":
            raise ValueError(
                f"Argument `unload` must be left out for {self.path}: only uniaxial unloads."
            )
        default = _PAIRS.get(self.path, "x")
        if self.path == "plane-strain" and len(self.axis or default) != 2:
            raise ValueError(
                "Argument `axis` must name the loaded and the held axis of plane strain, such as "
                f"'zy', but is {self.axis!r}."
            )

    def changed(self, names: tuple[str, ...]) -> list[str]:
        """Return the named settings that differ from their defaults."""
        default = {one.name: one.default for one in fields(self)}
        return [name for name in names if getattr(self, name) != default[name]]

    def describe(self, path: LoadPath) -> str:
        """Return the load in words, with its number of increments and its duration."""
        length = f"{path.increments} increments in {path.duration:g} s"
        if self.load is not None:
            steps = len(path.steps)
            return f"{self.load}: {steps} step{'s' if steps > 1 else ''}, {length}"
        axis = self.axis or _PAIRS.get(self.path, "x")
        if self.angle:
            axis += f" turned by {self.angle:g} degrees"
        if self.path == "creep":
            return f"creep under {self.stress:g} MPa along {axis}, {length}"
        more = ", then unloaded" if self.unload else ""
        if self.path == "biaxial":
            more = f", stresses 1 : {_or(self.stress_ratio, 1.0):g}"
        if self.path == "relaxation":
            more = f", then held for {_or(self.hold, HOLD):g} s"
        return (
            f"{self.path} to {100 * self.strain:g} % along {axis} at {self.rate:g} 1/s{more}, "
            f"{length}"
        )

    def load_path(self) -> LoadPath:
        """Return the load path.

        Raises:
            FileNotFoundError: if there is no such load file.
            ValueError: if a setting or the file is invalid.
        """
        from polyxtal.mechanics.loading.path import LoadPath

        if self.load is not None:
            return LoadPath.from_damask(self.load)
        path = self._along_axes()
        return path.turned(self.angle) if self.angle else path

    def _along_axes(self) -> LoadPath:
        """Return the load path before it is turned."""
        from polyxtal.mechanics.loading.path import LoadPath

        strain, rate, axis = self.strain, self.rate, self.axis or _PAIRS.get(self.path, "x")
        hold = _or(self.hold, HOLD)
        if self.path == "uniaxial":
            return LoadPath.uniaxial(strain, rate, axis, self.unload)
        if self.path == "cyclic":
            return LoadPath.cyclic(strain, rate, axis)
        if self.path == "shear":
            return LoadPath.shear(strain, rate, axis)
        if self.path == "biaxial":
            return LoadPath.biaxial(strain, _or(self.stress_ratio, 1.0), rate, axis)
        if self.path == "relaxation":
            return LoadPath.relaxation(strain, hold, rate, axis)
        if self.path == "creep":
            return LoadPath.uniaxial_creep(_or(self.stress, 0.0), hold, axis)
        loaded, held = axis
        return LoadPath.plane_strain(strain, rate, loaded, held)


def _or(value: float | None, default: float) -> float:
    return default if value is None else value
