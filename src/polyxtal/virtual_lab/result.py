"""What a virtual laboratory found."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from scipy.special import stdtrit
from torch import Tensor

from polyxtal.mechanics.ladder.error import CONFIDENCE
from polyxtal.mechanics.response import Response
from polyxtal.virtual_lab.earing import ear_profile
from polyxtal.virtual_lab.measure import (
    COARSE,
    Estimate,
    FinishedTest,
    Shares,
    Yielding,
    along_tension,
    biaxial_r,
    plastic_strain,
    r_value,
    sensitivity_of_r,
    without_bounds,
    work_at,
    yielding,
)
from polyxtal.virtual_lab.settings import LaboratorySettings

if TYPE_CHECKING:
    import pandas

TAYLOR = "Taylor"
FEWEST_GRAINS = 5.0
"""Effective number of grains below which they are no sample of a material."""
MEAN_R, PLANAR_ANISOTROPY = (0.25, 0.5, 0.25), (0.5, -1.0, 0.5)
"""Weights of the r-values at 0, 45 and 90 degrees."""
R_FROM = 1e-3
"""Plastic strain from which an r-value means anything. [-]"""


class Directional(NamedTuple):
    """A number of a tension in the plane of the sheet.

    Attributes:
        angle: Angle to x. [degrees]
        value, grid, sampling: See `Estimate`.
    """

    angle: float
    value: float
    grid: float
    sampling: float


@dataclass(frozen=True, eq=False, repr=False)
class Laboratory:
    """Virtual tests of a sheet and what follows from them.

    All numbers have two bounds of 90 %: `grid`, of the difference from the full field on the
    volume's own grid, and `sampling`, of that from the material, of which the volume's grains are a
    sample.

    Attributes:
        settings: Tests and accuracy.
        grid: Voxels along x, y, z of the tests.
        fine_grid: Those of the polycrystal.
        concentration: Σ v_g² of the grains' volume fractions, one over their effective number. [-]
        half: Whether opposite stresses were taken as equivalent.
        stiffness: Mandel stiffness. [MPa]
        records: The tests.
        taylor: Responses of Taylor's model to the same tests, by name.
        seconds: Wall time. [s]
        initial: Yield surface before the prestrain; None if there was none.
    """

    settings: LaboratorySettings
    grid: tuple[int, int, int]
    fine_grid: tuple[int, int, int]
    concentration: float
    half: bool
    stiffness: Float[Tensor, "6 6"]
    records: tuple[FinishedTest, ...]
    taylor: Mapping[str, Response]
    seconds: float
    initial: Laboratory | None = None

    def __repr__(self) -> str:
        """Describe by the tests."""
        return (
            f"Laboratory(tests={len(self.records)}, grid={self.grid}, "
            f"levels={self.settings.levels}, {self.seconds:.3g} s)"
        )

    @property
    def shares(self) -> Shares:
        """What bounds are scaled with."""
        n, fine = math.prod(self.grid), math.prod(self.fine_grid)
        on_grid = 0.0 if n == fine else COARSE * math.sqrt(1 / n + 1 / fine)
        grains = 1.0 / self.concentration
        if grains < FEWEST_GRAINS:  # whose scatter says nothing
            return Shares(on_grid, math.nan)
        quantile = float(stdtrit(grains - 1, 0.5 * (1 + CONFIDENCE)))
        return Shares(on_grid, quantile / math.sqrt(grains - 1))

    @cached_property
    def compliance(self) -> Float[Tensor, "6 6"]:
        """Mandel compliance. [1/MPa]"""
        return torch.linalg.inv(self.stiffness.to(torch.float64))

    def curve(self, name: str) -> Response:
        """Return the response of a test by its name, such as "uniaxial 45"."""
        return self._record(name).response

    def yield_points(self, level: float | None = None, model: str | None = None) -> list[Yielding]:
        """Return where the tests yield, at equal plastic work.

        Args:
            level: Plastic strain of the tension along x, one of the settings' levels; None for the
                first. [-]
            model: "Taylor" for Taylor's model; None for the full field.
        """
        level = self._level(level)
        records = self._records(model)
        work = work_at(records[0], self.compliance, level)
        if work is None:
            return []
        shares = self.shares if model is None else Shares(math.nan, math.nan)
        found = [yielding(one, self.compliance, level, work, shares) for one in records]
        points = [one for one in found if one is not None]
        mirrored = [p for p in points if self.half and p.kind == "plane stress"]
        return points + [_opposite(p) for p in mirrored]

    def yield_stresses(
        self, level: float | None = None, model: str | None = None
    ) -> list[Directional]:
        """Return the true stress of the tensions in the plane at equal plastic work. [MPa]"""
        rows = []
        for one in self.yield_points(level, model):
            if one.kind == "uniaxial" and one.angle is not None:
                size = float(np.trace(one.stress))  # no other stress
                rows.append(Directional(one.angle, size, one.grid, one.sampling))
        return rows

    def r_values(self, model: str | None = None) -> list[Directional]:
        """Return the r-values of the tensions in the plane, at their last increment."""
        shares = self.shares if model is None else Shares(math.nan, math.nan)
        return [
            Directional(a, *r_value(one, self.compliance, shares, self._sensitivity(a)))
            for one in self._records(model)
            for a in (one.test.angle,)
            if one.test.kind == "uniaxial" and a is not None
        ]

    def biaxial(self, level: float | None = None, model: str | None = None) -> Estimate:
        """Return the yield stress in equibiaxial tension. [MPa]"""
        for one in self.yield_points(level, model):
            if one.kind == "plane stress" and one.angle == 45.0:
                root = math.sqrt(2.0)  # the norm of two equal stresses over one of them
                value = float(np.trace(one.stress) / 2)
                return Estimate(value, one.grid / root, one.sampling / root)
        return Estimate(math.nan, math.nan, math.nan)

    def biaxial_r(self, model: str | None = None) -> Estimate:
        """Return r_b = ε_p,y / ε_p,x of equibiaxial tension. [-]"""
        shares = self.shares if model is None else Shares(math.nan, math.nan)
        (one,) = [r for r in self._records(model) if r.test.name == "plane stress 45"]
        crossed = self._record("crossed biaxial")
        slope = sensitivity_of_r(self._record(one.test.name), crossed, self.compliance)
        return biaxial_r(one, self.compliance, shares, slope)

    def r_history(self, angle: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the true strain along a tension and the r-value up to there, once it yields."""
        one = self._record(f"uniaxial {angle:g}")
        strains = along_tension(one.test, one.response.true_strain).numpy()
        plastic = along_tension(one.test, plastic_strain(one.response, self.compliance))
        rows = (plastic > R_FROM).nonzero().flatten().tolist()
        r = [r_value(one, self.compliance, self.shares, 0.0, k).value for k in rows]
        return strains[rows], np.array(r)

    def mean_r(self) -> Estimate:
        """Return the mean r-value (r_0 + 2 r_45 + r_90) / 4. [-]"""
        return self._of_three(MEAN_R)

    def planar_anisotropy(self) -> Estimate:
        """Return Δr = (r_0 - 2 r_45 + r_90) / 2. [-]"""
        return self._of_three(PLANAR_ANISOTROPY)

    def ears(self, blank: float, cup: float, model: str | None = None) -> Float[Tensor, "360 2"]:
        """Return the height of a drawn cup over the angle, see `ear_profile`.

        Args:
            blank: Radius of the blank. [mm]
            cup: Radius of the cup's wall. [mm]
            model: "Taylor" for Taylor's model; None for the full field.
        Returns:
            Angle to x [degrees] and height [mm].
        """
        r = {one.angle: one.value for one in self.r_values(model)}
        return torch.from_numpy(ear_profile(r, blank, cup))

    def to_pandas(self, level: float | None = None) -> pandas.DataFrame:
        """Return all yield points as a table.

        Raises:
            ImportError: if pandas is not installed.
        """
        import pandas as pd

        rows = [
            {"test": p.test, "kind": p.kind, "angle [degrees]": p.angle}
            | {
                f"stress_{'xyz'[i]}{'xyz'[j]} [MPa]": p.stress[i, j]
                for i, j in ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
            }
            | {"grid [MPa]": p.grid, "sampling [MPa]": p.sampling}
            for p in self.yield_points(level)
        ]
        return pd.DataFrame(rows)

    def three_r_values(self) -> list[Directional]:
        """Return the r-values at 0, 45 and 90 degrees; ValueError if they were not tested."""
        r = {one.angle: one for one in self.r_values()}
        if not {0.0, 45.0, 90.0} <= set(r):
            raise ValueError(
                "The mean r-value needs tensions at 0, 45 and 90 degrees, "
                f"but the angles are {self.settings.angles}."
            )
        return [r[angle] for angle in (0.0, 45.0, 90.0)]

    def _of_three(self, weights: tuple[float, float, float]) -> Estimate:
        three = self.three_r_values()
        value = sum(w * one.value for w, one in zip(weights, three, strict=True))
        grid, sampling = (
            math.hypot(*(w * getattr(one, name) for w, one in zip(weights, three, strict=True)))
            for name in ("grid", "sampling")
        )
        return Estimate(value, grid, sampling)

    @cached_property
    def _sensitivities(self) -> dict[float, float]:
        """|∂ ln r / ∂ (σ_w/σ_l)| by angle of the tension [degrees], where it was measured."""
        found = {
            one.test.angle: sensitivity_of_r(
                self._record(f"uniaxial {one.test.angle:g}"), one, self.compliance
            )
            for one in self.records
            if one.test.kind == "crossed" and one.test.angle is not None
        }
        return {a: s for a, s in found.items() if not math.isnan(s)}

    def _sensitivity(self, angle: float) -> float:
        known = self._sensitivities
        if not known:
            return math.nan
        folded = abs((angle + 90.0) % 180.0 - 90.0)  # a sheet is nearly orthotropic
        angles = sorted(known)
        return float(np.interp(folded, angles, [known[a] for a in angles]))

    def _level(self, level: float | None) -> float:
        if level is None:
            return self.settings.levels[0]
        if level not in self.settings.levels:
            raise ValueError(
                f"Argument `level` must be one of {self.settings.levels}, but is {level}."
            )
        return level

    def _record(self, name: str) -> FinishedTest:
        for one in self.records:
            if one.test.name == name:
                return one
        known = ", ".join(one.test.name for one in self.records)
        raise ValueError(f"Argument `name` must be one of {known}, but is {name!r}.")

    def _records(self, model: str | None) -> list[FinishedTest]:
        if model is None:
            return list(self.records)
        if model != TAYLOR or not self.taylor:
            there = "'Taylor'" if self.taylor else "None, as Taylor's model was left out"
            raise ValueError(f"Argument `model` must be {there}, but is {model!r}.")
        tests = {one.test.name: one.test for one in self.records}
        return [without_bounds(tests[name], response) for name, response in self.taylor.items()]


def _opposite(point: Yielding) -> Yielding:
    angle = None if point.angle is None else point.angle + 180.0
    return replace(point, test=f"{point.test} reversed", angle=angle, stress=-point.stress)
