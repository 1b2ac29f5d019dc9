"""What a prediction from a file is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field

from polyxtal.mechanics.loading import LoadPath
from polyxtal.workflows.choose import check_load_stands_alone, load_of
from polyxtal.workflows.inputs import MapSettings


@dataclass(frozen=True)
class PredictionSettings:
    """What a prediction is asked for.

    Attributes:
        material: Shipped names or phase files, see `choose_materials`; empty for the file's own.
        path: Kind of load, see `choose_load`.
        strain: Engineering strain, or the amount of shear. [-]
        rate: Its rate. [1/s]
        axis: Loaded axis or axes, see `choose_load`.
        unload: Take the stress back to zero at the end.
        load: DAMASK load file instead of `path`, `strain`, `rate`, `axis` and `unload`.
        leaves: Leaves of each network.
        ensemble: Number of networks whose answers are averaged.
        seed: Same seed, same answer.
        taylor: Compute Taylor's baseline, too; its cost grows with the number of grains.
        ebsd: How an EBSD map is read.

    Raises:
        ValueError: if `load` comes together with what it replaces.
    """

    material: tuple[str, ...] = ()
    path: str = "uniaxial"
    strain: float = 0.05
    rate: float = 1e-3
    axis: str | None = None
    unload: bool = False
    load: str | None = None
    leaves: int = 256
    ensemble: int = 4
    seed: int = 0
    taylor: bool = True
    ebsd: MapSettings = field(default_factory=MapSettings)

    def __post_init__(self) -> None:
        """Validate that the load is said once."""
        check_load_stands_alone(self)

    def load_path(self) -> LoadPath:
        """Build or read the load path."""
        return load_of(self)
