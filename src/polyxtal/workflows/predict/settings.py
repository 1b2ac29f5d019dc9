"""What a prediction from a file is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field

from polyxtal.files.output_folder import OutputFolder
from polyxtal.network.limits import check_size
from polyxtal.workflows.inputs.ebsd_map import MapSettings
from polyxtal.workflows.inputs.load import LoadSettings

STIFFNESS, CURVE, ORIENTATIONS = "stiffness.json", "curve.csv", "orientations.csv"
PICTURE = "prediction.png"
OUTPUT = OutputFolder("prediction", (STIFFNESS, CURVE, "curve-*.csv", ORIENTATIONS, PICTURE))
UNTRAINED, PREDICTED = (256, 4), (32, 1)
"""Leaves of each network and number of networks if not given: untrained, and from a model."""


@dataclass(frozen=True)
class PredictionSettings(LoadSettings):
    """Settings of a prediction, beside those of its load.

    Attributes:
        material: Shipped names or phase files, see `choose_materials`; empty for the file's own.
        model: Pretrained model with heads for stiffness and networks, see `load_model`; None for
            untrained networks.
        leaves: Number of leaves per network; None for that of `UNTRAINED` or `PREDICTED`.
        ensemble: Number of networks whose responses are averaged; None likewise.
        seed: Random seed.
        taylor: Compute the Taylor model, too; its cost grows with the number of grains.
        ebsd: How an EBSD map is read.

    Raises:
        ValueError: if `load` comes together with what it replaces.
    """

    material: tuple[str, ...] = ()
    model: str | None = None
    leaves: int | None = None
    ensemble: int | None = None
    seed: int = 0
    taylor: bool = True
    ebsd: MapSettings = field(default_factory=MapSettings)

    def __post_init__(self) -> None:
        """Validate that the load is said once, and fill in the size of the networks."""
        super().__post_init__()
        usual = UNTRAINED if self.model is None else PREDICTED
        for name, value in zip(("leaves", "ensemble"), usual, strict=True):
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)
        leaves, ensemble = self.network_size
        check_size(leaves, self.seed, ensemble)

    @property
    def network_size(self) -> tuple[int, int]:
        """Leaves of each network and number of networks."""
        assert self.leaves is not None
        assert self.ensemble is not None
        return self.leaves, self.ensemble
