"""What is read from a virtual test: plastic work and strain, yield stresses, r-values.

    ε_p = ln V - S : σ,   W = ∫ σ : dε_p,   r = ε_p,width / ε_p,thickness

with S the elastic compliance of the polycrystal. A test yields where its plastic work is that of
the tension along x at a plastic strain, so that all points of a yield surface belong to one state.

Bounds. Other voxels or grains have another mean stress. Of the stress along the load, that is the
error itself; of the stress across, it must be made up for by another strain across:

    δ ln r = |∂ ln r / ∂ (σ_w/σ_l)| δσ_w / σ_l

The derivative is measured by a test with a little stress across, the spread of σ_w is that between
the grains. The means of coarse grids differ by κ times it (see `ladder/error.py`). What grains that
were drawn are off the material is in `sampling.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from scipy.special import ndtri, stdtrit
from torch import Tensor

from polyxtal.algebra.mandel import mandel_to_matrix, matrix_to_mandel
from polyxtal.mechanics.ladder.along_load import along_load
from polyxtal.mechanics.ladder.error import (
    CONFIDENCE,
    KAPPA,
    WEIGHT,
    Rung,
    error_bounds,
    stress_controlled,
)
from polyxtal.mechanics.response import Response, loaded_component
from polyxtal.virtual_lab.programme import VirtualTest, in_plane_axes
from polyxtal.virtual_lab.sampling import SMALLEST, GrainInfluence, grain_influence

ANY = 10**18
"""Number of points of an infinitely fine grid."""
CROSS = 0.1
"""Stress across over that along, in tests that measure what it does to r. [-]"""
ACROSS = 0.55 / KAPPA
"""κ of the stress across over that along: 9 of 56 r-values of `benchmarks/laboratory.py bounds`
with the same κ were beyond their bounds. [-]"""
COARSE = KAPPA * float(stdtrit(WEIGHT, 0.5 * (1 + CONFIDENCE)))
"""90 % bound of the mean of balanced voxels over the standard deviation of their mean. [-]"""
DRAWN = float(ndtri(0.5 * (1 + CONFIDENCE)))
"""The same of a number that is normally distributed. [-]"""


class Estimate(NamedTuple):
    """A number with two bounds, each of which holds with a probability of 90 %.

    Attributes:
        value: The number.
        grid: Bound of its difference from the full field on the volume's own grid; zero on it.
        sampling: Bound of its difference from that of the material, of which the grains of the
            volume are a sample; NaN of fewer than five grains.
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
        stress_spread: Standard deviation between grains of the stress along the load, with what
            their strains would cost, see `ladder/error.py`, at every increment. [MPa]
        cross_spread: Standard deviation between grains of the stress across the load, over the
            stress along it. [-]
        influence: What single grains contribute.
    """

    test: VirtualTest
    response: Response
    stress_spread: Float[Tensor, " increments"]
    cross_spread: Float[Tensor, " increments"]
    influence: GrainInfluence


def record(test: VirtualTest, rung: Rung, compliance: Float[Tensor, "6 6"]) -> FinishedTest:
    """Keep of a full field what the numbers of a test need."""
    along = rung._replace(response=along_load(rung.response, test.path))
    bounds = error_bounds([along], ANY, stress_controlled(test.path))
    i, j = loaded_component(along.response)
    response, grains = rung.response, along.response.grain_P
    assert grains is not None
    across = (grains[:, :, 1, 1] - along.response.P[:, None, 1, 1]) ** 2
    loaded = along.response.P[:, i, j].abs().clamp_min(SMALLEST)
    return FinishedTest(
        test,
        Response(response.time, response.F, response.P, statistics=dict(response.statistics)),
        bounds.P[:, i, j] * math.sqrt(rung.points) / COARSE,
        (across @ rung.coarse.volume_fractions).sqrt() / loaded,
        grain_influence(
            test, rung, along.response, plastic_strain(response, compliance), compliance
        ),
    )


def without_bounds(test: VirtualTest, response: Response) -> FinishedTest:
    """Return a test of a model that knows no bounds."""
    none = torch.zeros(len(response.time), dtype=torch.float64)
    influence = GrainInfluence(none, none[:, None, None].expand(-1, 2, 2))
    return FinishedTest(test, response, none, none, influence)


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
    """90 % bounds of means over the standard deviation between grains. [-]"""

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
    test = record.test
    return Yielding(
        test.name,
        test.kind,
        test.angle,
        level,
        stress,
        float(_between(record.stress_spread, place)) * shares.grid,
        float(_between(record.influence.stress, place)) * shares.sampling,
    )


def r_value(
    record: FinishedTest,
    compliance: Tensor,
    shares: Shares,
    sensitivity: float,
    at: int = -1,
) -> Estimate:
    """Return the r-value of a tension in the plane, from the plastic strains at an increment.

    Args:
        record: The test.
        compliance: Mandel compliance of the polycrystal. [1/MPa]
        shares: See `Shares`.
        sensitivity: |∂ ln r / ∂ (σ_w/σ_l)|. [-]
        at: Increment.
    """
    strain = plastic_strain(record.response, compliance)[at]
    if not float(strain[2, 2]) < -1e-6:
        return Estimate(math.nan, math.nan, math.nan)
    return _ratio(record, _in_plane_ratio(record.test, strain), shares, sensitivity, at)


def biaxial_r(
    record: FinishedTest, compliance: Tensor, shares: Shares, sensitivity: float
) -> Estimate:
    """Return r_b = ε_p,y / ε_p,x of equibiaxial tension, whose sum of both strains is given."""
    strain = plastic_strain(record.response, compliance)[-1]
    return _ratio(record, _in_plane_ratio(record.test, strain), shares, sensitivity)


def sensitivity_of_r(record: FinishedTest, crossed: FinishedTest, compliance: Tensor) -> float:
    """Return |∂ ln r / ∂ (σ_w/σ_l)| from a test and one with `CROSS` more stress across. [-]

    Both at the plastic work that both reach; NaN if the plastic strains do not tell.
    """
    both = (record, crossed)
    work = [plastic_work(one.response, compliance) for one in both]
    common = min(float(one[-1]) for one in work)
    places = [_crossing(one.numpy(), common) for one in work]
    ratios = [
        _in_plane_ratio(record.test, _between(plastic_strain(one.response, compliance), place))
        for one, place in zip(both, places, strict=True)
        if place is not None
    ]
    if len(ratios) < 2 or not min(ratios) > 0:
        return math.nan
    return abs(math.log(ratios[1] / ratios[0])) / CROSS


def _in_plane_ratio(test: VirtualTest, strain: Tensor) -> float:
    """Return ε_w/ε_t of a tension, or ε_y/ε_x of equibiaxial tension."""
    axes = in_plane_axes(test)
    assert axes is not None
    _, width, thickness = torch.einsum("ai,ij,aj->a", axes, strain, axes).tolist()
    return width / thickness if thickness else math.nan


def _ratio(
    record: FinishedTest, value: float, shares: Shares, sensitivity: float, at: int = -1
) -> Estimate:
    both = torch.tensor([1.0, sensitivity], dtype=torch.float64)
    drawn = math.sqrt(float(both @ record.influence.ratio[at].to(torch.float64) @ both))
    return Estimate(
        value,
        abs(value) * sensitivity * float(record.cross_spread[at]) * ACROSS * shares.grid,
        abs(value) * drawn * shares.sampling,
    )


def along_tension(
    test: VirtualTest, history: Float[Tensor, "increments 3 3"]
) -> Float[Tensor, " increments"]:
    """Return the component of a history along the tension of a test in the plane."""
    axes = in_plane_axes(test)
    assert axes is not None
    return torch.einsum("i,tij,j->t", axes[0], history, axes[0])


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
