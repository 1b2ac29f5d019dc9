"""What is read from a virtual test: plastic work and strain, yield stresses, r-values.

    ε_p = ln V - S : σ,   W = ∫ σ : dε_p,   r = ε_p,width / ε_p,thickness

with S the elastic compliance of the polycrystal. A test yields where its plastic work is that of
the tension along x at a plastic strain, so that all points of a yield surface belong to one state.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.mandel import mandel_to_matrix, matrix_to_mandel
from polyxtal.mechanics.ladder.along_load import along_load
from polyxtal.mechanics.ladder.error import Rung, error_bounds, stress_controlled
from polyxtal.mechanics.response import Response, loaded_component
from polyxtal.virtual_lab.programme import VirtualTest

ANY = 10**18
"""Number of points of an infinitely fine grid."""


class Estimate(NamedTuple):
    """A number with two bounds, each of which holds with a probability of 90 %.

    Attributes:
        value: The number.
        grid: Bound of its difference from the full field on the volume's own grid; zero on it.
        sampling: Bound of its difference from that of the material, of which the grains of the
            volume are a sample.
    """

    value: float
    grid: float
    sampling: float


@dataclass(frozen=True, eq=False)
class FinishedTest:
    """A finished virtual test.

    Attributes:
        test: The test.
        response: Averages at every increment, in the sheet's axes.
        stress_spread: Bound of the stress along the load for one grain or voxel alone, at every
            increment; it falls with the root of their number. [MPa]
        width_spread: That of the strain across, for a tension in the plane. [-]
    """

    test: VirtualTest
    response: Response
    stress_spread: Float[Tensor, " increments"]
    width_spread: Float[Tensor, " increments"]


def record(test: VirtualTest, rung: Rung) -> FinishedTest:
    """Keep of a full field what the numbers of a test need."""
    along = rung._replace(response=along_load(rung.response, test.path))
    bounds = error_bounds([along], ANY, stress_controlled(test.path))
    one = math.sqrt(rung.points)
    i, j = loaded_component(along.response)
    response = rung.response
    return FinishedTest(
        test,
        Response(response.time, response.F, response.P, statistics=dict(response.statistics)),
        bounds.P[:, i, j] * one,
        bounds.F[:, 1, 1] * one,
    )


@dataclass(frozen=True)
class Yielding:
    """Where a test yields.

    Attributes:
        test: Name of the test.
        kind, angle: As of the test.
        level: Plastic strain of the tension along x with the same plastic work. [-]
        stress: Cauchy stress, (3, 3). [MPa]
        grid, sampling: Bounds of its Frobenius norm, see `Estimate`. [MPa]
    """

    test: str
    kind: str
    angle: float | None
    level: float
    stress: np.ndarray
    grid: float
    sampling: float


class Shares(NamedTuple):
    """What the bounds are scaled with: 1/√N of voxels and of grains. [-]"""

    grid: float
    sampling: float


def plastic_strain(
    response: Response, compliance: Float[Tensor, "6 6"]
) -> Float[Tensor, "increments 3 3"]:
    """Return the true strain less the elastic one. [-]

    Args:
        response: Response.
        compliance: Mandel compliance of the polycrystal. [1/MPa]
    """
    elastic = matrix_to_mandel(_symmetric(response.true_stress)) @ compliance
    return response.true_strain - mandel_to_matrix(elastic)


def plastic_work(
    response: Response, compliance: Float[Tensor, "6 6"]
) -> Float[Tensor, " increments"]:
    """Return the plastic work by the trapezoidal rule. [MJ/m³]"""
    strain = plastic_strain(response, compliance)
    stress = response.true_stress
    mean = 0.5 * (stress[1:] + stress[:-1])
    gains = (mean * strain.diff(dim=0)).sum((1, 2))
    return torch.cat([torch.zeros(1, dtype=torch.float64), gains.cumsum(0)])


def work_at(record: FinishedTest, compliance: Tensor, level: float) -> float | None:
    """Return the plastic work of a tension at a plastic strain; None if it stays below it."""
    strain = along_tension(record.test, plastic_strain(record.response, compliance))
    place = _crossing(strain.numpy(), level)
    if place is None:
        return None
    return float(_between(plastic_work(record.response, compliance), place))


def yielding(
    record: FinishedTest, compliance: Tensor, level: float, work: float, shares: Shares
) -> Yielding | None:
    """Return where a test has done the plastic work; None if it does less."""
    place = _crossing(plastic_work(record.response, compliance).numpy(), work)
    if place is None:
        return None
    stress = _between(record.response.true_stress, place).numpy()
    spread = float(_between(record.stress_spread, place))
    test = record.test
    return Yielding(
        test.name,
        test.kind,
        test.angle,
        level,
        stress,
        spread * shares.grid,
        spread * shares.sampling,
    )


def r_value(record: FinishedTest, compliance: Tensor, shares: Shares, at: int = -1) -> Estimate:
    """Return the r-value of a tension in the plane, from the plastic strains at an increment.

    With ε_l of the tension given, and no change of plastic volume, r = -ε_w / (ε_l + ε_w), so that
    an error of ε_w changes r by |ε_l| / ε_t² times it.
    """
    strain = plastic_strain(record.response, compliance)[at]
    length = _tension_axis(record.test)
    width = torch.stack([-length[1], length[0], length[2]])
    along, across = (float(n @ strain @ n) for n in (length, width))
    thickness = float(strain[2, 2])
    if not thickness < -1e-6:
        return Estimate(math.nan, math.nan, math.nan)
    slope = abs(along) / thickness**2 * float(record.width_spread[at])
    return Estimate(across / thickness, slope * shares.grid, slope * shares.sampling)


def biaxial_r(record: FinishedTest, compliance: Tensor, shares: Shares) -> Estimate:
    """Return r_b = ε_p,y / ε_p,x of equibiaxial tension, whose sum of both strains is given."""
    strain = plastic_strain(record.response, compliance)[-1]
    x, y = float(strain[0, 0]), float(strain[1, 1])
    slope = (abs(x) + abs(y)) / x**2 / math.sqrt(2) * float(record.width_spread[-1])
    return Estimate(y / x, slope * shares.grid, slope * shares.sampling)


def along_tension(
    test: VirtualTest, history: Float[Tensor, "increments 3 3"]
) -> Float[Tensor, " increments"]:
    """Return the component of a history along the tension of a test in the plane."""
    axis = _tension_axis(test)
    return torch.einsum("i,tij,j->t", axis, history, axis)


def _tension_axis(test: VirtualTest) -> Float[Tensor, "3"]:
    angle = math.radians(test.angle or 0.0)
    return torch.tensor([math.cos(angle), math.sin(angle), 0.0], dtype=torch.float64)


def _symmetric(tensor: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 3 3"]:
    return 0.5 * (tensor + tensor.mT)


def _crossing(values: np.ndarray, level: float) -> tuple[int, float] | None:
    """Return the increment before the first crossing, and the share of the step to it."""
    above = np.flatnonzero(values >= level)
    if len(above) == 0:
        return None
    k = max(1, int(above[0]))
    step = values[k] - values[k - 1]
    return k - 1, float((level - values[k - 1]) / step) if step > 0 else 1.0


def _between(history: Tensor, place: tuple[int, float]) -> Tensor:
    k, share = place
    return torch.lerp(history[k], history[k + 1], share)
