"""What `predict` answers: a response, numbers read from it, and bounds of their errors."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.argument_types import require_number, require_type
from polyxtal.mechanics.fullfield.history import FullFieldResponse, LocalFields
from polyxtal.mechanics.ladder import key_numbers
from polyxtal.mechanics.ladder.error import (
    KAPPA_HARDENING,
    KAPPA_WIDENING,
    ErrorBounds,
    deviation,
    grain_histories,
)
from polyxtal.mechanics.measures import component_index
from polyxtal.mechanics.response import loaded_component
from polyxtal.microstructure.coarse import coarse_voxels
from polyxtal.microstructure.polycrystal import Polycrystal


class Estimate(NamedTuple):
    """A number and the bound of its error, which holds with a probability of 90 %.

    Attributes:
        value: The number.
        bound: Bound of its difference from that of the full field on the polycrystal's own grid.
    """

    value: float
    bound: float


class RungRecord(NamedTuple):
    """A full field on the way to an answer.

    Attributes:
        grid: Voxels along x, y, z.
        seconds: Wall time. [s]
        error: Largest bound of the loaded stress over its largest magnitude, see
            `EstimatedResponse.error`. [-]
    """

    grid: tuple[int, int, int]
    seconds: float
    error: float


@dataclass(frozen=True, eq=False, repr=False)
class EstimatedResponse(FullFieldResponse):
    """A response with the bounds of its error, from a full field on a coarse grid.

    Averages over grains, orientations and `weights` are those of all grains of the polycrystal. A
    grain without voxels on the coarse grid follows the mean deformation, as in Taylor's model.

    Attributes:
        bounds: Bounds of the difference from the full field on the polycrystal's own grid, each of
            which holds with a probability of 90 %; zero on that grid itself.
        rotation_error: Mean error of the grains' final orientations, estimated from the last two
            rungs; None if there is one only. [rad]
        rungs: Every full field that was computed, from coarse to fine.
        coarse: The polycrystal on the grid of `fields`.
    """

    bounds: ErrorBounds | None = None
    rotation_error: float | None = None
    rungs: tuple[RungRecord, ...] = ()
    coarse: Polycrystal | None = None

    @property
    def grid(self) -> tuple[int, int, int]:
        """Voxels along x, y, z of the full field that gave the response."""
        assert self.fields is not None
        nx, ny, nz = self.fields.F.shape[:3]
        return nx, ny, nz

    def fields_on(self, rve: Polycrystal) -> LocalFields:
        """Return the last local fields on the grid of the polycrystal, see `coarse_voxels`.

        Args:
            rve: The polycrystal that was given to `predict`.
        """
        require_type(rve, Polycrystal, "rve")
        assert self.fields is not None
        assert self.coarse is not None
        if rve.size != self.coarse.size or rve.grains != self.coarse.grains:
            raise ValueError(
                "Argument `rve` must be the polycrystal that was predicted, of "
                f"{self.coarse.grains} grains and {self.coarse.size} µm, but has {rve.grains} and "
                f"{rve.size} µm."
            )
        voxel = coarse_voxels(rve, self.coarse)

        def fine(field: Tensor) -> Tensor:
            return field.flatten(0, 2)[voxel]

        return LocalFields(
            F=fine(self.fields.F),
            P=fine(self.fields.P),
            orientation=fine(self.fields.orientation),
            plastic_deformation=fine(self.fields.plastic_deformation),
            internal={name: fine(values) for name, values in self.fields.internal.items()},
        )

    def stress_bound(self, component: str | None = None) -> Float[Tensor, " increments"]:
        """Return the bound of a component of the first Piola-Kirchhoff stress. [MPa]

        Args:
            component: Two of x, y, z; None for the loaded one.
        """
        assert self.bounds is not None
        i, j = component_index(self._component(component))
        return self.bounds.P[:, i, j]

    def proof_stress(
        self, slope: float | None = None, component: str | None = None
    ) -> Estimate | None:
        """Return the 0.2 % proof stress, of the first Piola-Kirchhoff stress. [MPa]

        The curve's intersection with σ = slope (ε - 0.002), in the first loading; its bound is the
        curve's there.

        Args:
            slope: Elastic slope; None for that of the curve's first increment. [MPa]
            component: Two of x, y, z; None for the loaded one.
        Returns:
            Value and bound; None if the curve does not reach it.
        """
        component = self._component(component)
        curve = key_numbers.first_loading(self, component)
        if slope is None:
            if len(curve.strain) < 2 or curve.strain[1] == 0:
                return None
            slope = float(curve.stress[1] / curve.strain[1])
        require_number(slope, "slope")
        if not 0 < slope < math.inf:
            raise ValueError(f"Argument `slope` must be positive, but is {slope:g}.")
        value = key_numbers.proof_stress(curve, slope)
        if value is None:
            return None
        at = curve.sign * value / slope + key_numbers.PROOF_OFFSET
        bound = self.stress_bound(component).numpy()[: len(curve.strain)]
        return Estimate(value, key_numbers.interpolate(curve, at, bound))

    def hardening_modulus(self, component: str | None = None) -> Estimate | None:
        """Return the slope of the curve over the last tenth of the first loading. [MPa]

            h = ΔP / Δε,   |error of h| ~ κ_h √(s² + q²) √(1/N + 1/N_fine) / |Δε|

        s and q are the deviations between grains, as those of the stress (see
        docs/concepts/ladder.md), of the changes over that tenth instead of the values. Where the
        load prescribes the stress, the error is that of Δε.

        Args:
            component: Two of x, y, z; None for the loaded one.
        Returns:
            Value and bound; None without strain.
        """
        component = self._component(component)
        curve = key_numbers.first_loading(self, component)
        change = key_numbers.late_change(curve, key_numbers.HARDENING_SHARE)
        if change is None:
            return None
        assert self.bounds is not None
        value = float(change[0] @ curve.stress) / change[1]
        weights = torch.from_numpy(change[0])
        i, j = component_index(component)
        strain, stress, cost, _ = grain_histories(self)
        rows = slice(0, len(weights))

        def spread(history: Tensor) -> float:
            late = torch.einsum("n,ng->g", weights, history[rows, :, i, j])
            return float(self._deviation(late))

        prescribed = not bool(self.bounds.P[rows, i, j].any())
        wide = abs(value) * spread(strain) if prescribed else 0.0
        wide = wide or math.hypot(spread(stress), spread(cost))
        return Estimate(value, KAPPA_HARDENING * self.bounds.factor * wide / abs(change[1]))

    def r_value(self) -> Estimate | None:
        """Return the r-value (Lankford coefficient) of a tension test along x or y of a sheet. [-]

            r = Δ ln F_ww / Δ ln F_tt
            |error of r| ~ κ_r √<(δ_w - r δ_t)²> √(1/N + 1/N_fine) / |Δ ln F_tt|

        over the last half of the strain of the first loading. The sheet's normal t is z; w is the
        other transverse axis. δ are the deviations of the grains' Δ ln F from the mean.

        Returns:
            Value and bound; None of other loads than tension or compression along x or y with free
            transverse axes, and while the curve is not plastic.
        """
        component = self._component(None)
        value = key_numbers.r_value(self, component)
        sheet = key_numbers.sheet_of(self, component)
        if value is None or sheet is None:
            return None
        assert self.bounds is not None
        assert self.grain_F is not None
        curve = key_numbers.first_loading(self, component)
        change = key_numbers.late_change(curve, key_numbers.WIDENING_SHARE)
        assert change is not None
        weights = torch.from_numpy(change[0])
        normal = self.grain_F[: len(weights)].diagonal(dim1=-2, dim2=-1).clamp_min(1e-6).log()
        mean = self.F[: len(weights)].diagonal(dim1=-2, dim2=-1).log()
        late = torch.einsum("n,ngk->gk", weights, normal - mean[:, None])
        away = self._deviation(late[:, sheet.width] - value * late[:, sheet.thickness])
        thinning = abs(float(weights @ mean[:, sheet.thickness]))
        return Estimate(value, KAPPA_WIDENING * self.bounds.factor * float(away) / thinning)

    @property
    def error(self) -> float:
        """Largest bound of the loaded stress over its largest magnitude. [-]

        Of the strain, where the load prescribes this stress.
        """
        return self.rungs[-1].error

    def _component(self, component: str | None) -> str:
        if component is not None:
            component_index(component)
            return component
        return "".join("xyz"[k] for k in loaded_component(self))

    def _deviation(self, values: Float[Tensor, " grains"]) -> Float[Tensor, ""]:
        assert self.coarse is not None
        return deviation(values, self.coarse)
