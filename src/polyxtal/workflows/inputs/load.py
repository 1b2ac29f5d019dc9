"""The load path of a prediction or a simulation: by name, or from a DAMASK load file."""

from __future__ import annotations

from dataclasses import dataclass, fields

from polyxtal.mechanics.loading.path import LoadPath

LOADS = ("uniaxial", "cyclic", "shear", "plane-strain")
LOAD_SETTINGS = ("path", "strain", "rate", "axis", "unload")
"""What a DAMASK load file replaces."""


@dataclass(frozen=True)
class LoadSettings:
    """Settings of the load path.

    Attributes:
        path: Kind of load, one of `LOADS`.
        strain: Engineering strain, or the amount of shear. [-]
        rate: Strain rate. [1/s]
        axis: Loaded axis or axes, see `choose_load`.
        unload: Unload to zero stress at the end.
        load: DAMASK load file instead of `path`, `strain`, `rate`, `axis` and `unload`.

    Raises:
        ValueError: if `load` is given together with what it replaces.
    """

    path: str = "uniaxial"
    strain: float = 0.05
    rate: float = 1e-3
    axis: str | None = None
    unload: bool = False
    load: str | None = None

    def __post_init__(self) -> None:
        """Validate that the load is given once."""
        if self.load is not None:
            for name in self.changed(LOAD_SETTINGS):
                raise ValueError(f"Argument `load` must stand alone, but `{name}` is given, too.")

    def changed(self, names: tuple[str, ...]) -> list[str]:
        """Return those of the named settings that differ from their defaults."""
        default = {one.name: one.default for one in fields(self)}
        return [name for name in names if getattr(self, name) != default[name]]

    def load_path(self) -> LoadPath:
        """Build or read the load path.

        Raises:
            FileNotFoundError: if there is no such load file.
            ValueError: if a setting or the file is invalid.
        """
        if self.load is not None:
            return LoadPath.from_damask(self.load)
        return choose_load(self.path, self.strain, self.rate, self.axis, self.unload)


def choose_load(
    load: str = "uniaxial",
    strain: float = 0.05,
    rate: float = 1e-3,
    axis: str | None = None,
    unload: bool = False,
) -> LoadPath:
    """Build one of the named load paths.

    Args:
        load: One of `LOADS`.
        strain: Engineering strain, or the amount of shear. [-]
        rate: Its rate. [1/s]
        axis: Loaded axis, "x" if None; for shear, direction and normal, "xy" if None; for plane
            strain, loaded and held axis, "zy" if None.
        unload: Take the stress back to zero at the end; uniaxial only.
    Raises:
        ValueError: if an argument is invalid.
    """
    if load not in LOADS:
        raise ValueError(f"Argument `path` must be one of {', '.join(LOADS)}, but is {load!r}.")
    if unload and load != "uniaxial":
        raise ValueError(f"Argument `unload` must be left out for {load}: only uniaxial unloads.")
    if load == "uniaxial":
        return LoadPath.uniaxial(strain, rate, axis or "x", unload)
    if load == "cyclic":
        return LoadPath.cyclic(strain, rate, axis or "x")
    if load == "shear":
        return LoadPath.shear(strain, rate, axis or "xy")
    axes = axis or "zy"
    if len(axes) != 2:
        raise ValueError(
            "Argument `axis` must name the loaded and the held axis of plane strain, such as "
            f"'zy', but is {axes!r}."
        )
    return LoadPath.plane_strain(strain, rate, axes[0], axes[1])
