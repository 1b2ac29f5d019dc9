"""Load path of a prediction or a simulation, by name or from a DAMASK load file."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from polyxtal.mechanics.loading.path import LoadPath

LOADS = ("uniaxial", "cyclic", "shear", "plane-strain")
LOAD_SETTINGS = ("path", "strain", "rate", "axis", "unload")
"""Settings that a DAMASK load file replaces."""


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
        load: DAMASK load file instead of `path`, `strain`, `rate`, `axis` and `unload`.

    Raises:
        ValueError: if `load` is given together with what it replaces, or settings do not fit.
    """

    path: str = "uniaxial"
    strain: float = 0.05
    rate: float = 1e-3
    axis: str | None = None
    unload: bool = False
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
        if self.unload and self.path != "uniaxial":
            raise ValueError(
                f"Argument `unload` must be left out for {self.path}: only uniaxial unloads."
            )
        if self.path == "plane-strain" and len(self.axis or "zy") != 2:
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
        axis = self.axis or {"shear": "xy", "plane-strain": "zy"}.get(self.path, "x")
        unload = ", then unloaded" if self.unload else ""
        return (
            f"{self.path} to {100 * self.strain:g} % along {axis} at {self.rate:g} 1/s{unload}, "
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
        if self.path == "uniaxial":
            return LoadPath.uniaxial(self.strain, self.rate, self.axis or "x", self.unload)
        if self.path == "cyclic":
            return LoadPath.cyclic(self.strain, self.rate, self.axis or "x")
        if self.path == "shear":
            return LoadPath.shear(self.strain, self.rate, self.axis or "xy")
        loaded, held = self.axis or "zy"
        return LoadPath.plane_strain(self.strain, self.rate, loaded, held)
