"""Local fields at chosen times: stress, plastic strain and orientation of every voxel."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.mechanics.fullfield.history import FullFieldResponse
from polyxtal.mechanics.mean_field.grain_rotation import disorientations
from polyxtal.mechanics.measures import Averages
from polyxtal.mechanics.quantities import label
from polyxtal.microstructure.io.field_series import FieldSeries
from polyxtal.microstructure.polycrystal import Polycrystal


@dataclass(frozen=True, eq=False, repr=False)
class PredictedFields:
    """Local fields at chosen times, and their averages over grains.

    Attributes:
        rve: The polycrystal, whose grid that of the fields is.
        times: Times of the fields. [s]
        equivalent_stress: Von Mises equivalent of the Cauchy stress. [MPa]
        equivalent_plastic_strain: Von Mises equivalent of the plastic Hencky strain, see
            `LocalFields`. [-]
        orientation: Rotation of F_e; as at the start in voids. [-]
        rows: Row of `response` of every time.
        response: Averages over the volume and its grains at every increment, and all local fields
            at the end.

    Example:
        >>> import polyxtal as px
        >>> rve = px.tessellate(grid=4, grains=4, seed=0)
        >>> path = px.LoadPath.uniaxial(0.005)
        >>> px.predict_fields(rve, px.load_material("Al"), path).equivalent_stress.shape
        torch.Size([1, 4, 4, 4])
    """

    rve: Polycrystal
    times: Float[Tensor, " times"]
    equivalent_stress: Float[Tensor, "times nx ny nz"]
    equivalent_plastic_strain: Float[Tensor, "times nx ny nz"]
    orientation: Float[Tensor, "times nx ny nz 4"]
    rows: tuple[int, ...]
    response: FullFieldResponse

    @property
    def strain(self) -> Float[Tensor, "times 3 3"]:
        """Mean displacement gradient F - I at the times. [-]"""
        return self.response.engineering_strain[list(self.rows)]

    @property
    def grains(self) -> Averages:
        """Averages of F and P over every grain at the times, in every measure."""
        every = self.response.grains
        return Averages(every.F[list(self.rows)], every.P[list(self.rows)])

    @property
    def grain_orientations(self) -> Float[Tensor, "times grains 4"]:
        """Mean orientation of every grain at the times. [-]"""
        assert self.response.orientations is not None
        return self.response.orientations[list(self.rows)]

    @property
    def grain_rotations(self) -> Float[Tensor, "times grains"]:
        """Angle between a grain's mean orientation and that at the start. [rad]"""
        first = self.rve.orientations.to(torch.float64)
        return torch.stack([disorientations(self.rve, first, q) for q in self.grain_orientations])

    def grain_means(self, name: str) -> Float[Tensor, "times grains"]:
        """Return the mean of a field over every grain; zero where a grain has no voxels.

        Args:
            name: "equivalent_stress" [MPa] or "equivalent_plastic_strain" [-].
        Raises:
            ValueError: if the name is another one.
        """
        if name not in ("equivalent_stress", "equivalent_plastic_strain"):
            raise ValueError(
                "Argument `name` must be 'equivalent_stress' or 'equivalent_plastic_strain', "
                f"but is {name!r}."
            )
        return grain_means(self.rve, getattr(self, name))

    def write(self, path: str | Path, *, replace: bool = False) -> Path:
        """Write the fields for ParaView, one `.vti` for each time and their index.

        Args:
            path: Name of the series, ending in `.vti`.
            replace: Whether to replace an earlier series.
        Returns:
            The index (`.pvd`), which is the file to open.
        Raises:
            FileExistsError: if there is a series of that name, and `replace` is false.
            ValueError: if the path does not end in `.vti`.
        """
        series = FieldSeries(path, self.rve.grid, self.rve.spacing, replace=replace)
        names = ("equivalent_stress", "equivalent_plastic_strain", "orientation")
        for row, (number, time) in enumerate(zip(self.rows, self.times.tolist(), strict=True)):
            found = {label(name): getattr(self, name)[row] for name in names}
            series.append(number, time, {"grain": self.rve.grain_id, **found})
        series.finish()
        return series.index

    def __repr__(self) -> str:
        """Describe without dumping arrays."""
        times = ", ".join(f"{time:g}" for time in self.times.tolist())
        return f"PredictedFields(grid={self.rve.grid}, times={times} s)"


def grain_means(
    rve: Polycrystal, field: Float[Tensor, "times nx ny nz"]
) -> Float[Tensor, "times grains"]:
    """Return the means of a scalar field over the grains; zero where a grain has no voxels."""
    grain = rve.grain_id.reshape(-1)
    count = torch.bincount(grain, minlength=rve.grains).clamp_min(1)
    total = field.new_zeros(len(field), rve.grains)
    return total.index_add_(1, grain, field.reshape(len(field), -1)) / count
