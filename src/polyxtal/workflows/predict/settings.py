"""What a prediction from a file is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field

from polyxtal.mechanics.loading.path import LoadPath
from polyxtal.workflows.inputs.choose import check_load_stands_alone, load_of
from polyxtal.workflows.inputs.files import MapSettings

UNTRAINED, PREDICTED = (256, 4), (32, 1)
"""Leaves of each network and number of networks if not given: untrained, and from a model."""


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
        model: Pretrained model with heads that tell stiffness and networks, see `load_model`; None
            for networks without training.
        leaves: Leaves of each network; None becomes that of `UNTRAINED` or `PREDICTED`.
        ensemble: Number of networks whose answers are averaged; None likewise.
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
    model: str | None = None
    leaves: int | None = None
    ensemble: int | None = None
    seed: int = 0
    taylor: bool = True
    ebsd: MapSettings = field(default_factory=MapSettings)

    def __post_init__(self) -> None:
        """Validate that the load is said once, and fill in the size of the networks."""
        check_load_stands_alone(self)
        usual = UNTRAINED if self.model is None else PREDICTED
        for name, value in zip(("leaves", "ensemble"), usual, strict=True):
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)

    @property
    def network_size(self) -> tuple[int, int]:
        """Leaves of each network and number of networks."""
        assert self.leaves is not None
        assert self.ensemble is not None
        return self.leaves, self.ensemble

    def load_path(self) -> LoadPath:
        """Build or read the load path."""
        return load_of(self)
