"""Readable form of the law."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor

from polyxtal.crystal.lattice import Lattice
from polyxtal.crystal.plasticity.families import spread
from polyxtal.crystal.plasticity.law import PlasticityLaw, register
from polyxtal.crystal.plasticity.phenopowerlaw.law import PhenoPowerlawLaw
from sech_law import kernel
from sech_law.parameters import SechPowerlaw


@register
class SechLaw(PhenoPowerlawLaw):
    """The power law of slip with sech² hardening."""

    name = "sech_powerlaw"
    parameters = SechPowerlaw
    in_damask = False

    def __init__(self, parameters: SechPowerlaw, lattice: Lattice) -> None:
        """Expand the parameters to the systems of a lattice."""
        super().__init__(parameters, lattice)
        self.kernel = kernel
        self.start = spread(parameters.slip_resistance_initial, parameters.slip_systems)

    linearise = PlasticityLaw.linearise  # derivatives by automatic differentiation

    def saturation_factor(self, resistance: Tensor, level: Tensor) -> Tensor:
        """Return w(ξ) = 1 - |(ξ - ξ_0)/(ξ_∞ - ξ_0)|^a."""
        reached = (resistance - self.start) / (level - self.start)
        return 1 - reached.abs().clamp_min(1e-300) ** self.hardening_exponent

    def constants(self) -> dict[str, np.ndarray]:
        """Return the constants of the power law and those of the kernel."""
        span = self.saturation - self.start
        return super().constants() | {"start": self.start.numpy(), "span": span.numpy()}

    @classmethod
    def from_damask(cls, plastic: Mapping[str, Any], lattice: Lattice, at: str) -> SechPowerlaw:
        """Read the keys of DAMASK's phenopowerlaw."""
        return SechPowerlaw(**vars(super().from_damask(plastic, lattice, at)))

    @classmethod
    def to_damask(cls, parameters: SechPowerlaw) -> dict[str, Any]:
        """Return the keys of DAMASK's phenopowerlaw."""
        return super().to_damask(parameters) | {"type": cls.name}
