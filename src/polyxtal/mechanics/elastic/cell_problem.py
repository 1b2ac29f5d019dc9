"""The periodic cell problem of linear elasticity, in the form that the spectral solvers share.

Strains are in the basis of `green.py`: five deviators and the mean. If all voxels respond to a
dilatation by the same pressure, as in any polycrystal of one cubic phase, the mean part of the law
is uniform and diagonal in Fourier space. Then only five components need FFTs, and only five load
cases need solving: a dilatation strains such a cell uniformly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Complex, Float, Int
from torch import Tensor

from polyxtal.crystal.elasticity import CubicElasticity, Elasticity
from polyxtal.mechanics.bounds.grain_stiffness import stiffness_per_grain
from polyxtal.mechanics.elastic.green import DEVIATORS, STRAIN_BASIS, Frequencies
from polyxtal.microstructure.polycrystal import Polycrystal

ElasticityByPhase = Elasticity | Mapping[str, Elasticity | None]
"""Elastic constants of all grains, or of each phase by name; None is a void."""
SAME_PRESSURE = 1e-12
"""Relative difference below which bulk moduli are equal. [-]"""
_HARMLESS = CubicElasticity(3e3, 1e3, 1e3)


@dataclass(frozen=True)
class CellProblem:
    """Grains on a grid, their stiffness in units of `scale`, and a reference medium.

    Attributes:
        grid: Voxels along x, y, z.
        spacing: Edge lengths of a voxel. [µm]
        grain_id: Grain of every voxel.
        table: Stiffness of every grain in `STRAIN_BASIS`. [scale]
        voigt: Its volume average. [scale]
        reference: Mandel stiffness C₀ of the reference medium: Hill's average. [scale]
        scale: Unit of stiffness. [MPa]
        components: 6, or 5 if the bulk modulus is uniform.
        bulk: That bulk modulus; 0 with six components. [scale]
    """

    grid: tuple[int, int, int]
    spacing: tuple[float, float, float]
    grain_id: Int[Tensor, "nx ny nz"]
    table: Float[Tensor, "grains 6 6"]
    voigt: Float[Tensor, "6 6"]
    reference: Float[Tensor, "6 6"]
    scale: float
    components: int
    bulk: float

    def frequencies(
        self, scheme: str, dtype: torch.dtype, device: torch.device | str | None = None
    ) -> Frequencies:
        """Tabulate the grid's frequencies."""
        return Frequencies.of_grid(self.grid, self.spacing, scheme, dtype, device)

    def packed_table(self) -> Float[Tensor, "grains entries"]:
        """Return the upper triangles, by columns, of the stiffness used in real space. [scale]"""
        column, row = torch.tril_indices(self.components, self.components)
        return self.table[:, row, column]

    def load_norms(self) -> Float[Tensor, " cases"]:
        """Return the norm of each case's mean strain, a unit tensor, in the reference medium."""
        diagonal = (STRAIN_BASIS @ self.reference @ STRAIN_BASIS.mT).diagonal()
        return diagonal[: self.components].sqrt()

    def stiffness(self, mean_stress: Float[Tensor, "cases cases"]) -> Float[Tensor, "6 6"]:
        """Return the Mandel stiffness from the mean stress of every case, one per row. [MPa]"""
        full = torch.zeros(6, 6, dtype=torch.float64)
        full[: self.components, : self.components] = mean_stress.mT
        if self.components == DEVIATORS:
            full[5, 5] = 3 * self.bulk
        return self.scale * (STRAIN_BASIS.mT @ full @ STRAIN_BASIS)


class CellSolution(NamedTuple):
    """The solution of the unit load cases of one `CellProblem`.

    Attributes:
        mean_stress: Volume average of the stress, one row per case. [scale]
        correction: Work of the remaining imbalance; subtracting it leaves an error of second
            order in the residual. [scale]
        displacement: v̂ of every case, or None if not kept.
        iterations: Largest number of iterations of any case.
        residual: Largest relative residual of any case. [-]
        transforms: Number of three-dimensional real FFTs, forward and inverse.
    """

    mean_stress: Float[Tensor, "cases cases"]
    correction: Float[Tensor, "cases cases"]
    displacement: Complex[Tensor, "cases 3 nx ny nz_half"] | None
    iterations: int
    residual: float
    transforms: int


def cell_problems(
    rves: Sequence[Polycrystal], elasticities: Sequence[ElasticityByPhase]
) -> list[CellProblem]:
    """Return the cell problems of polycrystals, all with the same number of components.

    Raises:
        ValueError: if a phase has no elasticity, or a polycrystal consists of voids.
    """
    data = [
        (rve, *_grain_stiffness(rve, elasticity))
        for rve, elasticity in zip(rves, elasticities, strict=True)
    ]
    bulk = [_uniform_bulk_modulus(table) for _, table, _, _ in data]
    common = all(value is not None for value in bulk)
    return [
        _problem(rve, table, voigt, reference, value if common else None)
        for (rve, table, voigt, reference), value in zip(data, bulk, strict=True)
    ]


def _problem(
    rve: Polycrystal, table: Tensor, voigt: Tensor, reference: Tensor, bulk: float | None
) -> CellProblem:
    scale = float(reference.diagonal().mean())
    return CellProblem(
        rve.grid,
        rve.spacing,
        rve.grain_id,
        table / scale,
        voigt / scale,
        reference / scale,
        scale,
        6 if bulk is None else DEVIATORS,
        0.0 if bulk is None else bulk / scale,
    )


def _grain_stiffness(
    rve: Polycrystal, elasticity: ElasticityByPhase
) -> tuple[Tensor, Tensor, Tensor]:
    """Return stiffness per grain and Voigt's average, in the basis, and Hill's in Mandel."""
    fraction = rve.volume_fractions
    void = torch.zeros(rve.grains, dtype=torch.bool)
    if isinstance(elasticity, Mapping):
        for index, name in enumerate(rve.phase_names):
            if name in elasticity and elasticity[name] is None:
                void |= rve.phase == index
        elasticity = {
            name: _HARMLESS if crystal is None else crystal for name, crystal in elasticity.items()
        }
    stiffness = stiffness_per_grain(rve, elasticity)
    stiffness[void | (fraction == 0)] = 0.0
    voigt = torch.einsum("g,gmn->mn", fraction, stiffness)
    if void.all() or not float(voigt.diagonal().min()) > 0:
        raise ValueError("A polycrystal must have a voxel that is not void, but has none.")
    reference = voigt
    solid = fraction > 0
    if not void[solid].any():
        compliance = torch.linalg.inv(stiffness[solid])
        reuss = torch.linalg.inv(torch.einsum("g,gmn->mn", fraction[solid], compliance))
        reference = 0.5 * (voigt + 0.5 * (reuss + reuss.mT))
    # Grains without voxels must not decide whether the bulk modulus is uniform.
    stiffness[fraction == 0] = stiffness[int(fraction.argmax())].clone()
    basis = STRAIN_BASIS
    return basis @ stiffness @ basis.mT, basis @ voigt @ basis.mT, reference


def _uniform_bulk_modulus(table: Float[Tensor, "grains 6 6"]) -> float | None:
    first = table[0, 5, 5]
    spread = torch.maximum(table[:, 5, :5].abs().max(), (table[:, 5, 5] - first).abs().max())
    return float(first) / 3 if bool(spread <= SAME_PRESSURE * table.abs().max()) else None
