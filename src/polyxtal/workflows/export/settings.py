"""Settings of `polyxtal export`."""

from __future__ import annotations

from dataclasses import dataclass, field

from polyxtal.workflows.inputs.ebsd_map import MapSettings


@dataclass(frozen=True)
class UmatSettings:
    """What `polyxtal export umat` writes.

    Attributes:
        material: Materials, see `choose_materials`.
        leaves: Number of leaves of the network.
        seed: Random seed of the network.
        model: Pretrained model that predicts the network; None for one without training.
        solver: "abaqus" or "calculix".
        name: Name of the subroutine.
        ebsd: Settings for EBSD maps.
    """

    material: tuple[str, ...] = ()
    leaves: int = 32
    seed: int = 0
    model: str | None = None
    solver: str = "abaqus"
    name: str = "umat"
    ebsd: MapSettings = field(default_factory=MapSettings)
