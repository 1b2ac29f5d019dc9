"""The elastic crystal as a law without systems and state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from polyxtal.crystal.lattice import Lattice
from polyxtal.crystal.plasticity.elastic import kernel
from polyxtal.crystal.plasticity.law import PlasticityLaw, register


@register
class ElasticLaw(PlasticityLaw):
    """Linear elasticity, S = C : E."""

    name = "none"
    parameters = type(None)
    kernel = kernel

    def __init__(self, parameters: None, lattice: Lattice) -> None:
        """Start without parameters."""
        self.schmid = torch.zeros(0, 3, 3, dtype=torch.float64)
        self.fields, self.exponent = (), 1.0

    def slip_rates(self, resolved: Tensor, state: Tensor) -> Tensor:
        """Return no rates."""
        return resolved

    def evolution(self, state: Tensor, slip: Tensor, dt: float) -> Tensor:
        """Return no increments."""
        return state

    def drive(self, resolved: Tensor, state: Tensor) -> Tensor:
        """Return no drives."""
        return resolved

    def strength(self, state: Tensor) -> Tensor:
        """Return no strengths."""
        return state

    def drive_at(self, rate: Tensor) -> Tensor:
        """Return no drives."""
        return rate[..., :0]

    def constants(self) -> dict[str, np.ndarray]:
        """Return no constants."""
        return {}

    @classmethod
    def from_damask(cls, plastic: Mapping[str, Any], lattice: Lattice, at: str) -> None:
        """Return None: there are no parameters."""

    @classmethod
    def to_damask(cls, parameters: None) -> dict[str, Any]:
        """Return the section of a phase without plasticity."""
        return {"type": "none"}
