"""What a simulation keeps of every increment, and the fields it ends with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.mechanics.fullfield.cell import PeriodicCell
from polyxtal.mechanics.response import Response
from polyxtal.microstructure.polycrystal import Polycrystal


class LocalFields(NamedTuple):
    """Every voxel at one time.

    Attributes:
        F: Deformation gradient. [-]
        P: First Piola-Kirchhoff stress. [MPa]
        orientation: Rotation of F_e; as at the start in voids. [-]
        plastic_deformation: F_p in crystal axes, det F_p = 1. [-]
        internal: Internal variables of the plasticity laws by name, such as "slip_resistance"
            [MPa]; zero in voxels whose law has none of that name, or fewer.
    """

    F: Float[Tensor, "nx ny nz 3 3"]
    P: Float[Tensor, "nx ny nz 3 3"]
    orientation: Float[Tensor, "nx ny nz 4"]
    plastic_deformation: Float[Tensor, "nx ny nz 3 3"]
    internal: dict[str, Tensor]

    @property
    def slip_resistance(self) -> Float[Tensor, "nx ny nz systems"]:
        """Slip resistance ξ of the slip systems, zero where there are none. [MPa]"""
        return self.internal["slip_resistance"]

    def cauchy(self) -> Float[Tensor, "nx ny nz 3 3"]:
        """Cauchy stress P Fᵀ / det F. [MPa]"""
        return self.P @ self.F.mT / torch.linalg.det(self.F)[..., None, None]

    def von_mises_stress(self) -> Float[Tensor, "nx ny nz"]:
        """Von Mises' equivalent of the Cauchy stress. [MPa]"""
        stress = self.cauchy()
        mean = torch.einsum("...ii->...", stress) / 3
        deviator = stress - mean[..., None, None] * torch.eye(3).to(stress)
        return (1.5 * (deviator**2).sum((-2, -1))).sqrt()


@dataclass(frozen=True, eq=False)
class FullFieldResponse(Response):
    """A response with one orientation a grain, and what else the full field knows.

    Attributes:
        grain_F: Average F of every grain at every time; the identity where a grain is empty. [-]
        grain_P: Average P of every grain at every time; zero where a grain is empty. [MPa]
        fields: Every voxel at the end of the path.
    """

    grain_F: Float[Tensor, "increments grains 3 3"] | None = None
    grain_P: Float[Tensor, "increments grains 3 3"] | None = None
    fields: LocalFields | None = None


class History:
    """Rows of averages over the cell and its grains, one an increment."""

    def __init__(self, rve: Polycrystal, cell: PeriodicCell) -> None:
        """Start with the undeformed state."""
        self._rve, self._cell = rve, cell
        device = cell.law.piola.device
        self._grain = rve.grain_id.reshape(-1).to(device)
        self._initial = rve.orientations.to(torch.float64).to(device)
        self._count = torch.bincount(self._grain, minlength=rve.grains).to(torch.float64)
        self._rows: dict[str, list[Tensor]] = {}
        self.record(0.0)

    def record(self, time: float) -> None:
        """Add the accepted state of the cell at a time [s]."""
        deformation, stress = self._cell.averages()
        local = self._cell.deformation()
        empty = (self._count == 0)[:, None, None]
        mean_f = torch.where(empty, torch.eye(3).to(local), self._grain_average(local))
        row = {
            "time": torch.tensor(time, dtype=torch.float64),
            "F": torch.from_numpy(deformation),
            "P": torch.from_numpy(stress),
            "orientations": self._grain_orientations(self._orientations()).cpu(),
            "grain_F": mean_f.cpu(),
            "grain_P": self._grain_average(self._cell.stress()).cpu(),
        }
        for name, value in row.items():
            self._rows.setdefault(name, []).append(value)

    def rows(self) -> dict[str, Tensor]:
        """Return all rows, stacked."""
        return {name: torch.stack(values) for name, values in self._rows.items()}

    def restore(self, rows: Mapping[str, Tensor]) -> None:
        """Take over what `rows` returned.

        Raises:
            ValueError: if rows of another cell are given.
        """
        for name, values in self._rows.items():
            if name not in rows or rows[name].shape[1:] != values[0].shape:
                raise ValueError(f"a checkpoint's history must hold {name!r}, but does not.")
        self._rows = {name: list(rows[name].unbind(0)) for name in self._rows}

    def response(self, statistics: dict[str, float]) -> FullFieldResponse:
        """Bundle the rows and the last fields."""
        weights = self._rve.volume_fractions
        return FullFieldResponse(
            **self.rows(), weights=weights, statistics=statistics, fields=self.fields()
        )

    def fields(self) -> LocalFields:
        """Return the accepted state of every voxel."""
        cell, grid = self._cell, self._rve.grid
        parts = (
            cell.deformation(),
            cell.stress(),
            self._orientations(),
            torch.linalg.inv(cell.law.plastic_inverse()),
        )

        def on_grid(part: Tensor) -> Tensor:
            return part.reshape(*grid, *part.shape[1:]).cpu()

        internal = {name: on_grid(part) for name, part in cell.law.internal().items()}
        f, p, orientation, plastic = map(on_grid, parts)
        return LocalFields(f, p, orientation, plastic, internal)

    def _orientations(self) -> Float[Tensor, "voxels 4"]:
        here = self._cell.orientations()
        return torch.where(self._cell.law.void[:, None], self._initial[self._grain], here)

    def _grain_average(self, field: Float[Tensor, "voxels 3 3"]) -> Float[Tensor, "grains 3 3"]:
        total = field.new_zeros(len(self._count), 3, 3).index_add_(0, self._grain, field)
        return total / self._count.clamp_min(1)[:, None, None]

    def _grain_orientations(self, q: Float[Tensor, "voxels 4"]) -> Float[Tensor, "grains 4"]:
        """Average quaternions of a grain: normalised sum, signs as those of the last mean."""
        last = self._rows.get("orientations")
        first = self._initial if last is None else last[-1].to(self._initial)
        sign = torch.where((q * first[self._grain]).sum(-1, keepdim=True) < 0, -1.0, 1.0)
        total = torch.zeros_like(first).index_add_(0, self._grain, sign * q)
        total = torch.where((self._count == 0)[:, None], first, total)
        mean = total / torch.linalg.vector_norm(total, dim=-1, keepdim=True)
        return torch.where(mean[:, :1] < 0, -mean, mean)
