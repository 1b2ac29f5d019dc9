"""History of a simulation: averages at every increment, and the last local fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from polyxtal.mechanics.fullfield.cell import PeriodicCell
from polyxtal.mechanics.measures import Averages, Measures, equivalent_strain
from polyxtal.mechanics.response import Response
from polyxtal.mechanics.tables import array
from polyxtal.microstructure.polycrystal import Polycrystal

if TYPE_CHECKING:
    import xarray


@dataclass(frozen=True, eq=False, repr=False)
class LocalFields(Measures):
    """Local fields at one time, with stress and strain in every measure.

    Attributes:
        F: Deformation gradient. [-]
        P: First Piola-Kirchhoff stress. [MPa]
        orientation: Rotation of F_e; as at the start in voids. [-]
        plastic_deformation: F_p in crystal axes, det F_p = 1. [-]
        internal: Internal variables of the plasticity laws by name, such as "slip_resistance"
            [MPa]; and "slip" and "twin_shear", accumulated by each slip and twin system [-]. Zero
            in voxels whose law has none of that name, or fewer.
    """

    F: Float[Tensor, "nx ny nz 3 3"]
    P: Float[Tensor, "nx ny nz 3 3"]
    orientation: Float[Tensor, "nx ny nz 4"]
    plastic_deformation: Float[Tensor, "nx ny nz 3 3"]
    internal: dict[str, Tensor]

    @property
    def equivalent_plastic_strain(self) -> Float[Tensor, "nx ny nz"]:
        """Von Mises equivalent √(⅔ e : e) of the plastic Hencky strain e = ½ ln F_p F_pᵀ. [-]"""
        return equivalent_strain(self.plastic_deformation)

    @property
    def slip_resistance(self) -> Float[Tensor, "nx ny nz systems"]:
        """Slip resistance ξ of the slip systems, zero where there are none. [MPa]"""
        return self.internal.get("slip_resistance", self.F[..., 0, :0])

    @property
    def slip(self) -> Float[Tensor, "nx ny nz systems"]:
        """Accumulated slip Σ |Δγ| of the slip systems. [-]"""
        return self.internal.get("slip", self.F[..., 0, :0])

    def __repr__(self) -> str:
        """Describe without dumping arrays."""
        return f"LocalFields(grid={tuple(self.F.shape[:3])}, internal={tuple(self.internal)})"


@dataclass(frozen=True, eq=False, repr=False)
class FullFieldResponse(Response):
    """A response of the full field: averages over grains and phases, and the last local fields.

    Attributes:
        grain_F: Average F of every grain at every time; the identity where a grain is empty. [-]
        grain_P: Average P of every grain at every time; zero where a grain is empty. [MPa]
        grain_slip: Average accumulated slip of each slip system of every grain at every time. [-]
        grain_twin_shear: The same of each twin system; None without twins. [-]
        fields: Every voxel at the end of the path.
        phase: Phase of every grain, an index into `phase_names`.
        phase_names: Name of each phase.
    """

    grain_F: Float[Tensor, "increments grains 3 3"] | None = None
    grain_P: Float[Tensor, "increments grains 3 3"] | None = None
    grain_slip: Float[Tensor, "increments grains systems"] | None = None
    grain_twin_shear: Float[Tensor, "increments grains twins"] | None = None
    fields: LocalFields | None = None
    phase: Int[Tensor, "grains"] | None = None
    phase_names: tuple[str, ...] = ()

    @property
    def grains(self) -> Averages:
        """Averages over every grain, in every measure; shapes (increments, grains, …).

        Raises:
            ValueError: if the response has no averages over grains.
        """
        if self.grain_F is None or self.grain_P is None:
            raise ValueError("A response must have averages over grains, but this one has none.")
        return Averages(self.grain_F, self.grain_P)

    @property
    def phases(self) -> dict[str, Averages]:
        """Averages over every phase with voxels, in every measure; shapes (increments, …).

        F and P are the means over the phase's undeformed volume, Σ_g w_g F_g / Σ_g w_g.

        Raises:
            ValueError: if the response has no averages over grains or does not know their phases.
        """
        grains = self.grains
        if self.phase is None or self.weights is None:
            raise ValueError(
                "A response must know the phase of every grain, but this one does not."
            )
        return {
            name: Averages(*(torch.einsum("g,tgij->tij", share, f) for f in (grains.F, grains.P)))
            for name, share in self._phase_shares().items()
        }

    def phase_slip(self, name: str = "slip") -> dict[str, Float[Tensor, "increments systems"]]:
        """Return the average accumulated slip of each system in every phase with voxels. [-]

        Args:
            name: "slip", or "twin_shear" for twin systems.
        Raises:
            ValueError: if the response has no such averages over grains.
        """
        grains = {"slip": self.grain_slip, "twin_shear": self.grain_twin_shear}.get(name)
        if grains is None or self.phase is None or self.weights is None:
            raise ValueError(f"A response must have {name!r} of grains, but this one has none.")
        shares = self._phase_shares().items()
        return {phase: torch.einsum("g,tgs->ts", share, grains) for phase, share in shares}

    def _phase_shares(self) -> dict[str, Float[Tensor, " grains"]]:
        """Return the share of every grain in the volume of each phase with voxels."""
        assert self.phase is not None
        assert self.weights is not None
        shares = {}
        for index, name in enumerate(self.phase_names):
            volume = torch.where(self.phase == index, self.weights, 0.0).to(torch.float64)
            if volume.sum() > 0:
                shares[name] = volume / volume.sum()
        return shares

    def to_xarray(self) -> xarray.Dataset:
        """Return the history, averages over grains and last fields as arrays with named axes.

        Returns:
            What `Response.to_xarray` returns, `grain_F` and `grain_P` over (time, crystal, i, j),
            `grain_slip` and `grain_twin_shear` over (time, crystal, system), `phase` over crystal,
            and `field_…` over (x, y, z, …) at the end of the path.
        Raises:
            ImportError: if xarray is not installed.
        """
        more: dict[str, Any] = {}
        if self.phase is not None:
            more["phase"] = array(("crystal",), self.phase)
        if self.grain_F is not None and self.grain_P is not None:
            axes = ("time", "crystal", "i", "j")
            more |= {
                "grain_F": array(axes, self.grain_F),
                "grain_P": array(axes, self.grain_P, "MPa"),
            }
        for name, kind in (("grain_slip", "slip"), ("grain_twin_shear", "twin")):
            values = getattr(self, name)
            if values is not None:
                more[name] = array(("time", "crystal", f"{kind}_system"), values)
        if self.fields is not None:
            grid, tensor = ("x", "y", "z"), ("x", "y", "z", "i", "j")
            more |= {
                "field_F": array(tensor, self.fields.F),
                "field_P": array(tensor, self.fields.P, "MPa"),
                "field_orientation": array((*grid, "quaternion"), self.fields.orientation),
            }
        return super().to_xarray().assign(more)


class History:
    """Rows of averages over the cell and its grains, one per increment."""

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
        for name, slip in self._cell.law.slip().items():
            row[f"grain_{name}"] = self._grain_average(slip).cpu()
        for name, value in row.items():
            self._rows.setdefault(name, []).append(value)

    def rows(self) -> dict[str, Tensor]:
        """Return all rows, stacked."""
        return {name: torch.stack(values) for name, values in self._rows.items()}

    def restore(self, rows: Mapping[str, Tensor]) -> None:
        """Restore what `rows` returned.

        Raises:
            ValueError: if rows of another cell are given.
        """
        for name, values in self._rows.items():
            if name not in rows or rows[name].shape[1:] != values[0].shape:
                raise ValueError(f"a checkpoint's history must hold {name!r}, but does not.")
        self._rows = {name: list(rows[name].unbind(0)) for name in self._rows}

    def response(self, statistics: dict[str, float]) -> FullFieldResponse:
        """Return the response of all rows and the last fields."""
        rve = self._rve
        return FullFieldResponse(
            **self.rows(),
            weights=rve.volume_fractions,
            statistics=statistics,
            fields=self.fields(),
            phase=rve.phase,
            phase_names=rve.phase_names,
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

        variables = cell.law.internal() | cell.law.slip()
        internal = {name: on_grid(part) for name, part in variables.items()}
        f, p, orientation, plastic = map(on_grid, parts)
        return LocalFields(f, p, orientation, plastic, internal)

    def _orientations(self) -> Float[Tensor, "voxels 4"]:
        here = self._cell.orientations()
        return torch.where(self._cell.law.void[:, None], self._initial[self._grain], here)

    def _grain_average(self, field: Tensor) -> Tensor:
        """Return the averages over grains, (grains, …), of a field (voxels, …)."""
        size = field.shape[1:]
        total = field.new_zeros(len(self._count), *size).index_add_(0, self._grain, field)
        return total / self._count.clamp_min(1).reshape(-1, *(1 for _ in size))

    def _grain_orientations(self, q: Float[Tensor, "voxels 4"]) -> Float[Tensor, "grains 4"]:
        """Return the normalised mean quaternion of every grain, with signs as in the last mean."""
        last = self._rows.get("orientations")
        first = self._initial if last is None else last[-1].to(self._initial)
        sign = torch.where((q * first[self._grain]).sum(-1, keepdim=True) < 0, -1.0, 1.0)
        total = torch.zeros_like(first).index_add_(0, self._grain, sign * q)
        total = torch.where((self._count == 0)[:, None], first, total)
        mean = total / torch.linalg.vector_norm(total, dim=-1, keepdim=True)
        return torch.where(mean[:, :1] < 0, -mean, mean)
