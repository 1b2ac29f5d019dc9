"""Slip accumulated by every system of every voxel, Σ |Δγ| over the accepted steps."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from polyxtal.algebra.mandel import matrix_to_mandel
from polyxtal.crystal.plasticity.law import PlasticityLaw


class AccumulatedSlip:
    """The sums for a cell whose voxels follow one or several laws.

    Attributes:
        total: Accumulated slip of slip systems, then of twin systems, in the order of each voxel's
            law; zero beyond its systems. [-]
    """

    def __init__(
        self,
        laws: Sequence[PlasticityLaw],
        phase: Int[Tensor, " voxels"],
        device: torch.device | str | None = None,
    ) -> None:
        """Start without slip; `phase` indexes `laws`, and is negative in voids."""
        self._laws = laws
        self._members = [(phase == index).nonzero().flatten() for index in range(len(laws))]
        self._schmid = [matrix_to_mandel(law.schmid).mT for law in laws]
        width = max(sum(law.systems()) for law in laws)
        self.total = torch.zeros(len(phase), width, dtype=torch.float64, device=device)

    def add(
        self, stress: Float[Tensor, "voxels 6"], internal: Float[Tensor, "voxels width"], dt: float
    ) -> None:
        """Add the slip of a step of length dt [s] that ends with S [MPa] and z."""
        for law, schmid, members in zip(self._laws, self._schmid, self._members, strict=True):
            systems = sum(law.systems())
            if systems and len(members):
                rates = law.slip_rates(stress[members] @ schmid, internal[members, : law.states])
                self.total[members, :systems] += (dt * rates).abs()

    def named(self) -> dict[str, Tensor]:
        """Return "slip" of slip systems and "twin_shear" of twin systems, where there are any.

        Each is (voxels, systems); zero where a voxel's law has fewer.
        """
        out: dict[str, Tensor] = {}
        counts = [law.systems() for law in self._laws]
        for kind, name in enumerate(("slip", "twin_shear")):
            most = max(count[kind] for count in counts)
            if most == 0:
                continue
            values = self.total.new_zeros(len(self.total), most)
            for (slips, twins), members in zip(counts, self._members, strict=True):
                first, count = (0, slips) if kind == 0 else (slips, twins)
                values[members, :count] = self.total[members, first : first + count]
            out[name] = values
        return out
